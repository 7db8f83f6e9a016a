"""Credentials: exactly the bytes that were signed, and a page about them for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response

from service.http.credential_files import compact, found_credential
from service.http.issuers import JWS_FORMS, VC, VC_FORMS, Published, form_of, published
from service.http.pages import page
from service.http.resources import Blueprint
from service.store.credentials import Credential

blueprint = Blueprint("credentials", __name__, url_prefix="/credentials", description="Signed Open Badges")

HELD_BY = {"emailAddress": "e-mail address", "ext:mbox_sha1sum": "e-mail address", "accountId": "account"}


@blueprint.route("/<uuid:id_>")
@blueprint.response(200, Published, content_type=VC, description="An OpenBadgeCredential; a page for browsers")
def get(id_: UUID) -> Response:
    """A credential, as it was signed"""
    form = form_of(*VC_FORMS, *JWS_FORMS, "text/html")
    found = found_credential(id_)
    if form == "text/html":
        response = _page(found)
    else:
        response = published(compact(found).encode() if form in JWS_FORMS else found.body, form)
    response.vary.add("Accept")
    return response


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
