"""The pairs of learners of rules with `swapped`, and which matches do not count because of them.

A match that is swapped stays in its table and is marked, so that it counts again when what happened the other way
round is void.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import LiteralString, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from service.core.rule import Swapped
from service.core.swaps import too_near
from service.store.engine import Driver
from service.store.matches import Found, Group


class Pair(NamedTuple):
    """A learner and another one, as one rule sees them; None: every other."""

    rule: int
    learner: int
    other: int | None = None


class Flip(NamedTuple):
    """A match that does not count any more, or counts again."""

    group: Group
    statement: UUID
    swapped: bool
    making: int


def touched(found: Iterable[Found]) -> list[Pair]:
    """The pairs that these matches bear on, in either direction."""
    pairs = dict.fromkeys((rule, match.learner, other) for rule, match, _ in found for other in match.others)
    return [Pair(*one) for rule, learner, other in pairs for one in ((rule, learner, other), (rule, other, learner))]


TOUCHED = """
WITH touched AS (
    SELECT DISTINCT p.rule, p.learner, p.happened, p.statement, p.making
    FROM unnest(%b::int[], %b::bigint[], %b::bigint[]) AS g (rule, learner, other)
    JOIN {table}_pair p ON p.rule = g.rule AND p.learner = g.learner AND (g.other IS NULL OR p.other = g.other)
)
SELECT p.rule, p.learner, p.happened, p.statement, p.making, p.guarded, reverse.happened
FROM touched JOIN {table}_pair p USING (rule, learner, happened, statement, making)
LEFT JOIN LATERAL (
    SELECT q.happened FROM {table}_pair q
    WHERE q.rule = p.rule AND q.learner = p.other AND q.other = p.learner AND q.making = p.making
    AND (q.happened, q.statement) < (p.happened, p.statement) ORDER BY q.happened DESC, q.statement DESC LIMIT 1
) reverse ON true
"""

MARK = """
UPDATE {table} m SET swapped = new.swapped
FROM unnest(%b::int[], %b::bigint[], %b::timestamptz[], %b::uuid[], %b::int[], %b::boolean[])
     AS new (rule, learner, happened, statement, making, swapped)
WHERE m.rule = new.rule AND m.learner = new.learner AND m.happened = new.happened AND m.statement = new.statement
AND m.making = new.making AND m.swapped <> new.swapped
RETURNING m.rule, m.learner, m.statement, m.swapped, m.making
"""


def settle(
    connection: Driver,
    pairs: Sequence[Pair],
    swaps: Mapping[int, Swapped],
    zone: Callable[[int, int], ZoneInfo],
    table: LiteralString = "match",
) -> list[Flip]:
    """Marks the matches of these pairs as they have to be; answers those that were marked otherwise.

    zone: (rule, learner) -> where the rule counts the learner's days.
    """
    columns = [list(column) for column in zip(*pairs, strict=True)]
    found: dict[tuple[object, ...], bool] = {}
    for *place, guarded, reverse in connection.execute(TOUCHED.format(table=table), columns, binary=True):
        rule, learner, happened, *_ = place
        near = guarded and reverse is not None and too_near(swaps[rule], reverse, happened, zone(rule, learner))
        found[tuple(place)] = found.get(tuple(place), False) or near
    ordered = sorted(found.items())
    rows = [[place[column] for place, _ in ordered] for column in range(5)]
    cursor = connection.execute(MARK.format(table=table), [*rows, [swapped for _, swapped in ordered]], binary=True)
    return [Flip((rule, learner), *flip) for rule, learner, *flip in cursor]


def settle_all(
    connection: Driver,
    swaps: Mapping[int, Swapped],
    zone: Callable[[int, int], ZoneInfo],
    table: LiteralString = "match",
) -> None:
    """Marks all matches of these rules."""
    for rule in swaps:
        learners = connection.execute(f"SELECT DISTINCT learner FROM {table}_pair WHERE rule = %b", [rule])  # noqa: S608
        pairs = [Pair(rule, learner) for (learner,) in learners.fetchall()]
        for start in range(0, len(pairs), 1000):
            settle(connection, pairs[start : start + 1000], swaps, zone, table)


def of_group(connection: Driver, group: Group) -> list[tuple[UUID, datetime]]:
    """The statements whose matches do not count in this group, with when they happened."""
    return connection.execute(
        "SELECT statement, happened FROM match WHERE rule = %b AND learner = %b AND swapped "
        "ORDER BY happened, statement",
        list(group),
    ).fetchall()


def refused(connection: Driver, rule: int) -> int:
    """How many matches of a rule do not count."""
    row = connection.execute("SELECT count(*) FROM match WHERE rule = %b AND swapped", [rule]).fetchone()
    return int(row[0]) if row else 0
