"""What an issuer publishes for verifiers: its DID document, its keys, and the status lists."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from flask import Response, abort, request
from marshmallow import INCLUDE, Schema
from sqlalchemy import Connection

from service.badges import documents, keyring, lists
from service.badges.documents import Document, Issuer
from service.badges.issuers import Issuers
from service.badges.issuers import issuers as all_issuers
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


def url(path: str) -> str:
    """The public address of this path."""
    return f"{services().settings.public_url}/{path}"


def issuers(connection: Connection | None = None) -> Issuers:
    """Everybody who issues badges here, as this transaction sees them."""
    here = services()
    if connection is not None:
        return all_issuers(connection, here.settings)
    with here.engine.connect() as own:
        return all_issuers(own, here.settings)


def issuer() -> Issuer:
    """The default issuer, which awards what names none, and whose name stands on pages about none."""
    return issuers().default


def issuer_of(slug: str) -> Issuer:
    """The issuer of this slug; 404 if there never was one."""
    return issuers().known.get(slug) or abort(404)


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
    found = issuer_of(slug)
    with services().engine.connect() as connection:
        keys = keyring.public_keys(connection, slug, datetime.now(UTC))
    return published(documents.did_document(found, keys), "application/did+ld+json", "public, max-age=60")


@blueprint.route("/.well-known/jwks.json")
@blueprint.response(200, Published, content_type="application/jwk-set+json", description="A JWK Set")
def jwks() -> Response:
    """The keys of all issuers as a JWK Set"""
    now, keys = datetime.now(UTC), list[Document]()
    with services().engine.connect() as connection:
        for one in issuers(connection).known.values():
            keys += documents.key_set(one, keyring.public_keys(connection, one.slug, now))
    return published({"keys": keys}, "application/jwk-set+json", "public, max-age=60")


@blueprint.route(f"/status/<int(max={2**31 - 1}):number>")
@blueprint.response(200, Published, content_type=VC, description="A signed BitstringStatusListCredential")
def status(number: int) -> Response:
    """Which credentials are revoked or suspended"""
    form, now, secret = form_of(*VC_FORMS, *JWS_FORMS), datetime.now(UTC), services().settings.secret_key
    with services().engine.begin() as connection:
        everybody = issuers(connection)
        lists.sign_dirty(connection, everybody, secret, now)
        found = store.find_list(connection, number)
        if found is None or found.body is None:
            abort(404)
        body = found.body
        if form in JWS_FORMS:
            body = lists.as_jws(connection, found, everybody.of(found.issuer), secret, now).encode()
    response = published(body, form, f"public, max-age={lists.TTL_SECONDS}")
    response.vary.add("Accept")
    return response
