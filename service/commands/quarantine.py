"""`plaudit quarantine`: statements that could not be used, mended and tried again."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import click
import msgspec
from sqlalchemy import Engine

from service import boards, jobs, mending
from service.commands.tokens import as_json, show
from service.core.statement import Unusable
from service.errors import Refusal
from service.mending import Settled
from service.settings import settings
from service.store import quarantine
from service.store.engine import engine
from service.store.quarantine import WAITING, Kept
from service.stores import running

NUMBER = click.argument("number", type=int)
NUMBERS = click.argument("numbers", type=int, nargs=-1)
SHOWN = ("id", "kind", "state", "source", "statement", "received", "times", "path", "reason")


@click.group("quarantine")
def command() -> None:
    """Statements that could not be used: why, and what becomes of them."""


@command.command("list")
@click.option("--state", type=click.Choice(("waiting", "replayed", "discarded", "all")), default="waiting")
@click.option("--source", help="Only those of the source of this name.")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@as_json
def list_entries(state: str, source: str | None, limit: int, as_json: bool) -> None:
    """What could not be used, the oldest first, with the property in the way and the reason."""
    with connected() as base, base.connect() as connection:
        found = quarantine.kept(connection, None if state == "all" else state, source, limit=limit)
    show([_told(entry) for entry in found], as_json)


@command.command("show")
@NUMBER
def show_entry(number: int) -> None:
    """Print the statement of entry NUMBER, as it came or as it was edited."""
    with connected() as base, base.connect() as connection:
        found = quarantine.one(connection, number)
    if found is None:
        raise Refusal(f"There is no entry {number}.")
    click.echo(found.raw.decode(errors="replace"))


@command.command()
@NUMBER
@click.argument("file", type=click.File("rb"))
def edit(number: int, file: IO[bytes]) -> None:
    """Put the statement in FILE (- is standard input) in the place of what came as entry NUMBER."""
    raw = file.read().strip()
    try:
        msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError) as error:
        raise Refusal(f"That is no JSON object: {error}.") from None
    with connected() as base:
        _done(number, lambda: mending.edit(base, number, raw))
    click.echo(f"Entry {number} is edited; `plaudit quarantine replay {number}` tries it.")


@command.command()
@NUMBERS
@click.option("--all", "everything", is_flag=True, help="Every entry that waits.")
@as_json
def replay(numbers: tuple[int, ...], everything: bool, as_json: bool) -> None:
    """Try entries again: store what was mended, evaluate what had failed. Exit status 1 if one still cannot be used."""
    if bool(numbers) == everything:
        raise click.UsageError("Name entries by their numbers, or all that wait with --all.")
    still: dict[int, str] = {}
    with connected() as base:
        numbers = numbers or tuple(_waiting(base))
        for number in numbers:
            try:
                _done(number, lambda number=number: mending.replay(base, number))  # type: ignore[misc]
            except Unusable as why:
                still[number] = str(why)
    told = {"replayed": len(numbers) - len(still), "unusable": still}
    for number in () if as_json else still:
        click.echo(f"Entry {number} still cannot be used: {still[number]}")
    click.echo(json.dumps(told) if as_json else f"{told['replayed']} replayed, {len(still)} still unusable.")
    raise SystemExit(1 if still else 0)


@command.command()
@NUMBERS
def discard(numbers: tuple[int, ...]) -> None:
    """End entries without using them; a repeat of one does not come up again."""
    if not numbers:
        raise click.UsageError("Name entries by their numbers.")
    with connected() as base:
        for number in numbers:
            _done(number, lambda number=number: mending.discard(base, number))  # type: ignore[misc]
    click.echo(f"{len(numbers)} discarded.")


@contextmanager
def connected() -> Iterator[Engine]:
    """The database of the settings; a drain is woken afterwards, which costs nothing when there is nothing to do."""
    with running(settings()) as here:
        base, redis = engine(here.database_url), boards.client(here.redis_url)
        yield base
        jobs.wake(redis)
        redis.close()
        base.dispose()


def _waiting(base: Engine) -> Iterator[int]:
    after = 0
    while True:
        with base.connect() as connection:
            found = quarantine.kept(connection, WAITING, after=after, limit=500)
        if not found:
            return
        yield from (entry.id for entry in found)
        after = found[-1].id


def _done(number: int, act: Callable[[], Kept]) -> None:
    try:
        act()
    except LookupError:
        raise Refusal(f"There is no entry {number}.") from None
    except Settled as settled:
        raise Refusal(f"Entry {number}: {settled}") from None


def _told(entry: Kept) -> dict[str, Any]:
    told = {name: getattr(entry, name) for name in SHOWN}
    return told | {"statement": str(entry.statement), "received": entry.received.isoformat(timespec="seconds")}
