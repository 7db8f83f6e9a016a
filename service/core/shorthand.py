"""Short statements of tests: xAPI statements in vocabulary words, read into facts.

`{id: s1, at: 2026-03-01T09:00:00Z, ann: shared, article: a1}` says that Ann shared an article. The keys that name
people and types of activity differ from document to document, so each has a table of its own (`statement_keys`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from service.core import scalars
from service.core.forms import Key, Reading, Table, fields
from service.core.persons import Person
from service.core.places import Broken, Items, Node, Pairs, Scalar, shown
from service.core.short_form import REPEAT_FORM, RESERVED, SHORT, UNKNOWN
from service.core.statement import VOIDED, Fact, Unusable, read
from service.core.vocabulary import is_iri

MOST_STATEMENTS = 10_000
"""Statements of one case, repeats included."""
MOST_STATEMENTS_IN_ALL = 200_000
"""Statements of all tests that are read together."""
NOBODY = {"objectType": "Agent", "mbox": "mailto:records@example.com"}
"""Who voids statements in tests."""
_NUMBERED = re.compile(r"\{n(?::0([1-9]))?\}")


@dataclass
class Script:
    """The statements of one case while they are read. Equal times go by id, so ids ascend in the order written.

    table: the keys of statements, as `statement_keys` makes them. ids: by what the test calls a statement.
    """

    reading: Reading
    people: Mapping[str, Person]
    table: Table
    ids: dict[str, UUID] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)

    def id(self, label: str) -> UUID:
        if label not in self.ids:
            self.ids[label] = _uuid(label) or UUID(int=len(self.ids) + 1, version=4)
        return self.ids[label]

    def persons(self, names: tuple[str, ...], node: Node) -> dict[str, Any]:
        """An Agent, or a Group of several people."""
        for name in names:
            if name not in self.people:
                near = self.reading.nearest(name, self.people) or ' Add them to "people".'
                self.reading.error(node, f'"{shown(name)}" is nobody in this test.{near}')
        agents = [self.people[name].agent for name in names if name in self.people]
        return agents[0] if len(agents) == 1 else {"objectType": "Group", "member": agents}


def statement_keys(reading: Reading, people: Mapping[str, Person]) -> Table:
    """The keys of a statement in a document with these people: theirs, those of `SHORT`, and the words for types."""
    verb = Key(scalars.iris("verbs", "shared"), "what this person did")
    thing = Key(scalars.text("a short name or an IRI", "a1"), "the object, of this type")
    words = [word for word in reading.vocabulary.words["types"] if word not in RESERVED]
    return {**dict.fromkeys(people, verb), **SHORT, **dict.fromkeys(words, thing)}


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if len(text) == 36 else None
    except ValueError:
        return None


def read_statements(script: Script, node: Node) -> None:
    """Reads all statements of a case into `script.facts`."""
    if not isinstance(node, Items):
        script.reading.error(node, '"statements" must be a list: put "- " before each statement.')
        return
    for written in node.items:
        for item in _repeated(script, written):
            if len(script.facts) == MOST_STATEMENTS:
                script.reading.error(written, f"A case has at most {MOST_STATEMENTS:,} statements: test with fewer.")
                return
            script.reading.statements += 1
            if script.reading.statements > MOST_STATEMENTS_IN_ALL:
                most = f"{MOST_STATEMENTS_IN_ALL:,}"
                script.reading.error(written, f"All tests together have at most {most} statements: test with fewer.")
                return
            _statement(script, item)


def _repeated(script: Script, node: Node) -> Iterator[Node]:
    """The statement itself, or the repeated one with each number in place of `{n}`."""
    repeat = node.get("repeat") if isinstance(node, Pairs) else None
    if repeat is None or not isinstance(node, Pairs):
        yield node
        return
    statement = node.get("statement")
    for key, _ in node.pairs:
        if key.text not in ("repeat", "statement"):
            script.reading.error(key, f'"{shown(key.text)}" stands beside "repeat": move it into "statement".')
    if statement is None:
        script.reading.error(node, '"statement" is missing: write what to repeat, like statement: {id: "s{n}", …}.')
    numbers = REPEAT_FORM.read(script.reading, repeat, "repeat") or ()
    before = script.reading.errors
    for number in numbers if statement else ():
        if script.reading.errors > before:
            return  # A mistake in what is repeated is said once.
        yield _with_number(statement, number)


def _with_number(node: Any, number: int) -> Any:
    if isinstance(node, Scalar):
        text = _NUMBERED.sub(lambda found: f"{number:0{found[1] or 1}}", node.text)
        # Braces need quotes in YAML; they do not make "0.{n}" text.
        return Scalar(text, node.quoted and text == node.text, node.place)
    if isinstance(node, Items):
        return Items(tuple(_with_number(item, number) for item in node.items), node.place)
    if isinstance(node, Pairs):
        return Pairs(
            tuple((_with_number(key, number), _with_number(value, number)) for key, value in node.pairs), node.place
        )
    return node


def _statement(script: Script, node: Node) -> None:
    if not isinstance(node, Pairs):
        if not isinstance(node, Broken):
            script.reading.error(
                node, "A statement is a mapping, like {id: s1, at: 2026-03-01T09:00:00Z, ann: shared}."
            )
        return
    if isinstance(label := node.get("id"), Scalar):
        script.id(label.text)
    unknown = [key.text for key, _ in node.pairs if key.text not in script.table]
    if any(word in script.reading.unread for word in unknown):
        return  # The word may be defined in what could not be read.
    before = script.reading.errors
    found = fields(script.reading, node, script.table, "a statement of this test", UNKNOWN)
    if unknown:
        return
    statement = _full(script, node, found) if "statement" in found else _short(script, node, found)
    if script.reading.errors > before or len(found) < len(node.pairs):
        return
    happened = found["at"][1] if "at" in found else datetime.max.replace(tzinfo=UTC)
    received = found["received"][1] if "received" in found else happened
    raw = msgspec.json.encode(statement)
    try:
        fact = read(raw, received, found.get("source", "default"), found.get("capture", "xapi"))
    except Unusable as problem:
        script.reading.error(node, f"This statement could not be used: {problem}.")
        return
    script.facts.append(fact)


def _full(script: Script, node: Pairs, found: dict[str, Any]) -> dict[str, Any]:
    for key, _ in node.pairs:
        if key.text not in ("statement", "received", "source", "capture"):
            script.reading.error(
                key, f'"{shown(key.text)}" stands beside a full statement: write it inside, as xAPI does.'
            )
    statement = _json(found["statement"])
    if not isinstance(statement, dict):
        script.reading.error(found["statement"], "A full statement is a mapping with actor, verb and object.")
        return {}
    statement["id"] = str(script.id(str(statement.get("id", _unnamed(script)))))
    return statement


def _json(node: Any) -> Any:
    """YAML as JSON would have it, for statements that are written in full."""
    if isinstance(node, Pairs):
        return {key.text: _json(value) for key, value in node.pairs}
    if isinstance(node, Items):
        return [_json(item) for item in node.items]
    return scalars.typed(node) if isinstance(node, Scalar) else None


def _unnamed(script: Script) -> str:
    return f"statement {len(script.facts) + 1}"


def _short(script: Script, node: Pairs, found: dict[str, Any]) -> dict[str, Any]:
    script_id = script.id(found.get("id", _unnamed(script)))
    if not node.get("at"):
        script.reading.error(node, '"at" is missing: write when it happened, like at: 2026-03-01T09:00:00Z.')
    base = {"id": str(script_id), "timestamp": found["at"][0] if "at" in found else ""}
    if "void" in found:
        return base | _void(script, node, found)
    actor, verb = _who_did_what(script, node, found)
    return base | {
        "actor": actor,
        "verb": {"id": verb},
        "object": _object(script, node, found),
        "result": _result(found),
        "context": _context(script, node, found),
    }


def _void(script: Script, node: Pairs, found: dict[str, Any]) -> dict[str, Any]:
    for key, _ in node.pairs:
        if key.text not in ("id", "at", "received", "source", "capture", "void"):
            script.reading.error(
                key, f'"{shown(key.text)}" stands beside "void": a voiding statement says nothing else.'
            )
    target = {"objectType": "StatementRef", "id": str(script.id(found["void"]))}
    return {"actor": NOBODY, "verb": {"id": VOIDED}, "object": target}


def _who_did_what(script: Script, node: Pairs, found: dict[str, Any]) -> tuple[dict[str, Any], str]:
    named = [key for key, _ in node.pairs if key.text in script.people]
    if len(named) + bool(node.get("actor")) != 1:
        who = "nobody" if not named else "several people"
        script.reading.error(node, f"This statement says of {who} what they did: write one, like ann: shared.")
        return {}, ""
    if not named:
        if not node.get("verb"):
            script.reading.error(node, '"verb" is missing: write what they did, like verb: shared.')
        actor = node.get("actor")
        return script.persons(found.get("actor", ()), actor or node), _first(found.get("verb"))
    if extra := node.key("verb"):
        script.reading.error(extra, f'"{named[0].text}" has the verb already: keep one of them.')
    return script.people[named[0].text].agent, _first(found.get(named[0].text))


def _first(iris: tuple[str, ...] | None) -> str:
    return iris[0] if iris else ""


def _object(script: Script, node: Pairs, found: dict[str, Any]) -> dict[str, Any]:
    types = script.reading.vocabulary.words["types"]
    named = [key for key, _ in node.pairs if key.text in types and key.text not in RESERVED]
    if len(named) + bool(node.get("object")) != 1:
        what = "no object" if not named else "several objects"
        script.reading.error(node, f"This statement has {what}: write one, like article: a1 or object: a1.")
        return {}
    if named:
        word = named[0].text
        type_, thing = types[word].iris[:1], found.get(word, "")
    else:
        word, type_, thing = "object", (found.get("type") or ())[:1], found.get("object", "")
    definition = {"definition": {"type": type_[0]}} if type_ else {}
    return {"objectType": "Activity", "id": _activity(script, thing, word), **definition}


def _activity(script: Script, text: str, word: str) -> str:
    """An IRI as it is, a word of the vocabulary, or an address made of a short name."""
    known = script.reading.vocabulary.iris("objects", text)
    if known:
        return known[0]
    return f"https://example.com/{word}/{text}".replace(" ", "-") if not is_iri(text) else text


def _result(found: dict[str, Any]) -> dict[str, Any]:
    scores = {"scaled": found.get("score"), "raw": found.get("raw_score")}
    score = {name: value for name, value in scores.items() if value is not None}
    answers: dict[str, Any] = {name: found[name] for name in ("success", "completion", "response") if name in found}
    if "duration" in found:
        answers["duration"] = f"PT{found['duration'].seconds}S"
    return answers | ({"score": score} if score else {})


def _context(script: Script, node: Pairs, found: dict[str, Any]) -> dict[str, Any]:
    context: dict[str, Any] = {name: found[name] for name in ("platform", "language") if name in found}
    for role in ("instructor", "team"):
        if role in found:
            context[role] = script.persons(found[role], node.get(role) or node)
    if "registration" in found:
        text = found["registration"]
        context["registration"] = str(_uuid(text) or script.id(f"registration {text}"))
    lists = {
        "category": [{"id": _first(iris)} for iris in found.get("tags", ())],
        "parent": [{"id": _activity(script, text, "object")} for text in found.get("part_of", ())],
    }
    activities = {name: items for name, items in lists.items() if items}
    return context | ({"contextActivities": activities} if activities else {})
