"""Data Integrity proofs with the cryptosuite eddsa-rdfc-2022 (W3C vc-di-eddsa, section 3.2): made and checked.

What is signed is SHA-256 of the canonical proof options followed by SHA-256 of the canonical document; canonical means
RDFC-1.0 over the RDF that JSON-LD makes of each. pyoxigraph does both; it knows no remote contexts, so the vendored
ones are written into the document first, which gives the same RDF.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import pyoxigraph
from cryptography.exceptions import InvalidSignature
from jsonschema import Draft201909Validator, FormatChecker

from service.badges import keys, terms, vendored
from service.badges.documents import Document, Issuer, moment
from service.badges.keys import SigningKey

CRYPTOSUITE = "eddsa-rdfc-2022"


class NotSignable(Exception):
    """A document cannot be signed; `problems` names each place."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


def sign(document: Document, issuer: Issuer, key: SigningKey, created: datetime) -> bytes:
    """The document with its proof, as the bytes to keep and serve; NotSignable if a verifier could stumble over it."""
    if found := terms.problems(document) + _schema_problems(document):
        raise NotSignable(found)
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "created": moment(created),
        "verificationMethod": issuer.method(key.name),
        "proofPurpose": "assertionMethod",
    }
    signature = key.private.sign(_digest(document, options))
    proof = {**options, "proofValue": "z" + keys.base58(signature)}
    signed = json.dumps({**document, "proof": [proof]}, ensure_ascii=False, separators=(",", ":")).encode()
    left = problems(json.loads(signed), {issuer.method(key.name): key.multibase})
    assert not left, left
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


def canonical(document: Mapping[str, Any]) -> str:
    """The document as canonical N-Quads (RDFC-1.0)."""
    contexts = [vendored.context(url) for url in document["@context"]]
    inlined = json.dumps({**document, "@context": contexts})
    dataset = pyoxigraph.Dataset(pyoxigraph.parse(inlined, format=pyoxigraph.RdfFormat.JSON_LD))
    dataset.canonicalize(pyoxigraph.CanonicalizationAlgorithm.RDFC_1_0)
    lines = pyoxigraph.serialize(dataset, format=pyoxigraph.RdfFormat.N_QUADS) or b""
    return "".join(sorted(f"{line}\n" for line in lines.decode().split("\n") if line))


def _digest(document: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    with_context = {"@context": document["@context"], **options}
    return (
        hashlib.sha256(canonical(with_context).encode()).digest()
        + hashlib.sha256(canonical(document).encode()).digest()
    )


def _option_problems(
    document: Mapping[str, Any], options: Mapping[str, Any], public_keys: Mapping[str, str]
) -> list[str]:
    method, issuer = str(options.get("verificationMethod")), document.get("issuer")
    author = issuer.get("id") if isinstance(issuer, dict) else issuer
    found = []
    if options.get("type") != "DataIntegrityProof" or options.get("cryptosuite") != CRYPTOSUITE:
        found.append(f"$.proof: is no DataIntegrityProof with {CRYPTOSUITE}")
    if options.get("proofPurpose") != "assertionMethod":
        found.append("$.proof.proofPurpose: is not assertionMethod")
    if not str(options.get("proofValue")).startswith("z"):
        found.append("$.proof.proofValue: is missing or no multibase base58btc text")
    if method.partition("#")[0] != author or method not in public_keys:
        found.append(f"$.proof.verificationMethod: {method} is no key of the issuer {author}")
    return found or list(terms.problems({"@context": document["@context"], **options}))


def _schema_problems(document: Document) -> tuple[str, ...]:
    """What the official strict schema says of an Open Badge; other documents have none."""
    if "OpenBadgeCredential" not in document.get("type", ()):
        return ()
    errors = sorted(_validator().iter_errors(document), key=lambda error: error.json_path)
    return tuple(f"{error.json_path}: {error.message}" for error in errors)


@cache
def _validator() -> Any:
    return Draft201909Validator(vendored.strict_schema(), format_checker=FormatChecker())
