"""A key proof shows that a wallet has the key that it names, to us, now; anything else is refused with the reason."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from service.badges.key_proofs import Proof, Unproven, proven
from tests.badges.wallet import Wallet

HERE = "https://badges.example.org"
WALLETS = {curve: Wallet.new(curve) for curve in ("P-256", "P-384", "Ed25519")}
ANA = WALLETS["P-256"]


def shown(token: str) -> Proof:
    return proven(token, HERE, datetime.now(UTC))


def refused(token: str, because: str) -> None:
    with pytest.raises(Unproven, match=because):
        shown(token)


def encoded(part: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


@pytest.mark.parametrize("curve", WALLETS)
def test_a_proof_shows_the_did_of_the_key_that_made_it(curve: str) -> None:
    wallet = WALLETS[curve]
    assert shown(wallet.proof(HERE, "n")) == Proof(wallet.did_key, "n")
    named = {"kid": f"{wallet.did_jwk}#0"}
    assert shown(wallet.proof(HERE, "n", named)) == Proof(wallet.did_jwk, "n")


@pytest.mark.parametrize("curve", WALLETS)
def test_a_key_that_stands_in_the_header_is_called_by_its_did_jwk_however_it_is_written(curve: str) -> None:
    wallet = WALLETS[curve]
    plain = shown(wallet.proof(HERE, "n", {"jwk": wallet.jwk}))
    more = {"kid": "mine", "use": "sig", **dict(reversed(wallet.jwk.items()))}
    assert shown(wallet.proof(HERE, "n", {"jwk": more})) == plain
    again = {"kid": f"{plain.subject}#0"}
    assert shown(wallet.proof(HERE, "n", again)) == plain


def test_a_proof_for_somebody_else_is_none() -> None:
    refused(ANA.proof("https://other.example.org", "n"), f"aud is not {HERE}")
    refused(ANA.proof(HERE, "n", aud=[HERE, "https://other.example.org"]), "aud")
    refused(ANA.proof(HERE, "n", aud=None), "aud")


def test_a_proof_is_made_now_and_with_a_nonce() -> None:
    for minutes in (-6, 6):
        refused(ANA.proof(HERE, "n", made=datetime.now(UTC) + timedelta(minutes=minutes)), "iat is not the time")
    for minutes in (-4, 4):
        assert shown(ANA.proof(HERE, "n", made=datetime.now(UTC) + timedelta(minutes=minutes)))
    refused(ANA.proof(HERE, "n", iat=None), "iat")
    refused(ANA.proof(HERE, None), "nonce")
    refused(ANA.proof(HERE, 5), "nonce is no text")
    refused(ANA.proof(HERE, "n", exp=int(datetime.now(UTC).timestamp()) - 400), "expired")


def test_a_proof_says_what_it_is() -> None:
    refused(ANA.proof(HERE, "n", {"kid": ANA.kid, "typ": "JWT"}), "typ is not openid4vci-proof")
    refused(ANA.proof(HERE, "n", {"kid": ANA.kid, "crit": ["exp"]}), "crit")
    for nothing in ("", "a", "a.b.c", "é.é.é", encoded({"alg": "ES256"}) + ".e30.", "[]"):
        refused(nothing, "it is no JWT|typ is not")


def test_the_header_names_one_key() -> None:
    for header in ({}, {"kid": ANA.kid, "jwk": ANA.jwk}, {"x5c": ["MIIB"]}):
        refused(ANA.proof(HERE, "n", header), "one of them")


def test_a_name_that_leads_to_no_key_is_refused() -> None:
    of_no_key = ["key-1", "did:web:wallet.example.org#key-1", f"{ANA.did_key}#another", f"{ANA.did_jwk}#1"]
    of_no_key += [f"did:key:{name}" for name in ("", "zzzz", "z0OIl", "u7QGJ", "z" + "1" * 600)]
    of_no_key += [f"did:jwk:{name}#0" for name in ("e30", "W10", "é")]
    for kid in of_no_key:
        refused(ANA.proof(HERE, "n", {"kid": kid}), "the key cannot be used")


def test_another_key_than_the_one_that_signed_is_refused() -> None:
    for other in (Wallet.new("P-256"), WALLETS["P-384"], WALLETS["Ed25519"]):
        refused(ANA.proof(HERE, "n", {"kid": other.kid}), "not signed by the key")
        refused(ANA.proof(HERE, "n", {"jwk": other.jwk}), "not signed by the key")
    head, _, signature = ANA.proof(HERE, "n").split(".")
    claims = encoded({"aud": HERE, "iat": int(datetime.now(UTC).timestamp()), "nonce": "another"})
    refused(f"{head}.{claims}.{signature}", "not signed by the key")


def test_a_private_key_has_no_business_in_a_header() -> None:
    assert isinstance(ANA.private, ec.EllipticCurvePrivateKey)
    private = ECAlgorithm.to_jwk(ANA.private, as_dict=True)
    refused(ANA.proof(HERE, "n", {"jwk": private}), "no public JSON Web Key")


@pytest.mark.parametrize("given", [None, [], "text", {}, {"kty": "EC"}, {"kty": "EC", "crv": 1, "x": 2, "y": []}])
def test_what_is_no_key_is_refused(given: object) -> None:
    refused(ANA.proof(HERE, "n", {"jwk": given}), "the key cannot be used")


def test_an_unsigned_proof_is_none() -> None:
    claims = encoded({"aud": HERE, "iat": int(datetime.now(UTC).timestamp()), "nonce": "n"})
    head = encoded({"typ": "openid4vci-proof+jwt", "alg": "none", "kid": ANA.kid})
    refused(f"{head}.{claims}.", "alg is not one of")
    _, _, signature = ANA.proof(HERE, "n").split(".")
    refused(f"{head}.{claims}.{signature}", "alg is not one of")


def test_a_public_key_is_never_the_secret_of_a_mac() -> None:
    """The confusion of algorithms: who knows a public key must not be able to sign with it."""
    claims = {"aud": HERE, "iat": int(datetime.now(UTC).timestamp()), "nonce": "n"}
    private = rsa.generate_private_key(65537, 2048)
    jwk = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    header = {"typ": "openid4vci-proof+jwt", "jwk": dict(jwk)}
    refused(jwt.encode(claims, private, "RS256", headers=header), "alg is not one of")
    pem = ANA.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, json.dumps(ANA.jwk).encode()):
        for alg in ("HS256", "ES256"):
            signed = f"{encoded({'typ': 'openid4vci-proof+jwt', 'alg': alg, 'kid': ANA.kid})}.{encoded(claims)}"
            mac = urlsafe_b64encode(hmac.digest(secret, signed.encode(), hashlib.sha256)).decode().rstrip("=")
            refused(f"{signed}.{mac}", "alg is not one of|not signed by the key")


def test_a_symmetric_key_in_the_header_is_none() -> None:
    claims = {"aud": HERE, "iat": int(datetime.now(UTC).timestamp()), "nonce": "n"}
    secret = b"s" * 32
    jwk = {"kty": "oct", "k": urlsafe_b64encode(secret).decode()}
    token = jwt.encode(claims, secret, "HS256", headers={"typ": "openid4vci-proof+jwt", "jwk": jwk})
    refused(token, "alg is not one of")
    refused(ANA.proof(HERE, "n", {"jwk": jwk}), "the key cannot be used")
