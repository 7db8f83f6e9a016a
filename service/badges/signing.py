"""Data Integrity proofs with the cryptosuite eddsa-rdfc-2022 (W3C vc-di-eddsa, section 3.2): made and checked.

What is signed is SHA-256 of the canonical proof options followed by SHA-256 of the canonical document; canonical means
RDFC-1.0 over the RDF that JSON-LD makes of each (`rdf`), for all but the first document of a shape by `templates`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from jsonschema import Draft201909Validator, FormatChecker, ValidationError

from service.badges import keys, rdf, templates, terms, vendored
from service.badges.documents import Document, Issuer, moment
from service.badges.keys import SigningKey

CRYPTOSUITE = "eddsa-rdfc-2022"


class NotSignable(Exception):
    """A document cannot be signed; `problems` names each place."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def sign(document: Document, issuer: Issuer, key: SigningKey, created: datetime) -> bytes:
    """The document with its proof, as the bytes to keep and serve; NotSignable if a verifier could stumble over it.

    The first document of each shape is checked as a whole, canonicalised by the full algorithm, and verified when it
    is signed; those after it go by template.
    """
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "created": moment(created),
        "verificationMethod": issuer.method(key.name),
        "proofPurpose": "assertionMethod",
    }
    by_template = templates.canonical(document)
    quads = by_template or _checked(document)
    assert _author(document) == issuer.did, f"{issuer.method(key.name)} is no key of the issuer {_author(document)}"
    signature = key.sign(_configured(tuple(document["@context"]), *options.items()) + _sha256(quads))
    proof = {**options, "proofValue": "z" + keys.base58(signature)}
    signed = msgspec.json.encode({**document, "proof": [proof]})
    if not by_template:
        left = problems(json.loads(signed), {issuer.method(key.name): key.multibase})
        assert not left, left
        templates.learn(document, quads, _picky)
    return signed


def problems(document: Mapping[str, Any], public_keys: Mapping[str, str]) -> tuple[str, ...]:
    """Why the proof of a document does not hold, in sentences; none: it was signed, as it is, by its issuer.

    `public_keys` are the `publicKeyMultibase` of the issuer's DID document by verification method. Whether the
    credential has expired or was revoked is not the proof's business; see `verification`.
    """
    unsigned = {name: value for name, value in document.items() if name != "proof"}
    proofs = document.get("proof")
    options = proofs[0] if isinstance(proofs, list) and len(proofs) == 1 else proofs
    if not isinstance(options, dict):
        return ("$.proof: there is not exactly one proof",)
    if found := terms.problems(unsigned) or tuple(_option_problems(unsigned, options, public_keys)):
        return found
    value = options["proofValue"]
    rest = {name: given for name, given in options.items() if name != "proofValue"}
    try:
        key = keys.public_key(public_keys[options["verificationMethod"]])
        key.verify(keys.unbase58(value[1:]), _digest(unsigned, rest))
    except InvalidSignature:
        return ("$.proof.proofValue: is not the signature of this document by this key",)
    except ValueError as error:
        return (f"$.proof: {error}",)
    return ()


def known(proof: Mapping[str, Any]) -> bool:
    """Whether proofs of this kind can be checked: ours, and its forerunner, which differs from it in the name alone."""
    return (proof.get("type"), proof.get("cryptosuite")) in {
        ("DataIntegrityProof", CRYPTOSUITE),
        ("Ed25519Signature2020", None),
    }


def _checked(document: Document) -> str:
    """The canonical quads by the full algorithm, of a document that nobody stumbles over; otherwise NotSignable."""
    if found := terms.problems(document) + _schema_problems(document):
        raise NotSignable(found)
    return rdf.canonical(document)


def _digest(document: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    configuration = {"@context": document["@context"], **options}
    return b"".join(_sha256(rdf.canonical(one)) for one in (configuration, document))


def _sha256(quads: str) -> bytes:
    return hashlib.sha256(quads.encode()).digest()


@lru_cache(256)
def _configured(contexts: tuple[str, ...], *options: tuple[str, str]) -> bytes:
    """The hash of our own proof's options, which many credentials of one second share."""
    return _sha256(rdf.canonical({"@context": contexts, **dict(options)}))


def _option_problems(
    document: Mapping[str, Any], options: Mapping[str, Any], public_keys: Mapping[str, str]
) -> list[str]:
    method, author = str(options.get("verificationMethod")), _author(document)
    found = []
    if not known(options):
        found.append(f"$.proof: is no DataIntegrityProof with {CRYPTOSUITE}")
    if options.get("proofPurpose") != "assertionMethod":
        found.append("$.proof.proofPurpose: is not assertionMethod")
    if not str(options.get("proofValue")).startswith("z"):
        found.append("$.proof.proofValue: is missing or no multibase base58btc text")
    if method.partition("#")[0] != author or method not in public_keys:
        found.append(f"$.proof.verificationMethod: {method} is no key of the issuer {author}")
    return found or list(terms.problems({"@context": document["@context"], **options}))


def _author(document: Mapping[str, Any]) -> object:
    issuer = document.get("issuer")
    return issuer.get("id") if isinstance(issuer, dict) else issuer


def _schema_problems(document: Document) -> tuple[str, ...]:
    """What the official strict schema says of an Open Badge; other documents have none."""
    return tuple(f"{error.json_path}: {error.message}" for error in _schema_errors(document))


def _picky(document: Mapping[str, Any]) -> list[tuple[str | int, ...]]:
    """The places of which the strict schema wants something else than the text that is there."""
    return [tuple(error.absolute_path) for error in _schema_errors(document)]


def _schema_errors(document: Mapping[str, Any]) -> list[ValidationError]:
    if "OpenBadgeCredential" not in document.get("type", ()):
        return []
    return sorted(_validator().iter_errors(document), key=lambda error: error.json_path)


@cache
def _validator() -> Any:
    return Draft201909Validator(vendored.strict_schema(), format_checker=FormatChecker())
