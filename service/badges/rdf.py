"""JSON-LD documents as RDF: canonical N-Quads (RDFC-1.0), which is what Data Integrity proofs are about.

pyoxigraph parses and canonicalises; it knows no remote contexts, so the vendored ones are written into the document
first, which gives the same RDF.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyoxigraph
from pyoxigraph import CanonicalizationAlgorithm, Dataset, Quad, RdfFormat

from service.badges import vendored


def quads(document: Mapping[str, Any]) -> list[Quad]:
    """What the document says, a statement a quad; ValueError if it is no JSON-LD."""
    contexts = [vendored.context(url) for url in document["@context"]]
    inlined = json.dumps({**document, "@context": contexts})
    try:
        return list(pyoxigraph.parse(inlined, format=RdfFormat.JSON_LD))
    except SyntaxError as error:
        raise ValueError(f"is no JSON-LD: {error}") from None


def canonical(document: Mapping[str, Any]) -> str:
    """The document as canonical N-Quads."""
    dataset = Dataset(quads(document))
    dataset.canonicalize(CanonicalizationAlgorithm.RDFC_1_0)
    lines = pyoxigraph.serialize(dataset, format=RdfFormat.N_QUADS) or b""
    return "".join(sorted(f"{line}\n" for line in lines.decode().split("\n") if line))
