"""The page that checks badges: pasted, uploaded or linked, ours or those of others; and the same for programs.

Documents of this service are read here; those of others are asked for by `fetching`, which reaches public sites only,
within the time and the number of questions that one check may take.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from flask import Response, abort, current_app, request
from marshmallow import Schema, fields, validate
from werkzeug.exceptions import NotFound

from service.badges import checking, checking_2
from service.badges.checking import NoBadge, Report
from service.badges.fetching import ACCEPT, Unreachable, fetch
from service.http.auth import requires
from service.http.holders import readable
from service.http.issuers import issuer
from service.http.pages import page
from service.http.pages.reader import language, say
from service.http.problems import Problem
from service.http.resources import Blueprint
from service.http.services import services
from service.languages import sentence
from service.store import credentials

blueprint = Blueprint("verify", __name__, description="Checks of Open Badges of any issuer")

MOST_READ, LONGEST_SECONDS = 10, 20.0
LONGEST_SHOWN = 20_000
_at_once = threading.BoundedSemaphore(8)
OURS = ("credentials", "issuers", "status", "ob2", "achievements")


class Shown(Schema):
    """A badge to check."""

    badge = fields.String(
        required=True,
        validate=validate.Length(1, 1 << 20),
        metadata={"description": "its JSON, its compact JWS, or its address"},
    )
    email = fields.String(load_default="", metadata={"description": "whose badge it should be"})


class Finding(Schema):
    """One thing that was looked at, and what came of it."""

    about = fields.String(required=True)
    outcome = fields.String(required=True, validate=validate.OneOf(["good", "bad", "unknown"]))
    words = fields.String(required=True)


class Checked(Schema):
    """What a badge says, and whether it holds."""

    outcome = fields.String(required=True, validate=validate.OneOf(["good", "bad", "unknown"]))
    version = fields.String(required=True)
    id = fields.String(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    criteria = fields.String(required=True)
    issuer = fields.String(required=True)
    issuer_id = fields.String(required=True)
    issued = fields.String(required=True)
    expires = fields.String(required=True)
    findings = fields.List(fields.Nested(Finding), required=True)


@blueprint.route("/api/v1/verify", methods=["POST"])
@requires("read", "learner")
@blueprint.arguments(Shown)
@blueprint.response(200, Checked)
def verify(given: Mapping[str, str]) -> dict[str, Any]:
    """Check a badge of any issuer"""
    try:
        report = _checked(given["badge"].encode(errors="replace"), given["email"].strip())
    except NoBadge as error:
        raise Problem(422, error.why.in_(language())) from None
    findings = [
        {"about": one.about, "outcome": one.outcome, "words": one.said.in_(language())} for one in report.findings
    ]
    return {**asdict(report), "findings": findings, "outcome": report.outcome}


@blueprint.route("/verify")
@blueprint.doc(responses={"200": {"description": "A form to check a badge", "content": {"text/html": {}}}})
def ask() -> Response:
    """A form to check a badge"""
    return _page(None)


@blueprint.route("/verify", methods=["POST"])
@blueprint.doc(
    responses={
        "200": {"description": "What came of the check", "content": {"text/html": {}}},
        "422": {"description": "Why it cannot be checked", "content": {"text/html": {}}},
    }
)
def answer() -> Response:
    """Check the badge of the form"""
    file, email = request.files.get("file"), request.form.get("email", "").strip()
    pasted = request.form.get("badge", "").strip()
    shown = (file.read() if file else b"") or pasted.encode(errors="replace")
    if not shown:
        return _page(None, say("Choose a file, or paste a badge or its address."), email)
    try:
        return _page(_checked(shown, email), "", email, shown=pasted)
    except NoBadge as error:
        return _page(None, error.why.in_(language()), email, shown=pasted)


@blueprint.route("/verify/<uuid:id_>")
@blueprint.doc(responses={"200": {"description": "Whether it holds today", "content": {"text/html": {}}}})
def of_ours(id_: UUID) -> Response:
    """Check a badge of this service"""
    with services().engine.connect() as connection:
        found = credentials.find_credential(connection, id_)
    report = _checked((found or abort(404)).body, "")
    try:
        readable(id_)
    except NotFound:  # whoever has the certificate may ask whether it holds, and nothing else
        private = say("Its holder does not share what it says. The certificate or the file says it.")
        report = replace(report, name=say("This badge is not public"), description=private, criteria="", id="")
    return _page(report, up="../", shown=report.id)


def _page(report: Report | None, refused: str = "", email: str = "", up: str = "", shown: str = "") -> Response:
    """shown: what stands in the form again, so that nobody has to paste it twice."""
    values = {"issuer": issuer().name, "report": report, "refused": refused, "email": email, "up": up}
    shown = shown if len(shown) <= LONGEST_SHOWN else ""
    response = page("verify.html", 422 if refused else 200, **values, shown=shown, day=_day)
    response.headers["X-Robots-Tag"] = "noindex"
    return response


def _day(moment: str) -> datetime | None:
    try:
        return datetime.fromisoformat(moment)
    except ValueError:
        return None


def _checked(shown: bytes, email: str) -> Report:
    if not _at_once.acquire(blocking=False):
        raise Problem(
            503, "Many badges are being checked at this moment. Try again soon.", headers={"Retry-After": "5"}
        )
    try:
        reader, now = Reader(), datetime.now(UTC)
        text = checking.text_of(shown, reader)
        if checking_2.is_assertion(text):
            return checking_2.check(text, reader, now, email)
        return checking.check(text, reader, now, email)
    finally:
        _at_once.release()


class Reader:
    """Reads documents for one check: our own here, those of others from the web, not too many and not for too long."""

    def __init__(self) -> None:
        self._left, self._deadline = MOST_READ, time.monotonic() + LONGEST_SECONDS
        self._known: dict[str, bytes] = {}

    def __call__(self, url: str) -> bytes:
        url = url.partition("#")[0]
        if url not in self._known:
            self._left -= 1
            if self._left < 0 or time.monotonic() > self._deadline:
                raise Unreachable(sentence("The badge leads to more documents than can be looked at."))
            own = _own_path(url)
            self._known[url] = fetch(url) if own is None else _ours(own)
        return self._known[url]


def _own_path(url: str) -> str | None:
    """The path of one of our own documents; a did:web is https whatever our public address is."""
    public, asked = urlsplit(services().settings.public_url), urlsplit(url)
    prefix = public.path.rstrip("/") + "/"
    if asked.netloc != public.netloc or not asked.path.startswith(prefix):
        return None
    path = asked.path.removeprefix(prefix)
    return f"/{path}" if path.split("/")[0] in OURS else None


def _ours(path: str) -> bytes:
    """What this application answers at a path of its own."""
    with current_app.test_request_context(path, headers={"Accept": ACCEPT}):
        response = current_app.full_dispatch_request()
    content = response.get_data()
    if response.status_code != 200:
        raise Unreachable(
            sentence("There is no such document here ({status}).", status=response.status_code),
            response.status_code,
            content,
        )
    return content
