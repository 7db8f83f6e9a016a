"""A badge that somebody shows is judged in plain words, whoever issued it and in whatever form it comes."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import example, given
from hypothesis import strategies as st

from service.badges import baking, checking, checking_2, documents, jws, keys, open_badges_2, signing, status
from service.badges.checking import NoBadge, Report
from service.badges.documents import Issuer
from service.badges.fetching import Unreachable
from service.badges.keys import SigningKey
from service.badges.resolving import Read
from service.languages import sentence
from tests.badges import samples
from tests.badges.test_baking import PNG, SVG
from tests.laws.effort import examples

ANA = "ana@acme.example.org"
SIGNED = samples.signed(samples.credential())
TEXT = json.dumps(SIGNED)
TOKEN = jws.sign(SIGNED, samples.ISSUER, samples.RSA)
NOW = samples.NOW + timedelta(seconds=1)


def web(**pages: Any) -> Read:
    """What is on the web: what the issuer of the samples publishes, and these pages by address."""
    known: dict[str, Any] = {
        samples.ISSUER.url("issuers/main/did.json"): samples.DID_DOCUMENT,
        samples.ISSUER.url("status/1"): samples.status_list(),
        samples.ISSUER.url("credentials/1"): SIGNED,
        **pages,
    }

    def read(url: str) -> bytes:
        if url not in known:
            raise Unreachable(sentence(f"There is no site {url}."))
        return known[url] if isinstance(known[url], bytes) else json.dumps(known[url]).encode()

    return read


def outcomes(report: Report) -> dict[str, str]:
    return {one.about: one.outcome for one in report.findings}


GOOD = {"signature": "good", "issuer": "good", "dates": "good", "status": "good"}


@pytest.mark.parametrize(
    "shown",
    [
        TEXT.encode(),
        TOKEN.encode(),
        baking.bake_png(PNG, TEXT),
        baking.bake_svg(SVG, TEXT),
        baking.bake_png(PNG, TOKEN),
        samples.ISSUER.url("credentials/1").encode(),
        f"\ufeff  {TEXT}\n".encode(),
    ],
    ids=["JSON", "JWT", "PNG", "SVG", "PNG with JWT", "address", "byte order mark"],
)
def test_a_badge_holds_in_every_form(shown: bytes) -> None:
    report = checking.check(checking.text_of(shown, web()), web(), NOW, ANA)
    assert outcomes(report) == {**GOOD, "recipient": "good"}
    assert report.outcome == "good"
    assert (report.name, report.issuer) == ("Keen learner", "Acme Learning")


def _tampered(change: Callable[[dict[str, Any]], object]) -> str:
    changed = json.loads(TEXT)
    change(changed)
    return json.dumps(changed)


@pytest.mark.parametrize(
    "text",
    [
        _tampered(lambda it: it["credentialSubject"]["achievement"].update(name="Grand master")),
        _tampered(lambda it: it.update(proof=[])),
        _tampered(lambda it: it["proof"][0].update(proofValue="z1")),
        _tampered(lambda it: it["proof"][0].update(verificationMethod="did:web:evil.example.org#key-1")),
        _tampered(lambda it: it.update(unsigned="a term that no context defines")),
        json.dumps(samples.signed(samples.credential(), SigningKey.new("key-1"))),
        jws.sign(SIGNED, samples.ISSUER, SigningKey.new("rsa-1", "RS256")),
        TOKEN[:-6] + "AAAAAA",
    ],
)
def test_what_its_issuer_did_not_sign_does_not_hold(text: str) -> None:
    report = checking.check(text, web(), NOW)
    assert outcomes(report)["signature"] == "bad"
    assert report.outcome == "bad"


def test_a_key_that_says_of_itself_that_it_is_the_issuers_is_not() -> None:
    forger = SigningKey.new("key-1")
    method = "https://evil.example.org/key"
    page = {"id": method, "controller": samples.ISSUER.did, "publicKeyMultibase": forger.multibase, "type": "Multikey"}
    options = {**SIGNED["proof"][0], "verificationMethod": method}
    del options["proofValue"]
    signature = forger.sign(signing._digest(samples.credential(), options))
    text = json.dumps({**samples.credential(), "proof": [{**options, "proofValue": "z" + keys.base58(signature)}]})
    report = checking.check(text, web(**{method: page}), NOW)
    assert outcomes(report)["signature"] == "bad"


@pytest.mark.parametrize(("purpose", "word"), [("revocation", "revoked"), ("suspension", "suspended")])
@pytest.mark.parametrize("form", ["JSON", "JWT"])
def test_a_badge_that_was_withdrawn_does_not_hold(purpose: str, word: str, form: str) -> None:
    bits = status.encode(status.marked(status.empty(), [7]))
    listed = documents.status_list(samples.ISSUER, 1, purpose, bits, samples.AWARD.issued, 60)
    page: Any = samples.signed(listed)
    if form == "JWT":
        page = jws.sign(listed, samples.ISSUER, samples.RSA).encode()
    text = json.dumps(samples.signed(samples.credential(status=documents.Status(purpose, 1, 7))))
    report = checking.check(text, web(**{samples.ISSUER.url("status/1"): page}), NOW)
    assert outcomes(report)["status"] == "bad"
    assert word in report.findings[-1].words


def test_a_status_list_of_somebody_else_is_not_believed() -> None:
    forged = samples.status_list(key=SigningKey.new("key-1"))
    report = checking.check(TEXT, web(**{samples.ISSUER.url("status/1"): forged}), NOW)
    assert outcomes(report)["status"] == "bad"


def test_dates_are_looked_at() -> None:
    expired = json.dumps(samples.signed(samples.credential(expires=samples.NOW - timedelta(seconds=1))))
    assert outcomes(checking.check(expired, web(), NOW))["dates"] == "bad"
    assert outcomes(checking.check(TEXT, web(), samples.AWARD.issued - timedelta(days=1)))["dates"] == "bad"


def test_somebody_elses_badge_is_told_so() -> None:
    report = checking.check(TEXT, web(), NOW, "eve@acme.example.org")
    assert outcomes(report)["recipient"] == "bad"


def test_what_cannot_be_reached_is_left_open_and_not_called_bad() -> None:
    def nothing(url: str) -> bytes:
        raise Unreachable(sentence(f"There is no site {url}."))

    report = checking.check(TEXT, nothing, NOW)
    assert (report.outcome, outcomes(report)["signature"]) == ("unknown", "unknown")


def test_an_issuer_that_is_only_a_key_is_not_taken_for_somebody_known() -> None:
    key = SigningKey.new("x")

    class Key(Issuer):
        did = f"did:key:{key.multibase}"

        def method(self, key_name: str) -> str:
            return f"{self.did}#{key.multibase}"

    issuer = Key("main", "Acme", "https://badges.example.org")
    document = documents.credential(issuer, samples.AWARD)
    del document["credentialStatus"]
    report = checking.check(signing.sign(document, issuer, key, samples.NOW).decode(), web(), NOW)
    assert outcomes(report) == {**GOOD, "issuer": "unknown"}


def test_the_older_signature_of_version_2020_is_read_too() -> None:
    document = {**samples.credential(), "@context": [
        "https://www.w3.org/ns/credentials/v2",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
        "https://w3id.org/security/suites/ed25519-2020/v1",
    ]}  # fmt: skip
    options = {
        "type": "Ed25519Signature2020",
        "created": documents.moment(samples.NOW),
        "verificationMethod": samples.ISSUER.method("key-1"),
        "proofPurpose": "assertionMethod",
    }
    signature = samples.KEY.sign(signing._digest(document, options))
    proof = {**options, "proofValue": "z" + keys.base58(signature)}
    report = checking.check(json.dumps({**document, "proof": proof}), web(), NOW)
    assert outcomes(report)["signature"] == "good"


def test_an_unknown_vocabulary_is_told_and_not_fetched() -> None:
    text = _tampered(lambda it: it["@context"].append("https://evil.example.org/context"))
    assert outcomes(checking.check(text, web(), NOW))["signature"] == "unknown"


@pytest.mark.parametrize(
    "shown", [b"", b"hello", b"{}", b"[]", b"null", b'{"type": "Assertion"}', PNG, SVG, b"\xff\xfe\x00", b"<html>"]
)
def test_what_is_no_badge_is_told_so(shown: bytes) -> None:
    def judge() -> Report:
        text = checking.text_of(shown, web())
        return checking_2.check(text, web(), NOW) if checking_2.is_assertion(text) else checking.check(text, web(), NOW)

    with pytest.raises(NoBadge):
        judge()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(list(SIGNED)), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(SIGNED)), JSON)
@example("awardedDate", {"@context": None})
@examples(60)
def test_whatever_stands_in_a_badge_there_is_an_answer(name: str, value: Any) -> None:
    for text in (json.dumps({**SIGNED, name: value}), json.dumps({"type": "Assertion", **SIGNED, name: value})):
        try:
            checking.check(text, web(), NOW, ANA)
            checking_2.check(text, web(), NOW, ANA)
        except NoBadge:
            continue


# --- Open Badges 2.0 --------------------------------------------------------------------------------------------------

HOSTED = open_badges_2.address(samples.ISSUER, samples.AWARD.id)


def old(**changes: Any) -> dict[str, Any]:
    """The pages of the sample award as Open Badges 2.0, by address."""
    assertion = open_badges_2.assertion(samples.ISSUER, samples.AWARD.id, SIGNED, "https://x.example.org/1.png")
    badge = open_badges_2.badge_class(samples.ISSUER, samples.AWARD.id, SIGNED, "https://x.example.org/1.png")
    issuer = open_badges_2.profile(samples.ISSUER)
    return {HOSTED: {**assertion, **changes}, badge["id"]: badge, issuer["id"]: issuer}


def judged(pages: dict[str, Any], email: str = ANA) -> Report:
    return checking_2.check(json.dumps({"type": "Assertion", "id": HOSTED}), web(**pages), NOW, email)


def test_a_hosted_badge_holds_for_its_holder() -> None:
    assert outcomes(judged(old())) == {**GOOD, "recipient": "good"}
    assert outcomes(judged(old(), "eve@acme.example.org"))["recipient"] == "bad"


def test_a_hosted_badge_is_what_its_address_says_and_not_what_the_file_says() -> None:
    pages = old()
    shown = {**pages[HOSTED], "recipient": {"type": "email", "hashed": False, "identity": "eve@acme.example.org"}}
    report = checking_2.check(json.dumps(shown), web(**pages), NOW, "eve@acme.example.org")
    assert outcomes(report)["recipient"] == "bad"


def test_a_badge_class_of_another_site_is_not_the_issuers() -> None:
    pages = old(badge="https://evil.example.org/badge")
    pages["https://evil.example.org/badge"] = {**pages[samples.ISSUER.url(f"ob2/badges/{samples.AWARD.id}")]}
    pages["https://evil.example.org/badge"]["id"] = "https://evil.example.org/badge"
    assert outcomes(judged(pages))["signature"] == "bad"


def test_an_expired_or_revoked_hosted_badge_does_not_hold() -> None:
    assert outcomes(judged(old(expires="2020-01-01T00:00:00Z")))["dates"] == "bad"
    assert outcomes(judged(old(revoked=True, revocationReason="cheated")))["status"] == "bad"

    def gone(url: str) -> bytes:
        told = open_badges_2.revoked(samples.ISSUER, samples.AWARD.id, "cheated")
        raise Unreachable(sentence("gone"), 410, json.dumps(told).encode())

    report = checking_2.check(json.dumps({"type": "Assertion", "id": HOSTED}), gone, NOW)
    assert report.findings[0].words == "Its issuer has revoked it: cheated."


def test_a_signed_badge_of_version_2_is_read() -> None:
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    pages, creator = old(), samples.ISSUER.url("ob2/key")
    pages[creator] = {
        "id": creator,
        "type": "CryptographicKey",
        "owner": samples.ISSUER.url("ob2/issuers/main"),
        "publicKeyPem": samples.RSA.public.public_bytes(*form).decode(),
    }
    assertion = {**pages[HOSTED], "verification": {"type": "signed", "creator": creator}}
    token = jwt.encode(assertion, samples.RSA.private, algorithm="RS256")
    assert checking_2.is_assertion(token)
    assert outcomes(checking_2.check(token, web(**pages), NOW, ANA)) == {**GOOD, "recipient": "good"}
    forged = jwt.encode(assertion, SigningKey.new("x", "RS256").private, algorithm="RS256")
    assert outcomes(checking_2.check(forged, web(**pages), NOW))["signature"] == "bad"


def test_addresses_are_matched_plain_and_hashed_in_the_ways_that_badges_have() -> None:
    md5 = hashlib.md5(f"{ANA}salt".encode()).hexdigest()
    assert checking.same_person(ANA, f"md5${md5}", True, "salt")
    assert checking.same_person("Ana@Acme.example.org", ANA, False, "")
    assert not checking.same_person(ANA, "", True, "")
    assert not checking.same_person(ANA, base64.b64encode(ANA.encode()).decode(), True, "")
