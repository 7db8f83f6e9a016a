"""Whether an Open Badge 2.0 holds: hosted at the address that is its id, or signed by its issuer's key.

A hosted badge is what its address says today, whatever file is shown: so it is read from there, and its badge class
and issuer have to be at home on the same site.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import jwt
import msgspec

from service.badges import jws
from service.badges.checking import ENDED, NoBadge, Report, same_person
from service.badges.fetching import Unreachable
from service.badges.resolving import Read
from service.languages import sentence


def is_assertion(text: str) -> bool:
    """Whether this is an assertion of Open Badges 2.0 (or 1.1)."""
    try:
        found = msgspec.json.decode(text) if text.startswith("{") else jws.read(text)[1]
    except (ValueError, msgspec.DecodeError, RecursionError):
        return False
    kinds = found.get("type") if isinstance(found, dict) else None
    return "Assertion" in (kinds if isinstance(kinds, list) else [kinds])


def check(text: str, read: Read, now: datetime, email: str = "") -> Report:
    """The report on an assertion; NoBadge if what it says cannot be had."""
    token = None if text.startswith("{") else text
    shown = jws.read(text)[1] if token else msgspec.json.decode(text)
    try:
        assertion, gone = (shown, False) if token else _hosted(shown, read)
        if gone:
            return _revoked(shown, assertion)
        badge = _document(assertion["badge"], read)
        issuer = _document(badge["issuer"], read)
        report = _said(assertion, badge, issuer)
        _check_origin(report, assertion, badge, issuer, token, read)
        _check_dates(report, now)
        _check_status(report, assertion, issuer, token, read)
        if email:
            _check_recipient(report, assertion, email)
    except Unreachable as error:
        raise NoBadge(sentence("A part of the badge could not be had from its issuer. {why}", why=error.why)) from None
    except (AttributeError, TypeError, KeyError, ValueError, RecursionError):
        raise NoBadge(sentence("This is no Open Badge 2.0: what such a badge says is missing.")) from None
    return report


def _hosted(shown: Mapping[str, Any], read: Read) -> tuple[Mapping[str, Any], bool]:
    """The assertion that is at the address of this one, and whether it is gone (status 410)."""
    try:
        found = msgspec.json.decode(read(str(shown["id"])))
    except Unreachable as error:
        if error.status != 410:
            raise
        return (msgspec.json.decode(error.content) if error.content.startswith(b"{") else {}), True
    if found["id"] != shown["id"]:
        raise ValueError("another badge is hosted there")
    return found, found.get("revoked") is True


def _revoked(shown: Mapping[str, Any], gone: Mapping[str, Any]) -> Report:
    report = Report("2.0", name="A badge that was withdrawn", id=str(shown["id"]))
    because = gone.get("revocationReason")
    why = sentence("Its issuer has revoked it: {because}.", because=because) if because else ENDED["revoked"]
    report.find("status", "bad", why)
    return report


def _document(given: object, read: Read) -> Mapping[str, Any]:
    found = given if isinstance(given, dict) else msgspec.json.decode(read(str(given)))
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found


def _said(assertion: Mapping[str, Any], badge: Mapping[str, Any], issuer: Mapping[str, Any]) -> Report:
    criteria = badge.get("criteria")
    return Report(
        "2.0",
        str(badge["name"]),
        str(badge.get("description", "")),
        str(criteria.get("narrative", "")) if isinstance(criteria, dict) else "",
        str(issuer["name"]),
        str(issuer.get("id", "")),
        str(assertion.get("issuedOn", "")),
        str(assertion.get("expires", "")),
        str(assertion.get("id", "")),
    )


def _check_origin(
    report: Report,
    assertion: Mapping[str, Any],
    badge: Mapping[str, Any],
    issuer: Mapping[str, Any],
    token: str | None,
    read: Read,
) -> None:
    site = urlsplit(str(issuer.get("id", ""))).netloc
    if token is not None:
        signed = _signed(assertion, issuer, token, read)
        words = sentence("It was signed by its issuer and has not been changed since.")
        wrong = sentence("It is not what its issuer signed.")
        report.find("signature", "good" if signed else "bad", words if signed else wrong)
    else:
        same = site and {urlsplit(str(one.get("id", ""))).netloc for one in (assertion, badge)} == {site}
        words = sentence("It is hosted by its issuer, at the address that it names, and says this today.")
        wrong = sentence("It is not hosted by its issuer.")
        report.find("signature", "good" if same else "bad", words if same else wrong)
    proven = sentence("The issuer proves to be {site}.", site=site)
    report.find("issuer", "good" if site else "unknown", proven if site else sentence("It names none."))


def _signed(assertion: Mapping[str, Any], issuer: Mapping[str, Any], token: str, read: Read) -> bool:
    verification = assertion.get("verification") or assertion.get("verify") or {}
    creator = verification.get("creator") or verification.get("url") or issuer.get("publicKey")
    key = _document(creator, read)
    if key.get("owner") != issuer.get("id"):
        return False
    try:
        jwt.api_jws.decode(token, key["publicKeyPem"], algorithms=["RS256"])
    except jwt.PyJWTError:
        return False
    return True


def _check_dates(report: Report, now: datetime) -> None:
    expires = datetime.fromisoformat(report.expires) if report.expires else None
    if expires is not None and expires < now:
        report.find("dates", "bad", sentence("It has expired."))
    else:
        held = sentence("It has not expired.") if expires else sentence("It does not expire.")
        report.find("dates", "good", held)


def _check_status(
    report: Report, assertion: Mapping[str, Any], issuer: Mapping[str, Any], token: str | None, read: Read
) -> None:
    listed = issuer.get("revocationList") if token else None
    revoked = _document(listed, read).get("revokedAssertions", []) if listed else []
    named = {one.get("id", one.get("uid")) if isinstance(one, dict) else one for one in revoked}
    if assertion.get("id") in named:
        report.find("status", "bad", ENDED["revoked"])
    else:
        report.find("status", "good", sentence("Its issuer has not withdrawn it."))


def _check_recipient(report: Report, assertion: Mapping[str, Any], email: str) -> None:
    to = assertion["recipient"]
    if to.get("type") != "email":
        report.find("recipient", "unknown", sentence("It does not name its holder by an e-mail address."))
    elif same_person(email, str(to["identity"]), bool(to.get("hashed")), str(to.get("salt", ""))):
        report.find("recipient", "good", sentence("It was awarded to {email}.", email=email))
    else:
        report.find("recipient", "bad", sentence("It was not awarded to {email}.", email=email))
