"""Learners who show who they are, once: by a link in an e-mail, or by one that a learning platform hands over.

A sign-in belongs to what it is for: to decide about one request of a client, or to see what clients have access. It
holds in the browser that began it only, so a link that somebody else asked for does nothing in the hands of its reader.
Addresses that nobody has go the same way as those that we know, up to the mail server: nobody learns which are which.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, func, insert, select, update

from service.core.agents import Agent, identifier
from service.store import profiles
from service.store.tables import sign_in
from service.store.tokens import digest

LIFE = timedelta(minutes=30)
KEPT = timedelta(days=1)
PAUSE, MOST_AN_HOUR = timedelta(minutes=1), 5
"""E-mails to one address: the time between two, and how many within an hour."""


@dataclass(frozen=True)
class SignIn:
    """A sign-in. asked: the client's request, as `Asked` in `service.http.authorization`; None: to see access."""

    id: UUID
    client: str | None
    asked: Mapping[str, Any] | None
    language: str
    address: str | None
    learner: int | None
    browser: bytes | None
    expires: datetime


_COLUMNS = [sign_in.c[name] for name in SignIn.__dataclass_fields__]


def begin(
    connection: Connection,
    browser: str,
    client: str | None,
    asked: Mapping[str, Any] | None,
    language: str,
    now: datetime,
) -> UUID:
    """A sign-in of whoever sits at the browser that holds this secret."""
    connection.execute(delete(sign_in).where(sign_in.c.expires < now - KEPT))
    row = {"client": client, "asked": asked, "browser": digest(browser), "language": language}
    made = insert(sign_in).values(**row, created=now, expires=now + LIFE).returning(sign_in.c.id)
    id_: UUID = connection.execute(made).scalar_one()
    return id_


def mail_to(connection: Connection, id_: UUID, address: str, now: datetime) -> None:
    """Have the link sent to this address, if it is a learner's, unless enough has been sent there."""
    mailbox = digest(address.lower())
    since = select(func.count(), func.max(sign_in.c.created)).where(
        sign_in.c.mailbox == mailbox, sign_in.c.created > now - timedelta(hours=1)
    )
    sent, last = connection.execute(since).one()
    if sent < MOST_AN_HOUR and (last is None or last <= now - PAUSE):
        connection.execute(update(sign_in).where(sign_in.c.id == id_).values(address=address, mailbox=mailbox))


def to_send(connection: Connection, now: datetime) -> SignIn | None:
    """Lock the oldest sign-in whose link is to be sent."""
    waiting = select(*_COLUMNS).where(sign_in.c.address.is_not(None), sign_in.c.expires > now)
    row = connection.execute(
        waiting.order_by(sign_in.c.created).limit(1).with_for_update(skip_locked=True)
    ).one_or_none()
    return None if row is None else SignIn(*row)


def by_address(connection: Connection, address: str) -> int | None:
    """The learner of an e-mail address, as it was written or in small letters."""
    keys = {identifier(Agent(mbox=f"mailto:{written}")) for written in (address, address.lower())}
    found = (profiles.by_identifier(connection, key) for key in sorted(filter(None, keys)))
    return next((learner for learner in found if learner is not None), None)


def link(connection: Connection, id_: UUID, learner: int | None, now: datetime) -> str | None:
    """The token of the link by which this learner signs in; None if nobody does."""
    token = secrets.token_urlsafe(32) if learner is not None else None
    values = {"hash": token and digest(token), "learner": learner, "address": None}
    open_ = sign_in.c.id == id_, sign_in.c.used.is_(None), sign_in.c.hash.is_(None), sign_in.c.expires > now
    done = connection.execute(update(sign_in).where(*open_).values(values))
    return token if done.rowcount else None


def handed_over(connection: Connection, learner: int, language: str, now: datetime) -> str:
    """The token of a link by which a learner, whom their learning platform knows, sees what clients have access."""
    token = secrets.token_urlsafe(32)
    row = {"hash": digest(token), "learner": learner, "language": language, "created": now, "expires": now + LIFE}
    connection.execute(insert(sign_in).values(row))
    return token


def find(connection: Connection, token: str, browser: str, now: datetime, *, lock: bool = False) -> SignIn | None:
    """The sign-in of a link that is opened in this browser; None if it holds no more, or never held there."""
    wanted = select(*_COLUMNS).where(sign_in.c.hash == digest(token), sign_in.c.used.is_(None), sign_in.c.expires > now)
    row = connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()
    return SignIn(*row) if row and row.browser in (None, digest(browser)) else None


def use(connection: Connection, id_: UUID, now: datetime) -> None:
    """Note that it has done what it was for: its link leads nowhere any more."""
    connection.execute(update(sign_in).where(sign_in.c.id == id_).values(used=now))
