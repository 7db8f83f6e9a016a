"""What learners gave to clients: the leave itself, the code by which a client fetches it, and the tokens it reads with.

Codes and tokens are long and random, and only their SHA-256 is kept. A code, and a refresh token, is exchanged once; a
second time is a sign that somebody has stolen it, and ends the grant (RFC 6749, section 4.1.2; RFC 9700, 4.14.2).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from service.store import profiles
from service.store.clients import Client
from service.store.tables import client, client_grant, client_token, learner, sign_in
from service.store.tokens import digest

CODE_LIFE = timedelta(minutes=5)
ACCESS_LIFE = timedelta(hours=1)
REFRESH_LIFE = timedelta(days=180)
"""After that long without the client, its learner is asked again."""


@dataclass(frozen=True)
class Tokens:
    """What a client reads with. refresh: None where it did not register for that."""

    access: str
    refresh: str | None
    scopes: Sequence[str]


class Refused(NamedTuple):
    """Why a client gets no tokens, in a sentence for its developers. A value, as what went with it is kept."""

    why: str
    error: str = "invalid_grant"


class Reader(NamedTuple):
    """Whose badges a token reads."""

    learner: int
    scopes: frozenset[str]


class Given(NamedTuple):
    """What a learner gave: to which client, and since when."""

    id: UUID
    client: Client
    scopes: Sequence[str]
    since: datetime


def give(
    connection: Connection,
    to: Client,
    learner: int,
    scopes: Sequence[str],
    redirect: str,
    challenge: str,
    now: datetime,
) -> str:
    """The code by which the client fetches what this learner gives it."""
    code = secrets.token_urlsafe(32)
    row = {
        "client": to.id,
        "learner": learner,
        "scopes": list(scopes),
        "code": digest(code),
        "redirect": redirect,
        "challenge": challenge,
        "code_expires": now + CODE_LIFE,
        "created": now,
    }
    connection.execute(insert(client_grant).values(row))
    return code


def redeem(
    connection: Connection, by: Client, code: str, redirect: str, verifier: str, now: datetime
) -> Tokens | Refused:
    """Tokens for a code, once (RFC 6749, section 4.1.3; RFC 7636, section 4.6). An earlier grant to it ends."""
    wanted = client_grant.c.code == digest(code), client_grant.c.client == by.id
    found = connection.execute(select(client_grant).where(*wanted).with_for_update()).one_or_none()
    if found is None:
        return Refused("This code was not given to this client.")
    if found.code_used:
        end(connection, [found.id], now)
        return Refused("This code was used before; all tokens made with it have ended.")
    if found.revoked or found.code_expires <= now:
        return Refused("This code has expired.")
    if found.redirect != redirect:
        return Refused("redirect_uri is not the one that the code was sent to.")
    if not hmac.compare_digest(found.challenge, challenge_of(verifier)):
        return Refused("code_verifier does not belong to the code_challenge.")
    earlier = client_grant.c.client == by.id, client_grant.c.learner == found.learner, client_grant.c.id != found.id
    end(connection, connection.scalars(select(client_grant.c.id).where(*earlier)).all(), now)
    connection.execute(update(client_grant).where(client_grant.c.id == found.id).values(code_used=now))
    return _tokens(connection, by, found.id, found.scopes, now)


def refresh(connection: Connection, by: Client, token: str, scopes: Sequence[str], now: datetime) -> Tokens | Refused:
    """New tokens for a refresh token, once; `scopes` is what is asked for, empty: as before (RFC 6749, section 6)."""
    found = _found(connection, by, token, "refresh")
    if found is None or found.revoked:
        return Refused("This refresh token is not known, or its learner has taken it back.")
    if found.used:
        end(connection, [found.client_grant], now)
        return Refused("This refresh token was used before; all tokens of its grant have ended.")
    if found.expires <= now:
        return Refused("This refresh token has expired; ask the learner again.")
    if not set(scopes) <= set(found.scopes):
        return Refused("scope has more than the learner gave.", "invalid_scope")
    connection.execute(update(client_token).where(client_token.c.hash == digest(token)).values(used=now))
    return _tokens(connection, by, found.client_grant, scopes or found.scopes, now)


def revoke(connection: Connection, by: Client, token: str, now: datetime) -> None:
    """End a token of this client; with a refresh token everything that was given with it (RFC 7009, section 2.1)."""
    if found := _found(connection, by, token, "refresh"):
        end(connection, [found.client_grant], now)
    elif _found(connection, by, token, "access"):
        connection.execute(delete(client_token).where(client_token.c.hash == digest(token)))


def reader(connection: Connection, token: str, now: datetime) -> Reader | None:
    """Whose badges an access token reads; None if it is none, has expired or was taken back."""
    row = connection.execute(
        select(client_grant.c.learner, client_token.c.scopes)
        .join(client_grant, client_grant.c.id == client_token.c.client_grant)
        .where(client_token.c.hash == digest(token), client_token.c.kind == "access")
        .where(client_token.c.expires > now, client_grant.c.revoked.is_(None))
    ).one_or_none()
    return row and Reader(profiles.person(connection, row.learner), frozenset(row.scopes))


def given(connection: Connection, person: int) -> list[Given]:
    """What a person has given and not taken back, the newest first."""
    found = (
        select(client_grant.c.id, client.c.id, client.c["metadata"], client_grant.c.scopes, client_grant.c.created)
        .join(client, client.c.id == client_grant.c.client)
        .where(client_grant.c.learner.in_(_members(person)))
        .where(client_grant.c.revoked.is_(None), client_grant.c.code_used.is_not(None))
        .order_by(client_grant.c.created.desc())
    )
    return [Given(id_, Client(*of), scopes, since) for id_, *of, scopes, since in connection.execute(found)]


def take_back(connection: Connection, person: int, id_: UUID, now: datetime) -> bool:
    """End what a person gave; False if they have given nothing under this id."""
    own = client_grant.c.id == id_, client_grant.c.learner.in_(_members(person)), client_grant.c.revoked.is_(None)
    found = connection.scalars(select(client_grant.c.id).where(*own)).all()
    end(connection, found, now)
    return bool(found)


def end(connection: Connection, ids: Collection[UUID], now: datetime) -> None:
    """End these grants and all their tokens."""
    connection.execute(
        update(client_grant)
        .where(client_grant.c.id.in_(ids))
        .values(revoked=func.coalesce(client_grant.c.revoked, now))
    )
    connection.execute(delete(client_token).where(client_token.c.client_grant.in_(ids)))


def forget(connection: Connection, learners: Collection[int]) -> None:
    """Take away what these learners gave to clients, and their sign-ins, as if they had never been."""
    own = select(client_grant.c.id).where(client_grant.c.learner.in_(learners))
    connection.execute(delete(client_token).where(client_token.c.client_grant.in_(own)))
    for table in (client_grant, sign_in):
        connection.execute(delete(table).where(table.c.learner.in_(learners)))


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _members(person: int) -> Any:
    """The learners that a person is."""
    return select(learner.c.id).where((learner.c.id == person) | (learner.c.merged_into == person))


def _found(connection: Connection, by: Client, token: str, kind: str) -> Row[Any] | None:
    """A token of this client with its grant, both locked."""
    return connection.execute(
        select(client_token, client_grant.c.revoked)
        .join(client_grant, client_grant.c.id == client_token.c.client_grant)
        .where(client_token.c.hash == digest(token), client_token.c.kind == kind, client_grant.c.client == by.id)
        .with_for_update()
    ).one_or_none()


def _tokens(connection: Connection, of: Client, grant: UUID, scopes: Sequence[str], now: datetime) -> Tokens:
    """New tokens of a grant; those of it that have expired are dropped."""
    connection.execute(delete(client_token).where(client_token.c.client_grant == grant, client_token.c.expires <= now))
    made = {"access": secrets.token_urlsafe(32), "refresh": secrets.token_urlsafe(32) if of.refreshes else None}
    lives = {"access": ACCESS_LIFE, "refresh": REFRESH_LIFE}
    rows = [
        {
            "hash": digest(token),
            "client_grant": grant,
            "kind": kind,
            "scopes": list(scopes),
            "expires": now + lives[kind],
        }
        for kind, token in made.items()
        if token
    ]
    connection.execute(insert(client_token), rows)
    return Tokens(str(made["access"]), made["refresh"], scopes)
