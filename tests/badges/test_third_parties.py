"""Software written by others reads what we sign as we do: the same RDF, the same schemas, the same verdicts."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft201909Validator
from pyld import jsonld

from service.badges import rdf, vendored
from service.badges.documents import Status
from service.badges.keys import SigningKey
from tests.badges import samples
from tests.badges.verifiers import verdicts

INDEX = samples.AWARD.status.index
ALL_AGREE = {"digitalbazaar": "", "dcc": "", "openbadgeslib": ""}
JSON_LD_SCHEMA = json.loads((Path(__file__).parent / "schemas/achievementcredential.ld.json").read_text())


def published(status_list: dict[str, Any]) -> dict[str, Any]:
    """What the issuer of the samples serves, by address."""
    return {status_list["id"]: status_list, samples.ISSUER.url("issuers/main/did.json"): samples.DID_DOCUMENT}


@pytest.mark.parametrize("shape", samples.shapes())
def test_pyld_makes_the_same_canonical_rdf(shape: str) -> None:
    def load(url: str, _: object = None) -> dict[str, Any]:
        document = {"@context": vendored.context(url)}
        return {"contentType": "application/ld+json", "contextUrl": None, "documentUrl": url, "document": document}

    document = samples.shapes()[shape]
    options = {"algorithm": "URDNA2015", "format": "application/n-quads", "documentLoader": load}
    assert jsonld.normalize(document, options) == rdf.canonical(document)


@pytest.mark.parametrize("shape", [name for name in samples.shapes() if name != "status list"])
def test_both_official_schemas_accept_what_is_signed(shape: str) -> None:
    document = samples.signed(samples.shapes()[shape])
    for schema in (vendored.strict_schema(), JSON_LD_SCHEMA):
        assert [error.message for error in Draft201909Validator(schema).iter_errors(document)] == []


@pytest.mark.js
@pytest.mark.parametrize("shape", ["whole", "no expiry", "several identities", "many statements"])
def test_a_credential_is_valid(shape: str) -> None:
    assert (
        verdicts(samples.signed(samples.shapes()[shape]), published(samples.status_list(INDEX - 1, INDEX + 1)))
        == ALL_AGREE
    )


@pytest.mark.js
def test_a_credential_signed_with_a_retired_key_is_valid_while_the_did_document_keeps_it() -> None:
    old = SigningKey.new("key-0")
    methods = [
        {
            **samples.DID_DOCUMENT["verificationMethod"][0],
            "id": samples.ISSUER.method(key.name),
            "publicKeyMultibase": key.multibase,
        }
        for key in (old, samples.KEY)
    ]
    did = {
        **samples.DID_DOCUMENT,
        "verificationMethod": methods,
        "assertionMethod": [method["id"] for method in methods],
    }
    documents = {**published(samples.status_list()), samples.ISSUER.url("issuers/main/did.json"): did}
    assert verdicts(samples.signed(samples.credential(), old), documents) == ALL_AGREE


@pytest.mark.js
def test_a_credential_that_can_be_suspended_is_valid_while_it_is_not() -> None:
    signed = samples.signed(samples.credential(status=Status("suspension", 1, INDEX)))
    assert verdicts(signed, published(samples.status_list(purpose="suspension"))) == ALL_AGREE


def _tampered() -> dict[str, Any]:
    document = samples.signed(samples.credential())
    document["credentialSubject"]["achievement"]["name"] = "Grand master"
    return document


@pytest.mark.js
@pytest.mark.parametrize(
    ("credential", "status_list"),
    [
        pytest.param(samples.signed(samples.credential()), samples.status_list(INDEX), id="revoked"),
        pytest.param(
            samples.signed(samples.credential(status=Status("suspension", 1, INDEX))),
            samples.status_list(INDEX, purpose="suspension"),
            id="suspended",
        ),
        pytest.param(_tampered(), samples.status_list(), id="tampered"),
        pytest.param(
            samples.signed(samples.credential(), SigningKey.new("key-1")), samples.status_list(), id="wrong key"
        ),
        pytest.param(
            samples.signed(
                samples.credential(issued=samples.NOW - timedelta(days=9), expires=samples.NOW - timedelta(days=1))
            ),
            samples.status_list(),
            id="expired",
        ),
        pytest.param(
            samples.signed(samples.credential()),
            samples.status_list(key=SigningKey.new("key-1")),
            id="forged status list",
        ),
    ],
)
def test_a_credential_is_refused_by_all(credential: dict[str, Any], status_list: dict[str, Any]) -> None:
    given = verdicts(credential, published(status_list))
    assert all(given.values()), given
