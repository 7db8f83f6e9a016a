"""Reminding learners, by e-mail and once, that a badge of theirs will expire, and of how it is earned again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from smtplib import SMTP

import structlog
from sqlalchemy import Engine

from service.badges import mail
from service.badges.about import words
from service.badges.mail import Unsent
from service.languages import day, say
from service.settings import Settings
from service.store import badges, credentials
from service.telling import renewing, server

BEFORE = timedelta(days=30)
MOST = 50
"""E-mails sent over one connection."""

log = structlog.get_logger(__name__)


def remind(settings: Settings, engine: Engine) -> int:
    """Sends an e-mail for each credential that expires soon and was not renewed: how many.

    Each is written down in a transaction of its own after it was sent: a crash in between sends one twice, none never.
    """
    if not settings.smtp_url:
        return 0
    sent = 0
    with engine.begin() as connection:
        if not credentials.expiring(connection, datetime.now(UTC), BEFORE):
            return 0
    try:
        with mail.connected(server(settings)) as smtp:
            while sent < MOST and _remind_one(settings, engine, smtp):
                sent += 1
    except Unsent as error:
        log.warning("reminders are sent later", error=str(error))
    return sent


def _remind_one(settings: Settings, engine: Engine, smtp: SMTP) -> bool:
    now, language = datetime.now(UTC), settings.language
    with engine.begin() as connection:
        found = credentials.expiring(connection, now, BEFORE)
        award = badges.award(connection, found.award, now) if found else None
        if found is None or award is None:
            return False
        credentials.reminded(connection, found.credential, now)
        about = {"badge": words(award.achievement.title, language), "day": day(found.expires, language)}
        paragraphs = [
            say("Hello {name},", language, name=award.learner_name) if award.learner_name else say("Hello,", language),
            say("your badge “{badge}” is valid until {day}.", language, **about),
            renewing(award, found.expires, now, language),
            settings.public_url + f"/credentials/{found.credential}",
        ]
        subject = say("Your badge “{badge}” is valid until {day}", language, **about)
        mail.send(smtp, mail.note(found.address, subject, list(filter(None, paragraphs)), server(settings)))
        return True
