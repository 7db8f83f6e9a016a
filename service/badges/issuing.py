"""Issuing: an accepted offer becomes a signed credential, a revocation a signed status list.

Everything takes a connection inside the caller's transaction, the issuer, the secret that seals its keys, and the time.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import UUID, uuid4

from sqlalchemy import Connection

from service.badges import about, documents, evidence, keys, pictures, signing, status
from service.badges.about import words
from service.badges.documents import Issuer
from service.badges.keys import SigningKey
from service.store import badges as awards
from service.store import credentials as store
from service.store import history
from service.store.badges import Award, Link
from service.store.credentials import StoredKey
from service.store.engine import driver

MOST_IN_A_LIST = status.BITS // 2  # so that a random free index is found in two draws on average
TTL_SECONDS = 60


class Refused(Exception):
    """A claim that cannot be: `why` for programs, the message for people."""

    def __init__(self, why: Literal["unknown", "used", "expired", "withdrawn"], message: str) -> None:
        super().__init__(message)
        self.why = why


# --- claims ---------------------------------------------------------------------------------------------------------


def look(connection: Connection, token: str, now: datetime, *, lock: bool = False) -> tuple[Link, Award]:
    """What this link is for, whatever was decided about it; Refused if there is no such link."""
    link = awards.link(connection, token)
    award = awards.award(connection, link.award, now, lock=lock) if link else None
    if link is None or award is None:
        raise Refused("unknown", "There is no such link. Perhaps a part of the address got lost.")
    return link, award


def obstacle(link: Link, award: Award, now: datetime) -> Refused | None:
    """Why nothing can be decided by this link any more; None: it is open."""
    if award.state == "revoked" or not (award.standing or award.credential):
        return Refused("withdrawn", "What this badge was awarded for has been withdrawn, so it cannot be taken.")
    if award.credential:
        return Refused("used", "This badge has already been taken.")
    if award.state == "expired":
        return Refused("expired", "The time for which this badge would have been valid is over.")
    if link.used:
        return Refused("used", "This link has already been used. Ask for a new one.")
    if link.expires <= now:
        return Refused("expired", "This link has expired. Ask for a new one.")
    return None


def accept(connection: Connection, token: str, issuer: Issuer, secret: str, now: datetime) -> UUID:
    """Take the badge: the id of its credential, the same one however often and at whatever moment it is accepted."""
    link, award = look(connection, token, now, lock=True)
    if award.credential and award.state != "revoked":
        return award.credential
    if refused := obstacle(awards.link(connection, token) or link, award, now):
        raise refused
    credential = _issue(connection, award, issuer, secret, now)
    awards.decide(connection, token, award.id, "claimed", now)
    return credential


def decline(connection: Connection, token: str, now: datetime) -> None:
    """Leave the badge, for now: a new link offers it again."""
    link, award = look(connection, token, now, lock=True)
    link = awards.link(connection, token) or link
    if award.state == "declined" and link.used:
        return
    if refused := obstacle(link, award, now):
        raise refused
    awards.decide(connection, token, award.id, "declined", now)


def _issue(connection: Connection, award: Award, issuer: Issuer, secret: str, now: datetime) -> UUID:
    key = current_key(connection, issuer, secret, now)
    picture = pictures.digest(connection, award.achievement, award.given)
    results = _results(connection, award, issuer)
    number, index = _place(connection, issuer, key, now)
    credential = documents.Award(
        id=uuid4(),
        subject=uuid4(),
        achievement=about.told(award.achievement, picture),
        recipients=_recipients(connection, award.learner),
        earned=award.happened,
        issued=now,
        expires=award.expires,
        reason=reason(award),
        statements=award.statements,
        status_list=number,
        status_index=index,
        results=results,
    )
    body = signing.sign(documents.credential(issuer, credential), issuer, key, now)
    store.add_credential(connection, credential.id, award.id, body, now, award.expires, (number, index))
    return credential.id


def reason(award: Award) -> str:
    """Why it was awarded, as the rule that gave it says."""
    title, how = words(award.said.title), words(award.said.how_to_earn)
    return f"{title}: {how}" if title and how else title or how or f"Rule {award.said.name}"


def _results(connection: Connection, award: Award, issuer: Issuer) -> tuple[documents.Document, ...]:
    """The scores and levels that the achievement describes, from the latest statement behind the award that has one."""
    said, address = award.achievement, issuer.url(f"achievements/{award.achievement.name}")
    if not said.results:
        return ()
    facts = history.facts(driver(connection), award.statements)
    known = ((number, evidence.latest(facts, one.of)) for number, one in enumerate(said.results, 1))
    return tuple(about.result(said, number, score, address) for number, score in known if score is not None)


def _recipients(connection: Connection, learner: int) -> tuple[documents.Recipient, ...]:
    """Every known address of the learner, or else one other identifier, each hashed with a salt of its own."""
    known = awards.identities(connection, learner)
    chosen = [one for one in known if one[1]] or known[:1]
    return tuple(documents.recipient(key, mbox, secrets.token_hex(16)) for key, mbox in chosen)


# --- status lists ---------------------------------------------------------------------------------------------------


def _place(connection: Connection, issuer: Issuer, key: SigningKey, now: datetime) -> tuple[int, int]:
    """A random free index in a locked status list, which is made and signed if there is none with room."""
    number = store.open_list(connection, MOST_IN_A_LIST)
    if number is None:
        number = store.add_list(connection, status.empty())
        _sign_list(connection, number, status.empty(), issuer, key, now)
    return number, status.free_index(store.taken_indexes(connection, number))


def resign_dirty_lists(connection: Connection, issuer: Issuer, secret: str, now: datetime) -> int:
    """Sign the status lists again of which bits have changed: how many. Cheap when there are none."""
    if not store.any_dirty(connection):
        return 0
    key, dirty = current_key(connection, issuer, secret, now), store.dirty_lists(connection)
    for number, bits in dirty:
        for index in store.revoked_indexes(connection, number):
            bits = status.flip(bits, index)
        _sign_list(connection, number, bits, issuer, key, now)
    return len(dirty)


def _sign_list(
    connection: Connection, number: int, bits: bytes, issuer: Issuer, key: SigningKey, now: datetime
) -> None:
    document = documents.status_list(issuer, number, status.encode(bits), now, TTL_SECONDS)
    store.publish_list(connection, number, bits, signing.sign(document, issuer, key, now), now)


# --- keys -----------------------------------------------------------------------------------------------------------


def ensure_key(connection: Connection, issuer: str, secret: str, now: datetime) -> None:
    """Make the first key of an issuer, named by its slug, if it has none; safe from several processes at once."""
    if not store.keys(connection, issuer):
        store.lock_keys(connection)
        if not store.keys(connection, issuer):
            _add_key(connection, issuer, secret, now)


def rotate(connection: Connection, issuer: str, secret: str, now: datetime) -> str:
    """Retire the present key and make a new one: its name. What the old one signed goes on holding."""
    store.lock_keys(connection)
    store.retire_keys(connection, issuer, now)
    return _add_key(connection, issuer, secret, now)


def current_key(connection: Connection, issuer: Issuer, secret: str, now: datetime) -> SigningKey:
    """The key to sign with, made if there is none yet; WrongSecret if it was sealed under another secret."""
    ensure_key(connection, issuer.slug, secret, now)
    present = [key for key in store.keys(connection, issuer.slug) if key.retired is None]
    return SigningKey.unseal(present[-1].name, present[-1].sealed, secret)


def public_keys(connection: Connection, issuer: str) -> Mapping[str, str]:
    """All keys there ever were as Multikey, by name."""
    return {key.name: keys.multibase(key.public) for key in store.keys(connection, issuer)}


def _add_key(connection: Connection, issuer: str, secret: str, now: datetime) -> str:
    key = SigningKey.new(f"key-{len(store.keys(connection, issuer)) + 1}")
    public = key.private.public_key().public_bytes_raw()
    store.add_key(connection, issuer, StoredKey(key.name, public, key.seal(secret), now, None))
    return key.name
