"""`plaudit rules health`: which rules give, which rest, what refuses, and what comes that no rule uses."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import click
import msgspec

from service.rule_health import SHOWN, Health, RuleHealth, measured
from service.settings import settings
from service.store.engine import engine
from service.stores import running


def health(resting_days: int, as_json: bool) -> bool:
    """Counts and prints how the rules are doing; False if any rests."""
    now = datetime.now(UTC)
    with running(settings()) as here:
        database = engine(here.database_url)
        found = measured(database, now, _progress)
        database.dispose()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(_said(found, now, resting_days)), indent=2).decode())
    else:
        click.echo("\n".join(_lines(found, now, resting_days)))
    return not any(one.rests(now, resting_days) for one in found.rules)


def _progress(statements: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{statements} statements read", nl=False, err=True)


def _said(found: Health, now: datetime, days: int) -> dict[str, object]:
    told = [{**msgspec.structs.asdict(one), "rests": one.rests(now, days)} for one in found.rules]
    return {**msgspec.structs.asdict(found), "rules": told}


def _lines(found: Health, now: datetime, days: int) -> Iterator[str]:
    waiting = f"; {found.pending} more wait to be evaluated" if found.pending else ""
    yield f"By {found.statements} statements{waiting}."
    for one in found.rules:
        yield from _rule(one, one.rests(now, days), days)
    if found.unused:
        yield "No rule looks at:"
        for kind in found.unused:
            yield f"  {kind.statements} × {kind.verb}, {kind.type or 'no type'}, last on {kind.last:%Y-%m-%d}"
    if found.kinds > SHOWN:
        yield f"  … and {found.kinds - SHOWN} more kinds of statements"


def _rule(one: RuleHealth, rests: bool, days: int) -> Iterator[str]:
    mark = f"RESTS (nothing for {days} days) " if rests else "ended " if one.ended else ""
    last = f"the last on {one.last_award:%Y-%m-%d}" if one.last_award else "none ever"
    matched = f", the last on {one.last_match:%Y-%m-%d}" if one.last_match else ""
    trial = " (trial, pays nothing)" if one.status == "trial" else ""
    matches = f"{one.matches} matches of {one.learners} learners{matched}"
    yield f"{mark}{one.rule}{trial}: {one.awards} awards, {last}; {matches}"
    for clause, number in one.refusals.items():
        yield f"    {number} × {clause}"
