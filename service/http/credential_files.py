"""Credentials as files to save: JSON, JWT, pictures with the credential in them, and a certificate to print."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import msgspec
from flask import Response, abort

from service.badges import baking, certificate, issuing, pictures
from service.http.auth import bearer, requires
from service.http.holders import addressed, own_name, readable
from service.http.issuers import VC, Published, issuers, published, url
from service.http.pages.reader import language
from service.http.resources import Blueprint
from service.http.services import services
from service.store import badges
from service.store.credentials import Credential

blueprint = Blueprint("credential_files", __name__, description="Signed Open Badges as files")

PDF = "application/pdf"


@blueprint.route("/credentials/<uuid:id_>.json")
@blueprint.response(200, Published, content_type=VC, description="The signed bytes as a file to save")
def as_json(id_: UUID) -> Response:
    """A credential as a file"""
    return saved(addressed(id_).body, VC, f"badge-{id_}.json")


@blueprint.route("/credentials/<uuid:id_>.jwt")
@blueprint.response(200, Published, content_type="text/plain", description="The credential as compact JWS, to save")
def as_jwt(id_: UUID) -> Response:
    """A credential as a JSON Web Signature"""
    return saved(compact(addressed(id_)).encode(), "text/plain", f"badge-{id_}.jwt")


@blueprint.route("/credentials/<uuid:id_>.png")
@blueprint.doc(
    responses={"200": {"description": "The picture with the credential in it", "content": {"image/png": {}}}}
)
def as_png(id_: UUID) -> Response:
    """A credential baked into a PNG"""
    found = addressed(id_)
    return saved(baking.bake_png(picture_of(found, "png"), found.body.decode()), pictures.PNG, f"badge-{id_}.png")


@blueprint.route("/credentials/<uuid:id_>.svg")
@blueprint.doc(responses={"200": {"description": "The credential in its picture", "content": {"image/svg+xml": {}}}})
def as_svg(id_: UUID) -> Response:
    """A credential baked into an SVG"""
    found = addressed(id_)
    return saved(baking.bake_svg(picture_of(found, "svg"), found.body.decode()), pictures.SVG, f"badge-{id_}.svg")


@blueprint.route("/credentials/<uuid:id_>.pdf")
@blueprint.doc(responses={"200": {"description": "A certificate to print", "content": {PDF: {}}}})
def as_pdf(id_: UUID) -> Response:
    """A certificate with a QR code; with the learner's name for the learner alone"""
    return saved(certified(readable(id_), own_name(id_)), PDF, f"badge-{id_}.pdf")


@blueprint.route("/api/v1/badges/<uuid:award>/certificate.pdf")
@requires("admin", "learner")
@blueprint.doc(responses={"200": {"description": "A certificate to print", "content": {PDF: {}}}})
def named_certificate(award: UUID) -> Response:
    """A certificate with the learner's name"""
    who = bearer()
    with services().engine.connect() as connection:
        found = badges.award(connection, award, datetime.now(UTC))
    if found is None or found.credential is None or not (who.admin or who.learner == found.learner):
        abort(404)
    content = certified(readable(found.credential), found.learner_name)
    return saved(content, PDF, f"badge-{found.credential}.pdf")


def compact(found: Credential) -> str:
    """A credential as compact JWS."""
    with services().engine.begin() as connection:
        secret, now = services().settings.secret_key, datetime.now(UTC)
        return issuing.as_jws(connection, found, issuers(connection).of(found.issuer), secret, now)


def certified(found: Credential, holder: str | None) -> bytes:
    """The certificate of a credential, with the name of its holder where whoever asks may see it."""
    check = url(f"verify/{found.id}")
    said = msgspec.json.decode(found.body)
    return certificate.pdf(said, found.body, picture_of(found, "png"), holder, check, language())


def picture_of(found: Credential, form: Literal["png", "svg"]) -> bytes:
    """The picture of a credential's achievement as it was when it was issued; 404 if there is none."""
    image = msgspec.json.decode(found.body)["credentialSubject"]["achievement"].get("image", {}).get("id", "")
    digest = image.rpartition("/")[2].partition(".")[0]
    with services().engine.begin() as connection:
        content = pictures.png(connection, digest) if form == "png" else pictures.svg(connection, digest)
    return content or abort(404)


def saved(content: bytes, media_type: str, name: str) -> Response:
    """A document as a file to save."""
    response = published(content, media_type)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
