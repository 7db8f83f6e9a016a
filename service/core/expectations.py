"""`expect` of a case: read from YAML into expectations.

To add an expectation is a value with `missed` in misses.py and its reading here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from service.core import scalars
from service.core.forms import Form, Key, Reading, Table, expected, fields, list_of, mapping
from service.core.misses import BADGE, Badges, Expectation, Ledger, Level, NothingRefused, Progress, Refused, Total
from service.core.needs_form import default
from service.core.places import Items, Node, Pairs, Scalar, shown

_AMOUNT = scalars.whole(0, 10**12, 50)
_SLUG = scalars.slug("keen-learner")
_PROGRESS = re.compile(r"([0-9]{1,9}) of ([0-9]{1,9})")


def _slug(reading: Reading, node: Node, name: str) -> str | None:
    value = _SLUG.read(reading, node, name)
    if value is not None:
        reading.mention("achievement", value, node)
    return value


_BADGE: Form[str] = Form("the name of an achievement", "keen-learner", _SLUG.schema, _slug)


def _amounts(reading: Reading, node: Node, name: str) -> tuple[tuple[str, int], ...] | None:
    if not isinstance(node, Pairs):
        amount = _AMOUNT.read(reading, node, name)
        return None if amount is None else (("points", amount),)
    found = [(key.text, _AMOUNT.read(reading, value, key.text)) for key, value in node.pairs]
    for key, _ in node.pairs:
        reading.mention("currency", key.text, key)
    return tuple((key, amount) for key, amount in found if amount is not None)


PERSON: Table = {
    "points": Key(Form(_AMOUNT.words, "50", _AMOUNT.schema, _amounts), "the sum of points, or `{currency: number}`"),
    "badges": Key(list_of(_BADGE, may_be_empty=True), "exactly these badges"),
    "level": Key(scalars.whole(1, 1000, 3), "the level, by the levels called `default` or the only ones"),
}
"""What is expected of one person; beside these every currency is a key of its own."""


def expectations(
    reading: Reading,
    node: Node,
    people: Mapping[str, Any],
    ids: Mapping[str, UUID],
    rules: tuple[str, ...] | None,
) -> tuple[Expectation, ...]:
    """The expectations of one case.

    people and ids: who and which statements there are. rules: those that are evaluated, None for all.
    """
    if not isinstance(node, Pairs):
        expected(
            reading, node, "expect", Form("a mapping of people to what they earned", "{ann: {points: 50}}", {}, _none)
        )
        return ()
    as_read: Form[Node] = Form("what is expected", "{points: 50}", {}, lambda _reading, one, _name: one)
    table = {name: Key(as_read, "") for name in (*people, "refused", "progress", "ledger")}
    found: list[Expectation] = []
    for name, value in fields(reading, node, table, "what this test expects").items():
        if name in people:
            found += _of_person(reading, name, value)
        elif name == "progress":
            found += _progress(reading, value, people, rules)
        elif name == "ledger":
            found += _ledgers(reading, value, people)
        else:
            found += _refused(reading, value, people, ids)
    return tuple(found)


def _none(_reading: Reading, _node: Node, _name: str) -> None:
    return None


def _of_person(reading: Reading, person: str, node: Node) -> Iterable[Expectation]:
    if not isinstance(node, Pairs):
        expected(reading, node, person, Form("what this person earned", "{points: 50}", {}, _none))
        return
    numbers = {key.text for key, value in node.pairs if isinstance(value, Scalar) and value.text.isdecimal()}
    currencies = numbers - set(PERSON)
    for name in currencies:
        reading.mention("currency", name, node.key(name) or node)
    table = {**PERSON, **dict.fromkeys(currencies, Key(_AMOUNT, ""))}
    for name, value in fields(reading, node, table, "what a person earned").items():
        place = (node.key(name) or node).place
        if name == "badges":
            yield Badges(place, person, value)
        elif name == "level":
            if (levels := default(reading.levels)) is None:
                reading.error(place, 'There is no levels document called "default": write one, or leave this out.')
            else:
                yield Level(place, person, value, levels)
        else:
            amounts = value if name == "points" else ((name, value),)
            yield from (Total(place, person, currency, amount) for currency, amount in amounts)


def _who(people: Mapping[str, Any]) -> Form[Any]:
    return scalars.one_of(*people) if people else scalars.text("a person of this test", "ann")


def _refused(reading: Reading, node: Node, people: Mapping[str, Any], ids: Mapping[str, UUID]) -> Iterable[Expectation]:
    if isinstance(node, Items) and not node.items:
        yield NothingRefused(node.place)
        return
    table: Table = {
        "statement": Key(scalars.text("the id of a statement", "s6"), "which statement", required=True),
        "because": Key(
            scalars.text("the clause", "limit 50 points per day"), "the clause that refused it", required=True
        ),
        "learner": Key(_who(people), "for whom, where several people could receive"),
    }
    for item in node.items if isinstance(node, Items) else (node,):
        one = mapping("a refusal", "{statement: s6, because: limit 50 points per day}", table, lambda found: found)
        found = one.read(reading, item, "refused")
        if found is None:
            continue
        label = found["statement"]
        if label not in ids:
            place = item.get("statement") if isinstance(item, Pairs) else None
            near = reading.nearest(label, ids)
            reading.error(place or item, f'There is no statement "{shown(label)}" in this case.{near}')
        else:
            yield Refused(item.place, ids[label], label, found["because"], found.get("learner"))


def _progress(
    reading: Reading, node: Node, people: Mapping[str, Any], rules: tuple[str, ...] | None
) -> Iterable[Expectation]:
    """`{ann: 3 of 5}` where one rule is evaluated, `{ann: {keen-learner: 3 of 5}}` where there are several."""
    if not isinstance(node, Pairs):
        expected(reading, node, "progress", Form("how far each person is", "{ann: 3 of 5}", {}, _none))
        return
    for key, value in node.pairs:
        if key.text not in people:
            reading.error(key, f'"{shown(key.text)}" is nobody in this test.{reading.nearest(key.text, people)}')
            continue
        by_rule = isinstance(value, Pairs)
        if not by_rule and (rules is None or len(rules) != 1):
            reading.error(
                value, f"Several rules are evaluated: say which, like {key.text}: {{{_SLUG.example}: 3 of 5}}."
            )
            continue
        pairs = value.pairs if isinstance(value, Pairs) else ((Scalar((rules or ("",))[0], False, value.place), value),)
        for rule, done in pairs:
            if by_rule:
                reading.mention("rule", rule.text, rule)
            numbers = _PROGRESS.fullmatch(done.text) if isinstance(done, Scalar) else None
            if numbers is None:
                expected(reading, done, key.text, Form("how many of how many", "3 of 5", {}, _none))
            else:
                yield Progress(done.place, key.text, rule.text, int(numbers[1]), int(numbers[2]))


def _ledgers(reading: Reading, node: Node, people: Mapping[str, Any]) -> Iterable[Expectation]:
    """All lines of everybody who is named in one; an empty list means that nobody has earned anything."""
    table: Table = {
        "learner": Key(_who(people), "whose line it is", required=True),
        "key": Key(
            scalars.text("the key of an award", "s1"), "the award: a statement's id, an ordinal, a tier", required=True
        ),
        "points": Key(PERSON["points"].form, "how many points"),
        "badge": Key(_BADGE, "which badge"),
    }
    line = mapping("a line of the ledger", "{learner: ann, key: s1, points: 10}", table, lambda found: found)
    lines = list_of(line, example=f"[{line.example}]", may_be_empty=True).read(reading, node, "ledger") or ()
    named = dict.fromkeys(found["learner"] for found in lines)
    for person in named or people:
        mine = [found for found in lines if found["learner"] == person]
        yield Ledger(node.place, person, tuple(entry for found in mine for entry in _entries(found)))


def _entries(found: Mapping[str, Any]) -> Iterable[tuple[str, str, int]]:
    yield from ((found["key"], currency, amount) for currency, amount in found.get("points", ()))
    if "badge" in found:
        yield found["key"], BADGE + found["badge"], 1
