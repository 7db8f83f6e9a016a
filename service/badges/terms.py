"""What may not be signed: characters, IRIs and terms that verifiers read differently, each with its place.

Signatures cover the RDF that JSON-LD processing makes of a document. A term that no context defines is dropped from it
in silence, a relative IRI is resolved differently everywhere, and control characters are escaped differently by the
canonicalisers in use. So all three are refused. `problems` walks the document with the terms that are defined at
each place: a type's own context holds for its node only, a property's own context for everything below it
(JSON-LD 1.1, sections 4.1.8 and 4.1.9).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from service.badges import vendored

Terms = Mapping[str, Any]

CONTROL = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f\ud800-\udfff]"
)  # every C0 but the line feed, DEL, and halves of characters
IRI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:[^\x00-\x20<>\"{}|^`\\\x7f\ud800-\udfff]+")
KEYWORDS = {"@context", "id", "type"}


def problems(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Sentences, each starting with the JSON path of what is wrong; none: the document may be signed."""
    unknown = [url for url in document.get("@context", ()) if url not in vendored.CONTEXTS]
    if unknown or not isinstance(document.get("@context"), list):
        return (f"$.@context: only {', '.join(vendored.CONTEXTS)} can be signed, in a list; not {unknown}",)
    terms: Terms = {}
    for url in document["@context"]:
        terms = {**terms, **vendored.context(url)}
    return tuple(_node(document, terms, "$"))


def strings(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str | None]]:
    """Every string of a document without problems, contexts and types apart: its path, and what it is coerced to."""
    terms: Terms = {}
    for url in document["@context"]:
        terms = {**terms, **vendored.context(url)}
    return _strings(document, None, terms, ())


def _strings(
    value: object, definition: object, outer: Terms, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], str | None]]:
    if isinstance(value, str):
        yield path, _coercion(definition)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _strings(item, definition, outer, (*path, number))
    elif isinstance(value, Mapping):
        terms = outer
        for name in _listed(value.get("type")):
            terms = {**terms, **_scoped(outer.get(name))}
        for key, inner in value.items():
            if key == "id":
                yield (*path, key), "@id"
            elif key not in KEYWORDS:
                yield from _strings(inner, terms[key], {**outer, **_scoped(terms[key])}, (*path, key))


def _node(node: Mapping[str, Any], outer: Terms, place: str) -> Iterator[str]:
    terms = outer
    for name in _listed(node.get("type")):
        if name not in outer and not IRI.fullmatch(str(name)):
            yield f"{place}.type: no context defines {name!r}"
        terms = {**terms, **_scoped(outer.get(name))}
    if "id" in node:
        yield from _iri(node["id"], f"{place}.id")
    for key, value in node.items():
        if key in KEYWORDS:
            continue
        if terms.get(key) is None:
            yield f"{place}.{key}: no context defines this term"
            continue
        # Below a property the type's terms are gone again; the property's own come on top.
        yield from _value(value, terms[key], {**outer, **_scoped(terms[key])}, f"{place}.{key}")


def _value(value: object, definition: object, terms: Terms, place: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _value(item, definition, terms, f"{place}[{number}]")
    elif isinstance(value, Mapping):
        yield from _node(value, terms, place)
    elif isinstance(value, str):
        yield from _string(value, _coercion(definition), terms, place)
    elif not isinstance(value, bool | int):
        yield f"{place}: {value!r} has no one form in RDF; use a string, a whole number or a boolean"


def _string(value: str, coercion: str | None, terms: Terms, place: str) -> Iterator[str]:
    if coercion == "@id" or (coercion == "@vocab" and value not in terms):
        yield from _iri(value, place)
    elif found := CONTROL.search(value):
        yield f"{place}: holds the character U+{ord(found[0]):04X}, which verifiers do not agree on; take it out"


def _iri(value: object, place: str) -> Iterator[str]:
    if not isinstance(value, str) or not IRI.fullmatch(value):
        yield f"{place}: {value!r} is no absolute IRI"


def _coercion(definition: object) -> str | None:
    return definition.get("@type") if isinstance(definition, Mapping) else None


def _scoped(definition: object) -> Terms:
    scoped = definition.get("@context") if isinstance(definition, Mapping) else None
    return scoped or {}


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
