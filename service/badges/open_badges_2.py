"""The same award as Open Badges 2.0 knows it: a hosted assertion with its badge class and issuer, for old backpacks.

They are made from the signed credential, so they say what it says, and say it as long as it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from service.badges import about
from service.badges.documents import Document, Issuer

CONTEXT = "https://w3id.org/openbadges/v2"
RECIPIENTS = {"emailAddress": "email", "identifier": "url"}
"""Ways to recognise a learner that Open Badges 2.0 knows, and what it calls them."""


class NotPossible(Exception):
    """The award has no form in Open Badges 2.0."""


def assertion(issuer: Issuer, id_: UUID, credential: Mapping[str, Any], png: str) -> Document:
    """The hosted assertion; png: where the picture with the assertion baked into it is. NotPossible if 2.0 knows no
    way to recognise this learner.
    """
    document: Document = {
        "@context": CONTEXT,
        "type": "Assertion",
        "id": address(issuer, id_),
        "recipient": _recipient(credential["credentialSubject"].get("identifier", [])),
        "badge": issuer.url(f"ob2/badges/{id_}"),
        "image": png,
        "issuedOn": credential["validFrom"],
        "verification": {"type": "hosted"},
        "evidence": [{"type": "Evidence", "narrative": one["narrative"]} for one in credential.get("evidence", [])],
    }
    if "validUntil" in credential:
        document["expires"] = credential["validUntil"]
    return document


def revoked(issuer: Issuer, id_: UUID, because: str | None) -> Document:
    """What is said of an assertion that no longer holds, with status 410."""
    document: Document = {"@context": CONTEXT, "type": "Assertion", "id": address(issuer, id_), "revoked": True}
    return {**document, "revocationReason": because} if because else document


def badge_class(issuer: Issuer, id_: UUID, credential: Mapping[str, Any], image: str) -> Document:
    """The badge class as it was when this credential was issued; image: where its picture is."""
    said = credential["credentialSubject"]["achievement"]
    document: Document = {
        "@context": CONTEXT,
        "type": "BadgeClass",
        "id": issuer.url(f"ob2/badges/{id_}"),
        "name": said["name"],
        "description": said["description"],
        "image": image,
        "criteria": {"id": said["id"], "narrative": said["criteria"]["narrative"]},
        "issuer": issuer.url(f"ob2/issuers/{issuer.slug}"),
    }
    if said.get("tag"):
        document["tags"] = said["tag"]
    if aligned := [_alignment(one) for one in said.get("alignment", [])]:
        document["alignment"] = aligned
    return document


def profile(issuer: Issuer) -> Document:
    """The issuer; Open Badges 2.0 wants an e-mail address of it."""
    return {
        "@context": CONTEXT,
        "type": "Issuer",
        "id": issuer.url(f"ob2/issuers/{issuer.slug}"),
        "name": issuer.name,
        "url": issuer.home or issuer.url(),
        "email": issuer.contact,
        **({"description": about.words(issuer.description)} if issuer.description else {}),
        **({"image": issuer.image} if issuer.image else {}),
    }


def address(issuer: Issuer, id_: UUID) -> str:
    return issuer.url(f"ob2/assertions/{id_}")


def _recipient(identities: list[Mapping[str, Any]]) -> Document:
    for known, name in RECIPIENTS.items():
        for one in identities:
            if one["identityType"] == known:
                return {"type": name, "hashed": True, "salt": one["salt"], "identity": one["identityHash"]}
    raise NotPossible("Open Badges 2.0 recognises people by e-mail address or URL, and this badge by neither.")


def _alignment(one: Mapping[str, Any]) -> Document:
    names = ("targetName", "targetUrl", "targetDescription", "targetFramework", "targetCode")
    return {name: one[name] for name in names if name in one}
