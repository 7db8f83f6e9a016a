"""Whose scores have changed and are not projected yet: a row lives from a drain's commit until Redis has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.store.arrays import bigints
from service.store.engine import Driver


def add(connection: Driver, learners: Iterable[int]) -> int:
    """Notes that the scores of these learners are to be projected; answers the row's id."""
    row = connection.execute(
        "INSERT INTO outbox (learners) VALUES (%b::bigint[]) RETURNING id", [bigints(sorted(learners))]
    ).fetchone()
    assert row is not None
    return int(row[0])


def waiting(connection: Driver, limit: int = 100) -> list[tuple[int, list[int]]]:
    """The oldest rows, older than a drain needs to project by itself: (id, learners)."""
    return connection.execute(
        "SELECT id, learners FROM outbox WHERE booked < now() - interval '10 seconds' ORDER BY id LIMIT %b", [limit]
    ).fetchall()


def remove(connection: Driver, ids: Sequence[int]) -> None:
    """The scores are projected. Not waited for: a row that comes back after a crash is projected once more."""
    connection.execute("SET LOCAL synchronous_commit = off")
    connection.execute("DELETE FROM outbox WHERE id = ANY(%b::bigint[])", [list(ids)])
