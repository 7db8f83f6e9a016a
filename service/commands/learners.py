"""`plaudit learners`: who is one person, what is held about somebody, and taking that away."""

import csv
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import click
from redis import Redis
from sqlalchemy import Engine

from service import jobs
from service.commands.tokens import as_json, show
from service.core.agents import Agent
from service.core.people import named
from service.erasure import erase as erase_learner
from service.errors import Refusal
from service.export import held_about
from service.merging import Decision, learner_of
from service.merging import merge as merge_learners
from service.merging import unmerge as unmerge_learners
from service.settings import settings
from service.store import people
from service.store.engine import driver, engine, snapshot
from service.stores import running

AT_ONCE = 10
"""Merges in one transaction: while one is at work nothing is evaluated, and between two of them what waits is."""
BY = "plaudit learners"


class Here(NamedTuple):
    """The stores of the settings."""

    engine: Engine
    redis: Redis


@contextmanager
def _here() -> Any:
    with running(settings()) as running_settings:
        connected = engine(running_settings.database_url)
        with Redis.from_url(running_settings.redis_url) as redis:
            yield Here(connected, redis)
        connected.dispose()


@click.group("learners")
def command() -> None:
    """Learners: who is one person, and what is held about somebody."""


@command.command()
@click.argument("gone", required=False)
@click.argument("kept", required=False)
@click.option(
    "--csv", "file", type=click.File(encoding="utf-8-sig"), help="A file with the columns gone, kept, reason."
)
@click.option("--reason", help="Why, for whoever looks at it later.")
@as_json
def merge(gone: str | None, kept: str | None, file: TextIO | None, reason: str | None, as_json: bool) -> None:
    """Say that GONE and KEPT are one person, who goes by KEPT from now on.

    Each is a learner's id, an address, an OpenID, an account's homePage and name (in quotes), or an xAPI agent as JSON.
    Everything is counted again as if that had always been known. With --csv every line is one merge; a file with a
    mistake in it changes nothing.
    """
    if (file is None) == (kept is None):
        raise click.UsageError("Name two learners, or a file with --csv.")
    told = [(gone or "", kept or "", reason)] if file is None else _lines(file)
    wanted = _named(told)
    with _here() as here:
        numbers = _merge(here, wanted)
    if as_json:
        click.echo(json.dumps({"merges": numbers}))
    else:
        click.echo(f"{len(numbers)} merged. To take one back: plaudit learners unmerge NUMBER ({_span(numbers)}).")


def _lines(file: TextIO) -> list[tuple[str, str, str | None]]:
    try:
        lines = csv.DictReader(file)
        if not {"gone", "kept"} <= set(lines.fieldnames or ()):
            columns = "gone and kept (and reason, if there is one), with commas between"
            raise Refusal(f"The first line of the file must name the columns {columns}.")
        return [(line["gone"] or "", line["kept"] or "", line.get("reason") or None) for line in lines]
    except (csv.Error, UnicodeDecodeError) as error:
        raise Refusal(f"The file is no CSV in UTF-8: {error}. Nothing was merged.") from None


def _named(told: Sequence[tuple[str, str, str | None]]) -> list[tuple[int | Agent, int | Agent, str | None]]:
    """Whom each line means; Refusal that lists every line that means nobody."""
    found, wrong = [], []
    for number, (gone, kept, reason) in enumerate(told, 1):
        try:
            found.append((named(gone), named(kept), reason))
        except ValueError as error:
            wrong.append(f"merge {number}: {error}")
    if wrong:
        raise Refusal("\n".join([*wrong, "Nothing was merged."]))
    return found


def _merge(here: Here, wanted: Sequence[tuple[int | Agent, int | Agent, str | None]]) -> list[int]:
    with here.engine.begin() as connection:
        learners = [[learner_of(connection, who) for who in pair[:2]] for pair in wanted]
    nobody = [pair[place] for pair, met in zip(wanted, learners, strict=True) for place in (0, 1) if met[place] is None]
    if nobody:
        raise Refusal(f"No learner has the id {', '.join(map(str, nobody))}. Nothing was merged.")
    decisions = [
        Decision(gone, kept, BY, reason)
        for (gone, kept), (_, _, reason) in zip(learners, wanted, strict=True)
        if gone is not None and kept is not None and gone != kept
    ]
    numbers: list[int] = []
    for start in range(0, len(decisions), AT_ONCE):
        with here.engine.begin() as connection:
            made, changed = merge_learners(connection, decisions[start : start + AT_ONCE])
        jobs.show(here.engine, here.redis, changed)
        numbers += made
    return numbers


def _span(numbers: Sequence[int]) -> str:
    return "none" if not numbers else str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


@command.command()
@click.argument("number", type=click.IntRange(1, 2**63 - 1))
@as_json
def unmerge(number: int, as_json: bool) -> None:
    """Take the merge NUMBER back: the two are two again, each with what is theirs."""
    with _here() as here:
        with here.engine.begin() as connection:
            changed = unmerge_learners(connection, number)
        if changed is None:
            raise Refusal(f"No merge in force has the number {number}.")
        jobs.show(here.engine, here.redis, changed)
    click.echo(json.dumps({"undone": number}) if as_json else f"Merge {number} is taken back.")


@command.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True)
@as_json
def merges(limit: int, as_json: bool) -> None:
    """The merges, the latest first, those that were taken back as well."""
    with _here() as here, here.engine.begin() as connection:
        show([one._asdict() for one in people.merges(driver(connection), None, limit)], as_json)


@command.command()
@click.option("--limit", type=click.IntRange(1, 10_000), default=200, show_default=True)
@as_json
def hints(limit: int, as_json: bool) -> None:
    """Identifiers that one agent carried together: perhaps one person. Nothing is merged by itself."""
    with _here() as here, here.engine.begin() as connection:
        show([one._asdict() for one in people.hints(driver(connection), 0, limit)], as_json)


@command.command()
@click.argument("learner")
@click.option("--yes", is_flag=True, help="Ask nobody.")
@as_json
def erase(learner: str, yes: bool, as_json: bool) -> None:
    """Take away everything that says who LEARNER is. It cannot be taken back.

    What happened stays, said of nobody, so that nobody else's result is another.
    """
    with _here() as here:
        number = _one(here, learner)
        if not yes and not click.confirm(f"Erase learner {number} for good?"):
            raise SystemExit(1)
        with here.engine.begin() as connection:
            changed = erase_learner(connection, number)
        assert changed is not None
        jobs.show(here.engine, here.redis, changed)
    click.echo(json.dumps({"erased": number}) if as_json else f"Learner {number} is erased.")


@command.command()
@click.argument("learner")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write; default: print it.")
def export(learner: str, out: Path | None) -> None:
    """All that is held about LEARNER, as JSON."""
    with _here() as here:
        person = _one(here, learner)
        with snapshot(here.engine) as connection:
            _write(held_about(driver(connection), person), out)


def _write(pieces: Iterable[bytes], out: Path | None) -> None:
    if out is None:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        return
    with out.open("wb") as file:
        file.writelines(pieces)


def _one(here: Here, text: str) -> int:
    """The person that is meant, who must have been met."""
    try:
        who = named(text)
    except ValueError as error:
        raise Refusal(str(error), status=2) from None
    with here.engine.begin() as connection:
        found = learner_of(connection, who, new=False)
        person = None if found is None else people.person(driver(connection), found)
    if person is None:
        raise Refusal(f"There is no learner {text}.")
    return person
