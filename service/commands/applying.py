"""`plaudit rules apply`: what would change, changing it, and counting history again where no worker does."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from redis import Redis
from sqlalchemy import Engine

from service import boards, editing, jobs
from service.commands.rules import Folder
from service.core import rulebook
from service.core.language import Documents
from service.core.rule_document import BY_HAND
from service.core.rulebook import Stored
from service.errors import Refusal
from service.replay import catch_up, try_again
from service.replay import replay as recounting
from service.settings import Settings, settings
from service.store import documents, publishing, rules
from service.store.engine import driver, engine
from service.store.publishing import Merged
from service.stores import running


def apply(folder: Folder, yes: bool, as_json: bool, since: str = "beginning", overwrite: bool = False) -> bool:
    """Puts the rules of a folder in force, and says so; False if they have errors, or somebody asked said no.

    since: from when on versions of rules that changed give. overwrite: what was edited through the API goes, where the
    folder says otherwise.
    """
    for problem in folder.problems:
        click.echo(problem, err=as_json)
    if folder.errors:
        click.echo("The rules were not applied; those that were in force stay.", err=True)
        _json(as_json, folder, applied=False)
        return False
    with running(settings()) as here, _connected(here) as (database, redis):
        merged = _merged(database, folder.documents, overwrite)
        for problem in merged.problems:
            click.echo(problem, err=True)
        _say(as_json, *_conflicts(merged, overwrite))
        if any(problem.severity == "error" for problem in merged.problems):
            click.echo("The rules were not applied; those that were in force stay.", err=True)
            _json(as_json, folder, applied=False)
            return False
        shown: list[str] = []
        zone = here.time_zone if os.environ.get("PLAUDIT_TIME_ZONE", "").strip() else None
        if not yes and sys.stdin.isatty():
            shown = _changes(database, merged, zone, since, keep=False)
            if not _agreed(shown, as_json):
                _json(as_json, folder, applied=False)
                return False
        changes = _changes(database, merged, zone, since, keep=True)
        _say(as_json, *(changes if changes != shown else ()))
        _say(as_json, "Applied." if changes else "These rules are in force already.")
        again, worker = _behind(database), jobs.anybody_works(redis)
        if again:
            _count_again(database, redis, again, worker, as_json)
    conflicts = [f"{kind} {name}" for kind, name in merged.conflicts]
    told = {"changes": changes, "conflicts": conflicts, "counted_again": again, "by_worker": bool(again) and worker}
    _json(as_json, folder, applied=True, **told)
    return True


@contextmanager
def _connected(here: Settings) -> Iterator[tuple[Engine, Redis]]:
    database, redis = engine(here.database_url), boards.client(here.redis_url)
    try:
        yield database, redis
    finally:
        redis.close()
        database.dispose()


def _merged(database: Engine, documents: Documents, overwrite: bool) -> Merged:
    with database.begin() as connection:
        return publishing.merged(driver(connection), documents, overwrite)


def _conflicts(merged: Merged, overwrite: bool) -> Iterator[str]:
    for (kind, name), away in merged.conflicts.items():
        did = "taken away" if away else "edited"
        stays = "stays away; apply with --overwrite" if away else "stays; export it, or apply with --overwrite"
        goes = "comes back" if away else "is overwritten"
        yield f"{kind} {name}: was {did} through the API, and {goes if overwrite else stays}"


def _moment(database: Engine, since: str) -> datetime | None:
    """None: all of history."""
    with database.begin() as connection:
        return publishing.moment(editing.since(driver(connection), since), datetime.now(UTC))


def _changes(database: Engine, merged: Merged, zone: ZoneInfo | None, since: str, keep: bool) -> list[str]:
    """What applying these documents changes, a line each; kept only with `keep`. zone: None for the one in force."""
    with database.connect() as connection, connection.begin() as transaction:
        beneath, by = driver(connection), "plaudit rules apply"
        begins = editing.since(beneath, since)
        changes = publishing.apply(beneath, merged.documents, zone, since=begins, by=by, api=merged.api)
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
        return sorted({names[one.number] for one in rules.pending(beneath)})


def _count_again(database: Engine, redis: Redis, again: Sequence[str], worker: bool, as_json: bool) -> None:
    _say(as_json, f"To be counted again over all of history: {', '.join(again)}.")
    if worker:
        _say(as_json, "A running worker does it.")
        return
    _say(as_json, "No worker runs, so it is done here; if you stop it, the next worker goes on.")
    counted = catch_up(database, lambda changed: jobs.show(database, redis, changed), _progress)
    stopped = list(_stopped(database))
    if not stopped:
        _say(as_json, "Counted again." if counted else "Another process is at it.")
        return
    _say(as_json, *stopped, "All else is counted again. When that is mended, `plaudit replay` tries it once more.")
    raise SystemExit(1)


def _stopped(database: Engine) -> Iterator[str]:
    """The rules that history cannot be counted again by, and why, a line each."""
    with database.begin() as connection:
        beneath = driver(connection)
        names = {version.number: version.rule.name for version in rules.in_force(beneath).versions}
        problems = {names[one.number]: one.problem for one in rules.pending(beneath) if one.problem is not None}
    for name, problem in sorted(problems.items()):
        yield f"Not complete: history cannot be counted again by the rule {name}: {problem}"


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


def export(directory: Path) -> list[Path]:
    """Writes every document in force into a folder, a file each as its author wrote it; answers the files.

    What gives what is awarded by hand is left out, for decisions bring it along; so are achievements that are left for
    their holders when who awarded them is no more.
    """
    with running(settings()) as here, _connected(here) as (database, _), database.begin() as connection:
        stored, left = rules.stored(driver(connection)), documents.left(driver(connection))
    wanted = (one for one in stored if (one.kind, one.name) not in left and not _by_hand(one))
    files = list(rulebook.files(wanted))
    paths = [directory / path for path, _ in files]
    if there := [path for path in paths if path.exists()]:
        raise Refusal(f"{there[0]} exists already: name an empty folder.", 2)
    for path, (_, content) in zip(paths, files, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return paths


def _by_hand(one: Stored) -> bool:
    return one.kind == "rule" and one.name.startswith(BY_HAND)


def replay(since: str, as_json: bool) -> None:
    """Has history counted again by all rules, here or by the workers that run; says how far it is."""
    with running(settings()) as here, _connected(here) as (database, redis):
        try_again(database)
        again = _behind(database) or recounting(database, _moment(database, since), "plaudit replay")
        worker = jobs.anybody_works(redis)
        if again:
            _count_again(database, redis, again, worker, as_json)
        else:
            _say(as_json, "There is no history to be counted again.")
    if as_json:
        click.echo(json.dumps({"counted_again": again, "by_worker": bool(again) and worker}))
