"""The forms that values take in YAML: how each is read, how it is said to an author, and how to an editor.

A form reads one node into one value, or notes a problem and gives None. A table of `Key`s makes the form of a mapping;
the same tables make the JSON Schema and the reference in docs/rules.md, so that the three cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from service.core.places import Broken, Items, Node, Pairs, Place, Problem, Scalar, listed, nearest, shown
from service.core.vocabulary import Vocabulary

T = TypeVar("T")
Schema = dict[str, Any]
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
MOST_HINTS = 100
"""Beyond so many problems nothing nearest is looked for: a file that is wrong all over must not take minutes."""


class Mention(NamedTuple):
    """A name that some other document has to define."""

    kind: str
    name: str
    place: Place
    severity: Literal["error", "warning"] = "error"


@dataclass
class Reading:
    """What goes along while documents are read."""

    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    files: Mapping[str, bytes] = field(default_factory=dict)
    unread: str = ""
    """Source that could not be read: a word or a name that occurs in it may be defined there."""
    decided: Collection[str] = ()
    """Names of rules that give what is decided by hand."""
    gone: Collection[tuple[str, str]] = ()
    """(kind, name) of what is no more, and may still be mentioned."""
    unread_profiles: bool = False
    """A profile could not be read: a template that is not known may be defined there."""
    levels: Mapping[str, Any] = field(default_factory=dict)
    """The `levels:` documents, by name: what a level means is known when rules are read."""
    problems: list[Problem] = field(default_factory=list)
    mentions: list[Mention] = field(default_factory=list)
    defined: set[tuple[str, str]] = field(default_factory=set)
    """(kind, name) of everything that can be mentioned."""
    errors: int = 0
    statements: int = 0
    """Statements of tests read so far; `repeat` can ask for more than anybody wants to wait for."""

    def error(self, at: Node | Place, message: str) -> None:
        self.errors += 1
        self.problems.append(Problem(*_place(at), message))

    def warning(self, at: Node | Place, message: str) -> None:
        self.problems.append(Problem(*_place(at), message, "warning"))

    def mention(self, kind: str, name: str, at: Node, severity: Literal["error", "warning"] = "error") -> None:
        self.mentions.append(Mention(kind, name, at.place, severity))

    def nearest(self, word: str, known: Iterable[str]) -> str:
        return nearest(word, known) if len(self.problems) < MOST_HINTS else ""


def _place(at: Node | Place) -> Place:
    return at if isinstance(at, Place) else at.place


@dataclass(frozen=True)
class Form(Generic[T]):
    """One form of value.

    words: what is expected, as it follows "must be". example: a value, as YAML.
    read: (reading, node, name of the key) -> the value, or None when a problem was noted.
    """

    words: str
    example: str
    schema: Schema
    read: Callable[[Reading, Node, str], T | None]
    table: Table | None = None
    """The keys, if the form is a mapping."""


class Key(NamedTuple):
    """A key of a mapping. refused: for a key that cannot stand here, the rest of the sentence that starts with it."""

    form: Form[Any]
    meaning: str
    required: bool = False
    refused: str = ""


Table = Mapping[str, Key]


def expected(reading: Reading, node: Node, name: str, form: Form[Any], hint: str = "") -> None:
    """Notes that the value under `name` does not have this form."""
    if isinstance(node, Broken):
        return
    found = "is empty" if isinstance(node, Scalar) and node.empty else f"cannot be {_seen(node)}"
    reading.error(
        node, f'"{shown(name)}" {found}: write {form.words}, like {name}: {form.example}.{hint and f" {hint}"}'
    )


def _seen(node: Node) -> str:
    if isinstance(node, Scalar):
        deceptive = node.quoted and (NUMBER.fullmatch(node.text) or node.text in ("true", "false"))
        return f'"{shown(node.text)}"{" in quotes" if deceptive else ""}'
    kind, content = ("list", node.items) if isinstance(node, Items) else ("mapping", getattr(node, "pairs", ()))
    return f"a {kind}" if content else f"an empty {kind}"


# --- lists and mappings -------------------------------------------------------------------------------------------


def list_of(item: Form[T], or_one: bool = False, example: str = "", may_be_empty: bool = False) -> Form[tuple[T, ...]]:
    """A list with at least one item; or_one: a single item may stand for a list of it."""

    def read(reading: Reading, node: Node, name: str) -> tuple[T, ...] | None:
        if or_one and not isinstance(node, Items):
            one = item.read(reading, node, name)
            return None if one is None else (one,)
        if not isinstance(node, Items) or not (node.items or may_be_empty):
            expected(reading, node, name, form)
            return None
        values = [item.read(reading, one, name) for one in node.items]
        return tuple(value for value in values if value is not None) if None not in values else None

    array: Schema = {"type": "array", "items": item.schema, "minItems": 0 if may_be_empty else 1}
    words = f"{item.words}, or a list of such" if or_one else f"a list, each item {item.words}"
    schema = {"anyOf": [item.schema, array]} if or_one else array
    form = Form(words, example or f"[{item.example}]", schema, read, item.table)
    return form


def either(words: str, example: str, choose: Callable[[Node], Form[Any]], *forms: Form[Any]) -> Form[Any]:
    """One of several forms; `choose` looks at the node and says which."""

    def read(reading: Reading, node: Node, name: str) -> Any:
        chosen = choose(node)
        return Form(words, example, {}, chosen.read).read(reading, node, name)

    schema = {"anyOf": [form.schema for form in forms]}
    table = next((form.table for form in forms if form.table), None)
    return Form(words, example, schema, read, table)


def fields(reading: Reading, node: Pairs, table: Table, what: str, hint: str = "") -> dict[str, Any]:
    """What could be read of a mapping, in the order written; problems are noted for all the rest.

    what: what the mapping is called. hint: said of an unknown key that has no near one, instead of all keys.
    """
    found: dict[str, Any] = {}
    for key, value in node.pairs:
        entry = table.get(key.text)
        if entry is None:
            reading.error(key, _not_a_key(reading, key.text, table, what, hint))
        elif entry.refused:
            reading.error(key, f'"{key.text}" {entry.refused}')
        elif (read := entry.form.read(reading, value, key.text)) is not None:
            found[key.text] = read
    refused = any(key.text in table and table[key.text].refused for key, _ in node.pairs)
    for name, entry in table.items():
        if entry.required and node.get(name) is None and not refused:
            reading.error(node, f'"{name}" is missing: {what} needs it, like {name}: {entry.form.example}.')
    return found


def _not_a_key(reading: Reading, name: str, table: Table, what: str, hint: str) -> str:
    known, last = [key for key, entry in table.items() if not entry.refused], "and"
    near = reading.nearest(name, table) or f" {hint or f'It has {listed(known, last)}.'}"
    return f'"{shown(name)}" is not a key of {what}.{near}'


def mapping(
    what: str,
    example: str,
    table: Table,
    make: Callable[[dict[str, Any]], T],
    check: Callable[[Reading, Pairs, dict[str, Any]], None] | None = None,
) -> Form[T]:
    """A mapping with the keys of `table`.

    check: notes problems between keys, and is called with what could be read. make: called when nothing is wrong.
    """

    def read(reading: Reading, node: Node, name: str) -> T | None:
        if not isinstance(node, Pairs):
            expected(reading, node, name, form)
            return None
        before = reading.errors
        found = fields(reading, node, table, what)
        if check:
            check(reading, node, found)
        return make(found) if reading.errors == before and len(found) == len(node.pairs) else None

    form = Form("keys with values", example, object_schema(table), read, table)
    return form


def object_schema(table: Table) -> Schema:
    """The JSON Schema of a mapping with these keys."""
    known = {name: entry for name, entry in table.items() if not entry.refused}
    schema: Schema = {
        "type": "object",
        "properties": {name: {"description": entry.meaning, **entry.form.schema} for name, entry in known.items()},
        "additionalProperties": False,
    }
    required = [name for name, entry in known.items() if entry.required]
    return schema | ({"required": required} if required else {})
