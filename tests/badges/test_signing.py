"""A signature covers every byte that matters, and a document that cannot be signed says where."""

from __future__ import annotations

import json
from typing import Any

import pytest

from service.badges import signing, verification
from service.badges.documents import Issuer
from service.badges.keys import SigningKey, base58
from service.badges.signing import NotSignable
from tests.badges import samples

KEYS = verification.public_keys(samples.DID_DOCUMENT)


@pytest.mark.parametrize("shape", samples.shapes())
def test_documents_of_every_shape_are_signed_and_hold(shape: str) -> None:
    assert signing.problems(samples.signed(samples.shapes()[shape]), KEYS) == ()


def test_the_signed_bytes_are_the_document_and_its_proof() -> None:
    content = signing.sign(samples.credential(), samples.ISSUER, samples.KEY, samples.NOW)
    document = json.loads(content)
    (proof,) = document.pop("proof")
    assert document == samples.credential()
    assert (proof["type"], proof["cryptosuite"], proof["proofPurpose"]) == (
        "DataIntegrityProof",
        "eddsa-rdfc-2022",
        "assertionMethod",
    )
    assert proof["verificationMethod"] == "did:web:badges.example.org:issuers:main#key-1"


def _everywhere(value: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all strings in a document."""
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in _everywhere(item, (*place, name))]
    if isinstance(value, list):
        return [found for number, item in enumerate(value) for found in _everywhere(item, (*place, number))]
    return [place] if isinstance(value, str) else []


def test_no_text_can_be_changed_without_being_noticed() -> None:
    whole = json.dumps(samples.signed(samples.credential()))
    for *way, last in _everywhere(json.loads(whole)):
        changed = node = json.loads(whole)
        for step in way:
            node = node[step]
        node[last] += "x"
        assert signing.problems(changed, KEYS), (*way, last)


def test_nothing_can_be_added_or_taken_away() -> None:
    document = samples.signed(samples.credential())
    assert signing.problems({**document, "description": "More"}, KEYS)
    assert signing.problems({**document, "madeUpTerm": "x"}, KEYS)
    assert signing.problems({name: document[name] for name in document if name != "credentialStatus"}, KEYS)
    assert signing.problems({name: document[name] for name in document if name != "proof"}, KEYS)


def test_the_key_of_somebody_else_does_not_hold() -> None:
    forged = samples.signed(samples.credential(), SigningKey.new("key-1"))
    assert signing.problems(forged, KEYS) == ("$.proof.proofValue: is not the signature of this document by this key",)


def test_a_key_that_is_not_the_issuers_does_not_hold() -> None:
    document = samples.signed(samples.credential())
    assert signing.problems(document, {})[0].startswith("$.proof.verificationMethod:")


def test_another_issuer_cannot_sign_in_the_name_of_this_one() -> None:
    key, other = SigningKey.new("key-1"), Issuer("main", "Other", "https://other.example.org")
    with pytest.raises(AssertionError, match="is no key of the issuer"):
        signing.sign(samples.credential(), other, key, samples.NOW)
    document = samples.credential()
    (proof,) = samples.signed(document)["proof"]
    options = {**proof, "verificationMethod": other.method("key-1")}
    del options["proofValue"]
    forged = {**options, "proofValue": "z" + base58(key.sign(signing._digest(document, options)))}
    (problem,) = signing.problems({**document, "proof": [forged]}, {other.method("key-1"): key.multibase})
    assert problem.startswith("$.proof.verificationMethod: did:web:other.example.org")


def test_a_document_that_breaks_the_schema_is_not_signed_and_the_place_is_named() -> None:
    document = samples.credential()
    del document["credentialSubject"]["achievement"]["criteria"]
    with pytest.raises(NotSignable) as caught:
        samples.signed(document)
    assert caught.value.problems == ("$.credentialSubject.achievement: 'criteria' is a required property",)


def test_all_places_are_named_at_once() -> None:
    document = samples.credential()
    document["name"] = "a\tb"
    document["issuer"]["id"] = "main"
    document["grade"] = "A"
    with pytest.raises(NotSignable) as caught:
        samples.signed(document)
    assert [problem.partition(":")[0] for problem in caught.value.problems] == ["$.name", "$.issuer.id", "$.grade"]
