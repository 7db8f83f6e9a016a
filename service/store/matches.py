"""The matches of rules: which statement fulfils which rule for whom. What folds are made from, and made again from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import LiteralString, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import astuple
from psycopg import sql

from service.core.matching import Match
from service.store.arrays import bigints, blobs, ints, moments, uuids
from service.store.engine import Driver
from service.store.share import EVERYBODY, Share

Group = tuple[int, int]
"""(rule, learner): what folds, locks and awards go by."""


Made = dict[int, list[Match]]
"""The matches of one group by making: whose they are of the versions of the rule (`rule_version.making`)."""


class Found(NamedTuple):
    """A match of a version of one rule."""

    rule: int
    match: Match
    making: int


class Detail(Struct, frozen=True, array_like=True, omit_defaults=True):
    """What a fold needs of a statement."""

    different: str | None = None
    counterparts: tuple[str, ...] = ()
    amount: Decimal | None = None
    steps: tuple[int, ...] = ()
    place: int = 0
    late: bool = False
    others: tuple[int, ...] = ()
    guarded: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Detail).decode
NOTHING = Detail()

INSERT = """
INSERT INTO {table} (rule, learner, happened, statement, once, making, detail, swapped)
SELECT new.*, false
FROM unnest(%b::int[], %b::bigint[], %b::timestamptz[], %b::uuid[], %b::bytea[], %b::int[], %b::bytea[])
     AS new (rule, learner, happened, statement, once, making, detail)
"""
UNKNOWN = """
LEFT JOIN LATERAL (
    SELECT true AS known FROM match m WHERE m.rule = new.rule AND m.learner = new.learner AND m.happened = new.happened
    AND m.statement = new.statement AND m.making = new.making LIMIT 1
) AS m ON true WHERE known IS NULL
"""
"""Costs half of ON CONFLICT and is as good, because the learners are locked."""

INSERT_PAIRS = """
INSERT INTO {table}_pair (rule, learner, other, happened, statement, guarded, making)
SELECT * FROM unnest(%b::int[], %b::bigint[], %b::bigint[], %b::timestamptz[], %b::uuid[], %b::boolean[], %b::int[])
ON CONFLICT DO NOTHING
"""


def temporary(connection: Driver, table: LiteralString) -> None:
    """Makes a temporary table like `match`."""
    connection.execute(f"CREATE TEMPORARY TABLE {table} (LIKE match)")
    connection.execute(f"CREATE TEMPORARY TABLE {table}_pair (LIKE match_pair INCLUDING INDEXES)")


def add(connection: Driver, found: Sequence[Found], table: LiteralString = "match") -> None:
    """Writes the matches, into `match` or a table like it. Those that `match` has already stay as they are.

    The learners are locked by the caller. In a table like `match` none is looked for: each is written once.
    """
    ordered = sorted(found, key=lambda one: (one.rule, one.match.learner, one.match.happened, one.match.statement))
    columns = [
        ints([rule for rule, _, _ in ordered]),
        bigints([match.learner for _, match, _ in ordered]),
        moments([match.happened for _, match, _ in ordered]),
        uuids([match.statement for _, match, _ in ordered]),
        blobs([match.once for _, match, _ in ordered]),
        ints([making for _, _, making in ordered]),
        blobs([_detail(match) for _, match, _ in ordered]),
    ]
    insert = INSERT + UNKNOWN if table == "match" else INSERT.format(table=table)
    connection.execute(insert.format(table=table), columns, binary=True)
    pairs = [(*one, other) for one in ordered for other in one.match.others]
    if pairs:
        others = [
            [rule for rule, _, _, _ in pairs],
            [match.learner for _, match, _, _ in pairs],
            [other for _, _, _, other in pairs],
            [match.happened for _, match, _, _ in pairs],
            [match.statement for _, match, _, _ in pairs],
            [match.guarded for _, match, _, _ in pairs],
            [making for _, _, making, _ in pairs],
        ]
        connection.execute(INSERT_PAIRS.format(table=table), others, binary=True)


def _detail(match: Match) -> bytes | None:
    detail = Detail(*astuple(match)[4:])
    return None if detail == NOTHING else _encode(detail)


Row = tuple[int, int, int, datetime, bytes, bytes | None, bytes | None]
"""A match as its row of the table: rule, learner, making, event time, statement's id, once, detail."""


def of_learners(connection: Driver, rules: Sequence[int], after: int, last: int) -> set[Row]:
    """The rows of the matches by these rules of the learners after one up to `last`."""
    cursor = connection.execute(
        "SELECT rule, learner, making, happened, uuid_send(statement), once, detail FROM match "
        "WHERE rule = ANY(%b) AND learner > %b AND learner <= %b",
        [list(rules), after, last],
        binary=True,
    )
    return set(cursor.fetchall())


def row(found: Found) -> Row:
    """A match as its row would be."""
    rule, match, making = found
    return rule, match.learner, making, match.happened, match.statement.bytes, match.once, _detail(match)


def of_row(row: Row) -> Found:
    """The match of a row."""
    rule, learner, making, happened, statement, once, detail = row
    return Found(rule, from_row(learner, happened, UUID(bytes=statement), once, detail), making)


def remove(connection: Driver, found: Sequence[Found]) -> set[tuple[int, int, UUID]]:
    """Takes the matches out again; answers (rule, learner, statement) of those that were there."""
    columns = [
        [rule for rule, _, _ in found],
        [match.learner for _, match, _ in found],
        [match.happened for _, match, _ in found],
        [match.statement for _, match, _ in found],
        [making for _, _, making in found],
    ]
    if any(match.others for _, match, _ in found):
        connection.execute(DELETE.format(table="match_pair"), columns, binary=True)
    return set(connection.execute(DELETE.format(table="match"), columns, binary=True).fetchall())


DELETE = """
DELETE FROM {table} m USING unnest(%b::int[], %b::bigint[], %b::timestamptz[], %b::uuid[], %b::int[])
     AS gone (rule, learner, happened, statement, making)
WHERE m.rule = gone.rule AND m.learner = gone.learner AND m.happened = gone.happened AND m.statement = gone.statement
AND m.making = gone.making
RETURNING m.rule, m.learner, m.statement
"""


def of_groups(connection: Driver, groups: Sequence[Group], table: LiteralString = "match") -> dict[Group, Made]:
    """All matches of these groups in `match` or a table like it, by making, in the order of (event time, statement)."""
    matches: dict[Group, Made] = {group: {} for group in groups}
    cursor = connection.execute(
        "SELECT m.rule, m.making, m.learner, m.happened, m.statement, m.once, m.detail "  # noqa: S608 - a name of ours
        "FROM unnest(%b::int[], %b::bigint[]) AS g (rule, learner) "
        f"JOIN {table} m USING (rule, learner) WHERE NOT m.swapped ORDER BY m.rule, m.learner, m.happened, m.statement",
        [[rule for rule, _ in groups], [learner for _, learner in groups]],
        binary=True,
    )
    for rule, making, *columns in cursor:
        match = from_row(*columns)
        matches[rule, match.learner].setdefault(making, []).append(match)
    return matches


def take_over(
    connection: Driver, rule: int, makings: Sequence[int], table: LiteralString, share: Share = EVERYBODY
) -> None:
    """Copies these matches of a share into a table like `match`."""
    connection.execute(
        sql.SQL(
            "INSERT INTO {} SELECT * FROM match WHERE rule = %b AND making = ANY(%b) AND learner %% %b = %b"
        ).format(sql.Identifier(table)),
        [rule, list(makings), *share.asked],
    )


def grouped(
    connection: Driver, numbers: Sequence[int], table: LiteralString = "match", share: Share = EVERYBODY
) -> Iterator[tuple[Group, Made]]:
    """All matches of these rules for a share, in the order of groups and in each of (event time, statement id).

    Read by a cursor of the server in the caller's transaction, from `match` or a table like it.
    """
    with connection.cursor(f"grouped_{table}", binary=True) as cursor:
        cursor.itersize = 10_000
        cursor.execute(
            sql.SQL(
                "SELECT rule, learner, making, happened, statement, once, detail FROM {} "
                "WHERE rule = ANY(%b) AND learner %% %b = %b AND NOT swapped "
                "ORDER BY rule, learner, happened, statement"
            ).format(sql.Identifier(table)),
            [list(numbers), *share.asked],
        )
        for group, rows in groupby(cursor, key=lambda row: (row[0], row[1])):
            made: Made = {}
            for _, learner, making, *columns in rows:
                made.setdefault(making, []).append(from_row(learner, *columns))
            yield group, made


def from_row(learner: int, happened: datetime, statement: UUID, once: bytes | None, detail: bytes | None) -> Match:
    """A match from the columns of its row."""
    return Match(learner, happened, statement, once, *astuple(_decode(detail) if detail is not None else NOTHING))


def used_once(connection: Driver, found: Iterable[Found]) -> set[tuple[int, int, int, bytes]]:
    """Which of these (rule, learner, making, once) have a match in the table."""
    keys = sorted(
        {(rule, match.learner, making, match.once) for rule, match, making in found if match.once is not None}
    )
    if not keys:
        return set()
    rules, learners, makings, onces = zip(*keys, strict=True)
    cursor = connection.execute(
        "SELECT k.rule, k.learner, k.making, k.once "
        "FROM unnest(%b::int[], %b::bigint[], %b::int[], %b::bytea[]) AS k (rule, learner, making, once) "
        "WHERE EXISTS (SELECT FROM match m WHERE m.rule = k.rule AND m.learner = k.learner AND m.making = k.making "
        "AND m.once = k.once AND NOT m.swapped)",
        [ints(rules), bigints(learners), ints(makings), blobs(onces)],
        binary=True,
    )
    return set(cursor.fetchall())
