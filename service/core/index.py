"""Many rules, filed so that a statement finds the few that it may fulfil.

The index makes the cost of a statement nearly independent of the number of rules. Each rule is filed under its verbs,
and below them under the most selective thing it names exactly: the activity, an activity it is part of, a tag, or the
type. A statement looks up the handful of keys it carries itself, and only the rules found there are asked, and those
only for what their place in the index does not say already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from service.core import rule as rules
from service.core.matching import Matcher
from service.core.predicates import LISTS, Predicate
from service.core.rule import Condition, Rule
from service.core.statement import VOIDED, Fact, Statement
from service.core.templates import Template


class Filed(NamedTuple):
    """A rule where a statement finds it. further: what remains to be asked of one that does."""

    matcher: Matcher
    further: tuple[Predicate, ...]


class Index:
    """Rules, filed so that a statement finds those it may fulfil by a few look-ups."""

    def __init__(self, matchers: Iterable[Matcher]) -> None:
        self._verbs: dict[str, _Drawer] = {}
        for matcher in matchers:
            for when in filed_by(matcher.rule):
                for verb in dict.fromkeys(exact(when, "verb")):
                    self._verbs.setdefault(verb, _Drawer()).file(matcher, when)

    def fulfilled(self, fact: Fact) -> list[Matcher]:
        """The rules whose conditions this statement fulfils, each once."""
        found = []
        for matcher, further in self.filed(fact.statement):
            for holds in further:
                if not holds(fact):
                    break
            else:
                found.append(matcher)
        return list(dict.fromkeys(found)) if len(found) > 1 else found

    def filed(self, statement: Statement) -> list[Filed]:
        """The rules that are asked about this statement; one that is filed twice may be there twice."""
        verb = statement.verb_id
        drawer = self._verbs.get(verb)
        if drawer is None or (verb == VOIDED and statement.voids is not None):
            return []
        found = [*drawer.rest]
        if drawer.types:
            found += drawer.types.get(statement.type or "", ())
        if drawer.objects:
            found += drawer.objects.get(statement.object_id or "", ())
        for key, index in drawer.lists.items():
            for carried in LISTS[key](statement):
                found += index.get(carried, ())
        return found


class _Drawer:
    """The rules of one verb."""

    def __init__(self) -> None:
        self.objects: dict[str, list[Filed]] = {}
        self.lists: dict[str, dict[str, list[Filed]]] = {}
        self.types: dict[str, list[Filed]] = {}
        self.rest: list[Filed] = []

    def file(self, matcher: Matcher, when: Sequence[Condition]) -> None:
        if objects := exact(when, "object"):
            _put(self.objects, objects, _filed(matcher, when, "object"))
        elif part_of := _carried(when, "part_of"):
            _put(self.lists.setdefault("part_of", {}), part_of, _filed(matcher, when, "part_of"))
        elif tags := _carried(when, "tagged"):
            _put(self.lists.setdefault("tagged", {}), tags, _filed(matcher, when, "tagged"))
        elif types := exact(when, "type"):
            _put(self.types, types, _filed(matcher, when, "type"))
        else:
            self.rest.append(_filed(matcher, when, "verb"))


def _filed(matcher: Matcher, when: Sequence[Condition], key: str) -> Filed:
    """The rule without the conditions that hold wherever a statement finds it under its verb and this key."""
    if when is not matcher.rule.when:  # a step of a sequence, or a statement that is needed
        return Filed(matcher, (matcher.fulfilled_by,))
    told = [_first(when, "verb"), _first(when, key)]
    known = [condition for condition in told if not isinstance(condition, rules.Carries) or _is_one_group(condition)]
    further = (holds for condition, holds in zip(when, matcher.when, strict=True) if not _is_in(condition, known))
    return Filed(matcher, tuple(further))


def _is_one_group(condition: rules.Carries) -> bool:
    """Whether it is enough that a statement carries one of the ids that the rule is filed under."""
    return len(condition.all_of) == (0 if condition.any_of else 1)


def _is_in(condition: Condition, known: Iterable[Condition | None]) -> bool:
    return any(condition is one for one in known)


def _put(index: dict[str, list[Filed]], keys: Iterable[str], filed: Filed) -> None:
    for key in dict.fromkeys(keys):
        index.setdefault(key, []).append(filed)


def filed_by(rule: Rule) -> Iterable[tuple[Condition, ...]]:
    """Conditions of which a statement must fulfil all: `when`, or each step of a sequence and each needed statement."""
    if isinstance(rule.kind, rules.Needs | rules.Cap):
        return [need.when for need in rules.statements(rule)]
    if not rule.when and isinstance(rule.kind, rules.Steps | rules.Renewed):
        return rule.kind.steps
    return (rule.when,)


def _first(when: Iterable[Condition], key: str) -> rules.Among | rules.Carries | None:
    """The condition that files a rule under this key: the first one that names what a statement must have exactly."""
    for condition in when:
        if isinstance(condition, rules.Among) and condition.key == key and not condition.starts_with:
            return condition
        if isinstance(condition, rules.Carries) and condition.key == key:
            return condition
    return None


def exact(when: Iterable[Condition], key: str) -> tuple[str, ...]:
    """The texts of which a statement must have one, when the conditions name them exactly."""
    found = _first(when, key)
    if found is not None:
        return found.any_of
    templates = (condition for condition in when if isinstance(condition, Template))
    return next((names for one in templates if (names := one.names(key))), ())


def _carried(when: Iterable[Condition], key: str) -> tuple[str, ...]:
    """The ids of which a statement must carry one, when the conditions name them."""
    found = _first(when, key)
    return found.any_of or next(iter(found.all_of), ()) if isinstance(found, rules.Carries) else ()
