"""Who issues badges: a page for people with everything that can be earned, and the Profile for programs."""

from __future__ import annotations

from flask import Response, abort
from sqlalchemy import Connection

from service.badges import documents, pictures, vendored
from service.badges.issuers import Issuers
from service.core.strata import BADGE, gives
from service.http.issuers import Published, form_of, issuers, published
from service.http.pages import page
from service.http.pages.reader import Words, language, say, worded
from service.http.resources import Blueprint
from service.http.services import services
from service.store import achievements as store
from service.store import rules
from service.store.engine import driver

blueprint = Blueprint("issuer_pages", __name__, url_prefix="/issuers", description="Who issues badges")

LD = "application/ld+json"


@blueprint.route("/<slug>")
@blueprint.response(200, Published, content_type=LD, description="An Open Badges 3.0 Profile; a page for browsers")
def get(slug: str) -> Response:
    """An issuer"""
    form, everybody = form_of(LD, "application/json", "text/html"), issuers()
    found = everybody.known.get(slug) or abort(404)
    if form == "text/html":
        response = _page(found, everybody)
    else:
        contexts = {"@context": [vendored.CREDENTIALS_V2, vendored.OPEN_BADGES]}
        response = published({**contexts, **documents.profile(found)}, form)
    response.vary.add("Accept")
    return response


def _page(of: documents.Issuer, everybody: Issuers) -> Response:
    with services().engine.begin() as connection:
        given = _given(connection)
        told = [
            {
                "path": f"../achievements/{one.achievement.name}",
                "image": f"../images/{pictures.digest(connection, one.achievement, one.given)}.svg",
                "name": worded(one.achievement.title),
            }
            for one in store.all_current(connection)
            if one.achievement.name in given and everybody.awarding(one.achievement.issuer) is of
        ]
    first = told[0]["image"].removeprefix("../").replace(".svg", ".png") if told else "images/none.png"
    general = say("{issuer} awards digital badges that anybody can verify.", issuer=of.name)
    return page(
        "issuer.html",
        issuer=of.name,
        name=of.name,
        description=worded(of.description) if of.description else Words(general, language()),
        awards=of.slug in everybody.signing,
        home=of.home,
        email=of.email,
        address=of.url(f"issuers/{of.slug}"),
        image=f"../images/{of.image.rpartition('/')[2]}" if of.image else None,
        image_address=of.image or of.url(first),
        achievements=told,
        did=of.did,
        did_path=f"../issuers/{of.slug}/did.json",
    )


def _given(connection: Connection) -> set[str]:
    """The achievements that somebody can earn: those of drafts and of rules that ended are not announced."""
    in_force = (version.rule for version in rules.newest(driver(connection)))
    units = {unit for rule in in_force if rule.status == "live" for unit in gives(rule)}
    return {unit.removeprefix(BADGE) for unit in units if unit.startswith(BADGE)}
