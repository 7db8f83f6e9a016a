"""What a process knows between transactions: the rules in force, made ready to run, and who is who."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from sqlalchemy import Connection, Engine

from service.core import evaluate, versions, windows
from service.core.agents import Agent, identifier
from service.core.index import Index
from service.core.kinds import Setting
from service.core.matching import Match, Roles, matcher
from service.core.people import cast
from service.core.rule import First, Rule, Swapped
from service.core.statement import Fact
from service.core.strata import Strata, reads_awards
from service.core.versions import Judged
from service.store import rules
from service.store.engine import Driver, driver
from service.store.identity import Person
from service.store.matches import Found
from service.store.purses import Ready
from service.store.rules import Ruleset, Version

MOST_REMEMBERED = 200_000
"""Identifier keys that a process remembers."""


class Judge:
    """One version of a rule at work: it makes matches of all history, and gives for those in its life."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.rule = version.rule
        self.matcher = matcher(version.rule)
        self.remembers = evaluate.remembers(version.rule)
        self.makings = tuple(making for making in (version.making, version.remaking) if making is not None)
        self._settings: dict[str, Setting] = {}

    def setting(self, zone: ZoneInfo) -> Setting:
        """The version as it applies to learners of this zone, unless it has its own."""
        known = self._settings.get(zone.key)
        if known is None:
            own = windows.zone(self.rule.time_zone) if self.rule.time_zone else zone
            known = evaluate.setting(self.rule, own, self.version.since, self.version.until, self.version.version)
            self._settings[zone.key] = known
        return known

    def looks_at(self, moment: datetime) -> bool:
        """Whether what happens then can make a difference to what this version gives."""
        since, until = self.version.since, self.version.until
        return (until is None or moment < until) and (self.remembers or since is None or moment >= since)


class Counting:
    """A rule at work: its newest version, and all versions that give, in the order of their lives.

    last: the version that gives for what happens now, or did so last; rule: what that says.
    """

    def __init__(self, version: Version) -> None:
        self.version = version
        self.lives = tuple(Judge(one) for one in version.lives)
        of_version = {judge.version.version: judge for judge in self.lives}
        self.judges = (*self.lives, *(Judge(one) for one in version.made if one.version not in of_version))
        self.last = self.lives[-1] if self.lives else Judge(version._replace(rule=_ended(version.rule)))
        self.rule, self.matcher = self.last.rule, self.last.matcher
        self.makings = [one.making or 0 for one in version.lives]
        self.making = self.makings[-1] if self.makings else 0
        self.derived = reads_awards(self.rule)
        self.folds = version.making is not None or bool(version.lives)
        self.remembers = any(judge.remembers for judge in self.lives)
        self.whole = self.alone and self.last.version.since is None and self.rule.status == "live"
        self.settled = version.phase not in ("folding", "comparing")
        self.pays = self.rule.status != "trial"

    @property
    def alone(self) -> bool:
        """Whether there is one version that gives, and neither one before it nor one after it."""
        return len(self.lives) == 1 and self.last.version.until is None

    @property
    def race(self) -> First | None:
        """The race that the rule is, if it lets only the first receive."""
        return self.rule.kind if self.lives and isinstance(self.rule.kind, First) else None

    def setting(self, zone: ZoneInfo) -> Setting:
        """The last version as it applies to learners of this zone, unless it has its own."""
        return self.last.setting(zone)

    def of_version(self, number: int) -> Rule:
        """What this version of the rule says; of one that gives no more, what the newest says."""
        return next((judge.rule for judge in self.lives if judge.version.version == number), self.rule)

    def judged(self, zone: ZoneInfo, made: Mapping[int, Sequence[Match]]) -> Judged:
        """What all versions make of the matches of one learner, whose days are those of `zone`."""
        if self.whole:
            return Judged(*evaluate.fold(self.setting(zone), made.get(self.making, ())))
        own = [(judge.setting(zone), made.get(judge.version.making or 0, ())) for judge in self.lives]
        return versions.judged(own)


def _ended(rule: Rule) -> Rule:
    return replace(rule, status="retired")


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
    hinted: set[tuple[str, str]] = field(default_factory=set)

    @property
    def crowded(self) -> bool:
        """Whether it is time to forget, so that memory does not grow with everybody who was ever met."""
        remembered = (self.learners, self.homes, self.addressed, self.hinted)
        return max(map(len, remembered)) > MOST_REMEMBERED


@dataclass
class World:
    """What a process knows between drains: the rules in force, made ready, and who is who.

    Rules are loaded again when their generation has grown, people forgotten when theirs has.
    purses: by currency and zone.
    """

    ruleset: Ruleset
    counting: dict[int, Counting] = field(init=False)
    by_matcher: dict[int, Judge] = field(init=False)
    races: dict[int, First] = field(init=False)
    swaps: dict[int, Swapped] = field(init=False)
    index: Index = field(init=False)
    strata: Strata = field(init=False)
    named: dict[str, Counting] = field(init=False)
    purses: dict[tuple[str, str], Ready] = field(default_factory=dict)
    known: Known = field(default_factory=Known)

    def __post_init__(self) -> None:
        self.counting = {version.number: Counting(version) for version in self.ruleset.versions}
        self.races = {number: one.race for number, one in self.counting.items() if one.race is not None}
        self.swaps = {n: c.matcher.swapped for n, c in self.counting.items() if c.matcher.swapped}
        self.named = {counting.rule.name: counting for counting in self.counting.values()}
        self.strata = Strata([one.rule for one in self.counting.values() if one.folds or not one.derived])
        self.ask(judge for counting in self.counting.values() for judge in counting.judges)

    def ask(self, judges: Iterable[Judge]) -> None:
        """Lets these versions, and no others, make matches."""
        self.by_matcher = {id(judge.matcher): judge for judge in judges}
        self.index = Index(judge.matcher for judge in self.by_matcher.values())

    def zones(self, people: People) -> Callable[[int, int], ZoneInfo]:
        """Where a rule, by its number, counts the days of a learner."""
        return lambda rule, learner: self.counting[rule].matcher.zone(people, learner)


class Overtaken(Exception):
    """Other rules are in force than those that a process works by."""


@contextmanager
def in_force(engine: Engine, here: World) -> Iterator[Connection]:
    """A transaction in which these rules stay in force; raises Overtaken if they are no longer."""
    with engine.begin() as connection:
        if rules.share(driver(connection)) != here.ruleset.generation:
            raise Overtaken
        yield connection


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
    """A statement that fulfils a version, for one recipient; it becomes a match when the recipient's zone is known."""

    judge: Judge
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
            judge = here.by_matcher[id(one)]
            if judge.looks_at(fact.happened):
                for learner in one.recipients(fact, cast):
                    yield Candidate(judge, fact, cast, learner)


def found(candidates: Iterable[Candidate], people: People) -> list[Found]:
    """The matches of these candidates, in each making of their version's matches that there is."""
    made = []
    for judge, fact, roles, learner in candidates:
        match = judge.matcher.match(fact, roles, learner, judge.matcher.zone(people, learner))
        for making in judge.makings:
            made.append(Found(judge.version.number, match, making))  # noqa: PERF401 - mostly there is one making
    return made


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
