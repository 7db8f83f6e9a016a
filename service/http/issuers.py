"""What an issuer publishes for verifiers: its DID document, its keys, and the status lists."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from flask import Response, abort, request
from marshmallow import INCLUDE, Schema

from service.badges import documents, keyring, lists
from service.badges.documents import SLUG, Document, Issuer
from service.http.problems import Problem
from service.http.resources import Blueprint
from service.http.services import services
from service.store import credentials as store

blueprint = Blueprint("issuers", __name__, description="What verifiers of badges need")

VC = "application/vc+ld+json"
VC_FORMS = (VC, "application/vc", "application/ld+json", "application/json")
JWS_FORMS = ("text/plain", "application/vc+jwt", "application/jwt")


class Published(Schema):
    """A document of the Open Badges or W3C standards, as they define it."""

    class Meta:
        unknown = INCLUDE


def issuer() -> Issuer:
    """Who issues the badges of this service."""
    settings = services().settings
    return Issuer(SLUG, settings.issuer_name, settings.public_url, email=settings.issuer_email or None)


def issuer_of(slug: str) -> Issuer:
    """The issuer of this slug, which something signed names."""
    return issuer()


def known_issuer(slug: str) -> Issuer | None:
    """The issuer of this slug, if there is one."""
    return issuer() if slug == SLUG else None


def published(content: bytes | Document, mimetype: str, cache: str = "no-cache") -> Response:
    """A document for anybody, also for scripts of other sites, with an ETag; 304 where the reader has it already."""
    body = content if isinstance(content, bytes) else msgspec.json.encode(content)
    response = Response(body, mimetype=mimetype, headers={"Access-Control-Allow-Origin": "*", "Cache-Control": cache})
    response.add_etag()
    response.make_conditional(request)
    return response


def form_of(*forms: str) -> str:
    """Which of these media types the reader likes best, the first if all are alike; 406 if none."""
    chosen = request.accept_mimetypes.best_match(forms) if request.accept_mimetypes else forms[0]
    if chosen is None:
        raise Problem(406, f"This can be had as {', '.join(forms)}.")
    return chosen


@blueprint.route("/issuers/<slug>/did.json")
@blueprint.response(200, Published, content_type="application/did+ld+json", description="A did:web document")
def did(slug: str) -> Response:
    """The DID document of an issuer"""
    if slug != SLUG:
        abort(404)
    with services().engine.connect() as connection:
        keys = keyring.public_keys(connection, slug, datetime.now(UTC))
    return published(documents.did_document(issuer(), keys), "application/did+ld+json", "public, max-age=60")


@blueprint.route("/.well-known/jwks.json")
@blueprint.response(200, Published, content_type="application/jwk-set+json", description="A JWK Set")
def jwks() -> Response:
    """The keys of all issuers as a JWK Set"""
    with services().engine.connect() as connection:
        keys = keyring.public_keys(connection, SLUG, datetime.now(UTC))
    told = {"keys": documents.key_set(issuer(), keys)}
    return published(told, "application/jwk-set+json", "public, max-age=60")


@blueprint.route(f"/status/<int(max={2**31 - 1}):number>")
@blueprint.response(200, Published, content_type=VC, description="A signed BitstringStatusListCredential")
def status(number: int) -> Response:
    """Which credentials are revoked or suspended"""
    form, now, secret = form_of(*VC_FORMS, *JWS_FORMS), datetime.now(UTC), services().settings.secret_key
    with services().engine.begin() as connection:
        lists.sign_dirty(connection, issuer_of, secret, now)
        found = store.find_list(connection, number)
        if found is None or found.body is None:
            abort(404)
        body = found.body
        if form in JWS_FORMS:
            body = lists.as_jws(connection, found, issuer_of(found.issuer), secret, now).encode()
    response = published(body, form, f"public, max-age={lists.TTL_SECONDS}")
    response.vary.add("Accept")
    return response
