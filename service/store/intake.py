"""Storing statements: many in one query, each at most once.

Arrays go to the server in binary (`%b`) and are unnested there: a row costs a few microseconds, where an INSERT a row
would cost a hundred. A statement whose id is known changes nothing; one with other content under a known id is kept
beside it as a conflict. What we have told an LRS and it sends back is known, too, and never evaluated.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Cursor

from service.core.fingerprint import fingerprint
from service.store.arrays import blobs, ints, moments, uuids
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
WITH pushed AS (
    SELECT * FROM unnest(%b::uuid[], %b::int[], %b::timestamptz[], %b::timestamptz[], %b::bytea[])
        AS pushed (id, source, happened, received, raw)
), new AS (
    INSERT INTO statement (id, source, happened, received, raw)
    SELECT * FROM pushed WHERE NOT EXISTS (SELECT FROM echo WHERE echo.statement = pushed.id)
    ON CONFLICT (id) DO NOTHING
    RETURNING id, seq, source, received - happened > interval '1 day' AS late
), queued AS (
    INSERT INTO inbox (seq, statement) SELECT seq, id FROM new
), voided AS (
    INSERT INTO void (target, voider, source)
    SELECT target, voider, CASE WHEN own.may_void THEN NULL ELSE new.source END
    FROM unnest(%b::uuid[], %b::uuid[]) AS v (target, voider) JOIN new ON new.id = voider
    LEFT JOIN source own ON own.id = new.source
    ON CONFLICT DO NOTHING
), counted AS (
    INSERT INTO intake_count AS old (source, day, shard, received, duplicates, late)
    SELECT source, current_date, %b, many, many - coalesce(stored, 0), coalesce(late, 0)
    FROM (SELECT source, count(*) AS many FROM pushed GROUP BY source) AS p
    LEFT JOIN (
        SELECT source, count(*) AS stored, count(*) FILTER (WHERE late) AS late FROM new GROUP BY source
    ) AS n USING (source) ORDER BY source
    ON CONFLICT (source, day, shard) DO UPDATE SET
        received = old.received + excluded.received, duplicates = old.duplicates + excluded.duplicates,
        late = old.late + excluded.late
)
SELECT id FROM pushed EXCEPT SELECT id FROM new
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
    """Stores the rows that are new and counts the others.

    New rows are stored, queued and counted by one statement, which needs no transaction around it.
    """
    firsts: dict[UUID, Row] = {}
    again = [row for row in rows if firsts.setdefault(row.id, row) is not row]
    ordered = sorted(firsts.values(), key=lambda row: row.id.int)
    with connection.cursor(binary=True) as cursor:
        cursor.execute(INSERT, _columns(ordered))
        known = [firsts[statement] for (statement,) in cursor.fetchall()]
        conflicting = []
        if known or again:
            with connection.transaction():
                conflicting = _conflicts(cursor, [*known, *again])
                if again or conflicting:
                    _count(cursor, again, conflicting)
    return Stored(len(ordered) - len(known), len(known) + len(again) - len(conflicting), len(conflicting))


def _columns(rows: Sequence[Row]) -> list[object]:
    return [
        uuids([row.id for row in rows]),
        ints([row.source for row in rows]),
        moments([row.happened for row in rows]),
        moments([row.received for row in rows]),
        blobs([row.raw for row in rows]),
        uuids([row.voids for row in rows if row.voids is not None]),
        uuids([row.id for row in rows if row.voids is not None]),
        os.getpid() % SHARDS,
    ]


def _conflicts(cursor: Cursor[tuple[UUID, bytes, bytes | None]], repeats: Sequence[Row]) -> list[Row]:
    """The repeats that say something else than what is stored under their id; new ones are written down."""
    if not repeats:
        return []
    cursor.execute("SELECT id, raw, digest FROM statement WHERE id = ANY(%b)", [[row.id for row in repeats]])
    stored = {own: (raw, digest) for own, raw, digest in cursor.fetchall()}
    other = [row for row in repeats if row.id in stored and _says_other(row.raw, *stored[row.id])]
    if other:
        columns = [row.id for row in other], [fingerprint(row.raw) for row in other], [row.source for row in other]
        cursor.execute(
            "INSERT INTO conflict (statement, digest, source, received, raw) "
            "SELECT * FROM unnest(%b::uuid[], %b::bytea[], %b::int[], %b::timestamptz[], %b::bytea[]) "
            "ON CONFLICT DO NOTHING",
            [*columns, [row.received for row in other], [row.raw for row in other]],
        )
    return other


def _says_other(raw: bytes, stored: bytes, digest: bytes | None) -> bool:
    """Whether this is another statement than the one that came first. digest: where that is not kept as it came."""
    if digest is not None:
        return bool(digest) and fingerprint(raw) != digest
    return raw != stored and fingerprint(raw) != fingerprint(stored)


def _count(cursor: Cursor[object], again: Sequence[Row], conflicts: Sequence[Row]) -> None:
    """Counts repeats within the rows themselves, and takes conflicts out of the repeats."""
    repeated, other = (Counter(row.source for row in some) for some in (again, conflicts))
    sources = sorted(repeated | other)
    cursor.execute(
        COUNT,
        [
            os.getpid() % SHARDS,
            sources,
            [repeated[source] for source in sources],
            [repeated[source] - other[source] for source in sources],
            [other[source] for source in sources],
        ],
    )
