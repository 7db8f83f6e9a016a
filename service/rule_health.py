"""How rules are doing: when each last matched and gave, how often, what refused; and what comes that no rule uses.

All of it is counted from the facts, as evaluating them from nothing does, so it costs evaluation nothing and is never
wrong; a worker has it made now and then by a process of its own, and keeps it in Redis for whoever asks.

`python -m service.rule_health` is that process.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct
from redis import Redis
from sqlalchemy import Engine

from service import boards
from service.core import evaluate, versions
from service.core.index import Index
from service.core.matching import Roles
from service.core.rule import First, Text
from service.core.statement import Fact
from service.settings import settings
from service.store import history, identity, inbox, ledger, matches, races, rules, swaps
from service.store.engine import Driver, driver, snapshot
from service.store.engine import engine as connected
from service.trials import Trial, running
from service.world import Counting, People, World, parts, world

RESTING_DAYS = 30
"""A rule that has given nothing for so long rests."""
SHOWN = 200
"""Kinds of statements without a rule that are listed; all are counted."""
MOST_KINDS = 20_000
"""Kinds of statements without a rule that are told from each other."""

KEY, MAKING = f"{boards.PREFIX}rules:health", f"{boards.PREFIX}rules:health:making"
SHORTEST_PAUSE_SECONDS, PAUSE_RATIO = 600, 100
"""A report is made again when it is that old, and a hundred times as old as it took to make."""
MAKING_SECONDS = 3600

Progress = Callable[[int], None]
"""Called with the number of statements read so far."""


class RuleHealth(Struct, frozen=True):
    """One rule that is in force. applied: when it was first. refusals: matches that gave nothing, by clause."""

    rule: str
    title: Text
    status: str
    version: int
    applied: datetime
    ended: bool
    matches: int = 0
    learners: int = 0
    last_match: datetime | None = None
    awards: int = 0
    last_award: datetime | None = None
    refusals: dict[str, int] = {}

    def rests(self, now: datetime, days: int = RESTING_DAYS) -> bool:
        """Whether it has given nothing for so many days, though it could have."""
        latest = self.last_award if self.status == "live" else self.last_match
        return not self.ended and (latest or self.applied) < now - timedelta(days=days)


class Unused(Struct, frozen=True):
    """Statements of this verb and type that no rule looks at. type: None where the object is no activity with one."""

    verb: str
    type: str | None
    statements: int
    last: datetime


class Health(Struct, frozen=True):
    """How all rules are doing. unused: the most frequent of `kinds` kinds of statements. trials: those on trial."""

    made: datetime
    seconds: float
    statements: int
    pending: int
    rules: list[RuleHealth]
    unused: list[Unused]
    kinds: int
    trials: list[Trial] = []


def measured(engine: Engine, now: datetime, progress: Progress = lambda _: None) -> Health:
    """How the rules in force are doing, by all that has been evaluated."""
    began = time.monotonic()
    with snapshot(engine) as connection:
        beneath = driver(connection)
        counts = _Counts(world(beneath), beneath)
        counts.read(progress)
        found = [counts.of_rule(one, now) for one in counts.in_force]
        trials = running(beneath, counts.here, counts.people)
        pending = inbox.size(beneath)
    kinds = sorted(counts.unused.items(), key=lambda item: -item[1])
    unused = [Unused(*kind, number, counts.latest[kind]) for kind, number in kinds[:SHOWN]]
    seconds = time.monotonic() - began
    ordered = sorted(found, key=lambda one: one.rule)
    return Health(now, seconds, counts.statements, pending, ordered, unused, len(kinds), trials)


class _Counts:
    """What is counted in one snapshot."""

    def __init__(self, here: World, connection: Driver) -> None:
        self.here = here
        self.in_force = [one for one in here.counting.values() if one.version.gives and one.lives]
        self.index = Index(one.matcher for one in self.in_force)
        self.connection = connection
        self.applied = rules.first_applied(connection)
        self.people = People(here, identity.everybody(connection))
        self.statements = 0
        self.unused: Counter[tuple[str, str | None]] = Counter()
        self.latest: dict[tuple[str, str | None], datetime] = {}
        self.excepted: Counter[tuple[int, str]] = Counter()
        """Statements that `unless` keeps from matching, by rule and clause."""

    def read(self, progress: Progress) -> None:
        """Goes through all statements: those that no rule looks at, and those that an exception refuses."""
        for chunk in history.everything(self.connection):
            facts = [one.fact for one in chunk if not one.voided]
            known = self.here.known.learners
            known.clear()
            known.update(identity.known(self.connection, [part.key for part in parts(facts)]))
            for fact in facts:
                self._look(fact)
            self.statements += len(chunk)
            progress(self.statements)

    def _look(self, fact: Fact) -> None:
        statement = fact.statement
        candidates = dict.fromkeys(filed.matcher for filed in self.index.filed(statement))
        if not candidates and statement.voids is None:
            kind = statement.verb_id, statement.type
            if kind in self.unused or len(self.unused) < MOST_KINDS:
                self.unused[kind] += 1
                self.latest[kind] = max(self.latest.get(kind, fact.happened), fact.happened)
        for matcher in candidates:
            if matcher.unless and matcher.fulfilled_by(fact):
                cast = Roles(statement, self.people)
                for learner in cast[matcher.rule.to]:
                    clause = matcher.refusal(fact, cast, learner)
                    if clause is not None:
                        self.excepted[self.here.by_matcher[id(matcher)].version.number, clause] += 1

    def of_rule(self, counting: Counting, now: datetime) -> RuleHealth:
        """One rule: its matches folded again, group by group; of one that reads awards, what the ledger has."""
        rule, version = counting.rule, counting.version
        refusals = Counter({clause: n for (number, clause), n in self.excepted.items() if number == version.number})
        among = (
            races.first(self.connection, version.number, rule.kind.learners) if isinstance(rule.kind, First) else None
        )
        made, learners = 0, 0
        last_match, awards = list[datetime](), list[datetime]()
        for (_, learner), own in matches.grouped(self.connection, [version.number]):
            made, learners = made + max(map(len, own.values())), learners + 1
            last_match.append(max(those[-1].happened for those in own.values()))
            if counting.derived:
                continue
            judged = counting.judged(self.people.zone(learner), own)
            if among is not None and learner not in among:
                judged = versions.outrun(rule, judged)
            awards += [award.happened for award in (*judged.awards, *judged.tried)]
            refusals.update(refusal.because.partition(":")[0] for refusal in judged.refusals)
        if counting.derived:
            for _, lines in ledger.standing(self.connection, [version.number]):
                awards += {(line.key, line.happened): line.happened for line, _ in lines}.values()
        if counting.matcher.swapped:
            refusals[evaluate.swapped(rule)] += swaps.refused(self.connection, version.number)
        end = counting.setting(self.here.ruleset.zone).end
        return RuleHealth(
            rule.name, rule.title, rule.status, version.version, self.applied[version.number], end <= now,
            made, learners, max(last_match, default=None), len(awards), max(awards, default=None),
            dict((+refusals).most_common()),
        )  # fmt: skip


# --- kept for whoever asks ----------------------------------------------------------------------------------------


def kept(redis: Redis) -> Health | None:
    """The last report; None if there is none."""
    found = redis.get(KEY)
    return msgspec.json.decode(found, type=Health) if isinstance(found, bytes) else None


def keep(redis: Redis, health: Health) -> None:
    """Keeps a report until the next one."""
    redis.set(KEY, msgspec.json.encode(health))


def due(redis: Redis, now: datetime) -> bool:
    """Whether a report is to be made, by whoever asks first; nobody else is told so until it is."""
    last = kept(redis)
    pause = max(SHORTEST_PAUSE_SECONDS, PAUSE_RATIO * last.seconds) if last else 0
    if last is not None and now - last.made < timedelta(seconds=pause):
        return False
    return bool(redis.set(MAKING, b"1", nx=True, ex=MAKING_SECONDS))


def main() -> None:
    """The process that makes a report; evaluating what comes in goes before it."""
    here = settings()
    os.nice(10)
    redis = Redis.from_url(here.redis_url)
    try:
        keep(redis, measured(connected(here.database_url, 1), datetime.now(UTC)))
    finally:
        redis.delete(MAKING)


if __name__ == "__main__":
    main()
