"""One rule and one statement: whether the conditions hold, for whom, and the match that the fold is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from service.core import rule as rules
from service.core import windows
from service.core.predicates import AMOUNTS, PREDICATES, ROLES, TEXTS
from service.core.rule import Condition, Role, Rule
from service.core.statement import Fact, Statement

LONGEST_VALUE = 100
"""Characters of a value that is kept in a state."""

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


class Roles(dict[str, tuple[int, ...]]):
    """The learners in each role of one statement, looked up when they are first asked for."""

    def __init__(self, statement: Statement, people: People) -> None:
        self.statement = statement
        self.people = people

    def __missing__(self, role: Role) -> tuple[int, ...]:
        learners = tuple(map(self.people.learner, ROLES[role](self.statement)))
        self[role] = learners = learners if len(learners) < 2 else tuple(dict.fromkeys(learners))
        return learners


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
        told = (rule.once_per, self.from_each, self.different, self.per, self.amount, self.steps, self.swapped)
        self.plain = not any(told) and not isinstance(rule.kind, rules.First)

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
        if self.plain:
            return Match(learner, fact.happened, fact.id)
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

    def recipients(self, fact: Fact, cast: Cast) -> tuple[int, ...]:
        """Those for whom a statement that fulfils the conditions is a match."""
        learners = cast[self.rule.to]
        if not self.unless:
            return learners
        return tuple(learner for learner in learners if self.refusal(fact, cast, learner) is None)

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

    def recipients(self, fact: Fact, cast: Cast) -> tuple[int, ...]:
        fulfilled = (part for part in self.parts if part.fulfilled_by(fact))
        return tuple(dict.fromkeys(learner for part in fulfilled for learner in part.recipients(fact, cast)))

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
