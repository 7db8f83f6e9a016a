"""Cases run through the engine: which expectations did not come true, and which clauses of rules no case would miss.

A clause is covered when some case comes out differently once the clause is taken out of its rule. So coverage asks what
a test is for, and needs to know nothing of how the engine works.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import asdict, replace

from service.core import windows
from service.core.cases import Case, Tests
from service.core.evaluate import Outcome, evaluate
from service.core.language import Documents
from service.core.misses import Miss, Result
from service.core.persons import Person
from service.core.places import Place
from service.core.rule import (
    Among,
    Cap,
    Condition,
    Count,
    Each,
    Names,
    Needs,
    NeedStatement,
    Renewed,
    Rule,
    Same,
    Steps,
    Streak,
    Swapped,
)
from service.core.statement import Fact
from service.core.templates import Template


class Verdict(Struct, frozen=True):
    """How one case went. misses: the expectations that did not come true."""

    tests: str
    case: str
    place: Place
    misses: tuple[Miss, ...] = ()


class Clause(NamedTuple):
    """A part of a rule, in the words of the YAML, and the rule without it (None: without the rule)."""

    words: str
    without: Rule | None


class Uncovered(NamedTuple):
    """A clause that no case would miss."""

    place: Place
    rule: str
    clause: str


class _Crowd:
    """The people of a test as the engine knows them; strangers get numbers after theirs."""

    def __init__(self, people: Mapping[str, Person]) -> None:
        self.numbers = {person.key: number for number, person in enumerate(people.values(), 1)}
        self.zones = {self.numbers[person.key]: person.time_zone for person in people.values()}

    def learner(self, key: str) -> int:
        return self.numbers.setdefault(key, len(self.numbers) + 1)

    def zone(self, learner: int) -> ZoneInfo:
        return windows.zone(self.zones.get(learner, "UTC"))


def run(documents: Documents) -> Iterator[Verdict]:
    """Every case of every tests document, in order."""
    for tests in documents.tests:
        rules = tested(documents, tests)
        for case in tests.cases:
            yield verdict(tests, case, rules)


def tested(documents: Documents, tests: Tests) -> list[Rule]:
    """The rules that these tests evaluate; all as if they were live, so that drafts can be tried out."""
    wanted = [rule for rule in documents.rules if tests.rules is None or rule.name in tests.rules]
    return [replace(rule, status="live") for rule in wanted]


def verdict(tests: Tests, case: Case, rules: Sequence[Rule]) -> Verdict:
    """How one case goes, in the order written and in its shuffled orders, of which the first that fails is told."""
    first, result = _outcome(tests, case, rules, case.facts)
    misses = _misses(case, result)
    for number, facts in enumerate(_orders(case), 1) if not misses else ():
        again, result = _outcome(tests, case, rules, facts)
        misses = _misses(case, result)
        if not misses and _awards(again) != _awards(first):
            misses = [Miss(case.place, None, "the same awards in any order", "other awards")]
        if misses:
            misses = [replace(miss, got=f"{miss.got} (in shuffled order {number})") for miss in misses]
            break
    return Verdict(tests.name, case.name, case.place, tuple(misses))


def _outcome(tests: Tests, case: Case, rules: Sequence[Rule], facts: Iterable[Fact]) -> tuple[Outcome, Result]:
    crowd = _Crowd(tests.people)
    learners = {person.name: crowd.learner(person.key) for person in tests.people.values()}
    outcome = evaluate(rules, facts, crowd)
    return outcome, Result(outcome, learners, case.labels)


def _misses(case: Case, result: Result) -> list[Miss]:
    return [miss for expectation in case.expectations if (miss := expectation.missed(result))]


def _orders(case: Case) -> Iterator[list[Fact]]:
    """Other orders of arrival; the same ones each time."""
    random = Random(case.name)  # noqa: S311 - nothing is kept secret by it
    for _ in range(case.shuffle):
        facts = list(case.facts)
        random.shuffle(facts)
        yield facts


def _awards(outcome: Outcome) -> set[tuple[Any, ...]]:
    return {
        (one.learner, one.rule, one.key, one.happened, tuple(sorted(one.amounts.items()))) for one in outcome.awards
    }


# --- coverage -----------------------------------------------------------------------------------------------------


def uncovered(documents: Documents) -> Iterator[Uncovered]:
    """The clauses that could be taken out without any case coming out differently."""
    for rule in documents.rules:
        live = replace(rule, status="live")
        having = [tests for tests in documents.tests if tests.rules is None or rule.name in tests.rules]
        for clause in clauses(live):
            if not any(_noticed(documents, tests, rule.name, clause) for tests in having):
                yield Uncovered(documents.places["rule", rule.name], rule.name, clause.words)
                if clause.without is None:
                    break


def _noticed(documents: Documents, tests: Tests, name: str, clause: Clause) -> bool:
    rules = tested(documents, tests)
    others = [clause.without if rule.name == name else rule for rule in rules]
    changed = [rule for rule in others if rule is not None]
    for case in tests.cases:
        before, after = (_misses(case, _outcome(tests, case, some, case.facts)[1]) for some in (rules, changed))
        if before != after:
            return True
    return False


def clauses(rule: Rule) -> Iterator[Clause]:
    """Everything that can be taken out of a rule. The rule itself comes first: it stands for `verb` and `give`."""
    yield Clause("the rule itself", None)
    for place, condition in enumerate(rule.when):
        if isinstance(condition, Template) and (names := condition.names("verb")) and not _names_verb(rule):
            rest = (*rule.when[:place], Among("verb", names), *rule.when[place + 1 :])
            yield Clause(f"when: {_words(condition)}", replace(rule, when=rest))
        elif not _implied(rule, condition):
            yield Clause(f"when: {_words(condition)}", replace(rule, when=_but(rule.when, place)))
    for place, conditions in enumerate(rule.unless):
        words = ", ".join(map(_words, conditions))
        yield Clause(f"unless: {words}", replace(rule, unless=_but(rule.unless, place)))
    for place, limit in enumerate(rule.limits):
        yield Clause(limit.clause, replace(rule, limits=_but(rule.limits, place)))
    for name, words, default in _PLAIN:
        if getattr(rule, name) != default:
            yield Clause(words, replace(rule, **{name: default}))
    yield from _of_kind(rule)


def _names_verb(rule: Rule) -> bool:
    return any(getattr(condition, "key", None) == "verb" for condition in rule.when)


def _implied(rule: Rule, condition: Condition) -> bool:
    """Without a verb the rule would not be there, and without whom it rewards it would reward nobody."""
    if isinstance(condition, Names):
        return condition.key == rule.to and condition.present and condition.identifier is None
    return getattr(condition, "key", None) == "verb"


def _words(condition: Condition) -> str:
    if isinstance(condition, (Same, Swapped)):
        return f"{type(condition).__name__.lower()} [{', '.join(condition.roles)}]"
    return condition.key


_PLAIN: tuple[tuple[str, str, Any], ...] = (
    ("to", "to", "actor"),
    ("once_per", "once_per", ()),
    ("first_day", "from", None),
    ("last_day", "until", None),
    ("time_zone", "time_zone", None),
)


_OF_KINDS: dict[str, Any] = {
    **dict.fromkeys(("different", "within", "calendar", "forgive", "settle")),
    "repeat": False,
}
"""The parts of kinds that can be left out, with what stands for them then."""


def _of_kind(rule: Rule) -> Iterator[Clause]:
    kind = rule.kind
    if isinstance(kind, Needs):
        yield from _needed(rule, kind)
    if isinstance(kind, Renewed):
        yield Clause("renew", replace(rule, when=kind.steps[0], kind=kind.by))
    if isinstance(kind, Each | Needs | Cap | Renewed):
        return
    name = str(kind.__struct_config__.tag)
    tiers = isinstance(kind, Streak) or (isinstance(kind, Count) and kind.reach is None)
    if not tiers and not isinstance(kind, Steps):
        yield Clause(name, replace(rule, kind=Each()))
    for part, value in asdict(kind).items():
        if part in _OF_KINDS and value != _OF_KINDS[part]:
            without = replace(rule, kind=replace(kind, **{part: _OF_KINDS[part]}))
            yield Clause(f"{name}: {'within' if part == 'calendar' else part}", without)
    if isinstance(kind, Steps):
        for place in range(len(kind.steps)):
            without = replace(rule, kind=replace(kind, steps=_but(kind.steps, place)))
            yield Clause(f"sequence: step {place + 1}", without)
    if tiers:
        yield from _tiers(rule)


def _needed(rule: Rule, kind: Needs) -> Iterator[Clause]:
    """Each need on top, where a statement has to come after the badges, and what renews."""
    for place, need in enumerate(kind.all_of):
        if len(kind.all_of) > 1:
            yield Clause(f"needs: {need}", replace(rule, kind=replace(kind, all_of=_but(kind.all_of, place))))
        if isinstance(need, NeedStatement):
            for name, default in (("within", None), ("after", False)):
                if getattr(need, name) != default:
                    looser = replace(need, **{name: default})
                    all_of = (*kind.all_of[:place], looser, *kind.all_of[place + 1 :])
                    yield Clause(f"needs: {need}: {name}", replace(rule, kind=replace(kind, all_of=all_of)))
    if kind.renewal:
        yield Clause("renew", replace(rule, kind=replace(kind, renewal=None)))


def _tiers(rule: Rule) -> Iterator[Clause]:
    for place, grant in enumerate(rule.give):
        if len(rule.give) > 1:
            yield Clause(f"give: at {grant.at}", replace(rule, give=_but(rule.give, place)))
        if grant.again:
            given = (*rule.give[:place], replace(grant, again=False), *rule.give[place + 1 :])
            yield Clause(f"give: at {grant.at}, again", replace(rule, give=given))


def _but(items: tuple[Any, ...], place: int) -> tuple[Any, ...]:
    return items[:place] + items[place + 1 :]
