"""Counting history again: after rules have changed, or the service itself.

A changed rule goes through two phases while the service stays up. In `matching` the matches of the new version are made
from all of history, statements that come in meanwhile add theirs, and what was in force stays in force. In `folding`
the new version is in force: every learner's group is folded and the difference booked; a group that is touched
meanwhile is folded by whoever touches it. A version that is in force already is counted again in one phase,
`comparing`. Each step is a transaction of its own that remembers how far it came, and a crash only means to go on.
Where evaluating raises, the rule is stopped whose fault it is, until somebody tries again, and all others go on.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from service import crew
from service.blame import at_fault, is_of_an_item, stop, tried
from service.concern import Concern
from service.core import traces
from service.core.language import load, read_directory
from service.crew import Progress, Show
from service.errors import Refusal
from service.recount import Changed, Recount, lock
from service.store import audit, history, identity, matches, people, publishing, rules
from service.store.engine import Driver, driver
from service.store.inbox import Claimed
from service.store.matches import Group
from service.store.rules import Pending
from service.world import Judge, Known, Overtaken, People, World, candidates, found, in_force, parts, world

CHUNK, SEARCHED = 2000, 20_000
"""Statements gone through in one transaction: where each is matched, and where those are sought that can matter."""
LEARNERS = 500
"""Learners folded in one transaction, which keeps them locked."""
LOCK = 7_351_002
"""Number of the advisory lock: one process counts again at a time."""


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
        rules.try_again(beneath)
        again = publishing.recount(beneath, since=since)
        for name in again:
            audit.note(beneath, by, "replayed", "rule", name, since=since)
        publishing.finish(beneath, bool(again))
    return again


def try_again(engine: Engine) -> None:
    """Lets `catch_up` go on with rules that were stopped: what was in their way may be mended by now."""
    with engine.begin() as connection:
        rules.try_again(driver(connection))


# --- after a rule has changed -------------------------------------------------------------------------------------


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
            pending = [one for one in rules.pending(beneath) if one.problem is None]
            here = world(beneath)
        if not pending:
            return len(numbers)
        numbers |= {one.number for one in pending}
        _next_step(engine, here, pending, show, progress)


def _next_step(engine: Engine, here: World, pending: Sequence[Pending], show: Show, progress: Progress) -> None:
    """The first phase that any version is in; versions whose matches are half made are made before others begin."""
    if comparing := [one for one in pending if one.phase == "comparing"]:
        _finish(engine, here, comparing, crew.compare_everybody(engine, here, comparing, show, progress), show)
    elif matching := [one for one in pending if one.phase == "matching"]:
        begun = [one for one in matching if one.matched_to is not None]
        together = [one for one in begun if one.matched_to == begun[0].matched_to] or matching
        if _match_history(engine, here, together, progress):
            _enter(engine, here, together, "folding")
    else:
        _finish(engine, here, pending, _fold_everybody(engine, here, pending, show), show)


def _enter(engine: Engine, here: World, versions: Sequence[Pending], phase: str) -> None:
    with engine.begin() as connection:
        if not rules.enter(driver(connection), versions, phase, here.ruleset.generation):
            raise Overtaken


def _finish(engine: Engine, here: World, versions: Sequence[Pending], stopped: set[int], show: Show) -> None:
    """Ends the counting, but of rules that were stopped, and shows what is changed by it.

    With the races complete books who is among the first; nobody is half way then.
    """
    complete = [one for one in versions if one.number not in stopped]
    if not complete:
        return
    with engine.begin() as connection:
        beneath = driver(connection)
        if not rules.enter(beneath, complete, "done", here.ruleset.generation):
            raise Overtaken
        here = world(beneath)
        recount = Recount(connection, here, People(here))
        for number in sorted(here.races.keys() & {one.number for one in complete}):
            recount.settle(number)
        changed = recount.book()
    if changed.scores:
        show(changed)


def _judge(here: World, version: Pending) -> Judge:
    judges = here.counting[version.number].judges
    return next(judge for judge in judges if judge.version.version == version.version)


def _match_history(engine: Engine, here: World, versions: Sequence[Pending], progress: Progress) -> bool:
    """Writes the matches of these versions for every statement that has been evaluated, from where it was left.

    False if some of the versions had to be stopped, and the others are to go on without them.
    """
    after, read, since = versions[0].matched_to, versions[0].read, rules.since(versions)
    saved, pause = time.monotonic(), rules.pause(versions)
    judges = [_matching(here, one) for one in versions]
    here.ask(judges)
    sought = traces.of_rules(judge.rule for judge in judges)
    if sought == []:
        return True
    at_once = CHUNK if sought is None else SEARCHED
    chunk: list[Claimed] = []
    while True:
        try:
            with in_force(engine, here) as connection:
                beneath = driver(connection)
                span = history.span(beneath, after, at_once)
                if span is None:
                    return True
                chunk = history.within(beneath, span, since, sought)
                _match_chunk(beneath, here, chunk)
                after, read = span.last, read + span.statements
                if time.monotonic() > saved + pause:
                    rules.matched(beneath, versions, after, read)
                    saved = time.monotonic()
        except Exception as error:
            if not (is_of_an_item(error) and _stop_matching(engine, here, versions, chunk)):
                raise
            return False
        progress(read)


def _matching(here: World, version: Pending) -> Judge:
    """The version as it makes matches anew."""
    return Judge(_judge(here, version).version._replace(making=None))


def _stop_matching(engine: Engine, here: World, versions: Sequence[Pending], chunk: Sequence[Claimed]) -> bool:
    """Stops those of these versions that one of these statements cannot be matched by; whether there is any.

    What was in force before them stays in force.
    """
    stopped = set()
    for one in versions:
        here.ask([_matching(here, one)])
        with in_force(engine, here) as connection:
            beneath = driver(connection)
            faulty = at_fault(chunk, lambda some: tried(beneath, lambda: _match_chunk(beneath, here, some)))  # noqa: B023
            for claimed, error in itertools.islice(faulty, 1):
                stop(beneath, here, one.number, f"statement {claimed.fact.id}", error)
                stopped.add(one.number)
    return bool(stopped)


def _match_chunk(connection: Driver, here: World, chunk: Sequence[Claimed]) -> None:
    """Writes the matches of these statements, but of those that are voided by the time that their learners are ours."""
    facts = [claimed.fact for claimed in chunk if not claimed.voided]
    of_people = people.generation(connection)
    if here.known.generation != of_people or here.known.crowded:
        here.known = Known(of_people)
    known = here.known.learners
    if strangers := {part.key for part in parts(facts)} - known.keys():
        known.update(identity.known(connection, list(strangers)))
    new = list(candidates(here, facts))
    locked = identity.lock(connection, {candidate.learner for candidate in new})
    voided = history.voided(connection, [candidate.fact.id for candidate in new])
    standing = [candidate for candidate in new if candidate.fact.id not in voided]
    matches.add(connection, found(standing, People(here, locked)))


def _fold_everybody(engine: Engine, here: World, versions: Sequence[Pending], show: Show) -> set[int]:
    """Folds everybody whom these versions concern, from where it was left; of rules that read awards all.

    So many learners at once, with all of these rules: whoever has matches of many rules is locked, and has their
    scores written, once. Answers the rules that were stopped: somebody could not be folded, and stays as they were.
    """
    concern, after = Concern(here, versions, LEARNERS), min(one.folded_to or 0 for one in versions)
    saved, pause = time.monotonic(), rules.pause(versions)
    left_out: set[Group] = set()
    groups: list[Group] = []
    while True:
        try:
            with in_force(engine, here) as connection:
                beneath = driver(connection)
                learners = concern.learners(beneath, after)
                if not learners:
                    return {rule for rule, _ in left_out}
                groups = [one for one in concern.groups(beneath, after, learners) if one not in left_out]
                changed = _fold(connection, here, groups)
                if time.monotonic() > saved + pause:
                    rules.folded(beneath, versions, learners[-1])
                    saved = time.monotonic()
        except Exception as error:
            if not (is_of_an_item(error) and (found := _stop_folding(engine, here, groups))):
                raise
            left_out |= found
            continue
        after = learners[-1]
        show(changed)


def _stop_folding(engine: Engine, here: World, groups: Sequence[Group]) -> set[Group]:
    """Stops the rules by which some of these groups cannot be folded; answers the groups."""
    found = set()
    with in_force(engine, here) as connection:
        beneath = driver(connection)
        for group, error in at_fault(groups, lambda some: tried(beneath, lambda: _fold(connection, here, some))):
            stop(beneath, here, group[0], f"learner {group[1]}", error)
            found.add(group)
    return found


def _fold(connection: Connection, here: World, groups: Sequence[Group]) -> Changed:
    locked = lock(driver(connection), here, groups)
    recount = Recount(connection, here, People(here, locked))
    recount.fold_again(groups)
    return recount.book()
