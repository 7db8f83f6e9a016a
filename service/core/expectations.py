"""What a case of a `tests:` document expects: read from YAML, and held against what the engine says.

To add an expectation is a value with `missed` and a line in the table of `expectations`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol
from uuid import UUID

from msgspec import Struct

from service.core import forms
from service.core.evaluate import Award, Outcome
from service.core.forms import Form, Key, Reading, Table, expected, fields, list_of, mapping
from service.core.places import Items, Node, Pairs, Place, Scalar, listed, shown

BADGE = "badge:"


class Result(Struct, frozen=True):
    """What came of a case, in the words of the test: people and statements by the names they have there."""

    outcome: Outcome
    learners: Mapping[str, int]
    labels: Mapping[UUID, str]

    def awards(self, person: str) -> list[Award]:
        """What this person earned, in the order of time."""
        mine = [award for award in self.outcome.awards if award.learner == self.learners[person]]
        return sorted(mine, key=lambda award: (award.happened, award.rule, award.key))

    def who(self, learner: int) -> str:
        return next((name for name, number in self.learners.items() if number == learner), f"learner {learner}")

    def key(self, award: Award) -> str:
        """The award's key, a statement's id by its label."""
        try:
            return self.labels.get(UUID(award.key), award.key)
        except ValueError:
            return award.key


class Miss(Struct, frozen=True):
    """An expectation that did not come true, in words."""

    place: Place
    person: str | None
    expected: str
    got: str
    awards: tuple[str, ...] = ()
    """The awards that make up what was got, one line each."""


class Expectation(Protocol):
    """One line of `expect`."""

    def missed(self, result: Result) -> Miss | None: ...


class Total(Struct, frozen=True):
    """So many points of one currency."""

    place: Place
    person: str
    currency: str
    amount: int

    def missed(self, result: Result) -> Miss | None:
        awards = [award for award in result.awards(self.person) if self.currency in award.amounts]
        got = sum(award.amounts[self.currency] for award in awards)
        if got == self.amount:
            return None
        lines = tuple(_line(result, award, self.currency) for award in awards)
        words = f"{self.amount} {self.currency}", f"{got} {self.currency}"
        return Miss(self.place, self.person, *words, lines)


def _line(result: Result, award: Award, unit: str) -> str:
    reason = f" ({award.reason})" if award.reason else ""
    return f"{award.amounts[unit]:+} {award.happened:%Y-%m-%d %H:%M}Z {award.rule}, {result.key(award)}{reason}"


class Badges(Struct, frozen=True):
    """Exactly these badges, in any order."""

    place: Place
    person: str
    names: tuple[str, ...]

    def missed(self, result: Result) -> Miss | None:
        awards = [
            (award, unit) for award in result.awards(self.person) for unit in award.amounts if unit.startswith(BADGE)
        ]
        got = sorted(unit.removeprefix(BADGE) for _, unit in awards)
        if got == sorted(self.names):
            return None
        lines = tuple(f"{_line(result, award, unit)}: {unit.removeprefix(BADGE)}" for award, unit in awards)
        return Miss(self.place, self.person, _badges(self.names), _badges(got), lines)


def _badges(names: Iterable[str]) -> str:
    found = sorted(names)
    return f"badges {listed(found, 'and')}" if found else "no badges"


class Refused(Struct, frozen=True):
    """A match that gave nothing, or less, because of this clause; the beginning of the clause is enough."""

    place: Place
    statement: UUID
    label: str
    because: str
    person: str | None = None

    def missed(self, result: Result) -> Miss | None:
        said = [
            (who, because)
            for who, statement, because in _refusals(result)
            if statement == self.statement and self.person in (None, who)
        ]
        if any(because.startswith(self.because) for _, because in said):
            return None
        got = listed([f'"{because}"' for _, because in said], "and") if said else "nothing refused it"
        return Miss(self.place, self.person, f'{self.label} refused because of "{self.because}"', got)


def _refusals(result: Result) -> Iterable[tuple[str, UUID, str]]:
    for refusal in result.outcome.refusals:
        yield result.who(refusal.learner), refusal.statement, refusal.because
    for award in result.outcome.awards:
        for reason in (award.reason or "").split("; "):
            if reason.startswith("limit ") and award.statements:
                yield result.who(award.learner), award.statements[-1], reason


class NothingRefused(Struct, frozen=True):
    """`refused: []`: every match gave what the rule says."""

    place: Place

    def missed(self, result: Result) -> Miss | None:
        said = [f"{result.labels.get(id_, str(id_))} ({because})" for _, id_, because in _refusals(result)]
        return Miss(self.place, None, "nothing refused", listed(said, "and")) if said else None


class Progress(Struct, frozen=True):
    """How far somebody is with a rule."""

    place: Place
    person: str
    rule: str
    done: int
    of: int

    def missed(self, result: Result) -> Miss | None:
        got = result.outcome.progress.get((result.learners[self.person], self.rule))
        if got == (self.done, self.of) or (got is None and self.done == 0):
            return None
        words = f"{self.done} of {self.of} for {self.rule}"
        return Miss(self.place, self.person, words, f"{got[0]} of {got[1]}" if got else "no progress")


class Ledger(Struct, frozen=True):
    """Everything somebody earned, line by line in the order of time: (award key, unit, amount)."""

    place: Place
    person: str
    lines: tuple[tuple[str, str, int], ...]

    def missed(self, result: Result) -> Miss | None:
        got = [
            (result.key(award), unit, amount)
            for award in result.awards(self.person)
            for unit, amount in sorted(award.amounts.items(), key=lambda pair: pair[0].startswith(BADGE))
        ]
        if got == list(self.lines):
            return None
        return Miss(self.place, self.person, _ledger(self.lines), _ledger(got))


def _ledger(lines: Iterable[tuple[str, str, int]]) -> str:
    words = [
        f"{key}: {amount} {unit}" if not unit.startswith(BADGE) else f"{key}: {unit}" for key, unit, amount in lines
    ]
    return "; ".join(words) or "an empty ledger"


# --- reading ------------------------------------------------------------------------------------------------------

_AMOUNT = forms.whole(0, 10**12, 50)
_SLUG = forms.slug("keen-learner")
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
    "level": Key(
        _AMOUNT, "the level", refused="is not known yet: this version of Plaudit has no levels; leave it out."
    ),
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
        else:
            amounts = value if name == "points" else ((name, value),)
            yield from (Total(place, person, currency, amount) for currency, amount in amounts)


def _who(people: Mapping[str, Any]) -> Form[Any]:
    return forms.one_of(*people) if people else forms.text("a person of this test", "ann")


def _refused(reading: Reading, node: Node, people: Mapping[str, Any], ids: Mapping[str, UUID]) -> Iterable[Expectation]:
    if isinstance(node, Items) and not node.items:
        yield NothingRefused(node.place)
        return
    table: Table = {
        "statement": Key(forms.text("the id of a statement", "s6"), "which statement", required=True),
        "because": Key(
            forms.text("the clause", "limit 50 points per day"), "the clause that refused it", required=True
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
            forms.text("the key of an award", "s1"), "the award: a statement's id, an ordinal, a tier", required=True
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
