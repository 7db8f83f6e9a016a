"""Images of badges under the digests of what they show, so that what was awarded goes on showing what it showed."""

from __future__ import annotations

from flask import Response, abort

from service.badges import pictures
from service.http.issuers import published
from service.http.resources import Blueprint
from service.http.services import services

blueprint = Blueprint("images", __name__, url_prefix="/images", description="Images of badges, which never change")

FOREVER = "public, max-age=31536000, immutable"
# An SVG is a document of its own when it is opened by itself; it gets neither scripts nor this site's origin.
SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def image_path(digest: str) -> str:
    """Where an image is, from a page two steps below the root."""
    return f"../images/{digest}.svg"


@blueprint.route("/<name>.png")
@blueprint.doc(responses={"200": {"description": "An image", "content": {pictures.PNG: {}}}})
def png(name: str) -> Response:
    """An image of a badge as PNG"""
    with services().engine.begin() as connection:
        content = pictures.png(connection, name)
    return picture(content or abort(404), pictures.PNG)


@blueprint.route("/<name>.svg")
@blueprint.doc(responses={"200": {"description": "An image", "content": {pictures.SVG: {}}}})
def svg(name: str) -> Response:
    """An image of a badge as SVG"""
    with services().engine.connect() as connection:
        content = pictures.svg(connection, name)
    return picture(content or abort(404), pictures.SVG)


def picture(content: bytes, media_type: str, cache: str = FOREVER) -> Response:
    """An image for anybody, also within pages of other sites."""
    response = published(content, media_type, cache)
    response.headers["Content-Security-Policy"] = SANDBOX
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response
