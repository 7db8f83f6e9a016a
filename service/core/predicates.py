"""What a statement says, and whether a condition holds for it: a function for each kind of condition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from service.core import durations, paths, templates
from service.core import rule as rules
from service.core.agents import keys
from service.core.rule import Condition, Role
from service.core.statement import Activity, Fact, Score, Statement

Predicate = Callable[[Fact], bool]

ROLES: dict[Role, Callable[[Statement], tuple[str, ...]]] = {
    "actor": lambda s: keys(s.actor),
    "instructor": lambda s: keys(s.context.instructor) if s.context else (),
    "team": lambda s: keys(s.context.team) if s.context else (),
    "object": lambda s: keys(s.object.agent) if s.object else (),
}
"""The identifier keys of those in each role."""

TEXTS: dict[str, Callable[[Fact], str | None]] = {
    "verb": lambda f: f.statement.verb_id,
    "type": lambda f: f.statement.type,
    "object": lambda f: f.statement.object_id,
    "source": lambda f: f.source,
    "capture": lambda f: f.capture,
    "platform": lambda f: f.statement.context.platform if f.statement.context else None,
    "language": lambda f: f.statement.context.language if f.statement.context else None,
    "registration": lambda f: registration(f.statement),
}


def registration(statement: Statement) -> str | None:
    return statement.context.registration if statement.context else None


def tags(statement: Statement) -> Sequence[str]:
    """The ids of the context activities that say what kind of statement it is (`category`)."""
    context = statement.context
    return () if context is None or context.activities is None else _ids(context.activities.category)


def wholes(statement: Statement) -> Sequence[str]:
    """The ids of the context activities that the object is part of (`parent`, `grouping`)."""
    context = statement.context
    if context is None or context.activities is None:
        return ()
    return [*_ids(context.activities.parent), *_ids(context.activities.grouping)]


def _ids(listed: Activity | tuple[Activity, ...]) -> Sequence[str]:
    return [activity.id for activity in ((listed,) if isinstance(listed, Activity) else listed) if activity.id]


LISTS: dict[str, Callable[[Statement], Sequence[str]]] = {
    "tagged": tags,
    "part_of": wholes,
    "attachments": lambda s: usage_types(s),
}


def usage_types(statement: Statement) -> tuple[str, ...]:
    """What the attachments of a statement are for (Data 2.4.11)."""
    found = statement.attachments if isinstance(statement.attachments, list) else ()
    types = (attachment.get("usageType") for attachment in found if isinstance(attachment, dict))
    return tuple(type_ for type_ in types if isinstance(type_, str))


def response(fact: Fact) -> str | None:
    """What was answered or written, without the blanks around it; None if that is nothing."""
    said = fact.statement.result.response if fact.statement.result else None
    return (said.strip() or None) if isinstance(said, str) else None


NUMBERS: dict[str, Callable[[Fact], float | Decimal | None]] = {
    "score": lambda f: score(f).scaled,
    "raw_score": lambda f: score(f).raw,
    "duration": lambda f: durations.seconds(f.statement.result.duration) if f.statement.result else None,
    "response": lambda f: len(response(f) or "") or None,
}


def score(fact: Fact) -> Score:
    return (fact.statement.result and fact.statement.result.score) or Score()


def _among(condition: rules.Among) -> Predicate:
    text, any_of, prefixes = TEXTS[condition.key], frozenset(condition.any_of), condition.starts_with
    if not prefixes:
        return lambda fact: text(fact) in any_of

    def holds(fact: Fact) -> bool:
        value = text(fact)
        return value is not None and (value in any_of or value.startswith(prefixes))

    return holds


def _carries(condition: rules.Carries) -> Predicate:
    ids, any_of = LISTS[condition.key], frozenset(condition.any_of)
    groups = tuple(frozenset(group) for group in condition.all_of)

    def holds(fact: Fact) -> bool:
        carried = ids(fact.statement)
        return (not any_of or not any_of.isdisjoint(carried)) and not any(group.isdisjoint(carried) for group in groups)

    return holds


def _measures(condition: rules.Measures) -> Predicate:
    number, within = NUMBERS[condition.key], _bounds(condition)

    def holds(fact: Fact) -> bool:
        value = number(fact)
        return value is not None and within(value)

    return holds


def _bounds(condition: rules.Measures | rules.Holds) -> Callable[[float | Decimal], bool]:
    low, above, high, below = condition.at_least, condition.more_than, condition.at_most, condition.less_than
    return lambda value: (
        (low is None or value >= low)
        and (above is None or value > above)
        and (high is None or value <= high)
        and (below is None or value < below)
    )


def _present(condition: rules.Present) -> Predicate:
    there = {"attachments": lambda fact: bool(usage_types(fact.statement)), "response": response}
    found: Callable[[Fact], Any] = there.get(condition.key) or TEXTS[condition.key]
    return lambda fact: bool(found(fact)) is condition.present


def _holds(condition: rules.Holds) -> Predicate:
    """A text, a number, true or false at a path; `true` is no 1 and `"1"` is no 1."""
    within, among = _bounds(condition), {(isinstance(one, bool), one) for one in condition.any_of}
    bounded = any(getattr(condition, bound) is not None for bound in ("at_least", "more_than", "at_most", "less_than"))

    def fits(value: Any) -> bool:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if among and (isinstance(value, (dict, list)) or (isinstance(value, bool), value) not in among):
            return False
        return not bounded or (number and within(value))

    return lambda fact: (
        any(fits(value) for value in paths.find(paths.document(fact.raw), condition.path)) is condition.present
    )


def _matches(condition: templates.Template) -> Predicate:
    verbs = frozenset(condition.names("verb"))
    return lambda fact: (not verbs or fact.statement.verb_id in verbs) and templates.holds(condition, fact)


def _answers(condition: rules.Answers) -> Predicate:
    name, wanted = condition.key, condition.value
    return lambda fact: fact.statement.result is not None and getattr(fact.statement.result, name) is wanted


def _names(condition: rules.Names) -> Predicate:
    there, wanted = ROLES[condition.key], condition.identifier
    if wanted is not None:
        return lambda fact: wanted in there(fact.statement)
    return lambda fact: bool(there(fact.statement)) is condition.present


PREDICATES: dict[type[Condition], Callable[..., Predicate]] = {
    rules.Among: _among,
    rules.Carries: _carries,
    rules.Measures: _measures,
    rules.Answers: _answers,
    rules.Names: _names,
    rules.Present: _present,
    rules.Holds: _holds,
    templates.Template: _matches,
}


# --- amounts ------------------------------------------------------------------------------------------------------

LARGEST = Decimal(10**9)
"""A raw score or a duration beyond it is none; xAPI knows no scaled score beyond 1 (Data 2.4.5.1)."""


def _amount(number: object, largest: Decimal) -> Decimal | None:
    """The number exactly as it is written."""
    found = Decimal(str(number)) if number is not None else None
    return found if found is not None and abs(found) <= largest else None


AMOUNTS: dict[str, Callable[[Fact], Decimal | None]] = {
    "score": lambda f: _amount(score(f).scaled, Decimal(1)),
    "raw_score": lambda f: _amount(score(f).raw, LARGEST),
    "duration": lambda f: _amount(durations.seconds(f.statement.result and f.statement.result.duration), LARGEST),
}
"""What `sum` adds and `best` compares; a duration in seconds."""
