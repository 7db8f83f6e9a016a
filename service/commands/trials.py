"""`plaudit rules trials`: what rules on trial would have given, to whom and since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click
import msgspec

from service.settings import settings
from service.store import identity, rules
from service.store.engine import driver, engine, snapshot
from service.stores import running
from service.trials import SHOWN, Recipient, Trial
from service.trials import running as on_trial
from service.world import People, World


def trials(as_json: bool) -> None:
    """Counts and prints it."""
    with running(settings()) as here:
        database = engine(here.database_url)
        with snapshot(database) as connection:
            beneath = driver(connection)
            world = World(rules.in_force(beneath))
            found = on_trial(beneath, world, People(world, identity.everybody(beneath)))
            names = identity.names(beneath, {one.learner for trial in found for one in trial.recipients})
        database.dispose()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"trials": found}), indent=2).decode())
    else:
        click.echo("\n".join(line for trial in found for line in _lines(trial, names)) or "No rule is on trial.")


def _lines(trial: Trial, names: Mapping[int, str | None]) -> Iterator[str]:
    since = f"since {trial.since:%Y-%m-%d %H:%M}Z" if trial.since else "since the first statement"
    given = f"{_amounts(trial.amounts)} in {trial.awards} awards to {trial.learners} learners"
    yield f"{trial.rule}, version {trial.version}: would have given {given if trial.awards else 'nothing'}, {since}."
    for one in trial.recipients:
        yield f"    {_amounts(one.amounts)} to {names.get(one.learner) or 'somebody'} ({one.learner}), {_when(one)}"
    if trial.learners > SHOWN:
        yield f"    … and to {trial.learners - SHOWN} more"


def _amounts(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{amount} {unit}" for unit, amount in amounts.items())


def _when(one: Recipient) -> str:
    first, last = f"{one.first:%Y-%m-%d}", f"{one.last:%Y-%m-%d}"
    return f"on {first}" if first == last else f"from {first} to {last}"
