"""A VC-JWT has the header and claims that Open Badges 3.0 wants, and jose and openbadgeslib agree on what holds."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest

from service.badges import documents, jws, status
from service.badges.keys import PublicKey, SigningKey
from tests.badges import samples
from tests.badges.verifiers import jwt_verdicts, openbadgeslib_jwt

AGREED = {"jose": "", "openbadgeslib": ""}
TOKEN = jws.sign(samples.signed(samples.credential()), samples.ISSUER, samples.RSA)


def resolve(kid: str) -> PublicKey | None:
    return {samples.ISSUER.method("rsa-1"): samples.RSA.public}.get(kid)


def published(*ended: int, key: SigningKey = samples.RSA) -> dict[str, Any]:
    """The DID document and the status list, which is a JSON Web Signature, too."""
    encoded = status.encode(status.marked(status.empty(), ended))
    listed = documents.status_list(samples.ISSUER, 1, "revocation", encoded, samples.AWARD.issued, 300)
    compact = jws.sign(listed, samples.ISSUER, key)
    return {listed["id"]: compact, samples.ISSUER.url("issuers/main/did.json"): samples.DID_DOCUMENT}


def test_the_header_holds_what_the_specification_allows_and_nothing_else() -> None:
    header, _ = jws.read(TOKEN)
    assert header == {"alg": "RS256", "kid": samples.ISSUER.method("rsa-1"), "typ": "JWT"}


def test_the_payload_is_the_credential_and_the_claims_say_the_same_once_more() -> None:
    _, payload = jws.read(TOKEN)
    said = samples.credential()
    assert {name: payload[name] for name in said} == said
    assert (payload["iss"], payload["jti"], payload["sub"]) == (samples.ISSUER.did, said["id"], samples.AWARD.subject)
    assert payload["nbf"] == int(samples.AWARD.issued.timestamp())
    assert samples.AWARD.expires is not None
    assert payload["exp"] == int(samples.AWARD.expires.timestamp())
    assert set(payload) - set(said) == {"iss", "jti", "sub", "nbf", "exp"}


@pytest.mark.js
def test_others_accept_it_and_its_status_list() -> None:
    assert jwt_verdicts(TOKEN, samples.DID_DOCUMENT, published()) == AGREED


def _altered(**changes: Any) -> str:
    """The token with other claims, signed by the right key."""
    _, payload = jws.read(TOKEN)
    headers = {"kid": samples.ISSUER.method("rsa-1")}
    return jwt.encode({**payload, **changes}, samples.RSA.private, algorithm="RS256", headers=headers)


_EXPIRED = samples.credential(
    issued=samples.NOW - timedelta(days=9), expires=samples.NOW - timedelta(days=1), recipients=(samples.ANA,)
)


@pytest.mark.js
@pytest.mark.parametrize(
    "token",
    [
        pytest.param(TOKEN[:-40] + TOKEN[-39:] + "A", id="tampered signature"),
        pytest.param(jws.sign(samples.credential(), samples.ISSUER, SigningKey.new("rsa-1", "RS256")), id="wrong key"),
        pytest.param(jws.sign(_EXPIRED, samples.ISSUER, samples.RSA), id="expired"),
        pytest.param(_altered(sub="urn:uuid:another"), id="another subject"),
        pytest.param(_altered(jti="https://badges.example.org/credentials/another"), id="another id"),
    ],
)
def test_others_and_we_refuse(token: str) -> None:
    assert all(jwt_verdicts(token, samples.DID_DOCUMENT, published()).values())
    expired = token == jws.sign(_EXPIRED, samples.ISSUER, samples.RSA)
    assert expired or jws.problems(token, resolve)  # dates are not the signature's business


def test_a_revoked_one_is_refused_by_its_status_list() -> None:
    assert "is set" in openbadgeslib_jwt(TOKEN, samples.DID_DOCUMENT, published(samples.AWARD.status.index))


def test_what_is_signed_by_the_issuer_has_no_problems() -> None:
    assert jws.problems(TOKEN, resolve) == ()


@pytest.mark.parametrize("token", ["", "a.b.c", "e30.e30.", f"{TOKEN}.x", "ey" * 50, "é.é.é"])
def test_what_is_no_token_is_told_so(token: str) -> None:
    assert jws.problems(token, resolve)


def test_a_token_that_names_no_algorithm_or_another_one_is_refused() -> None:
    _, payload = jws.read(TOKEN)
    headers = {"kid": samples.ISSUER.method("rsa-1")}
    assert jws.problems(jwt.encode(payload, "", algorithm="none", headers=headers), resolve)
    assert jws.problems(jwt.encode(payload, "a secret of 32 bytes or more ....", headers=headers), resolve)


def test_keys_come_back_from_their_published_form() -> None:
    for key in (samples.RSA, samples.KEY):
        (published_key,) = documents.key_set(samples.ISSUER, {key.name: key.public})
        assert jws.public_key(published_key) == key.public


def test_a_jwk_that_is_no_public_key_is_refused() -> None:
    for jwk in ({}, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA", "n": "!", "e": "AQAB"}):
        with pytest.raises(ValueError, match="is no"):
            jws.public_key(jwk)
