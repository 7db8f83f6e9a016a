"""Counting history again: after a rule has changed, and when a learner's days have.

A changed rule goes through two phases while the service stays up. In `matching` the matches of the new version are made
from all of history, statements that come in meanwhile add theirs, and what was in force stays in force. In `folding`
the new version is in force: every learner's group is folded and the difference booked; a group that is touched
meanwhile is folded by whoever touches it. To count again by the same version is the same, with other rows of `match`;
`copying` takes over those that are not to be made again. Each step is a transaction of its own that remembers how far
it came, and a crash only means to go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine

from service.core.language import load, read_directory
from service.core.rule import Rule
from service.core.statement import Fact
from service.core.windows import WINDOWS
from service.errors import Refusal
from service.recount import Changed, Recount, lock
from service.store import audit, history, identity, matches, people, publishing, rules
from service.store.engine import Driver, driver
from service.store.matches import Group
from service.store.rules import Pending
from service.world import MOST_REMEMBERED, Judge, Known, People, World, candidates, found, parts, world

CHUNK = 2000
"""Statements matched in one transaction."""
LEARNERS = 500
"""Learners folded in one transaction, which keeps them locked; where more than a few rules are counted, fewer."""
FEW = 10
"""Rules of each of which it is asked who has anything by it; of more, everybody is looked at."""
SAVED_SECONDS = 1.0
"""How often it is remembered how far counting again has come. What is done twice for it is the same."""
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
        _fold_everybody(engine, here, pending, show)
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
            rules.folded(beneath, [version], after)


def _match_history(engine: Engine, here: World, versions: Sequence[Pending], progress: Progress) -> None:
    """Writes the matches of these versions for every statement that has been evaluated, from where it was left."""
    after, read, saved = versions[0].matched_to, versions[0].read, time.monotonic()
    begins = [one.remade_from for one in versions]
    since = None if None in begins else min(begin for begin in begins if begin is not None)
    here.ask([Judge(_judge(here, one).version._replace(making=None)) for one in versions])
    while True:
        with _in_force(engine, here) as connection:
            beneath = driver(connection)
            chunk = history.after(beneath, after, CHUNK, since)
            _match_chunk(beneath, here, [one.fact for one in chunk if not one.voided])
            over = len(chunk) < CHUNK
            if chunk:
                after, read = chunk[-1].fact.id, read + len(chunk)
            if after and (over or time.monotonic() > saved + SAVED_SECONDS):
                rules.matched(beneath, versions, after, read)
                saved = time.monotonic()
        progress(read)
        if over:
            return


def _match_chunk(connection: Driver, here: World, facts: Sequence[Fact]) -> None:
    """Writes the matches of these statements, but of those that are voided by the time that their learners are ours."""
    of_people = people.generation(connection)
    if here.known.generation != of_people or len(here.known.learners) > MOST_REMEMBERED:
        here.known = Known(of_people)
    known = here.known.learners
    if strangers := {part.key for part in parts(facts)} - known.keys():
        known.update(identity.known(connection, list(strangers)))
    new = list(candidates(here, facts))
    locked = identity.lock(connection, {candidate.learner for candidate in new})
    voided = history.voided(connection, [candidate.fact.id for candidate in new])
    standing = [candidate for candidate in new if candidate.fact.id not in voided]
    matches.add(connection, found(standing, People(here, locked)))


def _fold_everybody(engine: Engine, here: World, versions: Sequence[Pending], show: Show) -> None:
    """Folds everybody whom these versions concern, from where it was left; of rules that read awards all.

    So many learners at once, with all of these rules: whoever has matches of many rules is locked, and has their
    scores written, once.
    """
    concern, after, saved = _Concern(here, versions), min(one.folded_to or 0 for one in versions), time.monotonic()
    while True:
        with _in_force(engine, here) as connection:
            beneath = driver(connection)
            learners = concern.learners(beneath, after)
            if not learners:
                return
            changed = _fold(connection, here, concern.groups(beneath, after, learners))
            after = learners[-1]
            if time.monotonic() > saved + SAVED_SECONDS:
                rules.folded(beneath, versions, after)
                saved = time.monotonic()
        show(changed)


class _Concern:
    """Whom versions of rules concern that are in force since history is being counted again by them.

    A rule that remembers nothing, and of which only a part of history was read, concerns whoever has something of then.
    """

    def __init__(self, here: World, versions: Sequence[Pending]) -> None:
        of_rule: dict[int, list[datetime | None]] = {}
        for one in versions:
            of_rule.setdefault(one.number, []).append(one.remade_from)
        self.derived = [number for number in of_rule if here.counting[number].derived]
        self.since: dict[datetime | None, list[int]] = {}
        for number in of_rule.keys() - set(self.derived):
            begins = [begin for begin in of_rule[number] if begin is not None]
            whole = here.counting[number].remembers or len(begins) < len(of_rule[number])
            self.since.setdefault(None if whole else min(begins), []).append(number)
        self.few = not self.derived and len(of_rule) <= FEW
        self.at_once = LEARNERS if self.few else max(1, LEARNERS // FEW)

    def learners(self, connection: Driver, after: int) -> list[int]:
        """The next learners who may be concerned, in the order of their ids."""
        if not self.few:
            return history.learners(connection, after, self.at_once)
        found = {
            learner
            for since, numbers in self.since.items()
            for number in numbers
            for learner in history.learners_of_rule(connection, number, after, self.at_once, since)
        }
        return sorted(found)[: self.at_once]

    def groups(self, connection: Driver, after: int, learners: Sequence[int]) -> list[Group]:
        """The groups of these learners, who come next after one, that are to be folded."""
        found = [(number, learner) for number in self.derived for learner in learners]
        for since, numbers in self.since.items():
            found += history.groups(connection, numbers, after, learners[-1], since)
        return sorted(found)


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
