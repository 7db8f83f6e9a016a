"""`plaudit rules apply`: what would change, changing it, and counting history again where no worker does."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from zoneinfo import ZoneInfo

import click
from redis import Redis
from sqlalchemy import Engine

from service import boards, jobs
from service.commands.rules import Folder
from service.core.language import Documents
from service.replay import catch_up
from service.settings import Settings, settings
from service.store import rules
from service.store.engine import driver, engine
from service.stores import running


def apply(folder: Folder, yes: bool, as_json: bool) -> bool:
    """Puts the rules of a folder in force, and says so; False if they have errors, or somebody asked said no."""
    for problem in folder.problems:
        click.echo(problem, err=as_json)
    if folder.errors:
        click.echo("The rules were not applied; those that were in force stay.", err=True)
        _json(as_json, folder, applied=False)
        return False
    with running(settings()) as here, _connected(here) as (database, redis):
        shown: list[str] = []
        zone = here.time_zone if os.environ.get("PLAUDIT_TIME_ZONE", "").strip() else None
        if not yes and sys.stdin.isatty():
            shown = _changes(database, folder.documents, zone, keep=False)
            if not _agreed(shown, as_json):
                _json(as_json, folder, applied=False)
                return False
        changes = _changes(database, folder.documents, zone, keep=True)
        _say(as_json, *(changes if changes != shown else ()))
        _say(as_json, "Applied." if changes else "These rules are in force already.")
        again, worker = _behind(database), jobs.anybody_works(redis)
        if again:
            _count_again(database, redis, again, worker, as_json)
    _json(as_json, folder, applied=True, changes=changes, counted_again=again, by_worker=bool(again) and worker)
    return True


@contextmanager
def _connected(here: Settings) -> Iterator[tuple[Engine, Redis]]:
    database, redis = engine(here.database_url), boards.client(here.redis_url)
    try:
        yield database, redis
    finally:
        redis.close()
        database.dispose()


def _changes(database: Engine, documents: Documents, zone: ZoneInfo | None, keep: bool) -> list[str]:
    """What applying these documents changes, a line each; kept only with `keep`. zone: None for the one in force."""
    with database.connect() as connection, connection.begin() as transaction:
        changes = rules.apply(driver(connection), documents, zone)
        if not keep:
            transaction.rollback()
    return changes


def _agreed(changes: Sequence[str], as_json: bool) -> bool:
    """What the person at the terminal says to these changes; nobody is asked about none."""
    _say(as_json, *changes)
    return not changes or click.confirm("Apply this?", err=as_json)


def _behind(database: Engine) -> list[str]:
    """The rules that are to be counted again over history."""
    with database.begin() as connection:
        beneath = driver(connection)
        names = {version.number: version.rule.name for version in rules.in_force(beneath).versions}
        return sorted({names[number] for number, _ in rules.pending(beneath)})


def _count_again(database: Engine, redis: Redis, again: Sequence[str], worker: bool, as_json: bool) -> None:
    _say(as_json, f"To be counted again over all of history: {', '.join(again)}.")
    if worker:
        _say(as_json, "A running worker does it.")
        return
    _say(as_json, "No worker runs, so it is done here; if you stop it, the next worker goes on.")
    counted = catch_up(database, lambda changed: jobs.show(database, redis, changed), _progress)
    _say(as_json, "Counted again." if counted else "Another process is at it.")


def _progress(statements: int) -> None:
    if sys.stderr.isatty():
        click.echo(f"{statements} statements read", err=True)


def _say(as_json: bool, *lines: str) -> None:
    """What people read: not among the JSON."""
    for line in lines:
        click.echo(line, err=as_json)


def _json(as_json: bool, folder: Folder, **told: object) -> None:
    if as_json:
        problems = [problem._asdict() for problem in folder.problems]
        click.echo(json.dumps(told | {"problems": problems}, indent=2, ensure_ascii=False))
