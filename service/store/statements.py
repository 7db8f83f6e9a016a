"""Statements as they are kept: rewritten when less is to be kept of them, and what is kept beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from service.store.engine import Driver


def raws(connection: Driver, ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """What is kept of these statements."""
    cursor = connection.execute("SELECT id, raw FROM statement WHERE id = ANY(%b)", [list(ids)], binary=True)
    return dict(cursor.fetchall())


def waiting(connection: Driver) -> Iterator[tuple[UUID, bytes]]:
    """The statements that wait to be evaluated."""
    yield from connection.execute(
        "SELECT s.id, s.raw FROM inbox JOIN statement s ON s.id = inbox.statement", binary=True
    )


def rewrite(connection: Driver, kept: Mapping[UUID, bytes], digests: Mapping[UUID, bytes] | None = None) -> None:
    """Keeps this of statements instead of what came.

    digests: fingerprints of what came, so that a repeat is known for one. Without them whatever comes again under
    these ids is taken for a repeat, and nothing of it is kept.
    """
    connection.execute(
        "UPDATE statement SET raw = new.raw, digest = new.digest "
        "FROM unnest(%b::uuid[], %b::bytea[], %b::bytea[]) AS new (id, raw, digest) WHERE statement.id = new.id",
        [list(kept), list(kept.values()), [(digests or {}).get(own, b"") for own in kept]],
        binary=True,
    )


def forget_beside(connection: Driver, ids: Sequence[UUID]) -> None:
    """Deletes what was kept beside these statements."""
    for table in ("conflict", "attachment", "quarantine"):
        connection.execute(f"DELETE FROM {table} WHERE statement = ANY(%b)", [list(ids)])  # noqa: S608


def set_aside(connection: Driver, traces: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    """What was set aside and holds one of these traces: the number, and the bytes as they came and were edited."""
    for number, raw, edited in connection.execute(
        "SELECT id, raw, edited FROM quarantine WHERE EXISTS "
        "(SELECT FROM unnest(%b::bytea[]) AS t (trace) WHERE position(trace IN raw || coalesce(edited, '')) > 0)",
        [list(traces)],
        binary=True,
    ):
        yield from ((number, one) for one in (raw, edited) if one is not None)


def forget_set_aside(connection: Driver, numbers: Sequence[int]) -> None:
    connection.execute("DELETE FROM quarantine WHERE id = ANY(%b)", [list(numbers)])
