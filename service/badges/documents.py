"""The documents of an issuer, unsigned: credential, achievement, status list, DID document, keys (Open Badges 3.0)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID

from service.badges import about, keys, vendored
from service.badges.about import Achievement
from service.badges.keys import PublicKey
from service.core.rule import Text

MOST_STATEMENTS_NAMED = 100

Document = dict[str, Any]


@dataclass(frozen=True)
class Issuer:
    """Who issues: a slug for addresses, a name for people, and the public address that everything hangs under.

    home: the issuer's own site. image: the address of its picture. country: ISO 3166, two letters.
    """

    slug: str
    name: str
    public_url: str
    home: str | None = None
    email: str | None = None
    description: Text | None = None
    image: str | None = None
    country: str | None = None

    @cached_property
    def did(self) -> str:
        """`did:web:HOST[%3APORT][:path]:issuers:<slug>`, which resolves to `url("issuers/<slug>/did.json")`."""
        address = urlsplit(self.public_url)
        parts = [address.netloc.rpartition("@")[2], *address.path.strip("/").split("/"), "issuers", self.slug]
        return "did:web:" + ":".join(quote(part, safe="") for part in parts if part)

    @property
    def contact(self) -> str:
        """An address to write to, for Open Badges 2.0, which wants one."""
        return self.email or f"badges@{urlsplit(self.public_url).hostname}"

    def url(self, path: str = "") -> str:
        return f"{self.public_url.rstrip('/')}/{path}".rstrip("/")

    def method(self, key_name: str) -> str:
        """The id of a verification method: the DID and the key's name as fragment."""
        return f"{self.did}#{key_name}"


@dataclass(frozen=True)
class Recipient:
    """One way to recognise the learner; see `recipient` for what stands in `identity`."""

    type: str
    identity: str
    salt: str


@dataclass(frozen=True)
class Status:
    """Where a credential stands in a status list, and what a set bit there means: `revocation` or `suspension`."""

    purpose: str
    list: int
    index: int


@dataclass(frozen=True)
class Award:
    """What one credential says: who, what, when and why, and where to look whether it still holds.

    subject: an IRI for the learner in this credential, like `urn:uuid:…`, or the DID of a wallet's key.
    """

    id: UUID
    subject: str
    achievement: Achievement
    recipients: tuple[Recipient, ...]
    earned: datetime
    issued: datetime
    expires: datetime | None
    reason: str
    statements: tuple[UUID, ...]
    status: Status
    results: tuple[Document, ...] = ()
    stands_on: tuple[tuple[str, str], ...] = ()
    """The badges that a micro-credential stands on: the address of each credential, and its name."""


def recipient(key: str, mbox: str | None, salt: str) -> Recipient:
    """Who the learner is, from an identifier key (`service.core.statement.identifier`) and the address if it is known.

    Open Badges 3.0 hashes an identity with a salt and says of which kind it is. The kinds that the specification
    lists cover an e-mail address (`emailAddress`, the plain address without `mailto:`), an account (`accountId`, here
    the account's home page, a space and its name) and any other identifier (`identifier`, here the OpenID). An address
    of which only the xAPI `mbox_sha1sum` is known has no kind of its own, so it takes the extension that the
    specification provides for: `ext:mbox_sha1sum`, the identity being the 40 hexadecimal digits.
    """
    kind, _, value = key.partition(":")
    if mbox:
        return Recipient("emailAddress", mbox.removeprefix("mailto:"), salt)
    if kind == "account":
        return Recipient("accountId", value, salt)
    if kind == "sha1":
        return Recipient("ext:mbox_sha1sum", value, salt)
    return Recipient("identifier", value, salt)


def credential(issuer: Issuer, award: Award) -> Document:
    """The OpenBadgeCredential of an award, without its proof; lists wherever the strict schema wants them."""
    document: Document = {
        "@context": [vendored.CREDENTIALS_V2, vendored.OPEN_BADGES, vendored.OPEN_BADGES_EXTENSIONS],
        "id": issuer.url(f"credentials/{award.id}"),
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": award.achievement.name,
        "issuer": profile(issuer),
        "validFrom": moment(award.issued),
        "awardedDate": moment(award.earned),
        "credentialSubject": {
            "id": award.subject,
            "type": ["AchievementSubject"],
            "identifier": [_identity(one) for one in award.recipients],
            "achievement": _achievement(issuer, award.achievement),
        },
        "evidence": [_evidence(award), *map(_badge_beneath, award.stands_on)],
        "credentialStatus": _status(issuer, award.status),
        "credentialSchema": [
            {"id": vendored.ACHIEVEMENT_CREDENTIAL_SCHEMA, "type": "1EdTechJsonSchemaValidator2019"},
        ],
    }
    if award.expires is not None:
        document["validUntil"] = moment(award.expires)
    if award.results:
        document["credentialSubject"]["result"] = list(award.results)
    return document


def profile(issuer: Issuer) -> Document:
    document: Document = {
        "id": issuer.did,
        "type": ["Profile"],
        "name": issuer.name,
        "url": issuer.home or issuer.url(),
    }
    more = {
        "email": issuer.email,
        "description": issuer.description and about.words(issuer.description),
        "image": issuer.image and {"id": issuer.image, "type": "Image"},
        "address": issuer.country and about.address_in(issuer.country),
    }
    return document | {name: value for name, value in more.items() if value}


def achievement(issuer: Issuer, of: Achievement) -> Document:
    """The achievement as a document of its own, at the address that credentials name as its id."""
    contexts = [vendored.CREDENTIALS_V2, vendored.OPEN_BADGES]
    return {"@context": contexts, "creator": profile(issuer), **_achievement(issuer, of)}


def status_list(
    issuer: Issuer, number: int, purpose: str, encoded: str, signed: datetime, ttl_seconds: int
) -> Document:
    """The BitstringStatusListCredential (W3C Bitstring Status List 1.0, section 2.2), without its proof."""
    address = issuer.url(f"status/{number}")
    return {
        "@context": [vendored.CREDENTIALS_V2],
        "id": address,
        "type": ["VerifiableCredential", "BitstringStatusListCredential"],
        "issuer": issuer.did,
        "validFrom": moment(signed),
        "credentialSubject": {
            "id": f"{address}#list",
            "type": "BitstringStatusList",
            "statusPurpose": purpose,
            "encodedList": encoded,
            "ttl": ttl_seconds * 1000,
        },
    }


def did_document(issuer: Issuer, public_keys: Mapping[str, PublicKey]) -> Document:
    """The did:web document; `public_keys` are those of today, and retired ones that credentials stand on."""
    methods = [
        {"id": issuer.method(name), "controller": issuer.did, **keys.method(key)} for name, key in public_keys.items()
    ]
    return {
        "@context": [
            "https://www.w3.org/ns/did/v1",
            "https://w3id.org/security/multikey/v1",
            "https://w3id.org/security/jwk/v1",
        ],
        "id": issuer.did,
        "verificationMethod": methods,
        "assertionMethod": [method["id"] for method in methods],
    }


def key_set(issuer: Issuer, public_keys: Mapping[str, PublicKey]) -> list[Document]:
    """The same keys as JSON Web Keys; `iss` tells whose they are (Open Badges 3.0, recommended practice)."""
    return [{**keys.jwk(key), "kid": issuer.method(name), "iss": issuer.did} for name, key in public_keys.items()]


def moment(time: datetime) -> str:
    """A time as credentials write it: UTC, whole seconds, `Z`."""
    return time.astimezone(UTC).isoformat()[:19] + "Z"


def _achievement(issuer: Issuer, of: Achievement) -> Document:
    return about.document(of, issuer.url)


def _identity(one: Recipient) -> Document:
    digest = hashlib.sha256((one.identity + one.salt).encode()).hexdigest()
    return {
        "type": "IdentityObject",
        "hashed": True,
        "identityHash": f"sha256${digest}",
        "identityType": one.type,
        "salt": one.salt,
    }


def _evidence(award: Award) -> Document:
    return {
        "type": ["Evidence"],
        "name": "Learning records",
        "narrative": f"{award.reason}\n\n{_named(award.statements)}".strip(),
    }


def _badge_beneath(badge: tuple[str, str]) -> Document:
    address, name = badge
    return {"id": address, "type": ["Evidence"], "name": name, "narrative": f"The badge “{name}”, {address}"}


def _named(statements: Sequence[UUID]) -> str:
    """The ids of the statements, never what they say; a long list is cut and says so."""
    lines = [f"- {statement}" for statement in statements[:MOST_STATEMENTS_NAMED]]
    rest = len(statements) - len(lines)
    return "\n".join(["xAPI statements:", *lines, *([f"- and {rest} more"] if rest else [])]) if lines else ""


def _status(issuer: Issuer, status: Status) -> Document:
    address = issuer.url(f"status/{status.list}")
    return {
        "id": f"{address}#{status.index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": status.purpose,
        "statusListIndex": str(status.index),
        "statusListCredential": address,
    }
