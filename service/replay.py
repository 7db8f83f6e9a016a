"""Counting history again: after a rule has changed, and when a learner's days have.

A changed rule goes through two phases while the service stays up. In `matching` its matches are made from all of
history, statements that come in meanwhile add theirs, and nothing is folded. In `folding` every learner's group is
folded and the difference booked; a group that is touched meanwhile is folded by whoever touches it. Each step is a
transaction of its own, and a crash only means to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from service.core.language import load, read_directory
from service.core.matching import Index
from service.core.windows import WINDOWS
from service.errors import Refusal
from service.recount import Changed, Recount
from service.store import history, identity, matches, rules
from service.store.engine import Driver, driver
from service.store.matches import Group
from service.world import People, World, candidates, found, parts, world

CHUNK = 2000
"""Statements matched, or learners folded, in one transaction."""
LOCK = 7_351_002
"""Number of the advisory lock: one process counts again at a time."""

Show = Callable[[Changed], None]


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
        return rules.apply(driver(connection), documents, zone, datetime.now(UTC))


def any_rules(engine: Engine) -> bool:
    """Whether any rule is in force."""
    with engine.begin() as connection:
        return bool(rules.in_force(driver(connection)).versions)


# --- after a rule has changed -------------------------------------------------------------------------------------


def catch_up(engine: Engine, show: Show) -> int:
    """Counts again what is to be counted again, unless another process is at it; answers how many rules."""
    with engine.begin() as connection:
        pending = rules.pending(driver(connection))
    if not pending:
        return 0
    with _alone(engine) as mine:
        if not mine:
            return 0
        matching = {number for number, phase in pending if phase == "matching"}
        if matching:
            _match_history(engine, matching)
            _begin_folding(engine, matching)
        for number, _ in pending:
            _fold_everybody(engine, number, show)
        return len(pending)


@contextmanager
def _alone(engine: Engine) -> Iterator[bool]:
    with engine.begin() as connection:
        row = driver(connection).execute("SELECT pg_try_advisory_xact_lock(%b)", [LOCK]).fetchone()
        yield bool(row and row[0])


def _match_history(engine: Engine, numbers: set[int]) -> None:
    """Writes the matches of these rules for every statement that has been evaluated."""
    after: UUID | None = None
    while True:
        with engine.begin() as connection:
            beneath = driver(connection)
            rules.share(beneath)
            here = _only(world(beneath), numbers)
            chunk = history.after(beneath, after, CHUNK)
            if not chunk:
                return
            here.known.learners.update(
                identity.known(beneath, [part.key for part in parts(claimed.fact for claimed in chunk)])
            )
            new = list(candidates(here, (claimed.fact for claimed in chunk)))
            locked = identity.lock(beneath, {candidate.learner for candidate in new})
            voided = history.voided(beneath, [candidate.fact.id for candidate in new])
            people = People(here, locked)
            matches.add(beneath, [found(candidate, people) for candidate in new if candidate.fact.id not in voided])
            after = chunk[-1].fact.id


def _only(here: World, numbers: set[int]) -> World:
    here.index = Index(counting.matcher for number, counting in here.counting.items() if number in numbers)
    return here


def _begin_folding(engine: Engine, numbers: Iterable[int]) -> None:
    with engine.begin() as connection:
        rules.enter(driver(connection), sorted(numbers), "folding")


def _fold_everybody(engine: Engine, number: int, show: Show) -> None:
    after = 0
    while True:
        with engine.begin() as connection:
            beneath = driver(connection)
            rules.share(beneath)
            learners = history.learners_of_rule(beneath, number, after, CHUNK)
            if not learners:
                break
            changed = _fold(connection, world(beneath), [(number, learner) for learner in learners])
            after = learners[-1]
        show(changed)
    with engine.begin() as connection:
        rules.enter(driver(connection), [number], "done")


def _fold(connection: Connection, here: World, groups: Sequence[Group]) -> Changed:
    locked = identity.lock(driver(connection), {learner for _, learner in groups})
    recount = Recount(connection, here, People(here, locked))
    recount.fold_again(groups)
    return recount.book()


# --- after a learner's days have changed --------------------------------------------------------------------------


def learner_moved(connection: Connection, learner: int) -> Changed:
    """Counts a learner's awards again by the days of the zone that their row has now, in the caller's transaction."""
    beneath = driver(connection)
    rules.share(beneath)
    here = world(beneath)
    people = People(here, identity.lock(beneath, [learner]))
    groups = [(number, learner) for number, counting in here.counting.items() if not counting.rule.time_zone]
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
