"""Scores: what each learner has on each board in each period, projected from the ledger; Redis is filled from them.

A score carries a version that grows with every change, so that whoever projects it applies only what is newer; one that
has become nothing stays with zero points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, LiteralString, NamedTuple
from zoneinfo import ZoneInfo

from service.core import windows
from service.core.rule import Board
from service.store.arrays import bigints, ints, moments
from service.store.engine import Driver
from service.store.identity import Person
from service.store.ledger import Entry
from service.store.scores import ScoreRow

DAWN = datetime(1, 1, 1, tzinfo=UTC)
AT_ONCE = 20_000
"""Awards fetched at once where those of all learners are read."""


class Counted(NamedTuple):
    """A board with what its scores are counted by: rules is None for all; zone is that of its days."""

    number: int
    board: Board
    rules: frozenset[int] | None
    zone: ZoneInfo

    def counts(self, rule: int, unit: str) -> bool:
        return unit == self.board.points and (self.rules is None or rule in self.rules)


class Place(NamedTuple):
    """A score: whose, on which board, in which period."""

    board: int
    period: int
    learner: int


class Change(NamedTuple):
    """What is added to a score. exact: `reached` is what it is now, and not only a lower bound."""

    points: int
    reached: datetime
    exact: bool = False


MORE = """
FROM unnest(%b::int[], %b::int[], %b::bigint[], %b::bigint[], %b::timestamptz[])
     AS more (board, period, learner, points, reached)
"""
ADD = (
    "UPDATE score SET points = score.points + more.points, reached = greatest(score.reached, more.reached), "  # noqa: S608
    f"version = version + 1 {MORE} "
    "WHERE score.board = more.board AND score.period = more.period AND score.learner = more.learner "
    "RETURNING score.board, score.period, score.learner, score.points, score.reached, version"
)
BEGIN = (
    "INSERT INTO score (board, period, learner, points, reached, version) "
    f"SELECT board, period, learner, points, reached, 1 {MORE} "
    "RETURNING board, period, learner, points, reached, version"
)


def changes(boards: Iterable[Counted], entries: Iterable[Entry]) -> dict[Place, Change]:
    """What these ledger lines add to which scores."""
    boards = list(boards)
    counting: dict[tuple[int, str], list[tuple[int, str, ZoneInfo]]] = {}
    sums: dict[tuple[int, int, int], Change] = {}
    for learner, rule, _, _, unit, amount, happened, _, _, corrects in entries:
        counted = counting.get((rule, unit))
        if counted is None:
            counted = [(one.number, one.board.period, one.zone) for one in boards if one.counts(rule, unit)]
            counting[rule, unit] = counted
        new = Change(amount, happened if amount > 0 else DAWN, amount < 0 and corrects is not None)
        for number, period, zone in counted:
            place = number, windows.index(period, happened, zone), learner
            before = sums.get(place)
            sums[place] = new if before is None else _both(before, new)
    return {Place(*place): change for place, change in sums.items()}


def _both(one: Change, other: Change) -> Change:
    return Change(one.points + other.points, max(one.reached, other.reached), one.exact or other.exact)


def add(
    connection: Driver, boards: Sequence[Counted], entries: Sequence[Entry], locked: Mapping[int, Person]
) -> list[ScoreRow]:
    """Adds ledger lines, already written, to the scores they count for; answers the scores as they are now.

    locked: the learners, whose rows the caller has locked.
    """
    sums = changes(boards, entries)
    if not sums:
        return []
    found = _written(connection, ADD, sums)
    if len(found) < len(sums):
        known = {row[:3] for row in found}
        found += _written(connection, BEGIN, {place: sums[place] for place in sums if place not in known})
    rows = [_shown(row, locked[row[2]]) for row in found]
    corrected = [place for place, change in sums.items() if change.exact]
    return _reached_again(connection, boards, corrected, rows) if corrected else rows


def _written(connection: Driver, query: LiteralString, sums: Mapping[Place, Change]) -> list[Any]:
    """The scores that the query adds these changes to, or begins with them."""
    boards, periods, learners = zip(*sums, strict=True)
    points, reached, _ = zip(*sums.values(), strict=True)
    columns = [ints(boards), ints(periods), bigints(learners), bigints(points), moments(reached)]
    return connection.execute(query, columns, binary=True).fetchall()


def _shown(columns: tuple[Any, ...], person: Person) -> ScoreRow:
    """A score as boards show it: nothing of whom was erased."""
    board, period, learner, points, reached, version = columns
    return ScoreRow(board, period, learner, 0 if person.erased else points, reached, version, person.opted_in)


def _reached_again(
    connection: Driver, boards: Sequence[Counted], corrected: Sequence[Place], rows: Sequence[ScoreRow]
) -> list[ScoreRow]:
    """Says anew when scores were reached that something was taken from: the latest award that still stands in them."""
    latest = _latest(connection, boards, {place.learner for place in corrected})
    moments = [latest.get(place, DAWN) for place in corrected]
    connection.execute(
        "UPDATE score SET reached = new.reached FROM unnest(%b::int[], %b::int[], %b::bigint[], %b::timestamptz[]) "
        "AS new (board, period, learner, reached) WHERE score.board = new.board AND score.period = new.period "
        "AND score.learner = new.learner",
        [[p.board for p in corrected], [p.period for p in corrected], [p.learner for p in corrected], moments],
        binary=True,
    )
    again = dict(zip(corrected, moments, strict=True))
    return [row._replace(reached=again.get(Place(*row[:3]), row.reached)) for row in rows]


STANDING = """
SELECT learner, rule, unit, happened, sum(amount)::bigint FROM entry
WHERE unit NOT LIKE 'badge:%%' AND (%b::bigint[] IS NULL OR learner = ANY(%b::bigint[]))
GROUP BY learner, rule, key, unit, happened HAVING sum(amount) <> 0
"""


def _latest(connection: Driver, boards: Sequence[Counted], learners: Iterable[int]) -> dict[Place, datetime]:
    wanted = sorted(learners)
    return {place: change.reached for place, change in _counted(connection, boards, wanted).items()}


def _counted(connection: Driver, boards: Sequence[Counted], learners: Sequence[int] | None) -> dict[Place, Change]:
    """The scores as the ledger has them, from nothing. learners: None for all."""
    sums: dict[Place, Change] = {}
    for learner, rule, unit, happened, amount in _standing(connection, learners):
        for counted in boards:
            if counted.counts(rule, unit):
                place = Place(counted.number, windows.index(counted.board.period, happened, counted.zone), learner)
                before = sums.get(place, Change(0, DAWN))
                sums[place] = Change(before.points + amount, max(before.reached, happened))
    return sums


def _standing(connection: Driver, learners: Sequence[int] | None) -> Iterator[tuple[int, int, str, datetime, int]]:
    """A row per award that stands. The server keeps those of all learners until they are asked for."""
    if learners is not None:
        yield from connection.execute(STANDING, [list(learners), list(learners)], binary=True)
        return
    with connection.cursor("standing", binary=True) as cursor:
        cursor.itersize = AT_ONCE
        cursor.execute(STANDING, [None, None])
        yield from cursor


def from_ledger(connection: Driver, boards: Sequence[Counted]) -> dict[Place, Change]:
    """What every score of these boards must be."""
    return {place: change for place, change in _counted(connection, boards, None).items() if change.points}


def replace(connection: Driver, boards: Sequence[Counted]) -> None:
    """Counts the scores of these boards again from the ledger. Nobody else may write to the ledger meanwhile."""
    numbers = [counted.number for counted in boards]
    scores = from_ledger(connection, boards)
    top = connection.execute(
        "SELECT coalesce(max(version), 0) + 1 FROM score WHERE board = ANY(%b)", [numbers]
    ).fetchone()
    assert top is not None
    connection.execute("UPDATE score SET points = 0, version = %b WHERE board = ANY(%b)", [top[0], numbers])
    connection.execute(
        "INSERT INTO score (board, period, learner, points, reached, version) "
        "SELECT board, period, learner, points, reached, %b "
        "FROM unnest(%b::int[], %b::int[], %b::bigint[], %b::bigint[], %b::timestamptz[]) "
        "AS new (board, period, learner, points, reached) ON CONFLICT (board, period, learner) DO UPDATE SET "
        "points = excluded.points, reached = excluded.reached",
        [
            top[0],
            [place.board for place in scores],
            [place.period for place in scores],
            [place.learner for place in scores],
            [change.points for change in scores.values()],
            [change.reached for change in scores.values()],
        ],
        binary=True,
    )
