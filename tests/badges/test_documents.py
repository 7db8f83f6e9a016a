"""The documents say what Open Badges 3.0 and the W3C standards want them to say."""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID

import pytest

from service.badges import documents
from service.badges.documents import Issuer
from service.badges.keys import SigningKey
from tests.badges import samples


@pytest.mark.parametrize(
    ("address", "did"),
    [
        ("https://badges.example.org", "did:web:badges.example.org:issuers:main"),
        ("http://127.0.0.1:8000", "did:web:127.0.0.1%3A8000:issuers:main"),
        ("https://example.org/learning/badges", "did:web:example.org:learning:badges:issuers:main"),
    ],
)
def test_the_issuer_is_a_did_that_resolves_to_its_address(address: str, did: str) -> None:
    assert Issuer("main", "Acme", address).did == did


def test_the_contexts_stand_in_the_order_that_the_schema_type_needs() -> None:
    assert samples.credential()["@context"] == [
        "https://www.w3.org/ns/credentials/v2",
        "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
        "https://purl.imsglobal.org/spec/ob/v3p0/extensions.json",
    ]


def test_lists_stand_where_the_strict_schema_wants_them_and_the_status_is_one_object() -> None:
    document = samples.credential()
    lists = [
        document["type"],
        document["evidence"],
        document["credentialSchema"],
        document["credentialSubject"]["identifier"],
    ]
    assert all(isinstance(one, list) for one in lists)
    assert document["credentialStatus"]["type"] == "BitstringStatusListEntry"
    assert document["credentialStatus"]["statusListIndex"] == "94567"


def test_an_address_is_hashed_without_mailto_and_with_its_salt() -> None:
    (identity,) = samples.credential()["credentialSubject"]["identifier"]
    expected = hashlib.sha256(b"ana@acme.example.orgsalt of its own").hexdigest()
    assert identity["identityHash"] == f"sha256${expected}"
    assert identity["identityType"] == "emailAddress"


@pytest.mark.parametrize(
    ("key", "type_", "identity"),
    [
        (
            "sha1:ebd31e95054c018b10727ccffd2ef2ec3a016ee9",
            "ext:mbox_sha1sum",
            "ebd31e95054c018b10727ccffd2ef2ec3a016ee9",
        ),
        ("openid:https://id.example.org/ana", "identifier", "https://id.example.org/ana"),
        ("account:https://hr.example.org ana", "accountId", "https://hr.example.org ana"),
    ],
)
def test_a_learner_without_a_known_address_is_named_by_what_is_known(key: str, type_: str, identity: str) -> None:
    assert documents.recipient(key, None, "s") == documents.Recipient(type_, identity, "s")


def test_no_address_and_no_name_of_a_person_is_written_out() -> None:
    assert "ana@" not in str(samples.credential())


def test_evidence_names_statements_and_never_quotes_them() -> None:
    (evidence,) = samples.credential()["evidence"]
    assert evidence["narrative"].startswith("Keen learner: complete five different courses.")
    assert all(str(statement) in evidence["narrative"] for statement in samples.STATEMENTS)


def test_a_long_list_of_statements_is_cut_and_says_so() -> None:
    (evidence,) = samples.credential(statements=tuple(UUID(int=number) for number in range(500)))["evidence"]
    assert evidence["narrative"].endswith("- and 400 more")


def test_times_are_written_in_utc() -> None:
    assert documents.moment(datetime.fromisoformat("2026-03-01T01:30:00+02:00")) == "2026-02-28T23:30:00Z"


def test_validity_has_a_beginning_and_may_have_an_end() -> None:
    document = samples.credential()
    assert document["validFrom"] < document["validUntil"]
    assert "validUntil" not in samples.credential(expires=None)


def test_the_did_document_keeps_retired_keys() -> None:
    keys = {"key-1": samples.KEY.public, "key-2": SigningKey.new("key-2").public}
    document = documents.did_document(samples.ISSUER, keys)
    assert document["assertionMethod"] == [
        "did:web:badges.example.org:issuers:main#key-1",
        "did:web:badges.example.org:issuers:main#key-2",
    ]
    assert {method["controller"] for method in document["verificationMethod"]} == {samples.ISSUER.did}


def test_the_key_set_says_whose_keys_they_are() -> None:
    (key,) = documents.key_set(samples.ISSUER, {"key-1": samples.KEY.public})
    assert (key["kty"], key["crv"], key["iss"]) == ("OKP", "Ed25519", samples.ISSUER.did)
    assert key["kid"] == samples.ISSUER.method("key-1")
