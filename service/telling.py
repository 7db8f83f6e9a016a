"""Telling learners of badges by e-mail: of new offers by itself, and again when somebody asks for the link again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from smtplib import SMTP

import structlog
from sqlalchemy import Connection, Engine

from service.badges import issuing, mail
from service.badges.about import words
from service.badges.issuers import issuers
from service.badges.mail import Offer, Server, Unsent
from service.languages import day, say
from service.settings import Settings
from service.store import badges, offers
from service.store.badges import Award

MOST = 50
"""E-mails sent over one connection."""

log = structlog.get_logger(__name__)


class Throttled(Exception):
    """Too many e-mails about one badge; `wait` is how long nothing more is sent."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


def tell(settings: Settings, engine: Engine) -> int:
    """Sends an e-mail for each fresh offer whose learner has an address and does not know of it: how many.

    Each is written down in a transaction of its own after it was sent: a crash in between sends one twice, none never.
    """
    if not settings.smtp_url:
        return 0
    sent = 0
    with engine.connect() as connection:
        if not offers.untold(connection, datetime.now(UTC), 1):
            return 0
    try:
        with mail.connected(server(settings)) as smtp:
            while sent < MOST and _tell_one(settings, engine, smtp):
                sent += 1
    except Unsent as error:
        log.warning("e-mails are sent later", error=str(error))
    return sent


def _tell_one(settings: Settings, engine: Engine, smtp: SMTP) -> bool:
    now = datetime.now(UTC)
    with engine.begin() as connection:
        for found in offers.untold(connection, now, 1):
            offers.told(connection, found.award, now)
            award = badges.award(connection, found.award, now)
            if award is not None and award.state == "offered":
                _send(connection, settings, award, found.address, now, smtp)
            return True
    return False


def send_again(connection: Connection, settings: Settings, award: Award, now: datetime) -> str:
    """Sends a new link about a badge to its learner, in the caller's transaction: the address, mostly hidden.

    Throttled where too many were sent; Unsent where the mail server is away; LookupError where there is no address.
    """
    address = offers.address_of(connection, award.learner)
    if address is None or not settings.smtp_url:
        raise LookupError
    if wait := offers.wait(connection, award.id, now):
        raise Throttled(wait)
    with mail.connected(server(settings)) as smtp:
        _send(connection, settings, award, address, now, smtp)
    offers.told(connection, award.id, now)
    return hidden(address)


def can_send(connection: Connection, settings: Settings, learner: int) -> bool:
    return bool(settings.smtp_url) and offers.address_of(connection, learner) is not None


def hidden(address: str) -> str:
    """An address as far as its owner recognises it: `a…@example.org`."""
    local, _, domain = address.removeprefix("mailto:").rpartition("@")
    return f"{local[:1]}…@{domain}"


def server(settings: Settings) -> Server:
    return Server(settings.smtp_url, settings.mail_from)


def _send(connection: Connection, settings: Settings, award: Award, address: str, now: datetime, smtp: SMTP) -> None:
    token, expires = badges.make_link(connection, award.id, now, sent=now)
    told = Offer(
        learner=award.learner_name,
        badge=words(award.achievement.title, settings.language),
        issuer=issuers(connection, settings).awarding(award.achievement.issuer).name,
        reason=issuing.reason(award, settings.language),
        link=f"{settings.public_url}/claim/{token}",
        until=day(expires, settings.language),
    )
    mail.send(smtp, mail.offer(address, told, server(settings), settings.language))


def renewing(award: Award, until: datetime, now: datetime, language: str) -> str:
    """How a badge that is valid until then can be renewed, and from when on; empty where its rule gives it once."""
    how = words(award.said.how_to_renew or award.said.how_to_earn or award.achievement.criteria, language)
    opens = award.said.renewable_from(until)
    if opens is None and not award.said.repeats:
        return ""
    if opens is None:
        told = say("To renew it, earn it again:", language)
    elif opens <= now:
        told = say("To renew it:", language)
    else:
        told = say("To renew it, from {day} on:", language, day=day(opens, language))
    return f"{told} {how}"
