"""The page behind a claim link: what was earned and why, and two buttons; it needs no script.

The token in the address is the secret: nobody else can make the form's request, and no cookie is involved, so there is
nothing that another site could forge. Looking at the page decides nothing, whoever opens the link first.
"""

from __future__ import annotations

from urllib.parse import quote

from flask import Blueprint, Response, redirect, request
from werkzeug.wrappers import Response as WerkzeugResponse

from service.badges import issuing
from service.badges.issuing import Refused
from service.http.claims import STATUS, decide, open_claim, picture_of, visible
from service.http.images import image_path
from service.http.issuers import issuer
from service.http.pages import page
from service.http.resources import in_words
from service.store.badges import Award, Link

blueprint = Blueprint("claim_pages", __name__, url_prefix="/claim")

TITLES = {
    "unknown": "This link leads nowhere",
    "used": "This link has been used",
    "expired": "This link has expired",
    "withdrawn": "This badge is not there any more",
}


@blueprint.get("/<token>")
def get(token: str) -> Response:
    """What was earned and why, or what was decided about it."""
    try:
        link, award = open_claim(token)
    except Refused as refused:
        return _refused(refused)
    if award.credential or link.used:
        return _decided(award)
    return _open(token, link, award)


@blueprint.post("/<token>")
def post(token: str) -> WerkzeugResponse:
    """Take the badge or decline it, and show what came of it."""
    decision = request.form.get("decision")
    if decision not in ("accept", "decline"):
        return redirect(quote(token, safe=""), 303)
    try:
        decide(token, "accept" if decision == "accept" else "decline")
    except Refused as refused:
        return _refused(refused)
    return redirect(quote(token, safe=""), 303)


def _open(token: str, link: Link, award: Award) -> Response:
    about = award.achievement
    return page(
        "claim.html",
        issuer=issuer().name,
        learner=award.learner_name,
        image=image_path(picture_of(award)),
        name=in_words(about.title),
        description=in_words(about.description),
        criteria=in_words(about.criteria),
        reason=issuing.reason(award),
        earned=award.happened,
        until=award.expires,
        records=len(award.statements),
        visible=visible(award),
        link_expires=link.expires,
    )


def _decided(award: Award) -> Response:
    path = f"credentials/{award.credential}" if award.credential else None
    return page(
        "decided.html",
        issuer=issuer().name,
        image=image_path(picture_of(award)),
        name=in_words(award.achievement.title),
        credential=path and issuer().url(path),
        credential_path=path and f"../{path}",
    )


def _refused(refused: Refused) -> Response:
    return page(
        "refused.html", STATUS[refused.why], issuer=issuer().name, title=TITLES[refused.why], message=str(refused)
    )
