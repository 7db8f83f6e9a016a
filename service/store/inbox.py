"""What is stored and not yet evaluated: claiming a batch, and what a voiding statement must know of its target.

What evaluating raised for is set aside: it stays in the inbox, marked, and counts as not evaluated until it is tried
again. Claims skip what another drain holds, so any number of drains run side by side. A voiding statement waits until
nobody is evaluating its target: either the target's matches are there by then, or the target will find the void, which
was written with the voiding statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from service.core.statement import Fact, read_again
from service.store.arrays import uuids
from service.store.engine import Driver

CLAIM = """
WITH claimed AS (
    DELETE FROM inbox
    WHERE seq = ANY(ARRAY(SELECT seq FROM inbox WHERE NOT failed ORDER BY seq LIMIT %b FOR UPDATE SKIP LOCKED))
    RETURNING statement
)
SELECT s.id, source.name, source.capture, s.received, s.raw
FROM claimed JOIN statement s ON s.id = claimed.statement LEFT JOIN source ON source.id = s.source
"""


COUNTS = "(v.source IS NULL OR v.source = s.source)"
"""Whether the void v counts for the statement s: it is from the same source, or from one that may void for others."""
VOIDED = f"EXISTS (SELECT FROM void v WHERE v.target = s.id AND {COUNTS})"


class Claimed(NamedTuple):
    """A statement to evaluate. voided: a voiding statement for it has been stored, whichever came first."""

    fact: Fact
    voided: bool


class Taken(NamedTuple):
    """A statement out of the inbox, not read yet."""

    id: UUID
    source: str | None
    capture: str | None
    received: datetime
    raw: bytes


def claim(connection: Driver, limit: int) -> list[Taken]:
    """Takes up to `limit` statements out of the inbox, oldest first; they are back if the transaction fails."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(CLAIM, [limit])
        return [Taken(*row) for row in cursor]


def read(connection: Driver, rows: Sequence[Taken]) -> list[Claimed]:
    """What was taken, to be evaluated.

    Voids are looked up when the statements are ours, and not in the same query: its snapshot is older than its locks,
    and a void could be stored and evaluated between the two.
    """
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            f"SELECT v.target FROM void v JOIN statement s ON s.id = v.target AND {COUNTS} "  # noqa: S608 - a constant
            "WHERE v.target = ANY(%b::uuid[])",
            [uuids([row.id for row in rows])],
        )
        voided = {target for (target,) in cursor}
        return [claimed(*row, row.id in voided) for row in rows]


def claimed(
    statement: UUID, source: str | None, capture: str | None, received: datetime, raw: bytes, voided: bool
) -> Claimed:
    """A row of (id, source, capture, received, raw, voided) as a fact."""
    return Claimed(read_again(raw, statement, received, source or "", capture or "xapi"), voided)


def targets(connection: Driver, ids: Sequence[UUID]) -> list[Fact]:
    """The statements with these ids that are void and have been evaluated, once nobody is at work on them any more.

    Those still in the inbox are left out: whoever takes them from there will find them voided.
    """
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            "SELECT statement FROM inbox WHERE seq IN (SELECT seq FROM statement WHERE id = ANY(%b::uuid[])) "
            "ORDER BY seq FOR UPDATE",
            [list(ids)],
        )
        waiting = {statement for (statement,) in cursor.fetchall()}
        cursor.execute(
            "SELECT s.id, source.name, source.capture, s.received, s.raw, true "  # noqa: S608 - a constant
            f"FROM statement s LEFT JOIN source ON source.id = s.source WHERE s.id = ANY(%b::uuid[]) AND {VOIDED} "
            "AND NOT EXISTS (SELECT FROM inbox WHERE inbox.seq = s.seq)",
            [sorted(set(ids) - waiting)],
        )
        return [claimed(*row).fact for row in cursor]


def waiting(connection: Driver) -> bool:
    """Whether anything is stored and waits to be evaluated."""
    row = connection.execute("SELECT EXISTS (SELECT FROM inbox WHERE NOT failed)").fetchone()
    return bool(row and row[0])


def size(connection: Driver) -> int:
    """How many statements are stored and not yet evaluated."""
    row = connection.execute("SELECT count(*) FROM inbox").fetchone()
    return int(row[0]) if row else 0


def voids_waiting(connection: Driver) -> bool:
    """Whether a voiding statement is stored and not yet evaluated."""
    row = connection.execute("SELECT EXISTS (SELECT FROM inbox JOIN void ON void.voider = inbox.statement)").fetchone()
    return bool(row and row[0])
