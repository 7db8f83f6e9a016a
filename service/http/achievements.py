"""Achievements: what badges are about, as JSON-LD, as a page, and their images."""

from __future__ import annotations

from flask import Response, abort

from service.badges import about, documents, pictures
from service.badges.documents import Issuer
from service.core.achievement import Achievement
from service.http.images import image_path, picture
from service.http.issuers import Published, form_of, issuers, published
from service.http.pages import page
from service.http.pages.reader import Words, worded
from service.http.pages.telling import achievement_words
from service.http.resources import Blueprint
from service.http.services import services
from service.store import achievements as store

blueprint = Blueprint("achievements", __name__, url_prefix="/achievements", description="What badges are about")

LD = "application/ld+json"


@blueprint.route("/<slug>")
@blueprint.response(200, Published, content_type=LD, description="An Open Badges 3.0 Achievement; a page for browsers")
def get(slug: str) -> Response:
    """An achievement"""
    form = form_of(LD, "application/json", "text/html")
    with services().engine.begin() as connection:
        found = store.current(connection, slug) or abort(404)
        name = pictures.digest(connection, found.achievement, found.given)
        awarding = issuers(connection).awarding(found.achievement.issuer)
    if form == "text/html":
        response = _page(found.achievement, name, awarding)
    else:
        response = published(documents.achievement(awarding, about.told(found.achievement, name)), form)
    response.vary.add("Accept")
    return response


@blueprint.route("/<slug>/image")
@blueprint.doc(responses={"200": {"description": "The image of the badge", "content": {"image/*": {}}}})
def image(slug: str) -> Response:
    """The image of an achievement as it is now"""
    with services().engine.begin() as connection:
        found = store.current(connection, slug)
        name = found and pictures.digest(connection, found.achievement, found.given)
        content = name and pictures.svg(connection, name)
    return picture(content or abort(404), pictures.SVG, "public, max-age=3600")


def _page(found: Achievement, name: str, issuer: Issuer) -> Response:
    return page(
        "achievement.html",
        issuer=issuer.name,
        issuer_path=f"../issuers/{issuer.slug}",
        address=issuer.url(f"achievements/{found.name}"),
        image=image_path(name),
        image_address=issuer.url(f"images/{name}.png"),
        name=worded(found.title),
        description=worded(found.description),
        criteria=worded(found.criteria),
        achievement=achievement_words(found),
        results=[Words(one.name) for one in found.results],
        creator=found.creator,
        version=found.version,
    )
