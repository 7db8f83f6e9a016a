"""What a process knows between transactions: the rules in force, made ready to run, and who is who."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.core import evaluate, windows
from service.core.kinds import Setting
from service.core.matching import Index, Roles, matcher
from service.core.people import cast
from service.core.rule import First, Swapped
from service.core.statement import Agent, Fact, identifier
from service.core.strata import Strata, reads_awards
from service.store import rules
from service.store.engine import Driver
from service.store.identity import Person
from service.store.matches import Found
from service.store.purses import Ready
from service.store.rules import Ruleset, Version


class Counting:
    """One version of a rule at work."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.rule = version.rule
        self.matcher = matcher(version.rule)
        self.derived = reads_awards(version.rule)
        self.remembers = evaluate.remembers(version.rule)
        self.folds = version.phase != "matching"
        self.settled = version.phase == "done"
        self.pays = version.rule.status != "trial"
        self._settings: dict[str, Setting] = {}

    def setting(self, zone: ZoneInfo) -> Setting:
        """The rule as it applies to learners of this zone."""
        known = self._settings.get(zone.key)
        if known is None:
            known = evaluate.setting(self.rule, zone, self.version.since, self.version.until)
            self._settings[zone.key] = known
        return known


@dataclass
class Known:
    """What a process remembers of people, until an identifier changes hands.

    learners: by identifier key; homes: the learners that the keys were met as; addressed: keys whose address is stored;
    hinted: pairs of keys that are on the list for review.
    """

    generation: int = 0
    learners: dict[str, int] = field(default_factory=dict)
    homes: dict[str, int] = field(default_factory=dict)
    addressed: set[str] = field(default_factory=set)
    names: dict[int, str] = field(default_factory=dict)
    hinted: set[tuple[str, str]] = field(default_factory=set)


@dataclass
class World:
    """What a process knows between drains: the rules in force, made ready, and who is who.

    Rules are loaded again when their generation has grown, people forgotten when theirs has.
    purses: by currency and zone.
    """

    ruleset: Ruleset
    counting: dict[int, Counting] = field(init=False)
    by_matcher: dict[int, Counting] = field(init=False)
    races: dict[int, First] = field(init=False)
    swaps: dict[int, Swapped] = field(init=False)
    index: Index = field(init=False)
    strata: Strata = field(init=False)
    named: dict[str, Counting] = field(init=False)
    purses: dict[tuple[str, str], Ready] = field(default_factory=dict)
    known: Known = field(default_factory=Known)

    def __post_init__(self) -> None:
        self.counting = {version.number: Counting(version) for version in self.ruleset.versions}
        self.by_matcher = {id(counting.matcher): counting for counting in self.counting.values()}
        self.races = {n: c.rule.kind for n, c in self.counting.items() if isinstance(c.rule.kind, First)}
        self.swaps = {n: c.matcher.swapped for n, c in self.counting.items() if c.matcher.swapped}
        self.index = Index(counting.matcher for counting in self.counting.values())
        self.named = {counting.rule.name: counting for counting in self.counting.values()}
        self.strata = Strata([one.rule for one in self.counting.values() if one.folds or not one.derived])

    def zones(self, people: People) -> Callable[[int, int], ZoneInfo]:
        """Where a rule, by its number, counts the days of a learner."""
        return lambda rule, learner: self.counting[rule].matcher.zone(people, learner)


def world(connection: Driver) -> World:
    """The world as the database has it."""
    return World(rules.in_force(connection))


class People:
    """Who is who for one transaction: learners as the world knows them, zones as the locked rows say."""

    def __init__(self, here: World, locked: Mapping[int, Person] | None = None) -> None:
        self.learner = here.known.learners.__getitem__
        self.locked = locked or {}
        self.default = here.ruleset.zone

    def meet(self, locked: Mapping[int, Person]) -> None:
        """More learners whose rows have been locked."""
        self.locked = {**self.locked, **locked}

    def zone(self, learner: int) -> ZoneInfo:
        name = self.locked[learner].time_zone
        return windows.zone(name) if name else self.default


class Candidate(NamedTuple):
    """A statement that fulfils a rule, for one recipient; it becomes a match when the recipient's zone is known."""

    counting: Counting
    fact: Fact
    cast: Roles
    learner: int


def candidates(here: World, facts: Iterable[Fact]) -> Iterable[Candidate]:
    people = People(here)
    for fact in facts:
        fulfilled = here.index.fulfilled(fact)
        if not fulfilled:
            continue
        cast = Roles(fact.statement, people)
        for one in fulfilled:
            for learner in one.recipients(fact, cast):
                yield Candidate(here.by_matcher[id(one)], fact, cast, learner)


def found(candidate: Candidate, people: People) -> Found:
    counting, fact, cast, learner = candidate
    zone = counting.matcher.zone(people, learner)
    return Found(counting.version.number, counting.matcher.match(fact, cast, learner, zone))


class Part(NamedTuple):
    """Somebody who takes part in a statement, in whatever role."""

    fact: Fact
    key: str
    agent: Agent


def parts(facts: Iterable[Fact]) -> list[Part]:
    """Everybody who takes part in these statements: actors, instructors, teams and objects, groups as their members."""
    return [
        Part(fact, key, agent)
        for fact in facts
        for agent in cast(fact.statement)
        if (key := identifier(agent)) is not None
    ]
