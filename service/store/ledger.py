"""The ledger: lines that are only ever added, and the sums over them that people look at.

A line is an amount of one unit: a currency, or `badge:<achievement>` with +1 or -1. What an award comes to is the sum
of its lines by (key, event time, unit), so a correction is one more line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from service.core.ledger import Booked, Line, Sums
from service.store.arrays import bigints, bigints_or_null, ints, moments, texts
from service.store.engine import Driver
from service.store.matches import Group
from service.store.share import EVERYBODY, Share


class Entry(NamedTuple):
    """A line to be added. corrects: the id of the line it takes back or mends."""

    learner: int
    rule: int
    version: int
    key: str
    unit: str
    amount: int
    happened: datetime
    statements: tuple[UUID, ...]
    reason: str | None = None
    corrects: int | None = None


INSERT = """
INSERT INTO entry (learner, rule, version, key, unit, amount, happened, statements, reason, corrects)
SELECT learner, rule, version, key, unit, amount, happened, string_to_array(statements, ' ')::uuid[], reason, corrects
FROM unnest(%b::bigint[], %b::int[], %b::int[], %b::text[], %b::text[], %b::bigint[], %b::timestamptz[], %b::text[],
            %b::text[], %b::bigint[])
     WITH ORDINALITY AS new (learner, rule, version, key, unit, amount, happened, statements, reason, corrects, place)
ORDER BY place
"""


def add(connection: Driver, entries: Sequence[Entry]) -> None:
    """Adds the lines, in this order."""
    learner, rule, version, key, unit, amount, happened, statements, reason, corrects = zip(*entries, strict=True)
    columns = [
        bigints(learner),
        ints(rule),
        ints(version),
        texts(key),
        texts(unit),
        bigints(amount),
        moments(happened),
        texts([" ".join(map(str, some)) for some in statements]),
        texts(reason),
        bigints_or_null(corrects),
    ]
    connection.execute(INSERT, columns, binary=True)


def booked(
    connection: Driver, groups: Iterable[Group], keys: Iterable[str] | None = None
) -> dict[Group, dict[Line, Booked]]:
    """What the ledger says of these groups, sums of nothing left out. keys: only the awards with these keys."""
    ordered = sorted(groups)
    sums: dict[Group, dict[Line, Booked]] = {group: {} for group in ordered}
    cursor = connection.execute(
        "SELECT e.rule, e.learner, e.key, e.happened, e.unit, e.amount, e.id, e.statements "
        "FROM unnest(%b::int[], %b::bigint[]) AS g (rule, learner) JOIN entry e USING (rule, learner) "
        "WHERE %b::text[] IS NULL OR e.key = ANY(%b::text[]) ORDER BY e.id",
        [
            [rule for rule, _ in ordered],
            [learner for _, learner in ordered],
            *[None if keys is None else list(keys)] * 2,
        ],
        binary=True,
    )
    for rule, learner, key, happened, unit, amount, entry, statements in cursor:
        lines, line = sums[rule, learner], Line(key, happened, unit)
        before = lines[line].amount if line in lines else 0
        lines[line] = Booked(before + amount, entry, tuple(statements))
    return {group: {line: booked for line, booked in lines.items() if booked.amount} for group, lines in sums.items()}


def standing(
    connection: Driver, numbers: Sequence[int], share: Share = EVERYBODY
) -> Iterator[tuple[Group, list[tuple[Line, int]]]]:
    """What the ledger comes to by these rules: the lines of each (rule, learner) of a share, in the order of groups.

    Read by a cursor of the server in the caller's transaction.
    """
    with connection.cursor("standing", binary=True) as cursor:
        cursor.itersize = 10_000
        cursor.execute(
            "SELECT rule, learner, key, happened, unit, sum(amount)::bigint FROM entry "
            "WHERE rule = ANY(%b) AND learner %% %b = %b "
            "GROUP BY rule, learner, key, happened, unit HAVING sum(amount) <> 0 ORDER BY rule, learner",
            [list(numbers), *share.asked],
        )
        for group, rows in groupby(cursor, key=lambda row: (row[0], row[1])):
            yield group, [(Line(*row[2:5]), row[5]) for row in rows]


def of_learners(connection: Driver, rules: Sequence[int], after: int, last: int) -> dict[Group, Sums]:
    """What the ledger comes to by these rules for the learners after one up to `last`."""
    sums: dict[Group, Sums] = {}
    cursor = connection.execute(
        "SELECT rule, learner, key, happened, unit, amount FROM entry "
        "WHERE learner > %b AND learner <= %b AND rule = ANY(%b)",
        [after, last, list(rules)],
        binary=True,
    )
    for rule, learner, key, happened, unit, amount in cursor.fetchall():
        lines, line = sums.setdefault((rule, learner), {}), (key, happened, unit)
        lines[line] = lines.get(line, 0) + amount
    for lines in sums.values():
        for line in [line for line, amount in lines.items() if not amount]:
            del lines[line]
    return sums


def versions(connection: Driver, group: Group) -> dict[tuple[str, datetime], int]:
    """The version of the rule that gave each award of this group, by (key, event time)."""
    cursor = connection.execute(
        "SELECT DISTINCT ON (key, happened) key, happened, version FROM entry "
        "WHERE rule = %b AND learner = %b AND amount > 0 ORDER BY key, happened, id DESC",
        list(group),
    )
    return {(key, happened): version for key, happened, version in cursor}


def add_to_totals(connection: Driver, amounts: Mapping[tuple[int, str], int]) -> None:
    """Adds to what learners have in all, by (learner, currency). The learners are locked by the caller."""
    ordered = sorted(amounts.items())
    connection.execute(
        "INSERT INTO total AS old (learner, unit, amount) SELECT * FROM unnest(%b::bigint[], %b::text[], %b::bigint[]) "
        "ON CONFLICT (learner, unit) DO UPDATE SET amount = old.amount + excluded.amount",
        [
            bigints([learner for (learner, _), _ in ordered]),
            texts([unit for (_, unit), _ in ordered]),
            bigints([amount for _, amount in ordered]),
        ],
        binary=True,
    )
