"""Issuing badges anew when other addresses of their holder are known than they name; see docs/decisions/0010.

What names an address that is the holder's goes on holding and leads to the new one. What names one that is not (any
more), as when a merge was taken back, is revoked. A name stands in no credential, so a change of it asks for nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from smtplib import SMTP
from typing import Any, Literal
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import Connection, Engine

from service.badges import documents, issuing, mail
from service.badges.about import words
from service.badges.issuers import Issuers, issuers
from service.badges.mail import Unsent
from service.languages import day, say
from service.settings import Settings
from service.store import badges, credentials, offers, readdressed
from service.store.badges import Award
from service.telling import server

SETTLE = timedelta(hours=1)
"""Nothing is issued before so long after the last change, so that a list that is read in twice issues once."""
MOST = 50
"""Learners that are looked at in one go, and e-mails that are sent over one connection."""
BECAUSE = "it named an address that is not its holder’s"

log = structlog.get_logger(__name__)
Identities = Sequence[tuple[str, str | None]]
Verdict = Literal["right", "incomplete", "wrong"]


def reissue(settings: Settings, engine: Engine, now: datetime | None = None) -> int:
    """Looks at the learners about whom something changed, each in a transaction of its own: how many badges are new."""
    done, now = 0, now or datetime.now(UTC)
    for _ in range(MOST):
        with engine.begin() as connection:
            learner = readdressed.due(connection, now - SETTLE)
            if learner is None:
                break
            new = _issued_anew(connection, settings, learner, now)
            readdressed.looked_at(connection, learner, new if settings.smtp_url else ())
            done += len(new)
    _tell(settings, engine)
    return done


def judged(credential: Mapping[str, Any], known: Identities) -> Verdict:
    """Whether a credential names its holder by all that it should (`right`), by nothing that is not theirs any more
    (`incomplete`), or by something that is not (`wrong`). known: the holder's identifiers.
    """
    said = {(one["identityType"], one["identityHash"], one["salt"]) for one in _identities(credential)}
    salts = {salt for _, _, salt in said}
    theirs = {_hashed(key, address, salt) for key, mbox in known for address in {mbox, None} for salt in salts}
    if said - theirs:
        return "wrong"
    wanted = [one for one in known if one[1]] or known[:1]
    complete = all(any(_hashed(key, mbox, salt) in said for salt in salts) for key, mbox in wanted)
    return "right" if complete else "incomplete"


def _identities(credential: Mapping[str, Any]) -> Sequence[Mapping[str, str]]:
    return list(credential["credentialSubject"].get("identifier", ()))


def _hashed(key: str, mbox: str | None, salt: str) -> tuple[str, str, str]:
    one = documents.recipient(key, mbox, salt)
    return one.type, f"sha256${hashlib.sha256((one.identity + salt).encode()).hexdigest()}", salt


def _issued_anew(connection: Connection, settings: Settings, learner: int, now: datetime) -> list[UUID]:
    """The awards of this learner that have new credentials now."""
    known = badges.identities(connection, learner)
    held = [award for award in badges.awards_of(connection, learner, now) if award.credential]
    everybody, new = issuers(connection, settings), list[UUID]()
    for award in sorted(held, key=lambda one: one.id) if known else ():
        locked = badges.award(connection, award.id, now, lock=True)
        if locked is not None and _reissued(connection, settings, everybody, locked, known, now):
            new.append(award.id)
    return new


def _reissued(
    connection: Connection, settings: Settings, everybody: Issuers, award: Award, known: Identities, now: datetime
) -> bool:
    found = credentials.find_credential(connection, award.credential) if award.credential else None
    if found is None or issuing.hindrance(connection, award, now):
        return False
    verdict = judged(msgspec.json.decode(found.body), known)
    if verdict == "right" or (verdict == "incomplete" and issuing.wallet_key(connection, award)):
        return False  # the key of a wallet, which would not get the new one by itself, says whose it is
    because = BECAUSE if verdict == "wrong" else None
    issuing.reissue(connection, award, everybody, settings.secret_key, now, because)
    return True


# --- telling --------------------------------------------------------------------------------------------------------


def _tell(settings: Settings, engine: Engine) -> None:
    """Tells learners by e-mail, one for all their badges; as in `telling`, a crash sends one twice and none never."""
    with engine.begin() as connection:
        if not settings.smtp_url or readdressed.untold(connection) is None:
            return
    try:
        with mail.connected(server(settings)) as smtp:
            for _ in range(MOST):
                if not _tell_one(settings, engine, smtp):
                    break
    except Unsent as error:
        log.warning("who has new badges is told later", error=str(error))


def _tell_one(settings: Settings, engine: Engine, smtp: SMTP) -> bool:
    now, language = datetime.now(UTC), settings.language
    with engine.begin() as connection:
        found = readdressed.untold(connection)
        if found is None:
            return False
        readdressed.told(connection, found.learner)
        address = offers.address_of(connection, found.learner)
        held = [one for one in badges.awards(connection, found.awards, now) if one.learner == found.learner]
        if address and held:
            name = held[0].learner_name
            paragraphs = [
                say("Hello {name},", language, name=name) if name else say("Hello,", language),
                say("another address of yours is known now, so your badges were issued anew and name it:", language),
                *(_line(connection, settings, one, now) for one in held),
                say(
                    "Links lead to the new ones. Saved files go on holding, unless they name what is not yours.",
                    language,
                ),
            ]
            subject = say("Your badges were issued anew", language)
            mail.send(smtp, mail.note(address, subject, paragraphs, server(settings)))
        return True


def _line(connection: Connection, settings: Settings, award: Award, now: datetime) -> str:
    """The name of a badge, and the link to what its holder can do with it."""
    token, expires = badges.make_link(connection, award.id, now, sent=now)
    name = words(award.achievement.title, settings.language)
    until = day(expires, settings.language)
    link = f"{settings.public_url}/claim/{token}"
    return f"{name}\n{link}\n" + say("This link works until {day}.", settings.language, day=until)
