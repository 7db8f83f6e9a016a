"""Which rules a statement fulfils, and for whom: an index that finds candidates, and predicates that decide.

The index makes the cost of a statement nearly independent of the number of rules. Each rule is filed under its verbs,
and below them under the most selective thing it names exactly: the activity, an activity it is part of, a tag, or the
type. A statement looks up the handful of keys it carries itself, and only the rules found there are asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from service.core import durations, paths, windows
from service.core import rule as rules
from service.core.rule import Condition, Role, Rule
from service.core.statement import VOIDED, Fact, Score, Statement, identifier, members

LONGEST_VALUE = 100
"""Characters of a value that is kept in a state."""

Predicate = Callable[[Fact], bool]
Cast = Mapping[str, tuple[int, ...]]
"""The learners in each role of one statement."""


class People(Protocol):
    """Who is who: learners by identifier key, and where they live."""

    def learner(self, key: str) -> int: ...

    def zone(self, learner: int) -> ZoneInfo: ...


class Match(Struct, frozen=True):
    """A statement that fulfils a rule's `when`, for one recipient, with what the fold needs of it.

    once: digest of the `once_per` values, None without `once_per`.
    different: the value that `count … different` compares, or the object of `best`.
    counterparts: one key for each limit with `from_each`, in the order of the limits.
    amount: what `sum` adds or `best` compares. steps: which steps of `sequence` it fulfils.
    others, guarded: for `swapped`, the learners in the other role, and whether they can keep this match from counting.
    place, late: for `first`, the recipient's place among those of the statement, and whether it came in too late.
    """

    learner: int
    happened: datetime
    statement: UUID
    once: bytes | None = None
    different: str | None = None
    counterparts: tuple[str, ...] = ()
    amount: Decimal | None = None
    steps: tuple[int, ...] = ()
    place: int = 0
    late: bool = False
    others: tuple[int, ...] = ()
    guarded: bool = False


# --- who takes part -----------------------------------------------------------------------------------------------

ROLES: dict[Role, Callable[[Statement], Iterable[str | None]]] = {
    "actor": lambda s: (identifier(agent) for agent in members(s.actor)),
    "instructor": lambda s: (identifier(agent) for agent in members(s.context.instructor if s.context else None)),
    "team": lambda s: (identifier(agent) for agent in members(s.context.team if s.context else None)),
    "object": lambda s: (identifier(agent) for agent in members(s.object.agent if s.object else None)),
}


class Roles(dict[str, tuple[int, ...]]):
    """The learners in each role of one statement, looked up when they are first asked for."""

    def __init__(self, statement: Statement, people: People) -> None:
        super().__init__()
        self.statement = statement
        self.people = people

    def __missing__(self, role: Role) -> tuple[int, ...]:
        keys = dict.fromkeys(key for key in ROLES[role](self.statement) if key is not None)
        learners = tuple(dict.fromkeys(self.people.learner(key) for key in keys))
        self[role] = learners
        return learners


# --- predicates: one function for each kind of condition ----------------------------------------------------------

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


def activity_ids(statement: Statement, *lists: str) -> tuple[str, ...]:
    """The ids of the context activities in these lists (`category`, `parent`, `grouping`)."""
    found = statement.context.activities if statement.context else None
    if found is None:
        return ()
    ids: list[str] = []
    for name in lists:
        listed = getattr(found, name)
        ids += [activity.id for activity in (listed if type(listed) is tuple else (listed,)) if activity.id]
    return tuple(ids)


LISTS: dict[str, Callable[[Statement], tuple[str, ...]]] = {
    "tagged": lambda s: activity_ids(s, "category"),
    "part_of": lambda s: activity_ids(s, "parent", "grouping"),
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


def _answers(condition: rules.Answers) -> Predicate:
    name, wanted = condition.key, condition.value
    return lambda fact: fact.statement.result is not None and getattr(fact.statement.result, name) is wanted


def _names(condition: rules.Names) -> Predicate:
    keys, wanted = ROLES[condition.key], condition.identifier
    if wanted is not None:
        return lambda fact: wanted in keys(fact.statement)
    return lambda fact: any(key is not None for key in keys(fact.statement)) is condition.present


PREDICATES: dict[type[Condition], Callable[..., Predicate]] = {
    rules.Among: _among,
    rules.Carries: _carries,
    rules.Measures: _measures,
    rules.Answers: _answers,
    rules.Names: _names,
    rules.Present: _present,
    rules.Holds: _holds,
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


# --- one rule, ready to run --------------------------------------------------------------------------------------


class Matcher:
    """A rule with its predicates made: says whether a statement fulfils it, and makes the matches."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.when = tuple(PREDICATES[type(condition)](condition) for condition in rule.when)
        plain = [conditions for conditions in rule.unless if not any(map(_is_swapped, conditions))]
        self.unless = tuple(_Exception(conditions) for conditions in plain)
        self.swapped, self.guard = _swapped(rule)
        self.from_each = tuple(limit.from_each for limit in rule.limits if limit.from_each)
        self.different = getattr(rule.kind, "different", None)
        self.per = TEXTS.get(getattr(rule.kind, "per", ""))
        self.amount = AMOUNTS.get(getattr(rule.kind, "of", ""))
        self.settle = getattr(rule.kind, "settle", None)
        self.steps = tuple(
            tuple(PREDICATES[type(condition)](condition) for condition in step)
            for step in getattr(rule.kind, "steps", ())
        )

    def fulfilled_by(self, fact: Fact) -> bool:
        """True when every condition of `when` holds, and in a sequence those of a step."""
        return all(holds(fact) for holds in self.when) and (not self.steps or bool(self.steps_of(fact)))

    def steps_of(self, fact: Fact) -> tuple[int, ...]:
        """The steps of a sequence that this statement fulfils."""
        return tuple(place for place, step in enumerate(self.steps) if all(holds(fact) for holds in step))

    def refusal(self, fact: Fact, cast: Cast, learner: int) -> str | None:
        """The exception of `unless` that keeps this recipient from matching, in words; None if there is none."""
        for exception in self.unless:
            if exception.holds(fact, cast, self.rule.to, learner):
                return exception.clause
        return None

    def match(self, fact: Fact, cast: Cast, learner: int, zone: ZoneInfo) -> Match:
        """The match of a statement that fulfils the rule, for one recipient."""
        once = [_value(name, fact, cast, self.rule.to, learner, zone) for name in self.rule.once_per]
        if self.per:
            different = _brief(self.per(fact))
        else:
            different = self.different and _brief(_value(self.different, fact, cast, self.rule.to, learner, zone))
        counterparts = tuple(
            _brief(_value(role, fact, cast, self.rule.to, learner, zone)) or "" for role in self.from_each
        )
        return Match(
            learner,
            fact.happened,
            fact.id,
            _digest(once) if once else None,
            different,
            counterparts,
            self.amount(fact) if self.amount else None,
            self.steps_of(fact),
            cast[self.rule.to].index(learner) if isinstance(self.rule.kind, rules.First) else 0,
            self.settle is not None and fact.happened < windows.before(fact.received, self.settle, zone),
            self.others(cast, learner),
            self.guard is not None and self.guard.holds(fact, cast, self.rule.to, learner),
        )

    def others(self, cast: Cast, learner: int) -> tuple[int, ...]:
        """Who could have done it the other way round with this recipient."""
        if self.swapped is None:
            return ()
        (theirs,) = set(self.swapped.roles) - {self.rule.to}
        return tuple(other for other in cast[theirs] if other != learner)

    def recipients(self, fact: Fact, cast: Cast) -> Iterator[int]:
        """Those for whom a statement that fulfils the conditions is a match."""
        for learner in cast[self.rule.to]:
            if not self.unless or self.refusal(fact, cast, learner) is None:
                yield learner

    def matches(self, fact: Fact, cast: Cast, people: People) -> Iterator[Match]:
        """One match for each recipient, where the statement fulfils the rule."""
        if self.fulfilled_by(fact):
            for learner in self.recipients(fact, cast):
                yield self.match(fact, cast, learner, self.zone(people, learner))

    def zone(self, people: People, learner: int) -> ZoneInfo:
        """The zone in which this rule counts this learner's days."""
        return windows.zone(self.rule.time_zone) if self.rule.time_zone else people.zone(learner)


class NeedsMatcher(Matcher):
    """A rule with `needs`, as far as it needs statements: each is matched like a rule of its own.

    The steps of a match are the places of the needed statements that it is.
    """

    def __init__(self, rule: Rule, needed: Sequence[rules.NeedStatement]) -> None:
        super().__init__(rule)
        self.parts = tuple(Matcher(replace(rule, when=one.when, unless=one.unless, to=one.to)) for one in needed)

    def fulfilled_by(self, fact: Fact) -> bool:
        return any(part.fulfilled_by(fact) for part in self.parts)

    def recipients(self, fact: Fact, cast: Cast) -> Iterator[int]:
        fulfilled = (part for part in self.parts if part.fulfilled_by(fact))
        yield from dict.fromkeys(learner for part in fulfilled for learner in part.recipients(fact, cast))

    def match(self, fact: Fact, cast: Cast, learner: int, zone: ZoneInfo) -> Match:
        fulfilled = ((place, part) for place, part in enumerate(self.parts) if part.fulfilled_by(fact))
        places = tuple(place for place, part in fulfilled if learner in part.recipients(fact, cast))
        return Match(learner, fact.happened, fact.id, steps=places)


def matcher(rule: Rule) -> Matcher:
    """The rule, ready to run."""
    return NeedsMatcher(rule, rules.statements(rule)) if isinstance(rule.kind, rules.Needs) else Matcher(rule)


def _is_swapped(condition: Condition) -> bool:
    return isinstance(condition, rules.Swapped)


def _swapped(rule: Rule) -> tuple[rules.Swapped | None, _Exception | None]:
    """The exception that looks at other matches, and what else must hold for it."""
    for conditions in rule.unless:
        for condition in conditions:
            if isinstance(condition, rules.Swapped):
                return condition, _Exception(tuple(one for one in conditions if one is not condition))
    return None, None


class _Exception:
    """One item of `unless`: it holds when all its conditions do."""

    def __init__(self, conditions: tuple[Condition, ...]) -> None:
        self.pairs = tuple(condition.roles for condition in conditions if isinstance(condition, rules.Same))
        self.when = tuple(
            PREDICATES[type(condition)](condition) for condition in conditions if not isinstance(condition, rules.Same)
        )
        self.clause = "unless " + " and ".join(map(in_words, conditions))

    def holds(self, fact: Fact, cast: Cast, to: Role, learner: int) -> bool:
        return all(_same(cast, pair, to, learner) for pair in self.pairs) and all(holds(fact) for holds in self.when)


def _same(cast: Cast, pair: tuple[Role, Role], to: Role, learner: int) -> bool:
    first, second = (cast[role] if role != to else (learner,) for role in pair)
    return not set(first).isdisjoint(second)


def in_words(condition: Condition) -> str:
    """A condition as a short phrase, for refusals: `instructor and actor are the same`."""
    if isinstance(condition, rules.Same):
        return f"{condition.roles[0]} and {condition.roles[1]} are the same"
    if isinstance(condition, rules.Swapped):
        within = f" within {condition.within}" if condition.within else ""
        return f"{condition.roles[0]} and {condition.roles[1]} did it the other way round{within}"
    return condition.key


def _value(name: str, fact: Fact, cast: Cast, to: Role, learner: int, zone: ZoneInfo) -> str | None:
    """What `once_per`, `different` and `from_each` compare: the value of one name, None where there is none."""
    if name in windows.WINDOWS:
        return str(windows.index(name, fact.happened, zone))
    if name == to:
        return str(learner)
    if name in TEXTS:
        return TEXTS[name](fact)
    return " ".join(map(str, sorted(cast[name]))) or None


def _brief(value: str | None) -> str | None:
    """A value that states may keep: as different from others as it was, and never long."""
    return value if value is None or len(value) <= LONGEST_VALUE else _digest([value]).hex()


def _digest(values: Sequence[str | None]) -> bytes:
    return hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=16).digest()


# --- many rules ---------------------------------------------------------------------------------------------------


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
        found = [
            matcher
            for matcher, further in self.filed(fact.statement)
            if not further or all(holds(fact) for holds in further)
        ]
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
    if not rule.when and isinstance(rule.kind, rules.Steps):
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
    return found.any_of if found is not None else ()


def _carried(when: Iterable[Condition], key: str) -> tuple[str, ...]:
    """The ids of which a statement must carry one, when the conditions name them."""
    found = _first(when, key)
    return found.any_of or next(iter(found.all_of), ()) if isinstance(found, rules.Carries) else ()
