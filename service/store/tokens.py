"""Bearer tokens in the database: who may read."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, update

from service.store.tables import learner, token

SCOPES = ("read", "admin", "learner")


class Token(NamedTuple):
    """Who may do what. learner: whose own data a token of scope `learner` reads."""

    name: str
    scopes: Sequence[str]
    learner: int | None


def digest(secret: str) -> bytes:
    """What is kept of a token or password: they are long and random, so that a fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


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
