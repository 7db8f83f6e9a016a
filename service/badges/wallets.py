"""Claimed badges into wallets: OpenID for Verifiable Credential Issuance 1.0 with pre-authorized codes.

The holder of a badge has an offer made, the wallet exchanges the offer's code for an access token, proves that it has a
key, and gets the badge bound to that key. What a wallet asks wrongly is answered with a value, `Denied`, in the error
codes of the specification, so that what was counted on the way is kept. Each function here is one transaction of its
caller.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from secrets import token_urlsafe
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

import msgspec
from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import Connection

from service.badges import issuing, key_proofs
from service.badges.documents import Issuer
from service.badges.issuers import Issuers
from service.badges.key_proofs import Unproven
from service.store import achievements
from service.store import badges as awards
from service.store import wallets as store
from service.store.badges import Award
from service.store.wallets import NONCE_LIFE, Format, Offer

FORMATS: tuple[Format, ...] = ("ldp_vc", "jwt_vc_json")
GRANT = "urn:ietf:params:oauth:grant-type:pre-authorized_code"

Error = Literal[
    "invalid_request",
    "invalid_grant",
    "invalid_authorization_details",
    "invalid_token",
    "invalid_credential_request",
    "unknown_credential_configuration",
    "unknown_credential_identifier",
    "invalid_proof",
    "invalid_nonce",
    "credential_request_denied",
]


class Denied(NamedTuple):
    """Why a wallet is given nothing: an error code of the specification, and a sentence for its developers."""

    error: Error
    description: str


class Granted(NamedTuple):
    """An access token, and what the wallet may fetch with it."""

    access_token: str
    details: list[dict[str, Any]] | None


# --- offers ---------------------------------------------------------------------------------------------------------


def identifier(issuer: Issuer) -> str:
    """The credential issuer identifier of one who issues badges: the address of their page."""
    return issuer.url(f"issuers/{issuer.slug}")


def configuration(achievement: str, format_: Format) -> str:
    """The id of the credential configuration of an achievement in one format."""
    return f"{achievement}.{format_}"


def link(address: str) -> str:
    """What a wallet is opened with, by a link or a QR code, for the offer at this address (section 4.1.3)."""
    return f"openid-credential-offer://?credential_offer_uri={quote(address, safe='')}"


def told(connection: Connection, token: str, issuers: Issuers, guidance: str, now: datetime) -> Any:
    """The credential offer object (section 4.1.1); None if the offer is over. guidance: where the code is found."""
    found = store.find_offer(connection, token)
    award = awards.award(connection, found.award, now) if found and not found.over(now) else None
    if found is None or award is None or issuing.hindrance(connection, award, now):
        return None
    grant: dict[str, Any] = {"pre-authorized_code": token}
    if found.tx_code:
        grant["tx_code"] = {"input_mode": "numeric", "length": store.DIGITS, "description": guidance}
    return {
        "credential_issuer": _credential_issuer(connection, award, issuers),
        "credential_configuration_ids": [configuration(award.achievement.name, found.format)],
        "grants": {GRANT: grant},
    }


def _credential_issuer(connection: Connection, award: Award, issuers: Issuers) -> str:
    """Whose metadata tell of the badge: that of whoever awards its achievement as it is today."""
    current = achievements.current(connection, award.achievement.name)
    return identifier(issuers.awarding(current.achievement.issuer if current else None))


# --- the token endpoint ---------------------------------------------------------------------------------------------


def exchange(
    connection: Connection, token: str, tx_code: str | None, details: str | None, now: datetime
) -> Granted | Denied:
    """An access token for a pre-authorized code (section 6). details: `authorization_details` as the wallet sent it."""
    found, award = _locked(connection, lambda: store.find_offer(connection, token), now)
    if found is not None and found.used:
        store.end_access(connection, found)  # somebody else has the code, too (RFC 6749, section 4.1.2)
    if found is None or found.over(now):
        return Denied("invalid_grant", "This pre-authorized code is not known, was used, or has expired.")
    if (tx_code is None) != (found.tx_code is None):
        expected = "wants the tx_code that its holder was shown" if found.tx_code else "goes without a tx_code"
        return Denied("invalid_request", f"This offer {expected}.")
    if tx_code is not None and not found.is_tx_code(token, tx_code):
        left = store.note_wrong(connection, found)
        return Denied("invalid_grant", f"This is not the tx_code of the offer. Further attempts: {left}.")
    if award is None:
        return Denied("invalid_grant", "There is no such badge any more.")
    if hindrance := issuing.hindrance(connection, award, now):
        return Denied("invalid_grant", hindrance)
    identified = None if details is None else _identified(details, award, found)
    if isinstance(identified, Denied):
        return identified
    return Granted(store.grant(connection, found, identified is not None, now), identified)


def _identified(details: str, award: Award, found: Offer) -> list[dict[str, Any]] | Denied:
    """The authorization details of the answer (section 6.2): the badge of the offer under its identifier."""
    wanted = configuration(award.achievement.name, found.format)
    try:
        given = json.loads(details)
        asked = [one["credential_configuration_id"] for one in given if one["type"] == "openid_credential"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return Denied("invalid_authorization_details", "authorization_details is no list of openid_credential details.")
    if wanted not in asked:
        return Denied("invalid_authorization_details", f"This offer is of {wanted} alone.")
    return [
        {
            "type": "openid_credential",
            "credential_configuration_id": wanted,
            "credential_identifiers": [str(award.id)],
        }
    ]


# --- nonces ---------------------------------------------------------------------------------------------------------


def nonce(secret: str) -> str:
    """A new `c_nonce` (section 7): signed and kept nowhere until it is used."""
    return str(_nonces(secret).dumps(token_urlsafe(16)))


def _is_fresh(secret: str, given: str) -> bool:
    try:
        _nonces(secret).loads(given, max_age=int(NONCE_LIFE.total_seconds()))
    except (BadData, UnicodeEncodeError):  # JSON may hold halves of characters, which nothing of ours does
        return False
    return True


def _nonces(secret: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(secret, salt="wallet nonce")


# --- the credential endpoint ----------------------------------------------------------------------------------------


def deliver(
    connection: Connection,
    access_token: str,
    asked: object,
    issuers: Issuers,
    secret: str,
    now: datetime,
) -> msgspec.Raw | str | Denied:
    """The badge of this access token, bound to the key that the request proves (section 8): JSON, or a compact JWS.

    asked: the body of the request.
    """
    found, award = _locked(connection, lambda: store.accessed(connection, access_token, now), now)
    if found is None or award is None:
        return Denied("invalid_token", "This access token is not known, or has expired.")
    audience = _credential_issuer(connection, award, issuers)
    proof = _asked_rightly(asked, found, award) or _proof(asked, audience, secret, now)
    if isinstance(proof, Denied):
        return proof
    if not store.use_nonce(connection, proof.nonce, now):
        return Denied("invalid_nonce", "This nonce was used before. Ask the nonce endpoint for a new one.")
    if found.subject not in (None, proof.subject):
        return Denied("credential_request_denied", "By this offer the badge was bound to another key already.")
    if hindrance := issuing.hindrance(connection, award, now):
        return Denied("credential_request_denied", hindrance)
    credential = issuing.bind(connection, award, proof.subject, issuers, secret, now)
    assert credential is not None
    store.bound(connection, found, proof.subject)
    if found.format == "ldp_vc":
        return msgspec.Raw(credential.body)
    return issuing.as_jws(connection, credential, issuers.of(credential.issuer), secret, now)


def _locked(
    connection: Connection, look: Callable[[], Offer | None], now: datetime
) -> tuple[Offer | None, Award | None]:
    """The offer and its award, locked; the offer is looked for once more when nobody else can change it."""
    found = look()
    award = awards.award(connection, found.award, now, lock=True) if found else None
    return (look(), award) if found else (None, None)


def _asked_rightly(asked: object, found: Offer, award: Award) -> Denied | None:
    """What is wrong with how a request says which badge it wants; None: nothing."""
    if not isinstance(asked, dict):
        return Denied("invalid_credential_request", "The body is no JSON object.")
    wanted = configuration(award.achievement.name, found.format)
    by_identifier, by_configuration = asked.get("credential_identifier"), asked.get("credential_configuration_id")
    if (by_identifier is None) == (by_configuration is None):
        told = "credential_identifier" if found.by_identifier else "credential_configuration_id"
        return Denied("invalid_credential_request", f"Name the badge, by {told}.")
    if by_identifier is not None and not (found.by_identifier and by_identifier == str(award.id)):
        return Denied("unknown_credential_identifier", "The token endpoint gave no such identifier.")
    if by_configuration is not None and found.by_identifier:
        return Denied("invalid_credential_request", "Name the badge by the identifier of the token endpoint.")
    if by_configuration is not None and by_configuration != wanted:
        return Denied("unknown_credential_configuration", f"This access token is for {wanted} alone.")
    if "credential_response_encryption" in asked:
        return Denied("invalid_credential_request", "Responses are not encrypted, see the metadata.")
    return None


def _proof(asked: Any, audience: str, secret: str, now: datetime) -> key_proofs.Proof | Denied:
    proofs = asked.get("proofs")
    given = proofs.get("jwt") if isinstance(proofs, dict) and len(proofs) == 1 else None
    if not isinstance(given, list) or len(given) != 1 or not isinstance(given[0], str):
        return Denied("invalid_proof", "Send one key proof: proofs with a list jwt of one JWT.")
    try:
        proof = key_proofs.proven(given[0], audience, now)
    except Unproven as unproven:
        return Denied("invalid_proof", f"The key proof does not hold: {unproven}.")
    if not _is_fresh(secret, proof.nonce):
        return Denied("invalid_nonce", "This nonce is not ours, or has expired. Ask the nonce endpoint for a new one.")
    return proof
