"""Evaluating what has come in: claim, identify, match, lock, recount, each batch in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine

from service.core.agents import identifiers
from service.core.statement import Fact
from service.recount import Changed, Recount, lock
from service.store import identity, inbox, people, rules
from service.store.engine import Driver, driver, look_up
from service.store.identity import FIRST, Name, Person
from service.store.inbox import Claimed
from service.world import Known, Part, People, World, candidates, found, parts, world

BATCH = 4000
"""Statements evaluated in one transaction, at most."""


class Drained(NamedTuple):
    """What a drain did: how many statements it took, and what it changed."""

    statements: int
    changed: Changed = Changed()


class Drain:
    """Evaluates batches of the inbox, one transaction each, and keeps its World between them.

    taken: the ids of the statements of the last batch, also of one that failed.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.taken: Sequence[UUID] = ()
        self._world: World | None = None

    def __call__(self, limit: int = BATCH) -> Drained:
        """Evaluates up to `limit` statements. Nothing has happened when it raises."""
        self.taken = ()
        try:
            with self.engine.begin() as connection:
                return self._batch(connection, limit)
        except BaseException:
            self._world = None  # it may remember what was not committed
            raise

    def _batch(self, connection: Connection, limit: int) -> Drained:
        beneath = driver(connection)
        look_up(beneath)
        here = self.world(beneath)
        taken = inbox.claim(beneath, limit)
        self.taken = [one.id for one in taken]
        if not taken:
            return Drained(0)
        claimed = inbox.read(beneath, taken)
        met = parts(claim.fact for claim in claimed)
        self._meet(here.known, met)
        return _evaluate(connection, here, claimed, met)

    def world(self, connection: Driver) -> World:
        """The world of the generation in force, which stays so until the transaction ends."""
        generation = rules.share(connection)
        if self._world is None or self._world.ruleset.generation != generation:
            known = self._world.known if self._world else Known()
            self._world = world(connection)
            self._world.known = known
        of_people = people.generation(connection)
        if self._world.known.generation != of_people:
            self._world.known = Known(of_people)
        return self._world

    def _meet(self, known: Known, met: Sequence[Part]) -> None:
        """Makes sure that everybody in these statements is a learner, in a transaction of its own."""
        if known.crowded:
            for remembered in (known.learners, known.homes, known.addressed, known.hinted):
                remembered.clear()
        strangers = {part.key: part.agent for part in met if part.key not in known.homes}
        addresses = {
            part.key: part.agent.mbox[7:] for part in met if part.agent.mbox and part.key not in known.addressed
        }
        if not strangers and not addresses:
            return
        with self.engine.begin() as connection:
            beneath = driver(connection)
            if strangers:
                known.learners.update(identity.learners(beneath, strangers))
                known.homes.update(identity.homes(beneath, list(strangers)))
            if addresses:
                identity.add_addresses(beneath, addresses)
                known.addressed.update(addresses)


def _evaluate(connection: Connection, here: World, claimed: Sequence[Claimed], met: Sequence[Part]) -> Drained:
    """One batch: match, lock, fold, diff, append."""
    beneath = driver(connection)
    standing = [claim.fact for claim in claimed if not claim.voided or claim.fact.statement.voids is not None]
    voided = _voided(beneath, here, claimed)
    new = list(candidates(here, standing))
    gone = list(candidates(here, voided)) if voided else []
    people.took_part(beneath, {(here.known.homes[part.key], part.fact.happened, part.fact.id) for part in met})
    _hint(beneath, here.known, met)
    names = _names(here.known, met)
    others = set(names)
    groups = {(candidate.judge.version.number, candidate.learner) for candidate in (*new, *gone)}
    if here.swaps:
        others |= {other for one in (*new, *gone) for other in one.judge.matcher.others(one.cast, one.learner)}
    locked = lock(beneath, here, groups, others)
    renamed = _rename(beneath, locked, names)
    cast = People(here, locked)
    recount = Recount(connection, here, cast)
    recount.add(found(new, cast))
    if gone:
        recount.remove(found(gone, cast))
    return Drained(len(claimed), recount.book()._replace(renamed=renamed))


def _voided(connection: Driver, here: World, claimed: Sequence[Claimed]) -> list[Fact]:
    """The statements, evaluated before, that statements of this batch void. A voiding statement cannot be voided."""
    ids = [target for claim in claimed if (target := claim.fact.statement.voids) is not None]
    if not ids:
        return []
    facts = [fact for fact in inbox.targets(connection, ids) if fact.statement.voids is None]
    strangers = [part.key for part in parts(facts) if part.key not in here.known.learners]
    here.known.learners.update(identity.known(connection, strangers))
    return facts


def _names(known: Known, met: Iterable[Part]) -> dict[int, Name]:
    """What the newest of these statements call whom."""
    names: dict[int, Name] = {}
    for fact, key, agent in met:
        learner = known.learners[key]
        if text := identity.called(agent):
            name = Name(fact.happened, fact.id, text)
            names[learner] = max(names.get(learner, name), name)
    return names


def _rename(connection: Driver, locked: Mapping[int, Person], names: Mapping[int, Name]) -> bool:
    """Gives the locked learners their newest names; whether any is another than before.

    A statement that says the same name again is not noted; so before a learner gets another, it is looked up whether a
    later one says the old. All who are named are locked, also those who are called what they were: another process may
    be giving them an older name at this moment, and either finds what the other has said.
    """
    newer = {}
    for learner in names.keys() & locked.keys():
        name, before = names[learner], locked[learner]
        if before.name != name.text and _standing(before) < name[:2]:
            newer[learner] = name
    named_before = {learner: name[:2] for learner, name in newer.items() if locked[learner].name is not None}
    newer |= identity.newest_names(connection, named_before)
    if newer:
        identity.rename(connection, newer)
    return bool(newer)


def _standing(person: Person) -> tuple[datetime, UUID]:
    """The place of the statement that a learner's name is from; before all others, if there is none."""
    return (person.name_happened, person.name_statement or FIRST[1]) if person.name_happened else FIRST


def _hint(connection: Driver, known: Known, met: Iterable[Part]) -> None:
    """Puts pairs of identifiers that one agent carries on the list for review, where they are new."""
    seen = {}
    for fact, key, agent in met:
        for other in identifiers(agent)[1:]:
            pair = (key, other) if key < other else (other, key)
            if pair not in known.hinted:
                seen[pair] = fact.id, fact.happened
    if seen:
        people.add_hints(connection, seen)
        known.hinted.update(seen)
