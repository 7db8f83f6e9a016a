"""Learners of whom other identifiers are known than before, whose credentials may have to say so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, select, update

from service.store.engine import Driver
from service.store.tables import readdressed


class Told(NamedTuple):
    """A learner who is to be told that these awards have new credentials."""

    learner: int
    awards: list[UUID]


def note(connection: Driver, learners: Iterable[int]) -> None:
    """Have what these learners hold looked at again, once nothing more changes about them."""
    connection.execute(
        "INSERT INTO readdressed (learner, since) SELECT learner, now() FROM unnest(%b::bigint[]) AS new (learner) "
        "ORDER BY learner ON CONFLICT (learner) DO UPDATE SET since = excluded.since",
        [sorted(set(learners))],
    )


def note_holders(connection: Driver, learners: Iterable[int]) -> None:
    """The same of those of them who hold anything: most who are met for the first time do not."""
    held = connection.execute(
        "SELECT DISTINCT learner FROM badge_award WHERE learner = ANY(%b::bigint[]) AND credential IS NOT NULL",
        [sorted(set(learners))],
    )
    if holders := [learner for (learner,) in held]:
        note(connection, holders)


def due(connection: Connection, before: datetime) -> int | None:
    """Lock and name a learner of whom nothing has changed since `before`, but something till then."""
    wanted = select(readdressed.c.learner).where(readdressed.c.since <= before).order_by(readdressed.c.since)
    return connection.execute(wanted.limit(1).with_for_update(skip_locked=True)).scalar_one_or_none()


def looked_at(connection: Connection, learner: int, reissued: Sequence[UUID]) -> None:
    """Note that what a learner holds is as it should be; they are still to be told of the awards `reissued`."""
    row = readdressed.c.learner == learner
    if reissued:
        connection.execute(update(readdressed).where(row).values(since=None, reissued=list(reissued)))
    else:
        connection.execute(update(readdressed).where(row).values(since=None))
        _tidy(connection, learner)


def untold(connection: Connection) -> Told | None:
    """Lock and name a learner who does not know yet of new credentials."""
    wanted = select(readdressed.c.learner, readdressed.c.reissued).where(readdressed.c.reissued.is_not(None))
    row = connection.execute(wanted.limit(1).with_for_update(skip_locked=True)).one_or_none()
    return None if row is None else Told(row.learner, list(row.reissued))


def told(connection: Connection, learner: int) -> None:
    connection.execute(update(readdressed).where(readdressed.c.learner == learner).values(reissued=None))
    _tidy(connection, learner)


def _tidy(connection: Connection, learner: int) -> None:
    nothing = readdressed.c.since.is_(None), readdressed.c.reissued.is_(None)
    connection.execute(delete(readdressed).where(readdressed.c.learner == learner, *nothing))
