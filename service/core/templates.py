"""Statement templates of xAPI Profiles: what a statement has to be to match one, and what keeps it from it.

A template has determining properties (the verb, types of activities, usages of attachments) and rules about what lies
at places of the statement. It is made into clauses once, in the order in which the specification looks at them; each
holds for a statement or says in words what it asks for. Sections are those of xAPI Profiles 1.0,
https://github.com/adlnet/xapi-profiles: part 2, "Statement Templates", and part 3, 2.1 "Statement Template Validation".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from service.core import paths
from service.core.places import listed, shown
from service.core.statement import Fact

Json = str
"""A value as JSON text, so that templates can be compared and kept."""


class TemplateRule(Struct, frozen=True):
    """What must hold of the values at `location`, or of what lies in them at `selector`; both JSONPath."""

    location: str
    selector: str | None = None
    presence: Literal["included", "excluded", "recommended"] | None = None
    any: tuple[Json, ...] | None = None
    all: tuple[Json, ...] | None = None
    none: tuple[Json, ...] | None = None


class StatementTemplate(Struct, frozen=True):
    """A template as its profile defines it. grouping … category: types of activities that must be among those.

    object_ref, context_ref: the object, or the statement of the context, refers to another statement. Whether that
    one matches a template cannot be told by the statement alone, and is not asked (part 3, 2.1: if it is available).
    """

    id: str
    name: str
    verb: str | None = None
    type: str | None = None
    grouping: tuple[str, ...] = ()
    parent: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    attachments: tuple[str, ...] = ()
    object_ref: bool = False
    context_ref: bool = False
    rules: tuple[TemplateRule, ...] = ()


class Template(Struct, frozen=True, tag="template"):
    """The statement matches one of these templates."""

    any_of: tuple[StatementTemplate, ...]
    key: Literal["template"] = "template"

    def names(self, key: str) -> tuple[str, ...]:
        """The verbs (or the types) of which a statement that matches has one; none where it may have any."""
        found = [getattr(one, key) for one in self.any_of] if key in ("verb", "type") else [None]
        return tuple(dict.fromkeys(one for one in found if one)) if None not in found else ()


class Clause(NamedTuple):
    """One thing that a template asks for, in words. found: what a statement has there, for whoever is refused."""

    words: str
    holds: Callable[[Any], bool]
    found: Callable[[Any], list[Any]]
    determining: bool = False


def holds(condition: Template, fact: Fact) -> bool:
    """Whether a statement matches one of the templates."""
    document = paths.normalised(fact.raw)
    return any(all(clause.holds(document) for clause in clauses(one)) for one in condition.any_of)


def refused(condition: Template, fact: Fact) -> tuple[str, Clause, str]:
    """For a statement that matches none: name and clause of the template that it comes nearest to, and what it has."""
    document = paths.normalised(fact.raw)
    template, clause = min(
        ((one, _first(one, document)) for one in condition.any_of), key=lambda pair: pair[1].determining
    )
    found = clause.found(document)
    told = listed([one if isinstance(one, str) else _text(one) for one in found[:3]], "and") if found else "none"
    return template.name, clause, told


def _first(template: StatementTemplate, document: Any) -> Clause:
    return next(clause for clause in clauses(template) if not clause.holds(document))


# --- clauses ------------------------------------------------------------------------------------------------------

_LISTS = (
    ("grouping", "context.contextActivities.grouping[*].definition.type", "an activity of the type {} among grouping"),
    ("parent", "context.contextActivities.parent[*].definition.type", "a parent activity of the type {}"),
    ("other", "context.contextActivities.other[*].definition.type", "an activity of the type {} among other"),
    ("category", "context.contextActivities.category[*].definition.type", "a category of the type {}"),
    ("attachments", "attachments[*].usageType", "an attachment for {}"),
)
_REFERENCES = (("object_ref", "object"), ("context_ref", "context.statement"))


@lru_cache(maxsize=4096)
def clauses(template: StatementTemplate) -> tuple[Clause, ...]:
    """Everything that a template asks for, the determining properties first."""
    return tuple(_clauses(template))


def _clauses(template: StatementTemplate) -> Iterable[Clause]:
    for name, path in (("verb", "verb.id"), ("type", "object.definition.type")):
        if (wanted := getattr(template, name)) is not None:
            yield _among(f"{path} must be {wanted}", path, wanted)
    for name, path, words in _LISTS:
        for wanted in getattr(template, name):
            yield _among(f"there must be {words.format(wanted)}", path, wanted)
    for name, path in _REFERENCES:
        if getattr(template, name):
            yield _among(f"{path} must refer to a statement", f"{path}.objectType", "StatementRef", determining=False)
    for rule in template.rules:
        yield from _of_rule(rule)


def _among(words: str, path: str, wanted: str, determining: bool = True) -> Clause:
    at = paths.parsed(path) or ()

    def found(document: Any) -> list[Any]:
        return paths.find(document, at)

    return Clause(words, lambda document: wanted in found(document), found, determining)


_UNMATCHABLE = object()
"""Stands for a value at `location` in which the selector finds nothing."""


def _of_rule(rule: TemplateRule) -> Iterable[Clause]:
    """The rule in the order of `follows_rule` (part 3, 2.1)."""
    values, strict = _values(rule), rule.presence != "recommended"
    where = rule.location.removeprefix("$").removeprefix(".")
    where += f" at {rule.selector.removeprefix('$').removeprefix('.')}" if rule.selector else ""

    def clause(words: str, holds: Callable[[list[Any]], bool]) -> Clause:
        def found(document: Any) -> list[Any]:
            return [value for value in values(document) if value is not _UNMATCHABLE]

        return Clause(f"{where} {words}", lambda document: holds(values(document)), found)

    if rule.presence == "included":
        yield clause("must be there", lambda found: bool(found) and _UNMATCHABLE not in found)
    if rule.presence == "excluded":
        yield clause("must not be there", lambda found: all(value is _UNMATCHABLE for value in found))
    if rule.any is not None:
        some = frozenset(map(_decoded, rule.any))
        words = f"must have {'one of ' if len(rule.any) > 1 else ''}{in_words(rule.any)}"
        yield clause(words, lambda found: (not strict and not found) or not some.isdisjoint(map(_comparable, found)))
    if rule.all is not None:
        every = frozenset(map(_decoded, rule.all))
        words = f"must be {in_words(rule.all)}"
        yield clause(words, lambda found: every.issuperset(map(_comparable, found)))
    if rule.none is not None:
        never = frozenset(map(_decoded, rule.none))
        words = f"must not be {in_words(rule.none)}"
        yield clause(words, lambda found: never.isdisjoint(map(_comparable, found)))


def _values(rule: TemplateRule) -> Callable[[Any], list[Any]]:
    location = paths.alternatives(rule.location) or ()
    selector = paths.alternatives(rule.selector) or () if rule.selector is not None else None

    def values(document: Any) -> list[Any]:
        found = _at(document, location)
        if selector is None:
            return found
        selected = [_at(value, selector) or [_UNMATCHABLE] for value in found]
        return [value for some in selected for value in some]

    return values


def _at(document: Any, alternatives: Iterable[paths.Path]) -> list[Any]:
    return [value for path in alternatives for value in paths.find(document, path)]


def _decoded(value: Json) -> Any:
    return _comparable(msgspec.json.decode(value))


def _comparable(value: Any) -> Any:
    """The value as it can be looked up: `true` is no 1, and the order of an object's keys says nothing."""
    if isinstance(value, dict):
        return "object", frozenset((key, _comparable(one)) for key, one in value.items())
    if isinstance(value, list):
        return "array", tuple(map(_comparable, value))
    return isinstance(value, bool), value


def in_words(values: tuple[Json, ...]) -> str:
    """`a, b or c`; the first of very many."""
    return listed([_text(msgspec.json.decode(value)) for value in values[:8]] + ["…"] * (len(values) > 8))


def _text(value: Any) -> str:
    return shown(value if isinstance(value, str) else msgspec.json.encode(value).decode())
