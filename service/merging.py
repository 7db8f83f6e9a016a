"""Merging learners that are one person, and taking that back: a decision, and everything counted as it says.

What changes hands are identifiers. Every statement that one of them took part in, in whatever role, is matched again:
the recipient may be another, two roles may be one person now, and so may two counterparts of a limit. Groups whose
matches are others than before are folded again, and the ledger gets the difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from service.core.agents import Agent, identifier
from service.core.statement import Fact
from service.recount import Changed, Recount
from service.store import badges, history, identity, matches, people
from service.store.badges import BadgeChange
from service.store.engine import Driver, driver
from service.world import Candidate, People, World, candidates, found, parts, world

CHUNK = 2000
"""Statements read at once."""


class Decision(NamedTuple):
    """That `gone` is the same person as `kept`, as somebody said, and why."""

    gone: int
    kept: int
    by: str
    reason: str | None = None


def merge(connection: Connection, decisions: Iterable[Decision]) -> tuple[list[int], Changed]:
    """Writes these decisions down and counts as they say, in the caller's transaction; answers their numbers."""
    beneath = driver(connection)
    people.alone(beneath)
    numbers = [people.add(beneath, *decision) for decision in decisions]
    return numbers, settle(connection)


def unmerge(connection: Connection, number: int) -> Changed | None:
    """Takes a merge back and counts as without it; None if none in force has this number."""
    beneath = driver(connection)
    people.alone(beneath)
    return settle(connection) if people.undo(beneath, number) else None


def settle(connection: Connection) -> Changed:
    """Makes identifiers, matches, ledger and badges what the merges in force say. Nobody else may be at work."""
    beneath = driver(connection)
    wanted, standing = people.wanted(beneath), people.standing(beneath)
    moved = {
        own: wanted.get(own, own) for own in wanted.keys() | standing.keys() if wanted.get(own) != standing.get(own)
    }
    if not moved:
        return Changed()
    persons = {standing.get(own, own) for own in moved} | set(moved.values())
    here, facts = world(beneath), _facts(beneath, people.statements(beneath, moved))
    before = who_fulfils(beneath, here, facts)
    people.place(beneath, moved)
    after = who_fulfils(beneath, here, facts)
    locked = identity.lock(beneath, persons | {one.learner for one in (*before, *after)})
    recount = Recount(connection, here, People(here, locked))
    match_again(beneath, here, recount, before, after)
    handed = people.place_badges(beneath, people.members(beneath, persons))
    changed = recount.book()
    _settle_badges(connection, here, handed)
    identity.name_again(beneath, persons)
    return changed._replace(renamed=True)


def _facts(connection: Driver, ids: Sequence[UUID]) -> list[Fact]:
    return [fact for some in _chunks(ids) for fact in history.facts(connection, some)]


def _chunks(ids: Sequence[UUID]) -> Iterable[Sequence[UUID]]:
    return (ids[start : start + CHUNK] for start in range(0, len(ids), CHUNK))


def who_fulfils(connection: Driver, here: World, facts: Sequence[Fact]) -> list[Candidate]:
    """Who fulfils which rule by these statements, as identifiers belong to learners at this moment."""
    here.known.learners = identity.known(connection, list({part.key for part in parts(facts)}))
    return list(candidates(here, facts))


def match_again(
    connection: Driver, here: World, recount: Recount, before: Sequence[Candidate], after: Sequence[Candidate]
) -> None:
    """Takes out the matches that are no more, adds those that are new, and folds the groups of either."""
    old, new = set(found(before, recount.people)), set(found(after, recount.people))
    if gone := old - new:
        matches.remove(connection, list(gone))
    if come := new - old:
        matches.add(connection, list(come))
    groups = {(one.rule, one.match.learner) for one in old ^ new}
    recount.fold_again(sorted(group for group in groups if here.counting[group[0]].folds))


def _settle_badges(connection: Connection, here: World, handed: Sequence[UUID]) -> None:
    """Offers or takes back badges that came with an identifier, as the ledger of the person says."""
    changes = []
    for row in driver(connection).execute(_OTHERWISE, [list(handed)]):
        learner, rule, key, achievement, kind, grounded, version, happened, statements = row
        counting = here.counting.get(rule)
        if_undone = counting.rule.if_undone if counting else "ask"
        says = achievement, grounded, happened, tuple(statements), kind, if_undone
        changes.append(BadgeChange(learner, rule, version, key, *says))
    if changes:
        badges.settle(connection, changes)


_OTHERWISE = """
    SELECT b.learner, b.rule, b.key, b.achievement, b.kind, booked.happened IS NOT NULL,
           coalesce(booked.version, b.version), coalesce(booked.happened, b.happened),
           coalesce(booked.statements, b.statements)
    FROM badge_award b LEFT JOIN LATERAL (
        SELECT DISTINCT ON (happened) version, happened, statements, sum(amount) OVER (PARTITION BY happened) AS amount
        FROM entry e WHERE e.learner = b.learner AND e.rule = b.rule AND e.key = b.key
        AND e.unit = 'badge:' || b.achievement ORDER BY happened, e.id DESC
    ) AS booked ON booked.amount > 0
    WHERE b.id = ANY(%b) AND ((booked.happened IS NOT NULL) <> (b.undone IS NULL) OR b.undone IS NULL
        AND (booked.version, booked.happened, booked.statements) <> (b.version, b.happened, b.statements))
"""
"""Badges of which the ledger says something else, with what it says of them: the last line of each time that counts."""


def learner_of(connection: Connection, who: int | Agent, new: bool = True) -> int | None:
    """The person that an id or an agent means; None if there is nobody. new: whom we know not yet is made a learner."""
    beneath = driver(connection)
    if isinstance(who, int):
        return people.person(beneath, who)
    key = identifier(who)
    assert key is not None
    known = identity.learners(beneath, {key: who}) if new else identity.known(beneath, [key])
    return known.get(key)
