"""The `tests:` document: its keys, and the cases in it, each some statements and what they should come to."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct

from service.core import forms, scalars
from service.core.expectations import expectations
from service.core.forms import Form, Key, Reading, Table, expected, fields, list_of
from service.core.misses import Expectation
from service.core.persons import PEOPLE, Person
from service.core.places import Broken, Items, Node, Pairs, Place, Scalar, shown
from service.core.short_form import as_written
from service.core.shorthand import Script, read_statements, statement_keys
from service.core.statement import Fact


class Case(Struct, frozen=True):
    """Some statements and what they should come to.

    labels: for each statement what the test calls it. shuffle: how many other orders must come to the same.
    """

    name: str
    place: Place
    facts: tuple[Fact, ...]
    labels: Mapping[UUID, str]
    expectations: tuple[Expectation, ...]
    shuffle: int = 0
    same_as: str | None = None


class Tests(Struct, frozen=True):
    """One `tests:` document. rules: the names of the rules that are evaluated, None for all."""

    name: str
    place: Place
    rules: tuple[str, ...] | None
    people: Mapping[str, Person]
    cases: tuple[Case, ...]


CASE: Table = {
    "name": Key(scalars.text("what the case shows", "pays up to the cap"), "what the case shows", required=True),
    "statements": Key(as_written("a list of statements", "[{id: s1, …}]"), "what happens"),
    "expect": Key(as_written("what people earned", "{ann: {points: 50}}"), "what it should come to"),
    "shuffle": Key(scalars.whole(1, 1000, 20), "so many other orders of arrival must come to the same"),
    "same_as": Key(
        scalars.text("the name of a case", "pays up to the cap"), "the case whose outcome this one must have"
    ),
}
_RULES = list_of(scalars.slug("share-an-article"), or_one=True)


def _rules(reading: Reading, node: Node, name: str) -> tuple[str, ...] | None:
    if isinstance(node, Scalar) and node.text == "all":
        return ()
    names = _RULES.read(reading, node, name)
    nodes = node.items if isinstance(node, Items) else (node,)
    for rule, item in zip(names or (), nodes, strict=False):
        reading.mention("rule", rule, item)
    return names


TESTS: Table = {
    "tests": Key(scalars.text("the name of a rule", "share-an-article"), "the rule that is tested", required=True),
    "rules": Key(
        Form("all, or a list of rules", "all", {"anyOf": [{"const": "all"}, _RULES.schema]}, _rules),
        "the rules that are evaluated, where it is not only the one that is tested: `all`, or a list",
    ),
    "people": Key(PEOPLE, "who takes part, and where their days are", required=True),
    "cases": Key(
        list_of(as_written("a case", "{}"), example="[{name: pays once, statements: …, expect: …}]"),
        "the cases",
        required=True,
    ),
}


def _tests(reading: Reading, node: Node, name: str) -> Tests | None:
    if not isinstance(node, Pairs):
        expected(reading, node, name, TESTS_FORM)
        return None
    before = reading.errors
    found = fields(reading, node, TESTS, "tests")
    if "tests" in found and not node.get("rules"):
        reading.mention("rule", found["tests"], node.get("tests") or node)
    rules = found.get("rules", (found.get("tests", ""),)) or None
    people = found.get("people", {})
    table = statement_keys(reading, people)
    written = [case for case in found.get("cases", ()) if not isinstance(case, Broken)]
    cases = [_case(reading, case, people, table, rules) for case in written]
    whole = _resolved(reading, [case for case in cases if case], written)
    if reading.errors > before or len(found) < len(node.pairs):
        return None
    return Tests(found["tests"], node.place, rules, people, whole)


def _case(
    reading: Reading, node: Node, people: Mapping[str, Person], table: Table, rules: tuple[str, ...] | None
) -> Case | None:
    if not isinstance(node, Pairs):
        reading.error(node, "A case is a mapping with a name, statements and what to expect.")
        return None
    found = fields(reading, node, CASE, "a case")
    for needed in ("statements", "expect"):
        if not node.get(needed) and not node.get("same_as"):
            reading.error(node, f'"{needed}" is missing: a case needs statements and what to expect, or same_as.')
    script = Script(reading, people, table)
    if "statements" in found:
        read_statements(script, found["statements"])
    wanted = expectations(reading, found["expect"], people, script.ids, rules) if "expect" in found else ()
    labels = {id_: label for label, id_ in script.ids.items()}
    same_as, shuffle = found.get("same_as"), found.get("shuffle", 0)
    return Case(found.get("name", ""), node.place, tuple(script.facts), labels, wanted, shuffle, same_as)


def _resolved(reading: Reading, cases: list[Case], written: list[Node]) -> tuple[Case, ...]:
    """`same_as` brings the other case's expectations, and its statements where there are none."""
    named: dict[str, Case] = {}
    resolved = []
    for case in cases:
        if case.name in named:
            line = named[case.name].place.line
            reading.error(
                case.place, f'A case in line {line} is called "{shown(case.name)}" too: give it another name.'
            )
        named.setdefault(case.name, case)
    for case in cases:
        if case.same_as is None:
            resolved.append(case)
            continue
        other = named.get(case.same_as)
        if other is None or other.same_as is not None:
            names = [name for name, one in named.items() if one.same_as is None]
            near = reading.nearest(case.same_as, names)
            reading.error(
                case.place, f'There is no case "{shown(case.same_as)}" with statements of its own here.{near}'
            )
            continue
        facts, labels = (case.facts, case.labels) if case.facts else (other.facts, other.labels)
        wanted = (*other.expectations, *case.expectations)
        resolved.append(Case(case.name, case.place, facts, labels, wanted, case.shuffle, case.same_as))
    return tuple(resolved)


_CASE_SCHEMA = forms.object_schema(CASE)
_CASE_SCHEMA["properties"]["statements"] = {"type": "array", "items": {"type": "object"}}
_CASE_SCHEMA["properties"]["expect"] = {"type": "object"}
_SCHEMA = forms.object_schema(TESTS)
_SCHEMA["properties"]["cases"] = {"type": "array", "items": _CASE_SCHEMA, "minItems": 1}
TESTS_FORM: Form[Tests] = Form("keys with values", "{}", _SCHEMA, _tests, TESTS)
