"""What could not be used, kept one by one until somebody mends or discards it.

Two kinds: `unusable` statements were never stored, because they name nobody, no verb or no object; `failed` ones are
stored, but evaluating them raised, and they are left out of everything until they are evaluated again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, select, update

from service.store.engine import Driver
from service.store.intake import SHARDS
from service.store.tables import inbox, quarantine, source

WAITING, REPLAYED, DISCARDED = "waiting", "replayed", "discarded"


class Entry(NamedTuple):
    """A statement that could not be used. path: the property in the way."""

    statement: UUID
    source: int
    received: datetime
    raw: bytes
    path: str
    reason: str


class Kept(NamedTuple):
    """An entry as it stands. raw: what counts, edited or as it came."""

    id: int
    kind: str
    statement: UUID
    source: str | None
    times: int
    received: datetime
    path: str
    reason: str
    state: str
    edited: bool
    raw: bytes


ADD = """
INSERT INTO quarantine AS old (kind, statement, source, digest, received, raw, path, reason)
SELECT %b, * FROM unnest(%b::uuid[], %b::int[], %b::bytea[], %b::timestamptz[], %b::bytea[], %b::text[], %b::text[])
ON CONFLICT (source, digest) DO UPDATE SET times = old.times + 1
RETURNING xmax = 0
"""


def add(connection: Driver, entries: Sequence[Entry]) -> int:
    """Keeps what one source sent and cannot be used, and counts it; answers how many are new."""
    once = {(entry.source, _digest(entry.raw)): entry for entry in entries}
    rows = sorted(once.items())
    columns = [
        [entry.statement for _, entry in rows],
        [entry.source for _, entry in rows],
        [digest for (_, digest), _ in rows],
        [entry.received for _, entry in rows],
        [entry.raw for _, entry in rows],
        [entry.path.replace("\0", "␀") for _, entry in rows],
        [entry.reason.replace("\0", "␀") for _, entry in rows],
    ]
    with connection.cursor(binary=True) as cursor:
        cursor.execute(ADD, ["unusable", *columns])
        new = sum(1 for (fresh,) in cursor if fresh)
    _count(connection, entries[0].source, len(entries), len(entries) - new, new)
    return new


def _count(connection: Driver, owner: int, received: int, duplicates: int, quarantined: int) -> None:
    connection.execute(
        "INSERT INTO intake_count AS old (source, day, shard, received, duplicates, quarantined) "
        "VALUES (%b, current_date, %b, %b, %b, %b) ON CONFLICT (source, day, shard) DO UPDATE SET "
        "received = old.received + excluded.received, duplicates = old.duplicates + excluded.duplicates, "
        "quarantined = old.quarantined + excluded.quarantined",
        [owner, os.getpid() % SHARDS, received, duplicates, quarantined],
    )


def set_aside(connection: Driver, number: UUID, reason: str) -> bool:
    """Leaves a stored statement out of everything, as evaluating it raised; False if it is not waiting any more."""
    cursor = connection.execute("UPDATE inbox SET failed = true WHERE statement = %b RETURNING statement", [number])
    if not cursor.fetchall():
        return False
    connection.execute(
        "INSERT INTO quarantine AS old (kind, statement, source, digest, received, raw, path, reason) "
        "SELECT 'failed', id, source, %b, received, raw, '$', %b FROM statement WHERE id = %b "
        "ON CONFLICT (source, digest) DO UPDATE SET kind = 'failed', reason = excluded.reason, times = old.times + 1, "
        "state = 'waiting', settled = NULL",
        [_digest(number.bytes), reason.replace("\0", "␀")[:2000], number],
    )
    return True


def _digest(raw: bytes) -> bytes:
    return hashlib.sha256(raw).digest()


# --- what is kept ---------------------------------------------------------------------------------------------------

_raw = func.coalesce(quarantine.c.edited, quarantine.c.raw)
_kept = (
    *(quarantine.c[name] for name in ("id", "kind", "statement")),
    source.c.name.label("source"),
    *(quarantine.c[name] for name in ("times", "received", "path", "reason", "state")),
    quarantine.c.edited.is_not(None).label("edited"),
    _raw.label("raw"),
)


def kept(
    connection: Connection, state: str | None, whose: str | None = None, after: int = 0, limit: int = 50
) -> list[Kept]:
    """Entries beyond this number in the order in which they came: of a state, of a source."""
    query = select(*_kept).outerjoin(source, source.c.id == quarantine.c.source).where(quarantine.c.id > after)
    if state is not None:
        query = query.where(quarantine.c.state == state)
    if whose is not None:
        query = query.where(source.c.name == whose)
    return [Kept(*row) for row in connection.execute(query.order_by(quarantine.c.id).limit(limit))]


def one(connection: Connection, number: int, lock: bool = False) -> Kept | None:
    """The entry of this number; lock: until the transaction ends nobody else changes it."""
    query = select(*_kept).outerjoin(source, source.c.id == quarantine.c.source).where(quarantine.c.id == number)
    row = connection.execute(query.with_for_update(of=quarantine) if lock else query).one_or_none()
    return None if row is None else Kept(*row)


def edit(connection: Connection, number: int, raw: bytes) -> None:
    """What somebody makes of an entry; what came is kept beside it."""
    connection.execute(update(quarantine).where(quarantine.c.id == number).values(edited=raw))


def still_unusable(connection: Connection, number: int, path: str, reason: str) -> None:
    """Why an entry cannot be used as it is now."""
    told = {"path": path.replace("\0", "␀"), "reason": reason.replace("\0", "␀")}
    connection.execute(update(quarantine).where(quarantine.c.id == number).values(told))


def settle(connection: Connection, number: int, state: str) -> None:
    """Ends an entry: replayed or discarded."""
    ended = {"state": state, "settled": func.now()}
    connection.execute(update(quarantine).where(quarantine.c.id == number).values(ended))


def evaluate_again(connection: Connection, number: UUID) -> None:
    """Puts a statement that was set aside back among those that wait."""
    connection.execute(update(inbox).where(inbox.c.statement == number).values(failed=False))


def counted_once(connection: Driver, owner: int) -> None:
    """Takes one from what was received: a statement out of quarantine was counted when it came."""
    _count(connection, owner, -1, 0, 0)


def owner_of(connection: Connection, number: int) -> Any:
    """The source of an entry, as a row of its table."""
    query = select(source).join(quarantine, quarantine.c.source == source.c.id).where(quarantine.c.id == number)
    return connection.execute(query).one_or_none()
