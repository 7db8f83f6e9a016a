"""Open Badges as VC-JWT: the credential as the payload of a compact JSON Web Signature (Open Badges 3.0, section 8.2).

The header holds `alg`, `kid` and `typ` and nothing else; the payload is the credential with the registered claims that
say the same once more: `iss`, `jti`, `sub`, `nbf` and `exp`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import jwt
import msgspec
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from service.badges.documents import Document, Issuer
from service.badges.keys import PublicKey, SigningKey

ALGORITHMS = ("RS256", "EdDSA")
MOST_BYTES = 1 << 22
Resolve = Callable[[str], PublicKey | None]


def sign(document: Document, issuer: Issuer, key: SigningKey) -> str:
    """A credential (or status list) as compact JWS; a proof that it carries stays out of it."""
    unsigned = {name: value for name, value in document.items() if name != "proof"}
    payload = msgspec.json.encode({**unsigned, **claims(unsigned)})
    header = {"kid": issuer.method(key.name)}  # PyJWT adds `alg` and `typ: JWT`
    return jwt.api_jws.encode(payload, key.private, algorithm=key.algorithm, headers=header)


def claims(document: Mapping[str, Any]) -> Document:
    """What the registered claims have to say of a credential."""
    issuer = document.get("issuer")
    found: Document = {"iss": issuer.get("id") if isinstance(issuer, dict) else issuer, "jti": document.get("id")}
    subject = document.get("credentialSubject")
    if isinstance(subject, dict) and "id" in subject:
        found["sub"] = subject["id"]
    for name, term in (("nbf", "validFrom"), ("exp", "validUntil")):
        if term in document:
            found[name] = int(datetime.fromisoformat(document[term]).timestamp())
    return found


def read(token: str) -> tuple[Document, Document]:
    """Header and payload, unverified; ValueError if it is no JWS of a JSON object."""
    try:
        header = jwt.get_unverified_header(token)
        payload = msgspec.json.decode(
            jwt.api_jws.decode_complete(token, options={"verify_signature": False})["payload"]
        )
    except (jwt.PyJWTError, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ValueError(f"is no JSON Web Signature: {error}") from None
    if not isinstance(payload, dict):
        raise ValueError("the payload is no JSON object")
    return header, payload


def problems(token: str, resolve: Resolve) -> tuple[str, ...]:
    """Why a VC-JWT does not hold, in sentences; none: it was signed, as it is, by the key that `resolve` gives."""
    try:
        header, payload = read(token)
        key = resolve(str(header.get("kid", "")))
        registered = claims(payload)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        return (f"$: {error}",)
    if set(header) - {"alg", "kid", "jwk", "typ"}:
        return ("$: the header holds more than alg, kid and typ",)
    if key is None:
        return (f"$: {header.get('kid')} is no key of the issuer {registered['iss']}",)
    try:
        jwt.api_jws.decode(token, key, algorithms=list(ALGORITHMS))
    except jwt.PyJWTError:
        return ("$: is not signed by this key",)
    return tuple(
        f"$.{name}: is not {value!r}, as the credential says"
        for name, value in registered.items()
        if payload.get(name) != value
    )


def public_key(jwk: Mapping[str, Any]) -> PublicKey:
    """The key of a JSON Web Key; ValueError if it is none that badges are signed with."""
    try:
        key = (RSAAlgorithm if jwk.get("kty") == "RSA" else OKPAlgorithm).from_jwk(dict(jwk))
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ValueError(f"is no JSON Web Key that can be used: {error}") from None
    if not isinstance(key, PublicKey):
        raise ValueError("is no public key for RS256 or EdDSA")
    return key
