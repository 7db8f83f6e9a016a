"""`make bench`: the machine, the limit that the bare parts set, and the service beside it, all in one run."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psutil
from redis import Redis
from rq import Queue, SimpleWorker
from sqlalchemy import Engine

from service.core.language import load, read_directory
from service.core.rule import Rule
from service.core.specification import findings
from service.core.statement import read
from service.core.windows import zone
from service.drain import Drain
from service.embedded import postgres, valkey
from service.intake import Intake
from service.migrate import migrate
from service.replay import apply_rules_directory, replay
from service.store.engine import engine
from service.store.intake import Row
from service.wsgi import settle
from tests.bench import bare, filling, foresight, machine, past, rules, signing, workload
from tests.bench.service import CONNECTIONS, Load, Running, beside, nothing, running

RULES = 600
LIMIT_STATEMENTS = 20_000
SINGLES = 20_000
BATCHED = 60_000
PARTS = {"limit", "service", "fill", "growth", "rules", "replay", "preview", "signing"}
STATEMENTS, LEARNERS, HISTORY_RULES = int(os.environ.get("STATEMENTS", 1_000_000)), 10_000, 1000


def main() -> None:
    directory = Path(tempfile.mkdtemp(prefix="plaudit-bench-"))
    directory.chmod(0o755)
    try:
        _bench(directory, set(sys.argv[1:]) or PARTS)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _bench(directory: Path, wanted: set[str]) -> None:
    settle()
    _machine(directory)
    limit = _limit(directory) if "limit" in wanted else None
    if "service" in wanted:
        _service(directory, limit)
    if "fill" in wanted:
        _filling(directory / "fill")
    if "growth" in wanted:
        _growth(directory)
    if "rules" in wanted:
        _deciding()
    if {"replay", "preview"} & wanted:
        _history(directory / "history", wanted)
    if "signing" in wanted:
        _signing(directory / "signing")


def _machine(directory: Path) -> None:
    _head("The machine")
    for line in machine.described():
        print(f"  {line}")
    turns, hashed = machine.calibration()
    median, worst = machine.fsync_milliseconds(directory)
    print(f"  calibration: {turns:.1f} million turns of an empty loop a second, {hashed:.0f} MiB/s of SHA-256")
    print(f"  fsync of 4 KiB: {median:.2f} ms, 99th percentile {worst:.2f} ms")


# --- the limit


@contextmanager
def _stores(directory: Path) -> Iterator[tuple[Engine, Redis, Callable[[], list[psutil.Process]]]]:
    with postgres(directory / "postgres") as database, valkey(directory / "valkey") as redis:
        migrate(database)
        connected = engine(database)
        yield connected, Redis.from_url(redis), lambda: psutil.Process().children(recursive=True)
        connected.dispose()


def _rules(directory: Path, number: int) -> Sequence[Rule]:
    workload.write_rules(directory, number)
    documents, problems = load(read_directory(directory))
    assert not [problem for problem in problems if problem.severity == "error"], problems[:3]
    return documents.rules


def _limit(directory: Path) -> float:
    _head(f"The limit: CPU of each bare part, {LIMIT_STATEMENTS} statements, {RULES} rules")
    rules = _rules(directory / "rules", RULES)
    raws = workload.statements(LIMIT_STATEMENTS, RULES)
    with _stores(directory / "limit") as (connected, redis, servers):
        parts = bare.parts(connected, redis, servers, rules, raws)
    for part in parts:
        print(f"  {part.name:<20}{part.microseconds:8.1f} µs a statement")
    total = sum(part.microseconds for part in parts)
    print(f"  {'together':<20}{total:8.1f} µs a statement: {1e6 / total * 2:,.0f} statements/s on two cores")
    print(f"  {'a strict check':<20}{_strict(raws):8.1f} µs a statement, for strict sources alone")
    return total


def _strict(raws: Sequence[bytes]) -> float:
    """Microseconds of checking a statement against the whole specification."""
    before = time.process_time()
    for raw in raws:
        findings(raw)
    return (time.process_time() - before) / len(raws) * 1e6


# --- the service


def _service(directory: Path, limit: float | None) -> None:
    rules = directory / "rules"
    workload.write_rules(rules, RULES)
    with running(directory, rules) as service:
        _head(f"The service over HTTP: {RULES} rules, four boards")
        _warm(service)
        singles = workload.statements(SINGLES, RULES, seed=2)
        single = service.load(singles, SINGLES, CONNECTIONS)
        _tell(f"single statements, {CONNECTIONS} connections", single, limit)
        raws = workload.statements(BATCHED, RULES, seed=3)
        _tell("batches of 500, 4 connections", service.load(_batches(raws, 500), BATCHED, 4), limit)
        _latencies(service, single)
        memory = ", ".join(f"{name} {mib:.0f}" for name, mib in service.memory().items())
        print(f"  memory, MiB: {memory}")
        _rq(service, single)


def _warm(service: Running) -> None:
    raws = workload.statements(5000, RULES, seed=9)
    service.load(_batches(raws, 100), len(raws), 4)
    service.rest()


def _batches(raws: Sequence[bytes], size: int) -> list[bytes]:
    return [b"[" + b",".join(raws[first : first + size]) + b"]" for first in range(0, len(raws), size)]


def _tell(name: str, load: Load, limit: float | None) -> None:
    print(f"  {name}: {load.on_the_board:,.0f} statements/s on the board")
    parts = ", ".join(f"{process} {microseconds:.0f}" for process, microseconds in load.cpu.items())
    ratio = f"; {limit / load.all_cpu:.2f} of the limit" if limit else ""
    print(f"    CPU µs a statement: {parts}; together {load.all_cpu:.0f}{ratio}")
    print(f"    POST: p50 {load.post_p50:.1f} ms, p99 {load.post_p99:.1f} ms")


def _latencies(service: Running, single: Load) -> None:
    """At half load: a page of a leaderboard, and from POST to leaderboard."""
    rate = single.on_the_board / 2
    singles = workload.statements(int(rate * 12), RULES, seed=4)
    loading = beside(lambda: service.load(singles, len(singles), CONNECTIONS, rate))
    time.sleep(1)
    pages = service.pages(8, "/api/v1/leaderboards/ever?limit=50")
    loading.join()
    seen = service.post_to_board(workload.statements(40, 1, learners=1, seed=5), "ever")
    print(f"  a leaderboard page at half load: p50 {_at(pages, 0.5):.1f} ms, p99 {_at(pages, 0.99):.1f} ms")
    print(f"  from POST to leaderboard: p50 {_at(seen, 0.5):.0f} ms, p99 {_at(seen, 0.99):.0f} ms")


def _at(values: Sequence[float], share: float) -> float:
    return values[min(int(len(values) * share), len(values) - 1)]


def _rq(service: Running, single: Load) -> None:
    """What RQ costs: an empty job, times the jobs that a statement took, against all CPU."""
    redis = Redis.from_url(service.service.settings.redis_url)
    queue, jobs = Queue("bench", connection=redis), 200
    began = time.process_time()
    for _ in range(jobs):
        queue.enqueue(nothing, result_ttl=0)
    SimpleWorker([queue], connection=redis, log_job_description=False).work(burst=True, logging_level="ERROR")
    each = (time.process_time() - began) / jobs * 1e6
    share = single.jobs * each / single.statements / single.all_cpu
    print(f"  RQ: {each:.0f} µs a job, {single.jobs} jobs for the single statements: {share:.2%} of their CPU")


# --- filling


def _filling(directory: Path) -> None:
    _head(f"Back-fill: {filling.STATEMENTS:,} statements out of a file, {RULES} rules")
    _rules(directory / "rules", RULES)
    with _stores(directory) as (connected, _, servers):
        apply_rules_directory(connected, directory / "rules", zone("UTC"))
        for step in filling.steps(connected, directory / "statements.jsonl", RULES, servers):
            cpu = f"CPU µs a statement: python {step.cpu:.0f}, servers {step.servers_cpu:.0f}"
            print(f"  {step.name:<24}{step.per_second:8,.0f} statements/s; {cpu}", flush=True)


# --- growth


def _growth(directory: Path) -> None:
    _head("Growth: CPU of evaluating a statement (worker and servers), 500 at a time")
    few, many = (_cost_with_rules(directory / f"rules{number}", number) for number in (10, 10_000))
    print(f"  10 rules {few:.0f} µs, 10,000 rules {many:.0f} µs: {many / few:.2f} times as much")
    short, long = _cost_with_history(directory / "history")
    ratio = f"{long / short:.2f} times as much"
    print(f"  after 100 statements of a learner {short:.0f} µs, after 100,000 {long:.0f} µs: {ratio}")


def _cost_with_rules(directory: Path, number: int) -> float:
    _rules(directory / "rules", number)
    with _stores(directory) as (connected, _, servers):
        apply_rules_directory(connected, directory / "rules", zone("UTC"))
        drain = Drain(connected)
        _evaluated(connected, drain, workload.statements(2000, number, seed=6), servers)
        return _evaluated(connected, drain, workload.statements(10_000, number, seed=7), servers)


def _cost_with_history(directory: Path) -> tuple[float, float]:
    rules = 10
    _rules(directory / "rules", rules)
    with _stores(directory) as (connected, _, servers):
        apply_rules_directory(connected, directory / "rules", zone("UTC"))
        drain = Drain(connected)
        _evaluated(connected, drain, workload.statements(100, rules, learners=1, seed=7), servers)
        short = _evaluated(connected, drain, workload.statements(3000, rules, learners=1, seed=8), servers)
        _evaluated(connected, drain, workload.statements(97_000, rules, learners=1, seed=9), servers)
        long = _evaluated(connected, drain, workload.statements(3000, rules, learners=1, seed=10), servers)
        return short, long


def _evaluated(
    connected: Engine, drain: Drain, raws: Sequence[bytes], servers: Callable[[], list[psutil.Process]]
) -> float:
    """Stores the statements and evaluates them 500 at a time; microseconds of CPU a statement, of evaluation alone."""
    now = datetime.now(UTC)
    facts = [(read(raw, now), raw) for raw in raws]
    intake = Intake(connected, lambda: None)
    for first in range(0, len(facts), 500):
        some = facts[first : first + 500]
        intake.store([Row(fact.id, 1, fact.happened, now, raw, fact.statement.voids) for fact, raw in some])
    before = time.process_time() + machine.cpu_seconds(servers())
    while drain(500).statements:
        pass
    return (time.process_time() + machine.cpu_seconds(servers()) - before) / len(raws) * 1e6


# --- signing


def _signing(directory: Path) -> None:
    _head("Signing: credentials a second of CPU on one core, from the award to the bytes")
    for rate in signing.rates():
        print(f"  {rate.name:<32}{rate.per_second:8,.0f} a second")
    with _stores(directory) as (connected, _, _):
        seconds, before, after = signing.bulk(connected)
    print(
        f"  {signing.BULK:,} badges in bulk, into PostgreSQL: {seconds:.0f} s, {before} MiB before, {after} MiB after"
    )


# --- deciding


def _deciding() -> None:
    _head("Matching: CPU of one statement against all rules, decoding not counted")
    for number in (1000, 10_000):
        found = rules.matching(number)
        print(f"  {number:,} rules: {found.ours:.2f} µs, {found.hits:.2f} matches")
        for name, other in (("common-expression-language", found.cel), ("rule-engine", found.rule_engine)):
            print(f"    {name} on the same: {other:,.0f} µs, {other / found.ours:,.0f} times as much")
    _head("Folding: CPU of one more match, and of 10,000 from the first")
    for kind in rules.folding():
        print(
            f"  {kind.kind:<20}after 100 matches {kind.early:.1f} µs, after 100,000 {kind.late:.1f} µs; "
            f"10,000 again {kind.refold:.0f} ms"
        )


# --- history


def _history(directory: Path, wanted: set[str]) -> None:
    """A long history: counted by a thousand rules, as after an upgrade, and then asked what other rules would do."""
    _head(f"A history of {STATEMENTS:,} statements by {LEARNERS:,} learners, {HISTORY_RULES} rules")
    _rules(directory / "rules", HISTORY_RULES)
    foresight.write_readers(directory / "rules")
    with postgres(directory / "postgres") as address:
        migrate(address)
        connected = engine(address)
        past.store(connected, STATEMENTS, HISTORY_RULES, LEARNERS)
        apply_rules_directory(connected, directory / "rules", zone("UTC"))
        servers = partial(psutil.Process().children, recursive=True)
        _counted("rules that are new", past.replayed(connected, STATEMENTS, servers))
        if "replay" in wanted:
            past.settle(connected)
            replay(connected, None, "the bench")
            _counted("the same again", past.replayed(connected, STATEMENTS, servers))
            workload.edit_a_rule(directory / "rules")
            apply_rules_directory(connected, directory / "rules", zone("UTC"))
            _counted("one rule that says something else", past.replayed(connected, STATEMENTS, servers))
        connected.dispose()
        for one in foresight.measured(address) if "preview" in wanted else ():
            print(f"  {one.name:<36}{one.seconds:6.1f} s, {one.megabytes:.0f} MiB: {one.told}", flush=True)


def _counted(name: str, one: past.Replayed) -> None:
    phases = f" (read {STATEMENTS / one.read:,.0f}, folded {STATEMENTS / (one.seconds - one.read):,.0f})"
    print(
        f"  {name:<36}{STATEMENTS / one.seconds:,.0f} statements/s{phases if one.read < 0.9 * one.seconds else ''}, "
        f"{one.mebibytes:.0f} MiB; CPU a statement: ours {one.ours:.0f} µs, PostgreSQL {one.servers:.0f} µs",
        flush=True,
    )


def _head(title: str) -> None:
    print(f"\n{title}", flush=True)


if __name__ == "__main__":
    main()
