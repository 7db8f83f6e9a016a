"""Bearer tokens and sources in the database: who may read, and who may push."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from service.errors import Refusal
from service.settings import Settings
from service.store.tables import learner, source, token

SCOPES = ("read", "admin", "learner")


class Source(NamedTuple):
    """Who pushes statements: `capture` says how its statements came to be."""

    id: int
    name: str
    capture: str


class Token(NamedTuple):
    """Who may do what. learner: whose own data a token of scope `learner` reads."""

    name: str
    scopes: Sequence[str]
    learner: int | None


def digest(secret: str) -> bytes:
    """What is kept of a token or password: they are long and random, so that a fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


# --- tokens ---------------------------------------------------------------------------------------------------------


def token_row(connection: Connection, secret: str) -> Token | None:
    """The token, if it is known and not revoked."""
    known = select(token.c.name, token.c.scopes, token.c.learner)
    known = known.where(token.c.hash == digest(secret), token.c.revoked.is_(None))
    row = connection.execute(known).one_or_none()
    return row and Token(*row)


def add_token(connection: Connection, name: str, scopes: Sequence[str], whose: int | None = None) -> str:
    """Makes a token; what is returned is kept nowhere else. `whose`: the learner of a token of scope `learner`."""
    secret = f"plaudit_{secrets.token_urlsafe(32)}"
    row = {"name": name, "hash": digest(secret), "scopes": list(scopes), "learner": whose}
    connection.execute(token.insert().values(row))
    return secret


def tokens(connection: Connection) -> list[dict[str, Any]]:
    """Every token without its secret, oldest first."""
    told = (token.c.id, token.c.name, token.c.scopes, token.c.learner, token.c.created, token.c.revoked)
    return [row._asdict() for row in connection.execute(select(*told).order_by(token.c.id))]


def revoke_token(connection: Connection, number: int) -> bool:
    """Ends a token; False if none in force has this number."""
    ending = update(token).where(token.c.id == number, token.c.revoked.is_(None)).values(revoked=func.now())
    return connection.execute(ending).rowcount == 1


def learner_exists(connection: Connection, number: int) -> bool:
    return connection.scalar(select(learner.c.id).where(learner.c.id == number)) is not None


# --- sources --------------------------------------------------------------------------------------------------------

_source = (source.c.id, source.c.name, source.c.capture, source.c.secret_hash)


def source_by_username(connection: Connection, username: str) -> tuple[Source, bytes] | None:
    """The source of this user name and the hash of its password."""
    return _one_source(connection, source.c.username == username)


def source_by_password(connection: Connection, password: str) -> tuple[Source, bytes] | None:
    """The one source that has this password; None if several do."""
    return _one_source(connection, source.c.secret_hash == digest(password))


def source_by_name(connection: Connection, name: str) -> tuple[Source, bytes] | None:
    return _one_source(connection, source.c.name == name)


def _one_source(connection: Connection, condition: ColumnElement[bool]) -> tuple[Source, bytes] | None:
    rows = connection.execute(select(*_source).where(condition).limit(2)).all()
    if len(rows) != 1:
        return None
    return Source(rows[0].id, rows[0].name, rows[0].capture), bytes(rows[0].secret_hash)


def add_source(connection: Connection, name: str, username: str, password: str, capture: str = "xapi") -> int | None:
    """Makes a source and returns its number; None if its name or user name is taken."""
    row = {"name": name, "username": username, "secret_hash": digest(password), "capture": capture}
    made = insert(source).values(row).on_conflict_do_nothing().returning(source.c.id)
    number: int | None = connection.scalar(made)
    return number


def put_source(connection: Connection, name: str, username: str, password: str) -> None:
    """Makes the source, or gives the one of this name this user name and password."""
    row = {"name": name, "username": username, "secret_hash": digest(password)}
    statement = insert(source).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=[source.c.name], set_=row))


def sources(connection: Connection) -> list[dict[str, Any]]:
    """Every source without its password, oldest first."""
    told = (source.c.id, source.c.name, source.c.username, source.c.capture, source.c.created)
    return [row._asdict() for row in connection.execute(select(*told).order_by(source.c.id))]


def ensure_default_source(connection: Connection, settings: Settings) -> None:
    """Makes the source `default` have the user name and password of the settings; called at every start."""
    try:
        with connection.begin_nested():
            put_source(connection, "default", settings.source_user, settings.source_password)
    except IntegrityError:
        taken = f"Another source has the user name {settings.source_user!r}"
        raise Refusal(f"{taken}: set PLAUDIT_SOURCE_USER to another.", status=2) from None
