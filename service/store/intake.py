"""Storing statements: many in one query, each at most once, in a transaction of the caller's.

Arrays go to the server in binary (`%b`) and are unnested there: a row costs a few microseconds, where an INSERT a row
would cost a hundred. A statement whose id is known changes nothing; one with other content under a known id is kept
beside it as a conflict.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Cursor

from service.core.fingerprint import fingerprint
from service.store.engine import Driver


class Row(NamedTuple):
    """A statement as it is stored. voids: the id of the statement it voids."""

    id: UUID
    source: int
    happened: datetime
    received: datetime
    raw: bytes
    voids: UUID | None


class Stored(NamedTuple):
    """What became of the rows: how many were new, repeats, and repeats with other content."""

    new: int
    duplicates: int
    conflicts: int


INSERT = """
WITH new AS (
    INSERT INTO statement (id, source, happened, received, raw)
    SELECT * FROM unnest(%b::uuid[], %b::int[], %b::timestamptz[], %b::timestamptz[], %b::bytea[])
    ON CONFLICT (id) DO NOTHING
    RETURNING id, seq
), queued AS (
    INSERT INTO inbox (seq, statement) SELECT seq, id FROM new
)
SELECT id FROM new
"""

COUNT = """
INSERT INTO intake_count AS old (source, day, shard, received, duplicates, conflicts)
SELECT source, current_date, %b, received, duplicates, conflicts
FROM unnest(%b::int[], %b::int[], %b::int[], %b::int[]) AS new (source, received, duplicates, conflicts) ORDER BY source
ON CONFLICT (source, day, shard) DO UPDATE SET
    received = old.received + excluded.received,
    duplicates = old.duplicates + excluded.duplicates,
    conflicts = old.conflicts + excluded.conflicts
"""

SHARDS = 16


def store(connection: Driver, rows: Sequence[Row]) -> Stored:
    """Stores the rows that are new and counts the others, in the caller's transaction."""
    ordered = sorted(rows, key=lambda row: row.id)
    with connection.cursor(binary=True) as cursor:
        cursor.execute(INSERT, [list(column) for column in tuple(zip(*ordered, strict=True))[:5]])
        new = {statement for (statement,) in cursor.fetchall()}
        repeats = _repeats(ordered, new) if len(new) < len(ordered) else []
        conflicting = _conflicts(cursor, repeats)
        _void(cursor, [row for row in ordered if row.voids is not None and row.id in new])
        _count(cursor, ordered, repeats, conflicting)
    return Stored(len(new), len(repeats) - len(conflicting), len(conflicting))


def _repeats(rows: Iterable[Row], new: set[UUID]) -> list[Row]:
    """The rows whose id was known before, or came earlier among the rows."""
    fresh, repeats = set(new), []
    for row in rows:
        if row.id in fresh:
            fresh.remove(row.id)
        else:
            repeats.append(row)
    return repeats


def _conflicts(cursor: Cursor[tuple[UUID, bytes]], repeats: Sequence[Row]) -> list[Row]:
    """The repeats that say something else than what is stored under their id; new ones are written down."""
    if not repeats:
        return []
    cursor.execute("SELECT id, raw FROM statement WHERE id = ANY(%b)", [[row.id for row in repeats]])
    stored = dict(cursor.fetchall())
    other = [
        row for row in repeats if row.raw != stored[row.id] and fingerprint(row.raw) != fingerprint(stored[row.id])
    ]
    if other:
        columns = [row.id for row in other], [fingerprint(row.raw) for row in other], [row.source for row in other]
        cursor.execute(
            "INSERT INTO conflict (statement, digest, source, received, raw) "
            "SELECT * FROM unnest(%b::uuid[], %b::bytea[], %b::int[], %b::timestamptz[], %b::bytea[]) "
            "ON CONFLICT DO NOTHING",
            [*columns, [row.received for row in other], [row.raw for row in other]],
        )
    return other


def _void(cursor: Cursor[object], voiders: Sequence[Row]) -> None:
    if voiders:
        cursor.execute(
            "INSERT INTO void (target, voider) SELECT * FROM unnest(%b::uuid[], %b::uuid[]) ON CONFLICT DO NOTHING",
            [[row.voids for row in voiders], [row.id for row in voiders]],
        )


def _count(cursor: Cursor[object], rows: Sequence[Row], repeats: Sequence[Row], conflicts: Sequence[Row]) -> None:
    received, again, other = (Counter(row.source for row in some) for some in (rows, repeats, conflicts))
    sources = sorted(received)
    cursor.execute(
        COUNT,
        [
            os.getpid() % SHARDS,
            sources,
            [received[source] for source in sources],
            [again[source] - other[source] for source in sources],
            [other[source] for source in sources],
        ],
    )
