"""Many learners compared (`service.comparing`), where history is long by several processes side by side.

They give way to whatever else wants the processors, as the service stays up, and end when this process does.
"""

from __future__ import annotations

import itertools
import os
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from multiprocessing.connection import Connection
from typing import NamedTuple

import structlog
from sqlalchemy import Engine

from service import children
from service.blame import at_fault, stop, tried
from service.comparing import Compared, Comparison, Learners
from service.recount import Changed
from service.store import history, identity, rules
from service.store.engine import driver, url
from service.store.engine import engine as connected
from service.store.rules import Pending
from service.world import Overtaken, World, in_force, world

log = structlog.get_logger(__name__)

NICE = 5
"""How far the processes give way (nice(2))."""
AHEAD = 2
"""How many tasks each process has, beside the one that is waited for."""

LEARNERS, STATEMENTS = 500, 10_000
"""Learners compared in one transaction, which keeps them locked, and the statements that they have, at most.

One learner may have more.
"""

Show = Callable[[Changed], None]
Progress = Callable[[int], None]
"""Called with the number of statements gone through so far."""


class Task(NamedTuple):
    """By which rules everybody is compared; since: matches of what happened before are taken as they are."""

    rules: tuple[int, ...]
    since: datetime | None


def compare_everybody(
    engine: Engine, here: World, versions: Sequence[Pending], show: Show, progress: Progress
) -> set[int]:
    """Compares what everybody has by these versions, from where it was left; answers the rules that were stopped."""
    after, read = min(one.folded_to or 0 for one in versions), min(one.read for one in versions)
    saved, pause, processes = time.monotonic(), rules.pause(versions), _processes(engine)
    going, stopped, failed = {one.number for one in versions}, set[int](), None
    while True:
        task = Task(tuple(sorted(going - stopped)), rules.since(versions))
        with closing(_answers(engine, here, task, after, processes)) as answers:
            for learners, answer in answers:
                if answer is None:
                    found = _stop(engine, here, task, learners)
                    if not found and learners == failed:
                        raise RuntimeError(f"comparing {learners} raised twice, and no rule is at fault: see the log")
                    stopped, failed = stopped | found, learners
                    break
                after, read = learners.last, read + answer.statements
                show(answer.changed)
                if time.monotonic() > saved + pause:
                    with in_force(engine, here) as connection:
                        rules.folded(driver(connection), versions, after, read)
                    saved = time.monotonic()
                progress(read)
            else:
                return stopped


def _stop(engine: Engine, here: World, task: Task, learners: Learners) -> set[int]:
    """Stops the rules by which some of these learners cannot be counted; raises what is not a rule's fault."""
    found = set()
    with in_force(engine, here) as connection:
        beneath = driver(connection)

        def attempt(going: Sequence[int], ids: Sequence[int]) -> None:
            some = Learners(ids[0] - 1, ids[-1])
            tried(beneath, lambda: Comparison(here, going, task.since)(connection, some))

        everybody = identity.ids(beneath, *learners)
        at_work = [rule for rule, _ in at_fault(task.rules, lambda some: attempt(some, everybody))]
        for rule in at_work:
            alone = partial(attempt, [rule])
            for learner, error in itertools.islice(at_fault(everybody, alone), 1):
                stop(beneath, here, rule, f"learner {learner}", error)
                found.add(rule)
    return found


def _processes(engine: Engine) -> int:
    with engine.begin() as connection:
        return children.sensible(history.longer_than(driver(connection), children.LONG))


def _answers(
    engine: Engine, here: World, task: Task, after: int, processes: int
) -> Generator[tuple[Learners, Compared | None]]:
    """What comparing the learners after this one came to, in their order; None where it raised.

    Each is a transaction of its own. processes: how many divide the work between them; one is this one.
    """
    if processes > 1:
        yield from _side_by_side(engine, here, task, after, processes)
    else:
        comparison = Comparison(here, *task)
        for some in _learners(engine, after):
            yield some, _answer(engine, comparison, some)


def _learners(engine: Engine, after: int) -> Iterator[Learners]:
    """The learners after this one, as many at a time as have a fair number of statements."""
    while True:
        with engine.begin() as connection:
            last = history.next_learners(driver(connection), after, LEARNERS, STATEMENTS)
        if last is None:
            return
        yield Learners(after, last)
        after = last


def _side_by_side(
    engine: Engine, here: World, task: Task, after: int, processes: int
) -> Iterator[tuple[Learners, Compared | None]]:
    own = url(engine), here.ruleset.generation, task
    with children.beside(_work, [own] * processes) as ends:
        turns, asked = itertools.cycle(ends), deque[tuple[Learners, Connection]]()
        for some in _learners(engine, after):
            asked.append((some, end := next(turns)))
            end.send(some)
            if len(asked) > AHEAD * processes:
                some, end = asked.popleft()
                yield some, end.recv()
        for some, end in asked:
            yield some, end.recv()


def _work(parent: Connection, address: str, generation: int, task: Task) -> None:
    """What a process of its own does: compares those it is told of, and says what came of it."""
    os.nice(NICE)
    engine = connected(address, pool_size=1)
    with engine.begin() as connection:
        here = world(driver(connection))
    comparison = Comparison(here, *task) if here.ruleset.generation == generation else None
    while True:
        some = parent.recv()
        parent.send(comparison and _answer(engine, comparison, some))


def _answer(engine: Engine, comparison: Comparison, learners: Learners) -> Compared | None:
    try:
        with in_force(engine, comparison.here) as connection:
            return comparison(connection, learners)
    except Overtaken:
        return None
    except Exception as error:
        log.warning("comparing raised", learners=learners, exc_info=error)
        return None
