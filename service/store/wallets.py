"""Offers of claimed badges to wallets in the database: of every secret only a digest is kept.

An offer's token, which is its address and the pre-authorized code, is exchanged once for an access token, and with that
the wallet fetches the badge. Whoever changes an offer has locked its award before.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from service.store.tables import wallet_nonce, wallet_offer

OFFER_LIFE = timedelta(minutes=10)
ACCESS_LIFE = timedelta(minutes=5)
"""Bearer tokens that live longer count as long-lived (OpenID4VCI 1.0, section 13.10)."""
NONCE_LIFE = timedelta(minutes=5)
MOST_WRONG = 5
"""Wrong transaction codes after which an offer is over."""
DIGITS = 6
"""The length of a transaction code."""

Format = Literal["ldp_vc", "jwt_vc_json"]


@dataclass(frozen=True)
class Offer:
    """An offer as it is kept; the columns of `wallet_offer` say what each means."""

    hash: bytes
    award: UUID
    format: Format
    tx_code: bytes | None
    wrong: int
    expires: datetime
    used: datetime | None
    by_identifier: bool | None
    subject: str | None

    def over(self, now: datetime) -> bool:
        """Whether its code cannot be exchanged (any more)."""
        return self.used is not None or self.expires <= now or self.wrong >= MOST_WRONG

    def is_tx_code(self, token: str, given: str) -> bool:
        return self.tx_code is not None and secrets.compare_digest(self.tx_code, _guarded(token, given))


@dataclass(frozen=True)
class NewOffer:
    """An offer whose secrets are still known: its token, and the transaction code if one will be asked for."""

    token: str
    format: Format
    tx_code: str | None
    expires: datetime


_OFFER = [wallet_offer.c[one.name] for one in fields(Offer)]


def add_offer(connection: Connection, award: UUID, format_: Format, guarded: bool, now: datetime) -> NewOffer:
    """Offers this badge, by a code besides if `guarded`; earlier offers of it that nobody has taken up are over."""
    connection.execute(delete(wallet_offer).where(wallet_offer.c.award == award, wallet_offer.c.used.is_(None)))
    old = select(wallet_offer.c.hash).where(wallet_offer.c.expires < now - ACCESS_LIFE)
    connection.execute(delete(wallet_offer).where(wallet_offer.c.hash.in_(old.with_for_update(skip_locked=True))))
    token = secrets.token_urlsafe(24)
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}" if guarded else None
    made = NewOffer(token, format_, code, now + OFFER_LIFE)
    row = {"hash": _hashed(token), "award": award, "format": format_, "expires": made.expires}
    connection.execute(insert(wallet_offer).values(**row, tx_code=code and _guarded(token, code)))
    return made


def find_offer(connection: Connection, token: str) -> Offer | None:
    row = connection.execute(select(*_OFFER).where(wallet_offer.c.hash == _hashed(token))).one_or_none()
    return None if row is None else Offer(**row._mapping)


def note_wrong(connection: Connection, offer: Offer) -> int:
    """Counts a wrong transaction code: how many more may follow."""
    _change(connection, offer, wrong=offer.wrong + 1)
    return MOST_WRONG - offer.wrong - 1


def grant(connection: Connection, offer: Offer, by_identifier: bool, now: datetime) -> str:
    """Uses up the offer's code: the access token."""
    token = secrets.token_urlsafe(32)
    ends = now + ACCESS_LIFE
    _change(connection, offer, used=now, access=_hashed(token), access_expires=ends, by_identifier=by_identifier)
    return token


def end_access(connection: Connection, offer: Offer) -> None:
    _change(connection, offer, access=None)


def accessed(connection: Connection, token: str, now: datetime) -> Offer | None:
    """The offer that this access token holds for; None if there is none (any more)."""
    held = wallet_offer.c.access == _hashed(token), wallet_offer.c.access_expires > now
    row = connection.execute(select(*_OFFER).where(*held)).one_or_none()
    return None if row is None else Offer(**row._mapping)


def bound(connection: Connection, offer: Offer, subject: str) -> None:
    """Writes down to which key the badge was bound by this offer."""
    _change(connection, offer, subject=subject)


def use_nonce(connection: Connection, nonce: str, now: datetime) -> bool:
    """Uses up a nonce; False if it was used before."""
    old = select(wallet_nonce.c.hash).where(wallet_nonce.c.used < now - NONCE_LIFE)
    connection.execute(delete(wallet_nonce).where(wallet_nonce.c.hash.in_(old.with_for_update(skip_locked=True))))
    row = insert(wallet_nonce).values(hash=_hashed(nonce), used=now).on_conflict_do_nothing()
    return connection.execute(row.returning(wallet_nonce.c.used)).one_or_none() is not None


def _change(connection: Connection, offer: Offer, **values: object) -> None:
    connection.execute(update(wallet_offer).where(wallet_offer.c.hash == offer.hash).values(**values))


def _guarded(token: str, code: str) -> bytes:
    """The digest of a transaction code, which is short, together with the token, which is not."""
    return _hashed(f"{token} {code}")


def _hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
