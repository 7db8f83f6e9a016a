"""The limit: what each bare part costs for the same statements, one after another, nothing around it.

The sum of the CPU of all parts, in our process and in the servers, is what nothing built from these parts can do
without.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

import psutil
from redis import Redis
from sqlalchemy import Engine

from service import boards
from service.core.index import Index
from service.core.matching import Matcher
from service.core.rule import Board, Rule
from service.core.statement import Fact, decoded, read
from service.store import ledger
from service.store.engine import driver
from service.store.intake import Row
from service.store.ledger import Entry
from service.store.scores import ScoreRow
from tests.bench.machine import cpu_seconds

BATCH = 500
INSERT = """
INSERT INTO statement (id, source, happened, received, raw)
SELECT * FROM unnest(%b::uuid[], %b::int[], %b::timestamptz[], %b::timestamptz[], %b::bytea[])
ON CONFLICT (id) DO NOTHING
"""


class Part(NamedTuple):
    """One part: its name, and the CPU it took, in microseconds a statement."""

    name: str
    microseconds: float


def parts(
    engine: Engine,
    redis: Redis,
    servers: Callable[[], list[psutil.Process]],
    rules: Sequence[Rule],
    raws: Sequence[bytes],
) -> list[Part]:
    """Each part over all statements; their CPU is ours and that of the servers together."""
    now = datetime.now(UTC)
    facts = [read(raw, now) for raw in raws]
    index = Index(map(Matcher, rules))
    done: list[Part] = []

    def measure(name: str, work: Callable[[], object]) -> None:
        before = cpu_seconds(servers()) + time.process_time()
        work()
        done.append(Part(name, (cpu_seconds(servers()) + time.process_time() - before) / len(raws) * 1e6))

    measure("decode", lambda: [decoded(raw) for raw in raws])
    measure("insert and commit", lambda: _insert(engine, facts, raws, now))
    measure("match", lambda: [index.fulfilled(fact) for fact in facts])
    measure("ledger and totals", lambda: _book(engine, facts))
    measure("four boards", lambda: _project(redis, facts))
    return done


def _insert(engine: Engine, facts: Sequence[Fact], raws: Sequence[bytes], now: datetime) -> None:
    for first in range(0, len(facts), BATCH):
        rows = [
            Row(fact.id, 1, fact.happened, now, raw, None)
            for fact, raw in zip(facts[first : first + BATCH], raws[first : first + BATCH], strict=True)
        ]
        with engine.begin() as connection, driver(connection).cursor(binary=True) as cursor:
            cursor.execute(INSERT, [list(column) for column in tuple(zip(*rows, strict=True))[:5]])


def _learner(fact: Fact) -> int:
    assert fact.statement.actor is not None
    assert fact.statement.actor.mbox is not None
    return int(fact.statement.actor.mbox[len("mailto:learner") :].partition("@")[0])


def _book(engine: Engine, facts: Sequence[Fact]) -> None:
    for first in range(0, len(facts), BATCH):
        entries = [
            Entry(_learner(fact), 1, 1, str(fact.id), "points", 10, fact.happened, (UUID(int=1),))
            for fact in facts[first : first + BATCH]
        ]
        amounts = Counter[tuple[int, str]]()
        for entry in entries:
            amounts[entry.learner, entry.unit] += entry.amount
        with engine.begin() as connection:
            ledger.add(driver(connection), entries)
            ledger.add_to_totals(driver(connection), amounts)


def _project(redis: Redis, facts: Sequence[Fact]) -> None:
    named = {number: Board(str(number), str(number), who="everyone") for number in range(900, 904)}
    points = Counter[int]()
    for version, first in enumerate(range(0, len(facts), BATCH), 1):
        for fact in facts[first : first + BATCH]:
            points[_learner(fact)] += 10
        reached = facts[first].happened
        touched = {_learner(fact) for fact in facts[first : first + BATCH]}
        rows = [ScoreRow(number, 0, who, points[who], reached, version, True) for number in named for who in touched]
        boards.project(redis, named, rows)
