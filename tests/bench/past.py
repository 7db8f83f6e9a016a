"""A history of any size, stored as intake and evaluation leave it, without waiting for either.

Statements, learners and who took part in what are copied into their tables; what rules make of them is counted by
`service.replay`, as after an upgrade.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import LiteralString, NamedTuple

import psutil
from sqlalchemy import Engine

from service.core.agents import Agent, identifier
from service.replay import catch_up
from service.store import identity
from service.store.engine import Driver, driver
from service.store.identity import Name
from tests.bench import workload
from tests.bench.machine import Most, cpu_seconds
from tests.bench.workload import Told

AT_ONCE = 50_000


def store(database: Engine, statements: int, rules: int, learners: int) -> None:
    """Stores so many statements as though they had come in and been evaluated, when no rule was in force."""
    now = datetime.now(UTC)
    with database.begin() as connection:
        beneath = driver(connection)
        source = _source(beneath)
        numbers = _learners(beneath, learners)
        names: dict[int, Name] = {}
        told = workload.years(statements, rules, learners, now)
        while some := list(islice(told, AT_ONCE)):
            _copy(beneath, some, source, numbers, now)
            for one in some:
                names.setdefault(numbers[one.who], Name(one.happened, one.id, workload.NAME % one.who))
        identity.rename(beneath, names)
        beneath.execute("INSERT INTO intake_count VALUES (%b, current_date, 0, %b)", [source, statements])
    settle(database)


def settle(database: Engine) -> None:
    """Leaves the database as it is some time after much was written: nothing is left to be tidied up."""
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
        connection.exec_driver_sql("CHECKPOINT")


def _source(connection: Driver) -> int:
    row = connection.execute("INSERT INTO source (name, username) VALUES ('bench', 'bench') RETURNING id").fetchone()
    assert row is not None
    return int(row[0])


def _learners(connection: Driver, learners: int) -> list[int]:
    """The ids of so many learners, by their numbers."""
    agents = [Agent(mbox=f"mailto:{workload.ADDRESS % who}") for who in range(learners)]
    keys = [identifier(agent) or "" for agent in agents]
    found = identity.learners(connection, dict(zip(keys, agents, strict=True)))
    return [found[key] for key in keys]


def _copy(connection: Driver, told: Sequence[Told], source: int, numbers: Sequence[int], now: datetime) -> None:
    _rows(
        connection,
        "COPY statement (id, source, happened, received, raw) FROM STDIN (FORMAT BINARY)",
        ("uuid", "int4", "timestamptz", "timestamptz", "bytea"),
        ((one.id, source, one.happened, now, one.raw) for one in told),
    )
    _rows(
        connection,
        "COPY part (learner, happened, statement) FROM STDIN (FORMAT BINARY)",
        ("int8", "timestamptz", "uuid"),
        ((numbers[one.who], one.happened, one.id) for one in told),
    )


def _rows(connection: Driver, into: LiteralString, types: Sequence[str], rows: Iterable[tuple[object, ...]]) -> None:
    with connection.cursor() as cursor, cursor.copy(into) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


class Replayed(NamedTuple):
    """What counting a history took. seconds: all of it; read: until the last statement was read.

    ours, servers: microseconds of CPU a statement. mebibytes: the most that our processes had together.
    """

    seconds: float
    read: float
    ours: float
    servers: float
    mebibytes: float


def replayed(database: Engine, statements: int, servers: Callable[[], Iterable[psutil.Process]]) -> Replayed:
    """Counts what is to be counted again, as a worker does."""
    began, read = time.perf_counter(), 0.0

    def progress(_: int) -> None:
        nonlocal read
        read = time.perf_counter() - began

    ours, theirs, most = sum(os.times()[:4]), cpu_seconds(servers()), Most(servers())
    catch_up(database, lambda _: None, progress)
    return Replayed(
        time.perf_counter() - began,
        read,
        (sum(os.times()[:4]) - ours) / statements * 1e6,
        (cpu_seconds(servers()) - theirs) / statements * 1e6,
        most.mebibytes(),
    )
