"""The page behind a claim link: what was earned and why, two buttons, and then everything its holder can do with it.

It needs no account and no script. The token in the address is the secret: nobody else can make the form's requests,
and no cookie is involved, so there is nothing that another site could forge. Looking at the page decides nothing,
whoever opens the link first. The link decides once; until it expires it remains the key to the holder's page.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as WerkzeugResponse

from service import telling
from service.badges import issuing
from service.badges.issuing import Refused
from service.badges.mail import Unsent
from service.http.claims import STATUS, awarding, decide, open_claim, picture_of, share, visible
from service.http.images import image_path
from service.http.issuers import issuer, url
from service.http.pages import page
from service.http.pages.reader import language, say, worded
from service.http.pages.telling import achievement_words, standing, status_of
from service.http.resources import in_words
from service.http.services import services
from service.http.wallet_offers import shown, wallets_can_come
from service.store import credentials
from service.store.badges import Award, Link
from service.store.wallets import Format

blueprint = Blueprint("claim_pages", __name__, url_prefix="/claim")

TITLES = {
    "unknown": "This link leads nowhere",
    "used": "This link has been used",
    "expired": "This link has expired",
    "withdrawn": "This badge is not there any more",
    "incomplete": "This micro-credential cannot be issued yet",
    "unfit": "It cannot be put into a wallet now",
}
FILES = (
    ("json", "JSON", "Open Badge 3.0, for backpacks and verifiers"),
    ("jwt", "JWT", "the same badge as a signed token, for wallets"),
    ("png", "PNG", "picture with the badge inside it"),
    ("svg", "SVG", "drawing with the badge inside it"),
    ("pdf", "PDF", "certificate to print"),
)
INTO_WALLETS: dict[str, Format] = {"wallet": "ldp_vc", "wallet-jwt": "jwt_vc_json"}


@blueprint.get("/<token>")
def get(token: str) -> Response:
    """What was earned and why, or what was decided about it."""
    try:
        link, award = open_claim(token)
    except Refused as refused:
        return _refused(token, refused)
    if award.credential:
        return _held(token, link, award)
    return _left(award) if link.used else _open(link, award)


@blueprint.post("/<token>")
def post(token: str) -> WerkzeugResponse:
    """Does what the button says, and shows what came of it."""
    wanted = request.form.get("decision")
    try:
        if wanted in ("accept", "decline"):
            decide(token, "accept" if wanted == "accept" else "decline")
        elif wanted in ("share", "hide"):
            share(token, wanted == "share")
        elif wanted in INTO_WALLETS:
            return _wallet(token, INTO_WALLETS[wanted])
        elif wanted == "send":
            return _sent(token)
    except Refused as refused:
        return _refused(token, refused)
    return redirect(quote(token, safe=""), 303)


def _open(link: Link, award: Award) -> Response:
    about = award.achievement
    return page(
        "claim.html",
        issuer=awarding(award).name,
        learner=award.learner_name,
        image=image_path(picture_of(award)),
        micro=award.micro,
        name=in_words(about.title),
        description=worded(about.description),
        criteria=worded(about.criteria),
        achievement=achievement_words(about),
        reason=issuing.reason(award, language()),
        earned=award.happened,
        until=award.expires,
        records=len(award.statements),
        visible=visible(award),
        stands_on=standing(award),
        link_expires=link.expires,
        wallets=wallets_can_come(),
    )


def _held(token: str, link: Link, award: Award) -> Response:
    path = f"../credentials/{award.credential}"
    key = urlencode({"holder": token})
    with services().engine.connect() as connection:
        in_wallet = issuing.wallet_key(connection, award) is not None
        credential = award.credential and credentials.find_credential(connection, award.credential)
    return page(
        "held.html",
        issuer=awarding(award).name,
        image=image_path(picture_of(award)),
        name=in_words(award.achievement.title),
        credential=url(f"credentials/{award.credential}"),
        path=path,
        ended=status_of(credential) if credential else None,
        until=award.expires,
        renewing=award.expires and telling.renewing(award, award.expires, datetime.now(UTC), language()),
        shared=award.shared,
        stands_on=standing(award),
        linkedin=linkedin(award),
        files=[{"href": f"{path}.{end}?{key}", "name": name, "what": say(what)} for end, name, what in FILES],
        link_expires=link.expires,
        wallets=wallets_can_come() and award.state == "claimed",
        in_wallet=in_wallet,
    )


def _wallet(token: str, format_: Format) -> Response:
    """An offer to a wallet, as a link and as a QR code; a badge that was not taken yet is taken by it."""
    _, award = open_claim(token)
    if award.credential is None:
        decide(token, "accept")
    return page(
        "wallet.html",
        issuer=awarding(award).name,
        image=image_path(picture_of(award)),
        name=in_words(award.achievement.title),
        offer=shown(award.id, format_, "code" in request.form),
        back=quote(token, safe=""),
    )


def linkedin(award: Award) -> str:
    """LinkedIn's address that adds a badge to the profile of whoever opens it."""
    about: dict[str, Any] = {
        "startTask": "CERTIFICATION_NAME",
        "name": in_words(award.achievement.title),
        "organizationName": awarding(award).name,
        "issueYear": award.happened.year,
        "issueMonth": award.happened.month,
        "certUrl": url(f"credentials/{award.credential}"),
        "certId": str(award.credential),
    }
    if award.expires:
        about |= {"expirationYear": award.expires.year, "expirationMonth": award.expires.month}
    return f"https://www.linkedin.com/profile/add?{urlencode(about)}"


def _left(award: Award) -> Response:
    return page(
        "left.html",
        issuer=awarding(award).name,
        image=image_path(picture_of(award)),
        name=in_words(award.achievement.title),
        can_send=_can_send(award),
    )


def _sent(token: str) -> Response:
    """Sends a new link to the learner of a badge, whatever became of this one."""
    here, now = services(), datetime.now(UTC)
    try:
        with here.engine.begin() as connection:
            _, award = issuing.look(connection, token, now)
            address = telling.send_again(connection, here.settings, award, now)
    except telling.Throttled as throttled:
        minutes = int(throttled.wait.total_seconds() // 60) + 1
        just = "We have just sent a link. Look into your mailbox, or try again in {minutes} minutes."
        text = say(just, minutes=minutes)
        response = _told("Please wait a moment", text, 429)
        response.headers["Retry-After"] = str(minutes * 60)
        return response
    except (Unsent, LookupError):
        return _told("No e-mail can be sent now", say("Try again later, or ask whoever gave you the link."), 503)
    return _told("A new link is on its way", say("We have sent it to {address}.", address=address))


def _told(title: str, message: str, status: int = 200) -> Response:
    return page("refused.html", status, issuer=issuer().name, title=say(title), message=message, can_send=False)


def _refused(token: str, refused: Refused) -> Response:
    again = refused.why in ("used", "expired") and _may_ask_again(token)
    ended = _ended(token) if refused.why == "withdrawn" else None
    return page(
        "refused.html",
        STATUS[refused.why],
        issuer=issuer().name,
        title=say("Your badge was withdrawn") if ended else say(TITLES[refused.why]),
        message=ended or say(str(refused)),
        can_send=again,
    )


def _ended(token: str) -> str | None:
    """What became of a badge that had been taken; None if it never was."""
    with services().engine.connect() as connection:
        _, award = issuing.look(connection, token, datetime.now(UTC))
        found = award.credential and credentials.find_credential(connection, award.credential)
    status = status_of(found) if found else None
    return status.told if status else None


def _may_ask_again(token: str) -> bool:
    with services().engine.connect() as connection:
        _, award = issuing.look(connection, token, datetime.now(UTC))
    return award.state != "expired" and _can_send(award)


def _can_send(award: Award) -> bool:
    here = services()
    with here.engine.connect() as connection:
        return telling.can_send(connection, here.settings, award.learner)
