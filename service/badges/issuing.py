"""Issuing: an accepted offer becomes a signed credential, and a credential that no longer fits is replaced.

Everything takes a connection inside the caller's transaction, who issues here, the secret of the keys, and the time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import Connection

from service.badges import about, documents, evidence, jws, keyring, lists, pictures, signing
from service.badges.about import words
from service.badges.documents import Issuer, Status
from service.badges.issuers import Issuers
from service.store import badges as awards
from service.store import credentials as store
from service.store import history, offers
from service.store.badges import Award, Link
from service.store.credentials import Credential, Purpose
from service.store.engine import driver

MOST_A_DAY = 20
"""How often one badge is signed within a day: each time takes a place in a status list for good."""
SUPERSEDED = "superseded by the same badge in its holder’s wallet"


class Refused(Exception):
    """A claim that cannot be: `why` for programs, the message for people."""

    def __init__(
        self, why: Literal["unknown", "used", "expired", "withdrawn", "incomplete", "unfit"], message: str
    ) -> None:
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


def accept(connection: Connection, token: str, issuers: Issuers, secret: str, now: datetime) -> UUID:
    """Take the badge: the id of its credential, the same one however often and at whatever moment it is accepted."""
    link, award = look(connection, token, now, lock=True)
    if award.credential and award.state != "revoked":
        return award.credential
    if refused := obstacle(awards.link(connection, token) or link, award, now):
        raise refused
    if award.micro:
        _complete(connection, award, now)
    (credential,) = issue(connection, [award], issuers, secret, now)
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


def issue(
    connection: Connection,
    offered: Sequence[Award],
    issuers: Issuers,
    secret: str,
    now: datetime,
    subject: str | None = None,
) -> list[UUID]:
    """Sign a credential for each of these awards, which nobody else decides about meanwhile: their ids, in order.

    subject: the DID of the wallet's key that a single one is bound to; else each learner has a new id in each of them.
    """
    issued: dict[UUID, UUID] = {}
    for award in offered:
        _take_beneath(connection, award, issuers, secret, now)
    for (slug, purpose), alike in sorted(_alike(offered, issuers).items()):
        issued |= _issue_alike(connection, alike, issuers.of(slug), secret, now, purpose, subject)
    if any(award.expires for award in offered):
        store.follow(connection, [award.id for award in offered])
    return [issued[award.id] for award in offered]


def _alike(offered: Sequence[Award], issuers: Issuers) -> dict[tuple[str, Purpose], list[Award]]:
    """The awards that go into one status list: of one issuer and one purpose."""
    found: dict[tuple[str, Purpose], list[Award]] = {}
    for award in offered:
        found.setdefault((issuers.awarding(award.achievement.issuer).slug, _purpose(award)), []).append(award)
    return found


def _issue_alike(
    connection: Connection,
    offered: Sequence[Award],
    issuer: Issuer,
    secret: str,
    now: datetime,
    purpose: Purpose,
    subject: str | None,
) -> dict[UUID, UUID]:
    key = keyring.current_key(connection, issuer.slug, secret, now)
    number, indexes = lists.places(connection, issuer, secret, now, purpose, len(offered))
    known = awards.identities_of(connection, {award.learner for award in offered})
    told = _told(connection)
    signed = []
    for award, index in zip(offered, indexes, strict=True):
        said = documents.Award(
            id=uuid4(),
            subject=subject or f"urn:uuid:{uuid4()}",
            achievement=told(award),
            recipients=_recipients(known.get(award.learner, [])),
            earned=award.happened,
            issued=now,
            expires=award.expires,
            reason=reason(award),
            statements=award.statements,
            status=Status(purpose, number, index),
            results=_results(connection, award, issuer),
            stands_on=_stands_on(connection, award, issuer, now),
        )
        body = signing.sign(documents.credential(issuer, said), issuer, key, now)
        signed.append(Credential(said.id, award.id, issuer.slug, key.name, body, now, award.expires, number, index))
    store.add_credentials(connection, signed)
    return {one.award: one.id for one in signed}


def _complete(connection: Connection, award: Award, now: datetime) -> None:
    """Refused if this is no whole micro-credential: its elements unsaid, or nothing in it observed or assessed."""
    said = award.achievement.micro_credential
    if said is None:
        raise Refused("incomplete", "What a micro-credential has to say of itself is not written down for this one.")
    if said.not_assessed:
        return
    behind = [*award.statements, *(id_ for one in _beneath(connection, award, now) for id_ in one.statements)]
    behind += offers.renewed_by(connection, award.id)
    if not evidence.assessed(history.facts(driver(connection), behind)):
        raise Refused("incomplete", "Nothing that it stands on was observed or assessed, and nobody has said why not.")


def _beneath(connection: Connection, award: Award, now: datetime, *, lock: bool = False) -> list[Award]:
    """The awards of badges that a micro-credential stands on."""
    found = [awards.award(connection, id_, now, lock=lock) for id_ in sorted(offers.stands_on(connection, award.id))]
    return [one for one in found if one is not None]


def _take_beneath(connection: Connection, award: Award, issuers: Issuers, secret: str, now: datetime) -> None:
    """Sign what a micro-credential stands on and what was not taken yet, so that each can be verified."""
    beneath = _beneath(connection, award, now, lock=True) if award.micro else []
    untaken = [one for one in beneath if one.credential is None and one.state != "expired"]
    if untaken:
        issue(connection, untaken, issuers, secret, now)
        offers.take(connection, [one.id for one in untaken], now)


def _stands_on(connection: Connection, award: Award, issuer: Issuer, now: datetime) -> tuple[tuple[str, str], ...]:
    beneath = _beneath(connection, award, now) if award.micro else []
    return tuple(
        (issuer.url(f"credentials/{one.credential}"), words(one.achievement.title)) for one in beneath if one.credential
    )


def hindrance(connection: Connection, award: Award, now: datetime) -> str | None:
    """Why an award's credential cannot be signed anew, in a sentence; None: it holds, and was not too often today."""
    found = store.find_credential(connection, award.credential) if award.credential else None
    if found is None:
        return "This badge has not been taken."
    if award.state == "expired":
        return "The time for which this badge was valid is over."
    if award.state != "claimed" or found.revoked or not award.standing:
        return "What this badge was awarded for has been withdrawn."
    if found.suspended:
        return "This badge is suspended at the moment."
    if store.issued_since(connection, award.id, now - timedelta(days=1)) >= MOST_A_DAY:
        return "This badge was signed anew too often today. Try again tomorrow."
    return None


def reissue(
    connection: Connection,
    award: Award,
    issuers: Issuers,
    secret: str,
    now: datetime,
    because: str | None,
    subject: str | None = None,
) -> UUID:
    """Sign the credential of a claimed award anew, with what is known of its learner now: the id of the new one.

    The old one says by which it was replaced, and is revoked if `because` says why. subject: the DID of the wallet's
    key that the new one is bound to; else it stays bound to the key that the old one was bound to, if it was.
    """
    (new,) = issue(connection, [award], issuers, secret, now, subject or wallet_key(connection, award))
    if award.credential:
        store.replace(connection, award.credential, new, because, now)
    return new


def bind(
    connection: Connection, award: Award, subject: str, issuers: Issuers, secret: str, now: datetime
) -> Credential | None:
    """The credential of a claimed award, bound to the key of a wallet, by its DID: the one that there is, or a new one.

    A new one supersedes all that were signed before it, be they bound to another key or to none.
    """
    if wallet_key(connection, award) == subject and award.credential:
        return store.find_credential(connection, award.credential)
    new = reissue(connection, award, issuers, secret, now, None, subject)
    store.revoke_others(connection, award.id, new, SUPERSEDED, now)
    return store.find_credential(connection, new)


def wallet_key(connection: Connection, award: Award) -> str | None:
    """The DID of the wallet's key that an award's credential is bound to, if it is bound to one."""
    found = store.find_credential(connection, award.credential) if award.credential else None
    subject = str(msgspec.json.decode(found.body)["credentialSubject"]["id"]) if found else ""
    return subject if subject.startswith("did:") else None


def as_jws(connection: Connection, found: Credential, issuer: Issuer, secret: str, now: datetime) -> str:
    """A credential as compact JWS: made when it is first asked for, and kept."""
    if found.jws:
        return found.jws
    key = keyring.current_key(connection, issuer.slug, secret, now, "RS256")
    return store.keep_jws(connection, found.id, jws.sign(msgspec.json.decode(found.body), issuer, key), key.name)


def _purpose(award: Award) -> Purpose:
    """Open Badges 3.0 knows one status of a credential (`docs/decisions/0004-one-status-a-credential.md`)."""
    return "suspension" if award.achievement.suspendable else "revocation"


def reason(award: Award, language: str = "en") -> str:
    """Why it was awarded, as the rule that gave it says."""
    title, how = words(award.said.title, language), words(award.said.how_to_earn, language)
    return f"{title}: {how}" if title and how else title or how or f"Rule {award.said.name}"


def _told(connection: Connection) -> Callable[[Award], about.Achievement]:
    """What credentials say of an award's achievement, put together once for each achievement."""
    known: dict[tuple[bytes, str | None], about.Achievement] = {}

    def told(award: Award) -> about.Achievement:
        said = msgspec.json.encode(award.achievement), award.given
        if said not in known:
            picture = pictures.digest(connection, award.achievement, award.given)
            known[said] = about.told(award.achievement, picture)
        return known[said]

    return told


def _results(connection: Connection, award: Award, issuer: Issuer) -> tuple[documents.Document, ...]:
    """The scores and levels that the achievement describes, from the latest statement behind the award that has one."""
    said, address = award.achievement, issuer.url(f"achievements/{award.achievement.name}")
    if not said.results:
        return ()
    facts = history.facts(driver(connection), award.statements)
    known = ((number, evidence.latest(facts, one.of)) for number, one in enumerate(said.results, 1))
    return tuple(about.result(said, number, score, address) for number, score in known if score is not None)


def _recipients(known: Sequence[tuple[str, str | None]]) -> tuple[documents.Recipient, ...]:
    """Every known address of the learner, or else one other identifier, each hashed with a salt of its own."""
    chosen = [one for one in known if one[1]] or known[:1]
    return tuple(documents.recipient(key, mbox, secrets.token_hex(16)) for key, mbox in chosen)
