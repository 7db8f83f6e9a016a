"""Counting history again: after a rule has changed, and when a learner's days have.

A changed rule goes through two phases while the service stays up. In `matching` its matches are made from all of
history, statements that come in meanwhile add theirs, and nothing is folded. In `folding` every learner's group is
folded and the difference booked; a group that is touched meanwhile is folded by whoever touches it. Each step is a
transaction of its own, and a crash only means to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from service.core.language import load, read_directory
from service.core.matching import Index
from service.core.windows import WINDOWS
from service.errors import Refusal
from service.recount import Changed, Recount, lock
from service.store import history, identity, matches, rules
from service.store.engine import Driver, driver
from service.store.matches import Group
from service.world import People, World, candidates, found, parts, world

CHUNK = 2000
"""Statements matched in one transaction."""
LEARNERS = 500
"""Learners folded in one transaction, which keeps them locked."""
LOCK = 7_351_002
"""Number of the advisory lock: one process counts again at a time."""

Show = Callable[[Changed], None]
Progress = Callable[[int], None]
"""Called with the number of statements gone through so far."""


def apply_rules_directory(engine: Engine, directory: Path, zone: ZoneInfo) -> list[str]:
    """Puts the documents of a directory in force, as a whole or not at all; answers what changed, a line each.

    Raises Refusal, naming every error with its place, when there is one; the rules in force stay as they are.
    """
    documents, problems = load(read_directory(directory))
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors:
        listed = "\n".join(map(str, errors))
        raise Refusal(f"{listed}\nThe rules in {directory} were not applied; those that were in force stay.")
    with engine.begin() as connection:
        return rules.apply(driver(connection), documents, zone)


def any_rules(engine: Engine) -> bool:
    """Whether any rule is in force."""
    with engine.begin() as connection:
        return bool(rules.in_force(driver(connection)).versions)


# --- after a rule has changed -------------------------------------------------------------------------------------


class Overtaken(Exception):
    """Other rules are in force than those that were being counted again."""


def catch_up(engine: Engine, show: Show, progress: Progress = lambda _: None) -> int:
    """Counts again what is to be counted again, unless another process is at it; answers how many rules."""
    with _alone(engine) as mine:
        while mine:
            try:
                return _count_again(engine, show, progress)
            except Overtaken:
                continue
    return 0


@contextmanager
def _alone(engine: Engine) -> Iterator[bool]:
    with engine.begin() as connection:
        row = driver(connection).execute("SELECT pg_try_advisory_xact_lock(%b)", [LOCK]).fetchone()
        yield bool(row and row[0])


def _count_again(engine: Engine, show: Show, progress: Progress) -> int:
    with engine.begin() as connection:
        beneath = driver(connection)
        rules.share(beneath)
        pending = rules.pending(beneath)
        if not pending:
            return 0
        here = world(beneath)
    numbers = [number for number, _ in pending]
    matching = [number for number, phase in pending if phase == "matching"]
    if matching:
        _match_history(engine, _only(here, matching), progress)
        here = _enter(engine, here, matching, "folding")
    for number in numbers:
        if not here.counting[number].derived:
            _fold_everybody(engine, here, [number], show)
    if derived := [number for number in numbers if here.counting[number].derived]:
        _fold_everybody(engine, here, derived, show)
    changed = _finish(engine, here, numbers)
    if changed.scores:
        show(changed)
    return len(numbers)


@contextmanager
def _in_force(engine: Engine, here: World) -> Iterator[Connection]:
    """A transaction in which these rules stay in force; raises Overtaken if they are no longer."""
    with engine.begin() as connection:
        if rules.share(driver(connection)) != here.ruleset.generation:
            raise Overtaken
        yield connection


def _enter(engine: Engine, here: World, numbers: Sequence[int], phase: str) -> World:
    with engine.begin() as connection:
        beneath = driver(connection)
        if not rules.enter(beneath, numbers, phase, here.ruleset.generation):
            raise Overtaken
        return world(beneath)


def _finish(engine: Engine, here: World, numbers: Sequence[int]) -> Changed:
    """Ends the counting, and with the races complete books who is among the first; nobody is half way then."""
    with engine.begin() as connection:
        beneath = driver(connection)
        if not rules.enter(beneath, numbers, "done", here.ruleset.generation):
            raise Overtaken
        here = world(beneath)
        recount = Recount(connection, here, People(here))
        for number in sorted(here.races.keys() & set(numbers)):
            recount.settle(number)
        return recount.book()


def _only(here: World, numbers: Sequence[int]) -> World:
    here.index = Index(here.counting[number].matcher for number in numbers)
    return here


def _match_history(engine: Engine, here: World, progress: Progress) -> None:
    """Writes the matches of these rules for every statement that has been evaluated."""
    after: UUID | None = None
    read = 0
    while True:
        with _in_force(engine, here) as connection:
            beneath = driver(connection)
            chunk = history.after(beneath, after, CHUNK)
            if not chunk:
                return
            met = parts(claimed.fact for claimed in chunk)
            here.known.learners = identity.known(beneath, [part.key for part in met])
            new = list(candidates(here, (claimed.fact for claimed in chunk)))
            locked = identity.lock(beneath, {candidate.learner for candidate in new})
            voided = history.voided(beneath, [candidate.fact.id for candidate in new])
            people = People(here, locked)
            matches.add(beneath, [found(candidate, people) for candidate in new if candidate.fact.id not in voided])
            after, read = chunk[-1].fact.id, read + len(chunk)
        progress(read)


def _fold_everybody(engine: Engine, here: World, numbers: Sequence[int], show: Show) -> None:
    """Folds the groups of everybody whom a rule concerns; of rules that read awards several together, for all."""
    after = 0
    while True:
        with _in_force(engine, here) as connection:
            if here.counting[numbers[0]].derived:
                learners = history.learners(driver(connection), after, LEARNERS)
            else:
                learners = history.learners_of_rule(driver(connection), numbers[0], after, LEARNERS)
            if not learners:
                return
            changed = _fold(connection, here, [(number, learner) for number in numbers for learner in learners])
            after = learners[-1]
        show(changed)


def _fold(connection: Connection, here: World, groups: Sequence[Group]) -> Changed:
    locked = lock(driver(connection), here, groups)
    recount = Recount(connection, here, People(here, locked))
    recount.fold_again(groups)
    return recount.book()


# --- after a learner's days have changed --------------------------------------------------------------------------


def learner_moved(connection: Connection, learner: int) -> Changed:
    """Counts a learner's awards again by the days of the zone that their row has now, in the caller's transaction."""
    beneath = driver(connection)
    rules.share(beneath)
    here = world(beneath)
    groups = [(number, learner) for number, counting in here.counting.items() if not counting.rule.time_zone]
    people = People(here, lock(beneath, here, groups, [learner]))
    _match_again(beneath, here, people, [group for group in groups if _names_days(here, group[0])])
    recount = Recount(connection, here, people)
    recount.fold_again([group for group in groups if here.counting[group[0]].folds])
    return recount.book()


def _names_days(here: World, number: int) -> bool:
    """Whether what a rule's matches hold depends on the zone."""
    rule = here.counting[number].rule
    return any(name in WINDOWS for name in (*rule.once_per, getattr(rule.kind, "different", None)))


def _match_again(connection: Driver, here: World, people: People, groups: Sequence[Group]) -> None:
    standing = matches.of_groups(connection, groups)
    old = [matches.Found(number, match) for (number, _), those in standing.items() for match in those]
    facts = history.facts(connection, [match.statement for _, match in old])
    here.known.learners.update(identity.known(connection, [part.key for part in parts(facts)]))
    matches.remove(connection, old)
    wanted = set(groups)
    new = [
        candidate
        for candidate in candidates(here, facts)
        if (candidate.counting.version.number, candidate.learner) in wanted
    ]
    matches.add(connection, [found(candidate, people) for candidate in new])
