"""Achievements: what badges are about, as JSON-LD, as a page, and their images."""

from __future__ import annotations

from flask import Response, abort

from service.badges import documents, issuing
from service.core.rule import Achievement
from service.http.issuers import Published, form_of, issuer, published
from service.http.pages import page
from service.http.resources import Blueprint, in_words
from service.http.services import services
from service.store import badges as store

blueprint = Blueprint("achievements", __name__, url_prefix="/achievements", description="What badges are about")

LD = "application/ld+json"
# An SVG is a document of its own when it is opened by itself; it gets neither scripts nor this site's origin.
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def image_path(achievement: Achievement) -> str | None:
    """Where the image of an achievement is, from the root; None if it has none."""
    return f"achievements/{achievement.name}/image" if achievement.image else None


@blueprint.route("/<slug>")
@blueprint.response(200, Published, content_type=LD, description="An Open Badges 3.0 Achievement; a page for browsers")
def get(slug: str) -> Response:
    """An achievement"""
    form = form_of(LD, "application/json", "text/html")
    with services().engine.connect() as connection:
        found = store.achievement(connection, slug)
    if found is None:
        abort(404)
    if form == "text/html":
        response = _page(found)
    else:
        response = published(documents.achievement(issuer(), issuing.about(found)), form)
    response.vary.add("Accept")
    return response


@blueprint.route("/<slug>/image")
@blueprint.doc(responses={"200": {"description": "The image of the badge", "content": {"image/*": {}}}})
def image(slug: str) -> Response:
    """The image of an achievement"""
    with services().engine.connect() as connection:
        found = store.image(connection, slug)
    if found is None:
        abort(404)
    content, media_type = found
    response = published(content, media_type, "public, max-age=3600")
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _page(found: Achievement) -> Response:
    return page(
        "achievement.html",
        issuer=services().settings.issuer_name,
        image=image_path(found) and f"../{image_path(found)}",
        name=in_words(found.title),
        description=in_words(found.description),
        criteria=in_words(found.criteria),
    )
