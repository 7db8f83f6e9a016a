"""The pages on which learners sign in and decide who may read their badges.

Learners have no accounts here. A program sends them to `/oauth2/authorize`; there they show who they are, by a link in
an e-mail or through their learning platform; the link leads to the decision, and the decision back to the program.
The link holds only in the browser that began, which a cookie tells: a link that somebody else had sent does nothing.
"""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as WerkzeugResponse

from service.http import authorization, throttle
from service.http.authorization import Asked, Turned, Unusable
from service.http.issuers import issuer
from service.http.pages import HEADERS, page
from service.http.pages.reader import language, say
from service.http.services import services
from service.store import badges, clients, grants, profiles, sign_ins
from service.store.clients import CREDENTIALS, PROFILE

blueprint = Blueprint("consent", __name__)

COOKIE = "plaudit_browser"
ADDRESS = re.compile(r"[^@\s\0]{1,64}@[^@\s\0]{1,190}")
MOST, SECONDS = 300, 900
"""Sign-ins from one address within so many seconds: that of a web server in front stands for everybody."""
SEEN = {
    CREDENTIALS: "The badges you have taken and will take: what they are for, when and why you got them",
    PROFILE: "Your name and your e-mail address",
}
"""What a client sees by each scope, in words."""


@blueprint.route("/oauth2/authorize", methods=["GET", "POST"])
def authorize() -> WerkzeugResponse:
    """Who asks for what, and how to sign in to decide about it."""
    try:
        asked = authorization.read(request.args)
    except Unusable as unusable:
        return _told(say("This cannot be done"), str(unusable), 400)
    except Turned as turned:
        return redirect(turned.address)
    return _sign_in(asked)


@blueprint.route("/oauth2/connections", methods=["GET", "POST"])
def connections() -> WerkzeugResponse:
    """How to sign in to see who may read one's badges."""
    return _sign_in(None)


@blueprint.get("/sign-in/<token>")
def get(token: str) -> Response:
    """What is to be decided by whom a link belongs to."""
    now = datetime.now(UTC)
    with services().engine.connect() as connection:
        found = sign_ins.find(connection, token, _browser(), now)
        if found is None or found.learner is None:
            return _gone()
        person = profiles.person(connection, found.learner)
        profile, given = profiles.profile(connection, person), grants.given(connection, person)
        taken = [one for one in badges.awards_of(connection, person, now) if one.state == "claimed"]
        client = found.client and clients.find(connection, found.client)
    learner = profile and profile.name
    if client and found.asked:
        asked = found.asked
        seen = [SEEN[scope] for scope in asked["scopes"]]
        number = len(taken) if CREDENTIALS in asked["scopes"] else None
        shown = page("consent.html", issuer=issuer().name, learner=learner, client=client, seen=seen, badges=number)
        return _may_post_to(shown, asked["redirect"])
    return page("connections.html", given=given, seen=SEEN, issuer=issuer().name, learner=learner)


@blueprint.post("/sign-in/<token>")
def post(token: str) -> WerkzeugResponse:
    """Does what the button says; a request of a client is decided about once."""
    now = datetime.now(UTC)
    with services().engine.begin() as connection:
        found = sign_ins.find(connection, token, _browser(), now, lock=True)
        if found is None or found.learner is None:
            return _gone()
        if found.client is None or found.asked is None:
            if (id_ := _uuid(request.form.get("take_back", ""))) is not None:
                grants.take_back(connection, profiles.person(connection, found.learner), id_, now)
            return redirect(token, 303)
        client = clients.find(connection, found.client)
        assert client is not None
        sign_ins.use(connection, found.id, now)
        asked, state = found.asked, {"state": found.asked["state"]}
        if request.form.get("decision") != "allow":
            said = {"error": "access_denied", "error_description": "The learner has not allowed it.", **state}
            return redirect(authorization.answer(asked["redirect"], **said), 303)
        code = grants.give(
            connection, client, found.learner, asked["scopes"], asked["redirect"], asked["challenge"], now
        )
    said = {"code": code, "scope": " ".join(asked["scopes"]), **state}
    return redirect(authorization.answer(asked["redirect"], **said), 303)


def _sign_in(asked: Asked | None) -> WerkzeugResponse:
    """The page that asks for an e-mail address, and what its buttons do."""
    here = services().settings
    way, address = request.form.get("way"), request.form.get("email", "").strip()
    ways = {"mail": here.smtp_url, "platform": here.sign_in_url}
    if request.method == "GET" or not ways.get(way or ""):
        return _form(asked)
    if way == "mail" and not ADDRESS.fullmatch(address):
        return _form(asked, wrong=say("Write an e-mail address, like ana@example.org."), status=422)
    if seconds := throttle.wait("sign-ins", MOST, SECONDS):
        busy = _told(say("Please wait a moment"), say("Too many links were asked for. Try again later."), 429)
        busy.headers["Retry-After"] = str(seconds)
        return busy
    if way == "platform":
        id_ = _begun(browser := _browser() or secrets.token_urlsafe(32), asked)
        parts = urlsplit(here.sign_in_url)
        told = urlencode({"request": id_})
        return _remembered(redirect(parts._replace(query=f"{parts.query}&{told}".strip("&")).geturl(), 303), browser)
    _begun(browser := _browser() or secrets.token_urlsafe(32), asked, address)
    where = say("If {address} is the address of a learner, a link is on its way there. Open it in this browser within half an hour.", address=address)  # noqa: E501 # fmt: skip
    return _remembered(_told(say("Look into your mailbox"), where), browser)


def _begun(browser: str, asked: Asked | None, address: str | None = None) -> UUID:
    now, client, kept = datetime.now(UTC), asked.client.id if asked else None, asked.kept if asked else None
    with services().engine.begin() as connection:
        id_ = sign_ins.begin(connection, browser, client, kept, language(), now)
        if address:
            sign_ins.mail_to(connection, id_, address, now)
    return id_


def _form(asked: Asked | None, wrong: str = "", status: int = 200) -> Response:
    here = services().settings
    shown = page(
        "sign-in.html",
        status,
        issuer=issuer().name,
        client=asked and asked.client,
        by_mail=bool(here.smtp_url),
        by_platform=bool(here.sign_in_url),
        email=request.form.get("email", ""),
        wrong=wrong,
    )
    return _may_post_to(shown, here.sign_in_url) if here.sign_in_url else shown


def _may_post_to(shown: Response, address: str) -> Response:
    """Lets the form of a page end at this address, and wherever that sends on, which browsers count as the same."""
    policy = HEADERS["Content-Security-Policy"]
    scheme = f"form-action 'self' {urlsplit(address).scheme}:;"
    shown.headers["Content-Security-Policy"] = policy.replace("form-action 'self';", scheme)
    return shown


def _browser() -> str:
    return request.cookies.get(_cookie(), "")


def _cookie() -> str:
    """The name of our cookie; with this prefix no other host can set it (RFC 6265bis), which needs TLS."""
    return f"__Host-{COOKIE}" if services().settings.public_url.startswith("https:") else COOKIE


def _remembered(response: WerkzeugResponse, browser: str) -> WerkzeugResponse:
    """Lets this browser open the link that was asked for; strictly necessary, and forgotten after an hour."""
    name = _cookie()
    response.set_cookie(name, browser, max_age=3600, secure=name != COOKIE, httponly=True, samesite="Lax")
    return response


def _told(title: str, message: str, status: int = 200) -> Response:
    return page("refused.html", status, issuer=issuer().name, title=title, message=message, can_send=False)


def _gone() -> Response:
    again = say("It works for half an hour, once, and in the browser in which you began. Begin again there.")
    return _told(say("This link leads nowhere"), again, 404)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
