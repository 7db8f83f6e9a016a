"""Canonical N-Quads by template: what JSON-LD expansion costs is paid once for each shape of document.

Documents of one shape (the same keys, list lengths, types and terms) differ in strings only: texts, moments and IRIs.
In their RDF these strings stand where they stood in the first document, so the quads of the first one, with slots in
place of its strings, are the quads of all. Canonical form then takes three steps: write the strings into the slots,
label the blank nodes anew, sort. The labels have to be found anew because RDFC-1.0 orders blank nodes by a hash of
the quads around them, strings included.

On any doubt there is no answer, and the caller runs the full algorithm: for the first document of a shape, for a
string that is not plainly text, a moment or an absolute IRI, and for two blank nodes with the same hash.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from pyoxigraph import BlankNode, DefaultGraph, Quad

from service.badges import rdf, terms

Path = tuple[str | int, ...]
Kind = Literal["text", "moment", "iri"]
Shape = tuple[object, ...]
Disturbed = Callable[[Mapping[str, Any]], Collection[Path]]

MOST = 500
"""Shapes, and templates of one shape, that are remembered."""
FIXED = {"@context", "type"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# IRIs that every JSON-LD processor takes as they are. None of these schemes is a term of a vendored context.
IRI = re.compile(
    r"(?:https?://[A-Za-z0-9.-]+(?::\d+)?(?:[/?][\w.~!$&'()*+,;=:@/?%-]*)?|did:[\w.:%-]+|urn:uuid:[0-9a-f-]{36})"
    r"(?:#[\w.-]*)?",
    re.ASCII,
)
SLOT = "urn:slot:"
KINDS: Mapping[str | None, Kind] = {
    None: "text",
    "@id": "iri",
    "http://www.w3.org/2001/XMLSchema#dateTime": "moment",
    "xsd:dateTime": "moment",
    "http://www.w3.org/2001/XMLSchema#string": "text",
    "xsd:string": "text",
}


@dataclass(frozen=True)
class Lines:
    """N-Quads with `%s` for slots, and which of the strings goes into each."""

    text: str
    slots: tuple[int, ...]

    def fill(self, strings: Sequence[str]) -> str:
        filled = self.text % tuple(map(strings.__getitem__, self.slots))
        return "\n".join(sorted(set(filled.split("\n")))) + "\n"


@dataclass(frozen=True)
class Template:
    """The quads of a shape. `nodes` are the lines around each blank node, as RDFC-1.0 hashes them (section 4.6)."""

    lines: Lines
    nodes: tuple[Lines, ...]

    def fill(self, strings: Sequence[str]) -> str | None:
        """The canonical N-Quads; None if blank nodes cannot be told apart by what is next to them."""
        hashes = [sha256(node.fill(strings).encode()).hexdigest() for node in self.nodes]
        ranks = {digest: rank for rank, digest in enumerate(sorted(hashes))}
        if len(ranks) < len(hashes):
            return None
        return self.lines.fill([*strings, *(f"_:c14n{ranks[digest]}" for digest in hashes)])


@dataclass
class Plan:
    """Which of the strings of a structure may vary, and how; by the strings that may not, the templates."""

    slots: tuple[tuple[int, Kind], ...]
    fixed: tuple[int, ...]
    templates: dict[tuple[str, ...], Template | None]


_plans: dict[Shape, Plan] = {}


def canonical(document: Mapping[str, Any]) -> str | None:
    """The canonical N-Quads of a document of a shape that was learnt; None: run the full algorithm, and `learn`."""
    shape, strings = _taken_apart(document)
    plan = _plans.get(shape)
    template = plan and plan.templates.get(tuple(map(strings.__getitem__, plan.fixed)))
    if not plan or not template:
        return None
    filled = [_written(strings[index], kind) for index, kind in plan.slots]
    return None if None in filled else template.fill(filled)  # type: ignore[arg-type]


def learn(document: Mapping[str, Any], quads: str, disturbed: Disturbed) -> None:
    """Keep the shape of a document that was found signable and has these canonical quads.

    `disturbed` tells which strings, by path, may not be whatever text (a schema wants one of a few, for example), from
    the document with a text in every slot. They become part of the shape.
    """
    shape, strings = _taken_apart(document)
    if len(_plans) >= MOST:
        _plans.clear()
    plan = _plans.get(shape) or _plans.setdefault(shape, _plan(document, len(strings), disturbed))
    fixed = tuple(map(strings.__getitem__, plan.fixed))
    if len(plan.templates) >= MOST:
        plan.templates.clear()
    if fixed not in plan.templates:
        template = _template(document, plan)
        filled = [_written(strings[index], kind) for index, kind in plan.slots]
        if None not in filled:
            proven = template is not None and template.fill(filled) == quads  # type: ignore[arg-type]
            plan.templates[fixed] = template if proven else None


# --- taking documents apart -----------------------------------------------------------------------------------------


def _taken_apart(document: Mapping[str, Any]) -> tuple[Shape, list[str]]:
    """The shape of a document, and its strings in their order."""
    shape: list[object] = []
    strings: list[str] = []
    _take_apart(document, shape.append, strings.append)
    return tuple(shape), strings


def _take_apart(value: Any, note: Callable[[object], None], keep: Callable[[str], None]) -> None:
    kind = type(value)
    if kind is str:
        keep(value)
        note('"')
    elif kind is dict:
        note("{")
        for key, inner in value.items():
            note(key)
            if key in FIXED:
                note(tuple(inner) if isinstance(inner, list) else inner)
            else:
                _take_apart(inner, note, keep)
        note("}")
    elif kind is list:
        note("[")
        for inner in value:
            _take_apart(inner, note, keep)
        note("]")
    else:
        note((kind, value))


def _written(value: str, kind: Kind) -> str | None:
    """The string as it stands in N-Quads; None if it is not plainly of this kind."""
    if kind == "text":
        if terms.CONTROL.search(value):
            return None
        return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return value if (MOMENT if kind == "moment" else IRI).fullmatch(value) else None


# --- learning -------------------------------------------------------------------------------------------------------


def _plan(document: Mapping[str, Any], number: int, disturbed: Disturbed) -> Plan:
    kinds = [(path, KINDS.get(coercion)) for path, coercion in terms.strings(document)]
    assert len(kinds) == number, "both walks see the same strings"
    texts = [path for path, kind in kinds if kind == "text"]
    places = disturbed(_with(document, {path: f"{SLOT}{index}" for index, path in enumerate(texts)}))
    slots = tuple(
        (index, kind)
        for index, (path, kind) in enumerate(kinds)
        if kind and not (kind == "text" and any(path[: len(place)] == place for place in places))
    )
    varied = {index for index, _ in slots}
    return Plan(slots, tuple(index for index in range(number) if index not in varied), {})


def _template(document: Mapping[str, Any], plan: Plan) -> Template | None:
    paths = [path for path, _ in terms.strings(document)]
    slots = {paths[index]: f"{SLOT}{number}:" for number, (index, _) in enumerate(plan.slots)}
    quads = rdf.quads(_with(document, slots))
    if any(not isinstance(quad.graph_name, DefaultGraph) for quad in quads):
        return None
    nodes = list(dict.fromkeys(one for quad in quads for one in _blank(quad)))
    names = {node: f"{SLOT}{len(slots) + number}:" for number, node in enumerate(nodes)}
    return Template(
        _lines(quads, names),
        tuple(
            _lines(
                [quad for quad in quads if node in _blank(quad)],
                {other: "_:a" if other == node else "_:z" for other in nodes},
            )
            for node in nodes
        ),
    )


def _blank(quad: Quad) -> list[BlankNode]:
    return [term for term in (quad.subject, quad.object) if isinstance(term, BlankNode)]


def _lines(quads: Sequence[Quad], names: Mapping[BlankNode, str]) -> Lines:
    def term(one: Any) -> str:
        return names[one] if isinstance(one, BlankNode) else str(one)

    text = "\n".join(f"{term(quad.subject)} {quad.predicate} {term(quad.object)} ." for quad in quads)
    pieces = re.split(rf"{SLOT}(\d+):", text.replace("%", "%%"))
    return Lines("%s".join(pieces[::2]), tuple(map(int, pieces[1::2])))


def _with(value: Any, strings: Mapping[Path, str], path: Path = ()) -> Any:
    """The document with other strings at these paths."""
    if path in strings:
        return strings[path]
    if isinstance(value, dict):
        return {key: inner if key in FIXED else _with(inner, strings, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with(inner, strings, (*path, index)) for index, inner in enumerate(value)]
    return value
