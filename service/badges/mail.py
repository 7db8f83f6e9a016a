"""E-mails to learners: that a badge is waiting, with the link to claim it. Through any SMTP server."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid, parseaddr
from html import escape
from urllib.parse import unquote, urlsplit

from service.languages import say

TIMEOUT_SECONDS = 20
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Unsent(Exception):
    """The mail server is away or does not take the e-mail; it may be tried again later."""


@dataclass(frozen=True)
class Server:
    """Where e-mails go and who they are from.

    url: `smtp://user:password@host:587` (STARTTLS where the server has it; always, where there is a password) or
    `smtps://user:password@host:465`. sender: an address, with or without a name.
    """

    url: str
    sender: str


@dataclass(frozen=True)
class Offer:
    """What is told of a badge."""

    learner: str | None
    badge: str
    issuer: str
    reason: str
    link: str
    until: str


def offer(to: str, offered: Offer, server: Server, language: str) -> EmailMessage:
    """The e-mail that tells a learner of a badge: text, and the same as HTML."""
    values = {"badge": offered.badge, "issuer": offered.issuer, "day": offered.until}
    greeting = say("Hello {name},", language, name=offered.learner) if offered.learner else say("Hello,", language)
    earned = say("you have earned the badge “{badge}” from {issuer}.", language, **values)
    taking = say("See why you get it and who will see what, and take it or leave it:", language)
    once = say(
        "The link is yours alone and works until {day}. Nothing is published unless you want it.", language, **values
    )
    subject = say("Your badge “{badge}” is waiting", language, **values)
    message = note(to, subject, [greeting, earned, offered.reason, taking, offered.link, once], server)
    button = say("Show my badge", language)
    message.add_alternative(
        f'<!doctype html><html lang="{language}"><body style="margin:0;background:#eef3f0;font:16px/1.6 sans-serif;'
        'color:#16211e"><div style="max-width:34rem;margin:24px auto;padding:32px;background:#fff;'
        'border:1px solid #dbe3df;border-radius:12px">'
        f'<p>{escape(greeting)}</p><p>{escape(earned)}</p><p style="color:#4b5a55">{escape(offered.reason)}</p>'
        f'<p>{escape(taking)}</p><p style="margin:24px 0"><a href="{escape(offered.link)}" style="display:inline-block;'
        'padding:12px 24px;background:#17624a;color:#fff;text-decoration:none;border-radius:8px;font-weight:600">'
        f'{escape(button)}</a></p><p style="color:#4b5a55;font-size:14px">{escape(once)}</p></div></body></html>',
        subtype="html",
    )
    return message


def note(to: str, subject: str, paragraphs: Sequence[str], server: Server) -> EmailMessage:
    """An e-mail in plain text."""
    message = EmailMessage()
    message["Subject"] = _line(subject)
    message["From"] = _sender(server.sender)
    message["To"] = Address(addr_spec=to.removeprefix("mailto:"))
    message["Date"], message["Message-ID"] = (
        formatdate(),
        make_msgid(domain=parseaddr(server.sender)[1].partition("@")[2]),
    )
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join(paragraphs) + "\n")
    return message


@contextmanager
def connected(server: Server) -> Iterator[smtplib.SMTP]:
    """A connection to the mail server, logged in; Unsent if there is none to be had."""
    address = urlsplit(server.url)
    host, context = address.hostname or "localhost", ssl.create_default_context()
    try:
        if address.scheme == "smtps":
            smtp: smtplib.SMTP = smtplib.SMTP_SSL(host, address.port or 465, timeout=TIMEOUT_SECONDS, context=context)
        else:
            smtp = smtplib.SMTP(host, address.port or (587 if address.username else 25), timeout=TIMEOUT_SECONDS)
        with smtp:
            _secure(smtp, host, address.username, address.password, context)
            yield smtp
    except (OSError, smtplib.SMTPException) as error:
        raise Unsent(f"{host}: {error}") from error


def _secure(smtp: smtplib.SMTP, host: str, user: str | None, password: str | None, context: ssl.SSLContext) -> None:
    """Encrypts where the server can, and logs in; a password is not sent in the clear to another machine."""
    smtp.ehlo()
    if not isinstance(smtp, smtplib.SMTP_SSL) and smtp.has_extn("starttls"):
        smtp.starttls(context=context)
    elif user and not isinstance(smtp, smtplib.SMTP_SSL) and host not in LOOPBACK:
        raise Unsent(f"{host} has no STARTTLS, so the password is not sent to it; use smtps://")
    if user:
        smtp.login(unquote(user), unquote(password or ""))


def send(smtp: smtplib.SMTP, message: EmailMessage) -> None:
    """Hands an e-mail over. An address that the server refuses for good is no error: there is nobody to tell."""
    try:
        smtp.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        if any(code < 500 for code, _ in error.recipients.values()):
            raise


def _sender(sender: str) -> Address:
    name, address = parseaddr(sender)
    return Address(display_name=name, addr_spec=address)


def _line(text: str) -> str:
    """A header is one line, whatever a title holds."""
    return " ".join(text.split())
