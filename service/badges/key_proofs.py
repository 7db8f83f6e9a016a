"""Key proofs: a wallet shows that it has the key that a badge is to be bound to (OpenID4VCI 1.0, appendix F.1 and F.4).

A proof is a JWT whose header names the key that signed it: a `did:key` or `did:jwk` in `kid`, or the key itself in
`jwk`. No document is fetched for any of them. The algorithm follows from the key and not from the header, so a public
key is never taken for the secret of a MAC.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, SECP384R1, EllipticCurve, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from service.badges import keys

TYPE = "openid4vci-proof+jwt"
ALGORITHMS = ("ES256", "ES384", "EdDSA")
METHODS = ("did:key", "did:jwk", "jwk")
SKEW = timedelta(minutes=5)
"""How far a wallet's clock may be from ours; that the proof is fresh is told by its nonce."""
LONGEST = 512
"""Characters of a key's name: it will stand in the badge."""

P256_PUBLIC, P384_PUBLIC = b"\x80\x24", b"\x81\x24"  # multicodec p256-pub, p384-pub
CURVES: Mapping[str, type[EllipticCurve]] = {"ES256": SECP256R1, "ES384": SECP384R1}

WalletKey = EllipticCurvePublicKey | Ed25519PublicKey


class Unproven(Exception):
    """A key proof that does not hold; the message says why."""


class Proof(NamedTuple):
    """What a proof shows: the DID of the key that made it, and the nonce that it was made with, yet to be looked at."""

    subject: str
    nonce: str


def proven(token: str, audience: str, now: datetime) -> Proof:
    """What this key proof shows to the credential issuer `audience`; Unproven if anything about it is wrong."""
    header = _header(token)
    subject, key = _named(header)
    options: Any = {"require": ["aud", "iat", "nonce"], "strict_aud": True, "verify_iat": False}
    try:
        claims = jwt.decode(token, key, algorithms=[_algorithm(key)], audience=audience, options=options, leeway=SKEW)
    except jwt.InvalidAudienceError:
        raise Unproven(f"aud is not {audience}") from None
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError):
        raise Unproven("it is not signed by the key that its header names") from None
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unproven(str(error)) from None
    if not isinstance(claims["nonce"], str):
        raise Unproven("nonce is no text")
    if not isinstance(claims["iat"], int | float) or abs(claims["iat"] - now.timestamp()) > SKEW.total_seconds():
        raise Unproven("iat is not the time at which it was made, by our clock")
    return Proof(subject, claims["nonce"])


def _header(token: str) -> Mapping[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise Unproven(f"it is no JWT: {error}") from None
    if header.get("typ") != TYPE:
        raise Unproven(f"typ is not {TYPE}")
    if header.get("alg") not in ALGORITHMS:
        raise Unproven(f"alg is not one of {', '.join(ALGORITHMS)}")
    return header


def _named(header: Mapping[str, Any]) -> tuple[str, WalletKey]:
    """The DID of the key that a header names, and the key."""
    if len({"kid", "jwk", "x5c"} & set(header)) != 1 or "x5c" in header:
        raise Unproven("its header names the key in kid (did:key or did:jwk) or gives it in jwk, one of them")
    try:
        if "jwk" in header:
            key = _of_jwk(header["jwk"])
            return _did_jwk(key), key
        did, _, fragment = str(header["kid"]).partition("#")
        if len(did) > LONGEST:
            raise ValueError("it is too long")
        if did.startswith("did:jwk:"):
            expected, key = "0", _of_jwk(json.loads(_unbase64(did.removeprefix("did:jwk:"))))
        elif did.startswith("did:key:"):
            expected, key = did.removeprefix("did:key:"), _of_multibase(did.removeprefix("did:key:"))
        else:
            raise ValueError("only did:key and did:jwk are understood in kid")
        if fragment not in ("", expected):
            raise ValueError(f"{did} has no key #{fragment}")
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
        raise Unproven(f"the key cannot be used: {error}") from None
    return did, key


def _of_jwk(given: object) -> WalletKey:
    if not isinstance(given, dict) or "d" in given:
        raise ValueError("it is no public JSON Web Key")
    try:
        return _usable((OKPAlgorithm if given.get("kty") == "OKP" else ECAlgorithm).from_jwk(given))
    except (AttributeError, LookupError):  # members that are no texts
        raise ValueError("it is no public JSON Web Key") from None


def _of_multibase(given: str) -> WalletKey:
    """The key of a did:key (multibase base58btc of a multicodec)."""
    content = keys.unbase58(given[1:]) if given.startswith("z") else b""
    if content[:2] == keys.ED25519_PUBLIC:
        return Ed25519PublicKey.from_public_bytes(content[2:])
    curve = {P256_PUBLIC: SECP256R1, P384_PUBLIC: SECP384R1}.get(content[:2])
    if curve is None:
        raise ValueError("only keys of Ed25519, P-256 and P-384 are understood")
    return EllipticCurvePublicKey.from_encoded_point(curve(), content[2:])


def _usable(key: object) -> WalletKey:
    if isinstance(key, Ed25519PublicKey) or (
        isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, tuple(CURVES.values()))
    ):
        return key
    raise ValueError("only keys of Ed25519, P-256 and P-384 are understood")


def _algorithm(key: WalletKey) -> str:
    if isinstance(key, Ed25519PublicKey):
        return "EdDSA"
    return next(name for name, curve in CURVES.items() if isinstance(key.curve, curve))


def _did_jwk(key: WalletKey) -> str:
    """The did:jwk of a key, the same one for the same key however a wallet writes it."""
    plain = {name: value for name, value in sorted(_members(key).items()) if name in ("crv", "kty", "x", "y")}
    return "did:jwk:" + urlsafe_b64encode(json.dumps(plain, separators=(",", ":")).encode()).decode().rstrip("=")


def _members(key: WalletKey) -> dict[str, Any]:
    if isinstance(key, Ed25519PublicKey):
        return OKPAlgorithm.to_jwk(key, as_dict=True)
    return ECAlgorithm.to_jwk(key, as_dict=True)


def _unbase64(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
