"""Credentials: exactly the bytes that were signed, and a page about them for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response, abort

from service.badges import issuing
from service.http.issuers import JWS_FORMS, VC, VC_FORMS, Published, form_of, issuer_of, published
from service.http.pages import page
from service.http.resources import Blueprint
from service.http.services import services
from service.store import credentials as store
from service.store.credentials import Credential

blueprint = Blueprint("credentials", __name__, url_prefix="/credentials", description="Signed Open Badges")

HELD_BY = {"emailAddress": "e-mail address", "ext:mbox_sha1sum": "e-mail address", "accountId": "account"}


@blueprint.route("/<uuid:id_>")
@blueprint.response(200, Published, content_type=VC, description="An OpenBadgeCredential; a page for browsers")
def get(id_: UUID) -> Response:
    """A credential, as it was signed"""
    form = form_of(*VC_FORMS, *JWS_FORMS, "text/html")
    found = _found(id_)
    if form == "text/html":
        response = _page(found)
    else:
        response = published(_compact(found).encode() if form in JWS_FORMS else found.body, form)
    response.vary.add("Accept")
    return response


@blueprint.route("/<uuid:id_>.json")
@blueprint.response(200, Published, content_type=VC, description="The same bytes as a file to save")
def download(id_: UUID) -> Response:
    """A credential as a file"""
    response = published(_found(id_).body, VC)
    response.headers["Content-Disposition"] = f'attachment; filename="badge-{id_}.json"'
    return response


@blueprint.route("/<uuid:id_>.jwt")
@blueprint.response(200, Published, content_type="text/plain", description="The credential as compact JWS, to save")
def download_jwt(id_: UUID) -> Response:
    """A credential as a JSON Web Signature"""
    response = published(_compact(_found(id_)).encode(), "text/plain")
    response.headers["Content-Disposition"] = f'attachment; filename="badge-{id_}.jwt"'
    return response


def _compact(found: Credential) -> str:
    with services().engine.begin() as connection:
        secret, now = services().settings.secret_key, datetime.now(UTC)
        return issuing.as_jws(connection, found, issuer_of(found.issuer), secret, now)


def _found(id_: UUID) -> Credential:
    with services().engine.connect() as connection:
        found = store.find_credential(connection, id_)
    return found or abort(404)


def _page(found: Credential) -> Response:
    said = json.loads(found.body)
    subject = said["credentialSubject"]
    about = subject["achievement"]
    image = about.get("image", {}).get("id")
    return page(
        "credential.html",
        issuer=said["issuer"]["name"],
        name=about["name"],
        description=about["description"],
        criteria=about["criteria"]["narrative"],
        evidence=[one["narrative"].partition("\n\n")[::2] for one in said["evidence"]],
        earned=datetime.fromisoformat(said["awardedDate"]),
        issued=found.issued,
        until=found.expires,
        expired=found.expires is not None and found.expires <= datetime.now(UTC),
        revoked=found.revoked,
        because=found.revoked_because,
        held_by=_held_by(subject),
        address=said["id"],
        path=f"../credentials/{found.id}",
        image=image and f"../images/{image.rpartition('/')[2]}",
        image_address=image,
    )


def _held_by(subject: dict[str, Any]) -> str:
    known = {HELD_BY.get(one["identityType"], "identifier") for one in subject.get("identifier", ())}
    return " or ".join(sorted(known)) or "identifier"
