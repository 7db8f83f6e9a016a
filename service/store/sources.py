"""Sources in the database: who may push statements, with what secrets, and within which limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from service.capture.bounds import NONE, Bounds
from service.errors import Refusal
from service.settings import Settings
from service.store.sealing import seal, unseal
from service.store.tables import source, source_secret
from service.store.tokens import digest

CAPTURES = ("xapi", "connector", "assumed", "self_report", "observed")
VALIDATIONS = ("lenient", "strict")
SIGNING = ("webhook", "lrs")
"""Kinds of secrets that sign requests, and are therefore sealed and not hashed."""
OF_SETTINGS = "settings"
"""The label of the password that the settings give the source `default`."""


class Source(NamedTuple):
    """Who pushes statements: `capture` says how its statements came to be.

    validation: lenient or strict. may_void: its voids count for statements of other sources, too. bounds: the limits
    of its own; None if it has none, which is the usual case.
    """

    id: int
    name: str
    capture: str = "xapi"
    validation: str = "lenient"
    may_void: bool = False
    keep_attachments: bool = False
    bounds: Bounds | None = None


_told = tuple(source.c[name] for name in ("id", "name", "capture", "validation", "may_void", "keep_attachments"))
_bounds = source.c.ahead_seconds, source.c.oldest_days, source.c.verbs
_live = or_(source_secret.c.ends.is_(None), source_secret.c.ends > func.now())


# --- who pushes -----------------------------------------------------------------------------------------------------


def by_username(connection: Connection, username: str) -> tuple[Source, Sequence[bytes]] | None:
    """The source of this user name, and the hashes of its passwords that are in force."""
    return _with_hashes(connection, source.c.username == username)


def by_name(connection: Connection, name: str) -> tuple[Source, Sequence[bytes]] | None:
    return _with_hashes(connection, source.c.name == name)


def by_password(connection: Connection, password: str) -> Source | None:
    """The one source that has this password; None if several do."""
    owners = select(source_secret.c.source).where(source_secret.c.hash == digest(password), _live)
    rows = connection.execute(select(*_told, *_bounds).where(source.c.id.in_(owners)).limit(2)).all()
    return _source(rows[0]) if len(rows) == 1 else None


def signing_secrets(connection: Connection, number: int, key: str) -> list[tuple[str, str]]:
    """Kind and secret of all that may sign this source's requests; WrongSecret if they do not open with this key."""
    found = select(source_secret.c.kind, source_secret.c.sealed)
    found = found.where(source_secret.c.source == number, source_secret.c.sealed.is_not(None), _live)
    return [(row.kind, unseal(row.sealed, key)) for row in connection.execute(found)]


def _with_hashes(connection: Connection, condition: ColumnElement[bool]) -> tuple[Source, Sequence[bytes]] | None:
    own = and_(source_secret.c.source == source.c.id, source_secret.c.hash.is_not(None), _live)
    rows = connection.execute(
        select(*_told, *_bounds, source_secret.c.hash).outerjoin(source_secret, own).where(condition)
    )
    found = rows.all()
    return (_source(found[0]), [bytes(row.hash) for row in found if row.hash is not None]) if found else None


def _source(row: Any) -> Source:
    bounds = Bounds(
        ahead=None if row.ahead_seconds is None else timedelta(seconds=row.ahead_seconds),
        oldest=None if row.oldest_days is None else timedelta(days=row.oldest_days),
        verbs=None if row.verbs is None else frozenset(row.verbs),
    )
    told = row.id, row.name, row.capture, row.validation, row.may_void, row.keep_attachments
    return Source(*told, None if bounds == NONE else bounds)


# --- making and changing --------------------------------------------------------------------------------------------


def add(connection: Connection, name: str, username: str, options: Mapping[str, Any]) -> int | None:
    """Makes a source without any secret and returns its number; None if its name or user name is taken."""
    made = insert(source).values(name=name, username=username, **options).on_conflict_do_nothing()
    number: int | None = connection.scalar(made.returning(source.c.id))
    return number


def change(connection: Connection, name: str, options: Mapping[str, Any]) -> bool:
    """Gives a source other settings; False if there is none of this name."""
    return connection.execute(update(source).where(source.c.name == name).values(**options)).rowcount == 1


def number(connection: Connection, name: str) -> int | None:
    """The number of the source of this name."""
    return connection.scalar(select(source.c.id).where(source.c.name == name))


def add_password(connection: Connection, whose: int, password: str, label: str | None = None) -> int:
    return _add_secret(connection, {"source": whose, "kind": "password", "hash": digest(password), "label": label})


def add_signing(connection: Connection, whose: int, kind: str, secret: str, key: str, label: str | None = None) -> int:
    """One more secret that signs requests: `webhook` (Standard Webhooks) or `lrs` (X-LRS-Signature)."""
    assert kind in SIGNING
    return _add_secret(connection, {"source": whose, "kind": kind, "sealed": seal(secret, key), "label": label})


def _add_secret(connection: Connection, row: Mapping[str, Any]) -> int:
    made: int | None = connection.scalar(insert(source_secret).values(**row).returning(source_secret.c.id))
    assert made is not None
    return made


def end_secret(connection: Connection, whose: int, secret: int, after: timedelta) -> bool:
    """Ends a secret of a source after this time; False if it has none of this number in force."""
    ending = update(source_secret).where(source_secret.c.id == secret, source_secret.c.source == whose, _live)
    return connection.execute(ending.values(ends=func.now() + after)).rowcount == 1


def secrets(connection: Connection, whose: int) -> list[dict[str, Any]]:
    """The secrets of a source, without themselves, oldest first."""
    told = tuple(source_secret.c[name] for name in ("id", "kind", "label", "created", "ends"))
    found = select(*told).where(source_secret.c.source == whose).order_by(source_secret.c.id)
    return [row._asdict() for row in connection.execute(found)]


def everything(connection: Connection) -> list[dict[str, Any]]:
    """Every source with its settings, oldest first."""
    return [row._asdict() for row in connection.execute(select(source).order_by(source.c.id))]


def ensure_default_source(connection: Connection, settings: Settings) -> None:
    """Makes the source `default` have the user name and password of the settings; called at every start."""
    row = {"name": "default", "username": settings.source_user}
    put = insert(source).values(row).on_conflict_do_update(index_elements=[source.c.name], set_=row)
    try:
        with connection.begin_nested():
            whose = connection.scalar(put.returning(source.c.id))
    except IntegrityError:
        taken = f"Another source has the user name {settings.source_user!r}"
        raise Refusal(f"{taken}: set PLAUDIT_SOURCE_USER to another.", status=2) from None
    assert whose is not None
    ours = and_(source_secret.c.source == whose, source_secret.c.label == OF_SETTINGS)
    if connection.scalars(select(source_secret.c.hash).where(ours)).all() != [digest(settings.source_password)]:
        connection.execute(delete(source_secret).where(ours))
        add_password(connection, whose, settings.source_password, OF_SETTINGS)
