"""Sending learners the links by which they show who they are."""

from __future__ import annotations

from datetime import UTC, datetime

import structlog
from sqlalchemy import Connection, Engine

from service.badges import mail
from service.badges.issuers import issuers
from service.badges.mail import Unsent
from service.languages import say
from service.settings import Settings
from service.store import clients, sign_ins
from service.store.sign_ins import SignIn
from service.telling import server

log = structlog.get_logger(__name__)


def send(settings: Settings, engine: Engine) -> int:
    """Sends the links that were asked for at addresses of learners, and forgets all other addresses: how many.

    Where the mail server is away they are tried again until they have expired.
    """
    sent = 0
    try:
        while settings.smtp_url and (done := _send_one(settings, engine)) is not None:
            sent += done
    except Unsent as error:
        log.warning("links to sign in are sent later", error=str(error))
    return sent


def _send_one(settings: Settings, engine: Engine) -> bool | None:
    """Deals with the oldest: whether anything was sent; None if nothing waits."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        found = sign_ins.to_send(connection, now)
        if found is None or found.address is None:
            return None
        learner = sign_ins.by_address(connection, found.address)
        token = sign_ins.link(connection, found.id, learner, now)
        if token is not None:
            _mail(connection, settings, found, found.address, token)
        return token is not None


def _mail(connection: Connection, settings: Settings, found: SignIn, address: str, token: str) -> None:
    language, issuer = found.language, issuers(connection, settings).default.name
    client = found.client and clients.find(connection, found.client)
    if client:
        name = " ".join(client.name.split())
        why = say("“{client}” ({host}) asks to read your badges.", language, client=name, host=client.host)
        what = say("Open this link in the browser in which you began, and decide there:", language)
    else:
        why = say("You want to see who may read your badges.", language)
        what = say("Open this link in the browser in which you began:", language)
    link = f"{settings.public_url}/sign-in/{token}"
    last = say("It works for half an hour. If you did not ask for it, do nothing: nobody gets anything.", language)
    subject = say("Your link to {issuer}", language, issuer=issuer)
    message = mail.note(address, subject, [say("Hello,", language), why, what, link, last], server(settings))
    with mail.connected(server(settings)) as smtp:
        mail.send(smtp, message)
