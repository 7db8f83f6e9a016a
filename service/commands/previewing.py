"""`plaudit rules preview`: what a folder of rules, one changed rule, or a retired one would do, as lines of text."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from service import editing
from service.commands.rules import Folder
from service.core import rulebook
from service.core.rule import Rule
from service.errors import Refusal
from service.preview import Report, Wanted, preview
from service.preview.changes import of_directory, others
from service.preview.told import BoardMove, Difference, RuleChange, Who
from service.settings import settings
from service.store import publishing, rules
from service.store.engine import Driver, driver, engine, snapshot
from service.store.rules import Ruleset
from service.stores import running

LINES = 10
"""Gains, losses and badges that are printed."""


def preview_rules(
    path: Path | None, folder: Folder | None, retire: str | None, since: str, take_back: bool, as_json: bool
) -> bool:
    """Prints what one document, a folder or a retirement would do; False if what was named has errors."""
    if folder is not None and folder.errors:
        click.echo("\n".join(map(str, folder.errors)), err=True)
        return False
    with running(settings()) as here:
        database = engine(here.database_url)
        with snapshot(database) as connection:
            wanted = _wanted(driver(connection), path, folder, retire, since, take_back)
        report = preview(database, wanted, datetime.now(UTC), _Progress())
        database.dispose()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        click.echo("\n".join(_lines(report)))
    return True


def _wanted(
    connection: Driver,
    path: Path | None,
    folder: Folder | None,
    retire: str | None,
    since: str,
    take_back: bool,
) -> Mapping[str, Wanted]:
    ruleset = rules.in_force(connection)
    if retire is not None:
        if not any(version.rule.name == retire for version in ruleset.versions):
            raise Refusal(f'No rule "{retire}" is in force.')
        return {retire: Wanted(None, takes_back=take_back)}
    begins = publishing.moment(editing.since(connection, since), datetime.now(UTC))
    if folder is not None:
        merged = publishing.merged(connection, folder.documents)
        if errors := [problem for problem in merged.problems if problem.severity == "error"]:
            raise Refusal("\n".join(map(str, errors)))
        return of_directory(ruleset, merged.documents.rules, begins)
    assert path is not None
    return {rule.name: Wanted(rule, begins) for rule in _candidates(connection, ruleset, path)}


def _candidates(connection: Driver, ruleset: Ruleset, path: Path) -> list[Rule]:
    """The rules that would be others with a file beside all in force; raises Refusal with every mistake in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Refusal(f"{path} is no UTF-8: {error}") from None
    files = [(name, path.parent / name) for name in rulebook.mentioned(text)]
    beside_it = rulebook.beside_it((name, file.read_bytes()) for name, file in files if file.is_file())
    documents, problems = rulebook.amended(rules.stored(connection), text, beside_it=[*beside_it.items()])
    errors = [str(one).replace(rulebook.CANDIDATE, str(path), 1) for one in problems if one.severity == "error"]
    if errors:
        raise Refusal("\n".join(errors))
    return others(ruleset, documents.rules, rulebook.named(text))


class _Progress:
    """A line that is written over while somebody watches, as often as the percentage changes."""

    def __init__(self) -> None:
        self.told = -1

    def __call__(self, done: int, of: int) -> None:
        percent = 100 * done // of if of else 100
        if percent != self.told and sys.stderr.isatty():
            self.told = percent
            click.echo(f"\r{done} of {of} statements ({percent}%)", nl=percent == 100, err=True)


# --- lines of text ------------------------------------------------------------------------------------------------


def _lines(report: Report) -> Iterator[str]:
    yield from _ground(report)
    if not report.rules:
        yield "No rule would be another."
    for change in report.rules:
        yield _change(change)
    if report.follow:
        yield f"For it these would give otherwise, too: {', '.join(report.follow)}"
    yield f"{report.gain} learners would gain{_in_all(report.gained)}, {report.lose} would lose{_in_all(report.lost)}."
    yield from _differences("Gains", report.gains, report.gain)
    yield from _differences("Losses", report.losses, report.lose)
    if report.badges:
        yield f"Badges: {report.badges_given} would be given, {report.badges_lost} would lose their ground"
        for one in report.badges[:LINES]:
            yield f"  {_name(one.learner)}: {one.achievement}, {one.then}"
        yield from _rest(report.badges_given + report.badges_lost)
    for board in report.boards:
        others = f"; so would {board.other_periods} other periods" if board.other_periods else ""
        yield f"Board {board.board}, {board.period}: {board.learners} learners would change on it{others}"
        yield from map(_move, board.movers)


def _ground(report: Report) -> Iterator[str]:
    ground = report.ground
    between = f" from {ground.first:%Y-%m-%d} to {ground.last:%Y-%m-%d}" if ground.first and ground.last else ""
    yield f"By all {ground.statements} statements{between}; nothing was written."
    if ground.pending:
        yield f"Not exact: {ground.pending} statements wait to be evaluated."
    if ground.recounting:
        yield f"Not exact: history is being counted again by {', '.join(ground.recounting)}."


def _change(change: RuleChange) -> str:
    live = ", shown as if it were live" if change.as_if_live else ""
    before, after = (
        ", ".join(f"{amount} {unit}" for unit, amount in some.items()) for some in (change.before, change.after)
    )
    return (
        f"{change.rule} ({change.change}{live}): {change.awards_before} awards{before and f' ({before})'} would be "
        f"{change.awards_after}{after and f' ({after})'}"
    )


def _in_all(amounts: Mapping[str, int]) -> str:
    return f" {_amounts(amounts)}" if amounts else ""


def _amounts(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{amount:+} {unit}" for unit, amount in amounts.items())


def _differences(title: str, some: Sequence[Difference], number: int) -> Iterator[str]:
    if some:
        yield f"{title}:"
        yield from (f"  {_name(one.learner)}: {_amounts(one.amounts)}" for one in some[:LINES])
        yield from _rest(number)


def _rest(number: int) -> Iterator[str]:
    if number > LINES:
        yield f"  … and {number - LINES} more"


def _move(move: BoardMove) -> str:
    before, after = (f"{rank}." if rank is not None else "not there" for rank in (move.before, move.after))
    return f"  {_name(move.learner)}: {before} → {after} ({move.points_before} → {move.points_after})"


def _name(who: Who) -> str:
    return f"{who.name or 'learner'} ({who.id})"
