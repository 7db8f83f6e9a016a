"""Learners are told of badges through a real mail server: once, not of old ones, and again when they ask."""

from __future__ import annotations

import json
import re
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import Engine, select, update

from service import reissuing, reminding, telling
from service.badges import mail
from service.badges.mail import Server, Unsent
from service.settings import Settings
from service.store import badges, offers, readdressed
from service.store.engine import driver
from service.store.tables import badge_award, credential, identifier, learner, rule_version
from service.telling import Throttled
from tests.badges import stored
from tests.badges.stored import NOW, change


class Postbox:
    """Keeps what is delivered; addresses of `nobody` are refused."""

    def __init__(self) -> None:
        self.delivered: list[EmailMessage] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 nobody lives here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        parsed = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        self.delivered.append(parsed)
        return "250 OK"


@dataclass
class Mailing:
    postbox: Postbox
    settings: Settings


@contextmanager
def post_office(postbox: Postbox) -> Iterator[int]:
    """A mail server on this machine: its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    controller = Controller(postbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def mailing(settings: Settings) -> Iterator[Mailing]:
    postbox = Postbox()
    with post_office(postbox) as port:
        sender = "Acme Badges <badges@acme.example.org>"
        yield Mailing(postbox, replace(settings, smtp_url=f"smtp://127.0.0.1:{port}", mail_from=sender))


def link_in(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    found = re.search(r"http://127.0.0.1:8000/claim/(\S+)", body.get_content())
    assert found
    return found[1]


def test_an_offer_is_told_once_with_a_link_that_claims_it(mailing: Mailing, engine: Engine, award: UUID) -> None:
    assert telling.tell(mailing.settings, engine) == 1
    assert telling.tell(mailing.settings, engine) == 0
    (message,) = mailing.postbox.delivered
    assert (message["To"], message["Subject"]) == ("ana@acme.example.org", "Your badge “Keen learner” is waiting")
    assert message["From"] == "Acme Badges <badges@acme.example.org>"
    with engine.begin() as connection:
        link = badges.link(connection, link_in(message))
        assert link is not None
        assert link.award == award
    html = message.get_body(("html",))
    assert html is not None
    assert link_in(message) in html.get_content()


def test_nothing_is_told_without_a_server_or_an_address_or_of_what_is_long_ago_or_over(
    mailing: Mailing, engine: Engine, ana: int, award: UUID
) -> None:
    assert telling.tell(replace(mailing.settings, smtp_url=""), engine) == 0
    for happened, undone in ((NOW - offers.FRESH - timedelta(days=1), None), (stored.EARNED, NOW)):
        with engine.begin() as connection:
            connection.execute(update(badge_award).values(happened=happened, undone=undone))
        assert telling.tell(mailing.settings, engine) == 0
    with engine.begin() as connection:
        connection.execute(update(badge_award).values(happened=stored.EARNED, undone=None))
        connection.execute(update(identifier).values(mbox=None))
    assert telling.tell(mailing.settings, engine) == 0
    assert mailing.postbox.delivered == []


def test_a_server_that_is_away_is_asked_again_later(mailing: Mailing, engine: Engine, award: UUID) -> None:
    away = replace(mailing.settings, smtp_url="smtp://127.0.0.1:1")
    assert telling.tell(away, engine) == 0
    assert telling.tell(mailing.settings, engine) == 1


def test_an_address_that_is_refused_does_not_hold_up_the_others(
    mailing: Mailing, engine: Engine, ana: int, award: UUID
) -> None:
    with engine.begin() as connection:
        connection.execute(update(identifier).values(mbox="mailto:nobody@acme.example.org"))
        bob = connection.execute(learner.insert().values(name="Bob").returning(learner.c.id)).scalar_one()
        connection.execute(identifier.insert().values(key="sha1:2", learner=bob, mbox="mailto:bob@acme.example.org"))
        badges.settle(connection, [change(bob)])
    telling.tell(mailing.settings, engine)
    assert [message["To"] for message in mailing.postbox.delivered] == ["bob@acme.example.org"]
    assert telling.tell(mailing.settings, engine) == 0


def test_a_link_is_sent_again_but_not_too_often(mailing: Mailing, engine: Engine, award: UUID) -> None:
    def send(after: timedelta) -> str:
        with engine.begin() as connection:
            found = badges.award(connection, award, NOW + after)
            assert found is not None
            return telling.send_again(connection, mailing.settings, found, NOW + after)

    assert send(timedelta()) == "a…@acme.example.org"
    with pytest.raises(Throttled) as throttled:
        send(timedelta(minutes=2))
    assert throttled.value.wait == timedelta(minutes=3)
    for number in range(1, offers.MOST_A_DAY):
        send(timedelta(minutes=10 * number))
    with pytest.raises(Throttled) as throttled:
        send(timedelta(hours=5))
    assert throttled.value.wait == timedelta(hours=19)
    send(timedelta(days=1, minutes=1))
    assert len({link_in(message) for message in mailing.postbox.delivered}) == offers.MOST_A_DAY + 1


def test_a_password_is_not_sent_in_the_clear() -> None:
    context = ssl.create_default_context()
    with (
        post_office(Postbox()) as port,
        smtplib.SMTP("127.0.0.1", port) as smtp,
        pytest.raises(Unsent, match="no STARTTLS"),
    ):
        mail._secure(smtp, "mail.example.org", "ana", "secret", context)


def test_an_e_mail_is_in_the_language_of_the_service_and_no_title_breaks_its_headers() -> None:
    offered = mail.Offer(
        "Ana", "Data\nBcc: all@example.org", "Acme", "Why <b>", "https://example.org/claim/x", "1. Mai"
    )
    message = mail.offer("mailto:ana@example.org", offered, Server("", "badges@example.org"), "de")
    assert message["Subject"] == "Ihr Badge „Data Bcc: all@example.org“ wartet auf Sie"
    assert message["Bcc"] is None
    body = message.get_body(("html",))
    assert body is not None
    assert "Why &lt;b&gt;" in body.get_content()
    assert "Mein Badge zeigen" in body.get_content()


# --- reminders --------------------------------------------------------------------------------------------------------


@pytest.fixture
def expiring(engine: Engine, award: UUID) -> UUID:
    """A credential that expires in a week."""
    with engine.begin() as connection:
        id_ = stored.claim(connection, award)
        connection.execute(update(credential).values(expires=NOW + timedelta(days=7)))
    return id_


def test_a_learner_is_reminded_once_and_told_how_to_renew(mailing: Mailing, engine: Engine, expiring: UUID) -> None:
    assert reminding.remind(mailing.settings, engine) == 1
    assert reminding.remind(mailing.settings, engine) == 0
    (message,) = mailing.postbox.delivered
    assert message["To"] == "ana@acme.example.org"
    body = message.get_body(("plain",))
    assert body is not None
    assert "Complete five different courses." in body.get_content()
    assert f"/credentials/{expiring}" in body.get_content()


def test_nobody_is_told_to_earn_again_what_is_given_once(mailing: Mailing, engine: Engine, expiring: UUID) -> None:
    with engine.begin() as connection:
        said = json.loads(connection.execute(select(rule_version.c.resolved)).scalar_one())
        said |= {"kind": {"type": "count", "reach": 5}}
        connection.execute(update(rule_version).values(resolved=json.dumps(said).encode()))
    assert reminding.remind(mailing.settings, engine) == 1
    body = mailing.postbox.delivered[0].get_body(("plain",))
    assert body is not None
    assert "is valid until" in body.get_content()
    assert "renew" not in body.get_content()


@pytest.mark.parametrize(("days", "told"), [(7, "To renew it: Take"), (2, "To renew it, from ")])
@pytest.mark.parametrize("beside_needs", [False, True])
def test_a_learner_is_told_from_when_on_evidence_renews(
    mailing: Mailing, engine: Engine, expiring: UUID, days: int, told: str, beside_needs: bool
) -> None:
    renewal = {"within": {"amount": days, "unit": "days"}}
    kind = {"type": "needs", "renewal": renewal} if beside_needs else {"type": "renewed", **renewal}
    with engine.begin() as connection:
        said = json.loads(connection.execute(select(rule_version.c.resolved)).scalar_one())
        said |= {"how_to_renew": "Take the refresher.", "kind": kind}
        connection.execute(update(rule_version).values(resolved=json.dumps(said).encode()))
    assert reminding.remind(mailing.settings, engine) == 1
    body = mailing.postbox.delivered[0].get_body(("plain",))
    assert body is not None
    assert told in body.get_content().replace("\n", " ")


@pytest.mark.parametrize(
    "changes",
    [{"expires": NOW + timedelta(days=90)}, {"expires": NOW - timedelta(days=1)}, {"revoked": NOW}, {"expires": None}],
)
def test_nobody_is_reminded_long_before_or_of_what_is_over(
    mailing: Mailing, engine: Engine, expiring: UUID, changes: dict[str, object]
) -> None:
    with engine.begin() as connection:
        connection.execute(update(credential).values(**changes))
    assert reminding.remind(mailing.settings, engine) == 0


def test_nobody_is_reminded_of_what_was_earned_again(
    mailing: Mailing, engine: Engine, ana: int, expiring: UUID
) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, key="2", happened=NOW)])
    assert reminding.remind(mailing.settings, engine) == 0


def test_who_has_new_badges_is_told_once_of_all_of_them(mailing: Mailing, engine: Engine) -> None:
    ana = stored.prepare(engine)
    with engine.begin() as connection:
        stored.claim(connection, stored.offer(connection, ana))
        connection.execute(identifier.insert().values(key="sha1:5", learner=ana, mbox="mailto:ana@new.example.org"))
        readdressed.note(driver(connection), [ana])
    later = NOW + 2 * reissuing.SETTLE
    assert [reissuing.reissue(mailing.settings, engine, later) for _ in range(2)] == [1, 0]
    (told,) = mailing.postbox.delivered
    assert told["Subject"] == "Your badges were issued anew"
    text = told.get_content()
    assert "Keen learner" in text
    assert re.search(r"http://127.0.0.1:8000/claim/\S+", text)
