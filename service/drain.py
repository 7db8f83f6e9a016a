"""Evaluating what has come in: claim, identify, match, lock, recount, each batch in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from service.core.statement import Fact, identifier
from service.recount import Changed, Recount
from service.store import identity, inbox, rules
from service.store.engine import Driver, driver
from service.store.identity import Name, Person
from service.store.inbox import Claimed
from service.world import People, World, agents, candidates, cast, found, world

BATCH = 2000
"""Statements evaluated in one transaction, at most."""
MOST_REMEMBERED = 200_000
"""Identifier keys that a process remembers."""


class Drained(NamedTuple):
    """What a drain did: how many statements it took, and what it changed."""

    statements: int
    changed: Changed = Changed()


class Drain:
    """Evaluates batches of the inbox, one transaction each, and keeps its World between them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._world: World | None = None

    def __call__(self, limit: int = BATCH) -> Drained:
        """Evaluates up to `limit` statements. Nothing has happened when it raises."""
        with self.engine.begin() as connection:
            beneath = driver(connection)
            here = self.world(beneath)
            claimed = inbox.claim(beneath, limit)
            if not claimed:
                return Drained(0)
            self._meet(here, claimed)
            return _evaluate(connection, here, claimed)

    def world(self, connection: Driver) -> World:
        """The world of the generation in force, which stays so until the transaction ends."""
        generation = rules.share(connection)
        if self._world is None or self._world.ruleset.generation != generation:
            known = self._world
            self._world = world(connection)
            if known is not None:
                self._world.learners, self._world.addressed = known.learners, known.addressed
        return self._world

    def _meet(self, here: World, claimed: Sequence[Claimed]) -> None:
        """Makes sure that everybody in these statements is a learner, in a transaction of its own."""
        everybody = agents(claim.fact for claim in claimed)
        strangers = {key: agent for key, agent in everybody.items() if key not in here.learners}
        addresses = {
            key: agent.mbox[7:] for key, agent in everybody.items() if agent.mbox and key not in here.addressed
        }
        if not strangers and not addresses:
            return
        if len(here.learners) > MOST_REMEMBERED:
            here.learners.clear()
            here.addressed.clear()
            strangers = everybody
        with self.engine.begin() as connection:
            beneath = driver(connection)
            met = identity.learners(beneath, strangers) if strangers else {}
            if addresses:
                identity.add_addresses(beneath, addresses)
        here.learners.update(met)  # only now, for a commit that fails leaves nobody behind
        here.addressed.update(addresses)


def _evaluate(connection: Connection, here: World, claimed: Sequence[Claimed]) -> Drained:
    """One batch: match, lock, fold, diff, append."""
    beneath = driver(connection)
    standing = [claim.fact for claim in claimed if not claim.voided or claim.fact.statement.voids is not None]
    voided = _voided(beneath, here, claimed)
    new = list(candidates(here, standing))
    gone = list(candidates(here, voided)) if voided else []
    names = _names(here, (claim.fact for claim in claimed))
    locked = identity.lock(beneath, {candidate.learner for candidate in (*new, *gone)} | names.keys())
    _rename(beneath, locked, names)
    people = People(here, locked)
    recount = Recount(connection, here, people)
    recount.add([found(candidate, people) for candidate in new])
    if gone:
        recount.remove([found(candidate, people) for candidate in gone])
    return Drained(len(claimed), recount.book())


def _voided(connection: Driver, here: World, claimed: Sequence[Claimed]) -> list[Fact]:
    """The statements, evaluated before, that statements of this batch void. A voiding statement cannot be voided."""
    ids = [target for claim in claimed if (target := claim.fact.statement.voids) is not None]
    if not ids:
        return []
    facts = [fact for fact in inbox.targets(connection, ids) if fact.statement.voids is None]
    here.learners.update(identity.known(connection, [key for key in agents(facts) if key not in here.learners]))
    return facts


def _names(here: World, facts: Iterable[Fact]) -> dict[int, Name]:
    """What the newest of these statements call whom."""
    names: dict[int, Name] = {}
    for fact in facts:
        for agent in cast(fact):
            key = identifier(agent)
            if agent.name and key is not None:
                name = Name(fact.happened, fact.id, agent.name.replace("\0", "")[:200])
                learner = here.learners[key]
                names[learner] = max(names.get(learner, name), name)
    return names


def _rename(connection: Driver, locked: Mapping[int, Person], names: Mapping[int, Name]) -> None:
    newer = {}
    for learner, name in names.items():
        before = locked[learner]
        if before.name != name.text and (before.name_happened is None or before.name_happened <= name.happened):
            newer[learner] = name
    if newer:
        identity.rename(connection, newer)
