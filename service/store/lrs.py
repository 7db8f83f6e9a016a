"""Sources that are an LRS which we can ask: where it is, how far we have read, and what we tell it of awards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from service.store.sealing import unseal
from service.store.tables import lrs, source


class Lrs(NamedTuple):
    """An LRS. since: everything that it had stored until then has been read. more: where the reading was interrupted.

    latest: when the latest statement was stored there that was read since the reading began.
    """

    source: int
    name: str
    url: str
    username: str
    password: str
    since: datetime | None
    more: str | None
    latest: datetime | None


def put(connection: Connection, whose: int, values: Mapping[str, Any]) -> None:
    """Says where the LRS of a source is; what is known of it and not given stays."""
    if not known(connection, whose):
        connection.execute(insert(lrs).values(source=whose, **values))
    elif values:
        connection.execute(update(lrs).where(lrs.c.source == whose).values(**values))


def known(connection: Connection, whose: int) -> bool:
    return connection.scalar(select(lrs.c.source).where(lrs.c.source == whose)) is not None


def find(connection: Connection, name: str, key: str) -> Lrs | None:
    """The LRS of the source of this name. key: the service's secret, under which its password is sealed."""
    names = "url", "username", "sealed", "since", "more", "latest"
    wanted = select(source.c.id, source.c.name, *(lrs.c[column] for column in names))
    row = connection.execute(wanted.join(lrs, lrs.c.source == source.c.id).where(source.c.name == name)).one_or_none()
    if row is None:
        return None
    return Lrs(row.id, row.name, row.url, row.username, unseal(row.sealed, key), row.since, row.more, row.latest)


def everything(connection: Connection) -> list[dict[str, Any]]:
    """How far each LRS has been read, without passwords."""
    columns = [column for column in lrs.c if column.name not in ("source", "sealed")]
    rows = connection.execute(
        select(source.c.name, *columns).join(lrs, lrs.c.source == source.c.id).order_by(source.c.id)
    )
    return [row._asdict() for row in rows]


def begin(connection: Connection, whose: int, since: datetime | None) -> None:
    """Begins to read anew from this moment on; None: from the first statement."""
    connection.execute(update(lrs).where(lrs.c.source == whose).values(since=since, more=None, latest=None))


def advance(connection: Connection, whose: int, read: int, more: str | None, latest: datetime | None) -> None:
    """A page has been stored, and this is where the next one is."""
    values = {"more": more, "latest": latest, "pulled": lrs.c.pulled + read, "problem": None}
    connection.execute(update(lrs).where(lrs.c.source == whose).values(**values))


def finish(connection: Connection, whose: int, since: datetime | None) -> None:
    """Everything has been read that was there."""
    values = {
        "since": func.coalesce(since, lrs.c.since),
        "more": None,
        "latest": None,
        "read": func.now(),
        "problem": None,
    }
    connection.execute(update(lrs).where(lrs.c.source == whose).values(**values))


def failed(connection: Connection, whose: int, problem: str) -> None:
    connection.execute(update(lrs).where(lrs.c.source == whose).values(problem=problem[:1000]))


def due(connection: Connection) -> str | None:
    """The name of a source that it is time to read; whoever asks next gets another one."""
    ready = (
        select(lrs.c.source)
        .where(lrs.c.due <= func.now())
        .order_by(lrs.c.due)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    number = connection.scalar(ready)
    if number is None:
        return None
    every = connection.scalar(select(lrs.c.every_seconds).where(lrs.c.source == number))
    after = None if every is None else func.now() + timedelta(seconds=every)
    connection.execute(update(lrs).where(lrs.c.source == number).values(due=after))
    return connection.scalar(select(source.c.name).where(source.c.id == number))
