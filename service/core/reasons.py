"""Why a statement gave nothing, in the words of the rule's author: the first clause of `when` that turned it away.

The condition that fails is found in the resolved rule; what it is called is read from the YAML, where the author wrote
`type: course` and not the IRI behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from service.core import paths, strict, templates
from service.core.matching import Matcher
from service.core.places import Items, Node, Pairs, Scalar, listed, shown
from service.core.predicates import LISTS, NUMBERS, ROLES, TEXTS, Predicate
from service.core.rule import Among, Answers, Carries, Condition, Holds, Measures, Names, Present
from service.core.statement import Fact
from service.core.templates import Template

LONGEST = 120
"""Characters of a clause or a value that are shown."""


class TurnedAway(NamedTuple):
    """The clause of `when` that a statement does not fulfil, and what it has instead, if that can be said."""

    key: str
    clause: str
    found: str | None


class Written(NamedTuple):
    """The clauses of a rule as its author wrote them, each as a phrase by key: those of `when`, and of each step."""

    when: Mapping[str, str] = MappingProxyType({})
    steps: tuple[Mapping[str, str], ...] = ()


def turned_away(matcher: Matcher, fact: Fact, clauses: Written) -> TurnedAway | None:
    """The first condition of `when` that fails, or of the step with the statement's verb; None if all hold."""
    failed = _failed(matcher.rule.when, matcher.when, fact, clauses.when)
    if failed is not None or not matcher.steps or matcher.steps_of(fact):
        return failed
    found = None
    for place, (conditions, predicates) in enumerate(zip(matcher.rule.kind.steps, matcher.steps, strict=True)):  # type: ignore[union-attr]
        failed = _failed(conditions, predicates, fact, clauses.steps[place] if place < len(clauses.steps) else {})
        if failed is not None and (found is None or (found.key == "verb" and failed.key != "verb")):
            found = failed._replace(clause=f"step {place + 1}: {failed.clause}")
    return found


def _failed(
    conditions: Iterable[Condition], predicates: Iterable[Predicate], fact: Fact, clauses: Mapping[str, str]
) -> TurnedAway | None:
    for condition, holds in zip(conditions, predicates, strict=True):
        if not holds(fact):
            if isinstance(condition, Template):
                return _by_template(condition, fact, clauses.get("template", "template"))
            key = _key(condition)
            return TurnedAway(key, clauses.get(key, _spaced(key)), _instead(condition, fact))
    return None


def _by_template(condition: Template, fact: Fact, clause: str) -> TurnedAway:
    """What of the template the statement does not follow; one with another verb was never meant for it."""
    name, away, found = templates.refused(condition, fact)
    told = name if len(condition.any_of) > 1 else clause.removeprefix("template ")
    other_verb = away.determining and away.words.startswith("verb.id ")
    return TurnedAway("verb" if other_verb else "template", f"template {told}: {away.words}", shown(found, LONGEST))


def written(text: str) -> Written:
    """The clauses in a rule's YAML: `score: {at_least: 0.8}` is `score at least 0.8`."""
    documents, _, _ = strict.read("rule", text.encode())
    root = documents[0].root if documents else None
    if not isinstance(root, Pairs):
        return Written()
    if isinstance(renew := root.get("renew"), Pairs):
        return Written(steps=(_phrases(root.get("when")), _phrases(renew.get("when"))))
    sequence = root.get("sequence")
    steps = sequence.get("steps") if isinstance(sequence, Pairs) else None
    return Written(_phrases(root.get("when")), tuple(map(_phrases, steps.items)) if isinstance(steps, Items) else ())


def _phrases(when: Node | None) -> dict[str, str]:
    if not isinstance(when, Pairs):
        return {}
    return {key.text: shown(f"{_spaced(key.text)} {phrase(value)}", LONGEST) for key, value in when.pairs}


def phrase(node: Node) -> str:
    """A value as people say it: `any of safety or onboarding`, `at least 0.8`."""
    if isinstance(node, Scalar):
        return node.text
    if isinstance(node, Items):
        return listed(map(phrase, node.items)) if node.items else ""
    if isinstance(node, Pairs):
        return ", ".join(f"{_spaced(key.text)} {phrase(value)}" for key, value in node.pairs)
    return ""


def _spaced(key: str) -> str:
    return key.replace("_", " ")


def _key(condition: Condition) -> str:
    return str(getattr(condition, "key", type(condition).__name__.lower()))


def _instead(condition: Condition, fact: Fact) -> str | None:
    told = _INSTEAD.get(type(condition))
    said = told(condition, fact) if told else None
    return shown(said, LONGEST) if said is not None else None


def _text(condition: Among, fact: Fact) -> str:
    return TEXTS[condition.key](fact) or "none"


def _list(condition: Carries, fact: Fact) -> str:
    return listed(LISTS[condition.key](fact.statement), "and") if LISTS[condition.key](fact.statement) else "none"


def _number(condition: Measures, fact: Fact) -> str:
    value = NUMBERS[condition.key](fact)
    unit = {"duration": " seconds", "response": " characters"}.get(condition.key, "")
    return "none" if value is None else f"{value:g}{unit}"


def _presence(condition: Present, fact: Fact) -> str:
    return "none" if condition.present else "one"


def _at_path(condition: Holds, fact: Fact) -> str:
    found = paths.find(paths.document(fact.raw), condition.path)
    return listed([str(one) for one in found[:3]], "and") if found else "none"


def _answer(condition: Answers, fact: Fact) -> str:
    value = getattr(fact.statement.result, condition.key, None)
    return "none" if value is None else str(value).lower()


def _named(condition: Names, fact: Fact) -> str:
    return "somebody" if any(ROLES[condition.key](fact.statement)) else "nobody"


_INSTEAD: dict[type, Callable[..., str]] = {
    Among: _text,
    Carries: _list,
    Measures: _number,
    Answers: _answer,
    Names: _named,
    Present: _presence,
    Holds: _at_path,
}
