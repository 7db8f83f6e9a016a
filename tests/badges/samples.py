"""An issuer, its key, and documents of every shape that the service signs."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from service.badges import documents, signing, status
from service.badges.about import Achievement
from service.badges.documents import Award, Issuer, Status
from service.badges.keys import SigningKey

NOW = datetime.now(UTC).replace(microsecond=0)
EARNED = NOW - timedelta(days=3)
ISSUER = Issuer("main", "Acme Learning", "https://badges.example.org")
KEY = SigningKey.new("key-1")
RSA = SigningKey.new("rsa-1", "RS256")
ANA = documents.recipient("sha1:unused", "mailto:ana@acme.example.org", "salt of its own")
STATEMENTS = tuple(UUID(int=number) for number in range(1, 6))
KEEN = Achievement(
    slug="keen-learner",
    name="Keen learner",
    description='Completed five “different” courses — ünïcode 漢字 ✓ \\ "quoted" _:b0 ^^<x>',
    criteria="Complete *five* different courses\nwith 80% or more within 90 days.",
    picture="0" * 40,
)
AWARD = Award(
    id=UUID("2de9c15f-607e-493f-9fb9-ae79eed115f7"),
    subject="urn:uuid:7a1d8d6a-6a4e-4d0e-93c3-3c7d1d0e8a11",
    achievement=KEEN,
    recipients=(ANA,),
    earned=EARNED,
    issued=NOW - timedelta(seconds=5),
    expires=NOW + timedelta(days=730),
    reason="Keen learner: complete five different courses.",
    statements=STATEMENTS,
    status=Status("revocation", 1, 94_567),
)

DID_DOCUMENT = documents.did_document(ISSUER, {"key-1": KEY.public, "rsa-1": RSA.public})


def credential(**changes: Any) -> dict[str, Any]:
    """The unsigned credential of the sample award, with some of its values changed."""
    return documents.credential(ISSUER, replace(AWARD, **changes))


def signed(document: dict[str, Any], key: SigningKey = KEY) -> dict[str, Any]:
    signed_document: dict[str, Any] = json.loads(signing.sign(document, ISSUER, key, NOW))
    return signed_document


def status_list(*revoked: int, key: SigningKey = KEY, purpose: str = "revocation") -> dict[str, Any]:
    """The signed status list with these bits set."""
    bits = status.marked(status.empty(), revoked)
    return signed(documents.status_list(ISSUER, 1, purpose, status.encode(bits), AWARD.issued, 300), key)


def shapes() -> dict[str, dict[str, Any]]:
    """Unsigned documents of every shape: with and without expiry and image, with every way to recognise a learner."""
    others = (
        documents.recipient("sha1:ebd31e95054c018b10727ccffd2ef2ec3a016ee9", None, "s1"),
        documents.recipient("openid:https://id.example.org/ana", None, "s2"),
        documents.recipient("account:https://hr.example.org ana", None, "s3"),
    )
    return {
        "whole": credential(),
        "no expiry": credential(expires=None),
        "no image": credential(achievement=replace(KEEN, picture=None, type="MicroCredential")),
        "many statements": credential(statements=tuple(UUID(int=number) for number in range(500))),
        "no statements": credential(statements=()),
        **{one.type: credential(recipients=(one,)) for one in others},
        "several identities": credential(recipients=(ANA, *others)),
        "status list": documents.status_list(ISSUER, 1, "revocation", status.encode(status.empty()), NOW, 300),
    }
