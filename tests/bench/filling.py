"""Back-filling from a file: how fast statements are stored past HTTP, and how fast one worker evaluates them after."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psutil
from sqlalchemy import Engine

from service.backfill import backfill
from service.capture import ndjson
from service.drain import Drain
from tests.bench import workload
from tests.bench.machine import cpu_seconds

STATEMENTS = 100_000


class Step(NamedTuple):
    """One way through all the statements. cpu: microseconds of CPU a statement, in Python and in the servers."""

    name: str
    per_second: float
    cpu: float
    servers_cpu: float


def steps(
    connected: Engine, file: Path, rules: int, servers: Callable[[], list[psutil.Process]], number: int = STATEMENTS
) -> list[Step]:
    """Stores a file of so many statements, stores it again, and evaluates what was stored."""
    file.write_bytes(b"\n".join(workload.statements(number, rules)) + b"\n")
    with connected.begin() as connection:
        connection.exec_driver_sql("INSERT INTO source (name, username) VALUES ('default', 'default')")
    drain = Drain(connected)
    work = {
        "stored": lambda: _fill(connected, file),
        "stored again, all known": lambda: _fill(connected, file),
        "evaluated by one worker": lambda: _evaluate(drain),
    }
    return [_measured(name, each, servers, number) for name, each in work.items()]


def _fill(connected: Engine, file: Path) -> None:
    with ndjson.opened(file) as lines:
        backfill(connected, "default", ndjson.texts(lines))


def _evaluate(drain: Drain) -> None:
    while drain().statements:
        pass


def _measured(name: str, work: Callable[[], None], servers: Callable[[], list[psutil.Process]], number: int) -> Step:
    ours, theirs, began = time.process_time(), cpu_seconds(servers()), time.perf_counter()
    work()
    took = time.perf_counter() - began
    cpu, servers_cpu = time.process_time() - ours, cpu_seconds(servers()) - theirs
    return Step(name, number / took, cpu / number * 1e6, servers_cpu / number * 1e6)
