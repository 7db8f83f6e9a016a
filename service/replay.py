"""Counting history again: after a rule has changed, and when a learner's days have.

A changed rule goes through two phases while the service stays up. In `matching` the matches of the new version are made
from all of history, statements that come in meanwhile add theirs, and what was in force stays in force. In `folding`
the new version is in force: every learner's group is folded and the difference booked; a group that is touched
meanwhile is folded by whoever touches it. To count again by the same version is the same, with other rows of `match`;
`copying` takes over those that are not to be made again. Each step is a transaction of its own that remembers how far
it came, and a crash only means to go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from service.core.language import load, read_directory
from service.core.rule import Rule
from service.core.windows import WINDOWS
from service.errors import Refusal
from service.recount import Changed, Recount, lock
from service.store import audit, history, identity, matches, publishing, rules
from service.store.engine import Driver, driver
from service.store.matches import Group
from service.store.rules import Pending
from service.world import Judge, People, World, candidates, found, parts, world

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

    What was edited through the API stays as it was edited. Raises Refusal, naming every error with its place, when
    there is one; the rules in force stay as they are.
    """
    documents, problems = load(read_directory(directory))
    with engine.begin() as connection:
        beneath = driver(connection)
        if not (errors := [problem for problem in problems if problem.severity == "error"]):
            merged = publishing.merged(beneath, documents)
            errors = [problem for problem in merged.problems if problem.severity == "error"]
        if errors:
            listed = "\n".join(map(str, errors))
            raise Refusal(f"{listed}\nThe rules in {directory} were not applied; those that were in force stay.")
        return publishing.apply(beneath, merged.documents, zone, by="rules directory", api=merged.api)


def any_rules(engine: Engine) -> bool:
    """Whether any rule is in force."""
    with engine.begin() as connection:
        return bool(rules.in_force(driver(connection)).versions)


def replay(engine: Engine, since: datetime | None, by: str) -> list[str]:
    """Lets all of history be counted again by `catch_up`, or what happened since a moment; answers by which rules."""
    with engine.begin() as connection:
        beneath = driver(connection)
        rules.alone(beneath)
        again = publishing.recount(beneath, since=since)
        for name in again:
            audit.note(beneath, by, "replayed", "rule", name, since=since)
        publishing.finish(beneath, bool(again))
    return again


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
    numbers = set[int]()
    while True:
        with engine.begin() as connection:
            beneath = driver(connection)
            rules.share(beneath)
            pending = rules.pending(beneath)
            here = world(beneath)
        if not pending:
            return len(numbers)
        numbers |= {one.number for one in pending}
        _next_step(engine, here, pending, show, progress)


def _next_step(engine: Engine, here: World, pending: Sequence[Pending], show: Show, progress: Progress) -> None:
    """The first phase that any version is in; versions whose matches are half made are made before others begin."""
    if copying := [one for one in pending if one.phase == "copying"]:
        for version in copying:
            _copy_matches(engine, here, version)
        _enter(engine, here, copying, "matching")
    elif matching := [one for one in pending if one.phase == "matching"]:
        begun = [one for one in matching if one.matched_to is not None]
        together = [one for one in begun if one.matched_to == begun[0].matched_to] or matching
        _match_history(engine, here, together, progress)
        _enter(engine, here, together, "folding")
    else:
        derived = [one for one in pending if here.counting[one.number].derived]
        for number in sorted({one.number for one in pending} - {one.number for one in derived}):
            _fold_everybody(engine, here, [one for one in pending if one.number == number], show)
        if derived:
            _fold_everybody(engine, here, derived, show)
        changed = _finish(engine, here, pending)
        if changed.scores:
            show(changed)


@contextmanager
def _in_force(engine: Engine, here: World) -> Iterator[Connection]:
    """A transaction in which these rules stay in force; raises Overtaken if they are no longer."""
    with engine.begin() as connection:
        if rules.share(driver(connection)) != here.ruleset.generation:
            raise Overtaken
        yield connection


def _enter(engine: Engine, here: World, versions: Sequence[Pending], phase: str) -> None:
    with engine.begin() as connection:
        if not rules.enter(driver(connection), versions, phase, here.ruleset.generation):
            raise Overtaken


def _finish(engine: Engine, here: World, versions: Sequence[Pending]) -> Changed:
    """Ends the counting, and with the races complete books who is among the first; nobody is half way then."""
    with engine.begin() as connection:
        beneath = driver(connection)
        if not rules.enter(beneath, versions, "done", here.ruleset.generation):
            raise Overtaken
        here = world(beneath)
        recount = Recount(connection, here, People(here))
        for number in sorted(here.races.keys() & {one.number for one in versions}):
            recount.settle(number)
        return recount.book()


def _judge(here: World, version: Pending) -> Judge:
    judges = here.counting[version.number].judges
    return next(judge for judge in judges if judge.version.version == version.version)


def _copy_matches(engine: Engine, here: World, version: Pending) -> None:
    """Takes the matches over that need not be made again."""
    own, after = _judge(here, version).version, version.folded_to or 0
    assert own.making is not None
    assert own.remaking is not None
    assert version.remade_from is not None
    while True:
        with _in_force(engine, here) as connection:
            beneath = driver(connection)
            learners = history.learners_of_rule(beneath, version.number, after, LEARNERS)
            if not learners:
                return
            identity.lock(beneath, learners)
            matches.copy(beneath, own.number, own.making, own.remaking, version.remade_from, learners)
            after = learners[-1]
            rules.folded(beneath, version, after)


def _match_history(engine: Engine, here: World, versions: Sequence[Pending], progress: Progress) -> None:
    """Writes the matches of these versions for every statement that has been evaluated, from where it was left."""
    after, read = versions[0].matched_to, versions[0].read
    begins = [one.remade_from for one in versions]
    since = None if None in begins else min(begin for begin in begins if begin is not None)
    here.ask([Judge(_judge(here, one).version._replace(making=None)) for one in versions])
    while True:
        with _in_force(engine, here) as connection:
            beneath = driver(connection)
            chunk = history.after(beneath, after, CHUNK, since)
            if not chunk:
                return
            met = parts(claimed.fact for claimed in chunk)
            here.known.learners = identity.known(beneath, [part.key for part in met])
            new = list(candidates(here, (claimed.fact for claimed in chunk)))
            locked = identity.lock(beneath, {candidate.learner for candidate in new})
            voided = history.voided(beneath, [candidate.fact.id for candidate in new])
            standing = [candidate for candidate in new if candidate.fact.id not in voided]
            matches.add(beneath, found(standing, People(here, locked)))
            after, read = chunk[-1].fact.id, read + len(chunk)
            rules.matched(beneath, versions, after, read)
        progress(read)


def _fold_everybody(engine: Engine, here: World, versions: Sequence[Pending], show: Show) -> None:
    """Folds everybody whom these versions of a rule concern, from where it was left; of rules that read awards all."""
    numbers, after = sorted({one.number for one in versions}), min(one.folded_to or 0 for one in versions)
    counting, begins = here.counting[numbers[0]], [one.remade_from for one in versions]
    subset = None not in begins and not counting.remembers
    since = min(begin for begin in begins if begin is not None) if subset else None
    while True:
        with _in_force(engine, here) as connection:
            if counting.derived:
                learners = history.learners(driver(connection), after, LEARNERS)
            else:
                learners = history.learners_of_rule(driver(connection), numbers[0], after, LEARNERS, since)
            if not learners:
                return
            changed = _fold(connection, here, [(number, learner) for number in numbers for learner in learners])
            after = learners[-1]
            for one in versions:
                rules.folded(driver(connection), one, after)
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
    concerned = {
        number: [judge for judge in counting.judges if not judge.rule.time_zone]
        for number, counting in here.counting.items()
    }
    groups = [(number, learner) for number, judges in concerned.items() if judges]
    people = People(here, lock(beneath, here, groups, [learner]))
    naming = [judge for judges in concerned.values() for judge in judges if _names_days(judge.rule)]
    _match_again(beneath, here, people, learner, naming)
    recount = Recount(connection, here, people)
    recount.fold_again([group for group in groups if here.counting[group[0]].folds])
    return recount.book()


def _names_days(rule: Rule) -> bool:
    """Whether what a rule's matches hold depends on the zone."""
    return any(name in WINDOWS for name in (*rule.once_per, getattr(rule.kind, "different", None)))


def _match_again(connection: Driver, here: World, people: People, learner: int, judges: Sequence[Judge]) -> None:
    """Makes the matches again that these versions have of this learner."""
    groups = sorted({(judge.version.number, learner) for judge in judges})
    own = {(judge.version.number, making) for judge in judges for making in judge.makings}
    old = [
        matches.Found(number, match, making)
        for (number, _), made in matches.of_groups(connection, groups).items()
        for making, those in made.items()
        if (number, making) in own
        for match in those
    ]
    facts = history.facts(connection, list({one.match.statement for one in old}))
    here.known.learners.update(identity.known(connection, [part.key for part in parts(facts)]))
    matches.remove(connection, old)
    here.ask(judge for number, _ in groups for judge in here.counting[number].judges)
    new = (candidate for candidate in candidates(here, facts) if candidate.learner == learner)
    matches.add(connection, found(new, people))
