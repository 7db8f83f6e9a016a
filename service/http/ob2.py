"""Open Badges 2.0 of the credentials: assertions, badge classes and issuers, each at the address that is its id."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from flask import Response

from service.badges import baking, open_badges_2
from service.badges.documents import Document
from service.http.credential_files import picture_of, saved
from service.http.holders import addressed
from service.http.issuers import Published, issuer_of, published
from service.http.problems import Problem
from service.http.resources import Blueprint
from service.store.credentials import Credential

blueprint = Blueprint("ob2", __name__, url_prefix="/ob2", description="The same badges as Open Badges 2.0")

LD = "application/ld+json"


@blueprint.route("/assertions/<uuid:id_>")
@blueprint.response(200, Published, content_type=LD, description="A hosted Assertion; 410 once it is revoked")
def assertion(id_: UUID) -> Response:
    """A credential as a hosted assertion"""
    found = addressed(id_)
    ended = _ended(found)
    if ended is not None:
        told = open_badges_2.revoked(issuer_of(found.issuer), id_, ended)
        response = published(told, LD)
        response.status_code = 410
        return response
    return published(_assertion(found), LD)


@blueprint.route("/assertions/<uuid:id_>.png")
@blueprint.doc(responses={"200": {"description": "The assertion within its picture", "content": {"image/png": {}}}})
def baked_png(id_: UUID) -> Response:
    """A baked PNG of Open Badges 2.0"""
    found = addressed(id_)
    text = msgspec.json.encode(_assertion(found)).decode()
    return saved(baking.bake_png(picture_of(found, "png"), text, "2.0"), "image/png", f"badge-{id_}-2.0.png")


@blueprint.route("/assertions/<uuid:id_>.svg")
@blueprint.doc(responses={"200": {"description": "The assertion within its picture", "content": {"image/svg+xml": {}}}})
def baked_svg(id_: UUID) -> Response:
    """A baked SVG of Open Badges 2.0"""
    found = addressed(id_)
    text = msgspec.json.encode(_assertion(found)).decode()
    return saved(baking.bake_svg(picture_of(found, "svg"), text, "2.0"), "image/svg+xml", f"badge-{id_}-2.0.svg")


@blueprint.route("/badges/<uuid:id_>")
@blueprint.response(200, Published, content_type=LD, description="A BadgeClass")
def badge_class(id_: UUID) -> Response:
    """What a credential is about"""
    found = addressed(id_)
    said = msgspec.json.decode(found.body)
    image = said["credentialSubject"]["achievement"]["image"]["id"]
    return published(open_badges_2.badge_class(issuer_of(found.issuer), id_, said, image), LD)


@blueprint.route("/issuers/<slug>")
@blueprint.response(200, Published, content_type=LD, description="An Issuer")
def profile(slug: str) -> Response:
    """An issuer"""
    return published(open_badges_2.profile(issuer_of(slug)), LD)


def _assertion(found: Credential) -> Document:
    issuer = issuer_of(found.issuer)
    png = f"{open_badges_2.address(issuer, found.id)}.png"
    try:
        return open_badges_2.assertion(issuer, found.id, msgspec.json.decode(found.body), png)
    except open_badges_2.NotPossible as why:
        raise Problem(404, str(why)) from None


def _ended(found: Credential) -> str | None:
    """Why the credential does not hold (any more); None: it does, or has expired, which its date tells."""
    if found.revoked and found.revoked <= datetime.now(UTC):
        return found.revoked_because or ""
    return (found.suspended_because or "") if found.suspended else None
