"""Laws 2 and 5 with many at work: the same statements from several senders, several drains, workers that are killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
import pytest
from redis import Redis
from sqlalchemy import Connection, Engine, create_engine, text

from service import boards, jobs
from service.drain import Drain
from service.store import intake, scores
from service.store.engine import driver
from service.verify import verify
from tests.laws.histories import Scene, crowd, void
from tests.laws.instance import Instance, drain_all, expected
from tests.laws.stage import LATER
from tests.laws.test_oracle import told

SENDERS, DRAINS = 3, 3


def at_once(acts: Sequence[Callable[[], None]]) -> None:
    """Runs all of these at the same moment, each in a thread, and raises what one of them raised."""
    gate, errors = threading.Barrier(len(acts)), []

    def run(act: Callable[[], None]) -> None:
        gate.wait()
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - it is raised below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_several_senders_and_several_drains_at_once(engine: Engine, redis: Redis, seed: int) -> None:
    scene = crowd(seed, 250)
    instance = Instance(engine).open(scene)
    sending = threading.Semaphore(0)

    def send(number: int) -> None:
        chance = random.Random(number)
        own = list(scene.deliveries)
        chance.shuffle(own)
        while own:
            size = chance.choice([1, 3, 20])
            instance.arrive(own[:size])
            own = own[size:]
        sending.release()

    def work() -> None:
        drain, idle = Drain(engine), 0
        while idle < 3:
            taken = jobs.drain_once(drain, engine, redis).statements
            over = sending._value == SENDERS
            idle = idle + 1 if over and not taken else 0

    at_once([*(lambda n=n: send(n) for n in range(SENDERS)), *[work] * DRAINS])
    assert_as_expected(instance, engine, scene)
    assert_on_the_boards(engine, redis)


def test_a_statement_sent_by_many_at_the_same_moment_counts_once(engine: Engine) -> None:
    scene = crowd(4, 30)
    instance = Instance(engine).open(scene)
    at_once([lambda: instance.arrive(scene.deliveries)] * 6)
    instance.drain()
    assert_as_expected(instance, engine, scene)


def assert_as_expected(instance: Instance, engine: Engine, scene: Scene) -> None:
    assert instance.waiting() == 0
    assert instance.standing() == expected(scene)
    advanced, again = instance.folds()
    assert advanced == again
    assert verify(engine).differences == []


def assert_on_the_boards(engine: Engine, redis: Redis) -> None:
    """What Redis shows of the board of all time is what the ledger comes to."""
    with engine.begin() as connection:
        board = next(b for b in boards.in_force(connection).boards.items() if b[1].name == "all-time")
        booked = scores.page(connection, *board, 0, 100, 0)
    shown = boards.page(redis, *board, 0, 100, 0).page
    assert shown == booked
    assert shown.total > 0


# --- a void that comes while its target is being claimed -------------------------------------------------------------

STALL = """
CREATE FUNCTION stall() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('laws.slow', true) = 'yes' THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER stall BEFORE DELETE ON inbox FOR EACH STATEMENT EXECUTE FUNCTION stall();
"""


@pytest.fixture
def slow(database_url: str) -> Iterator[Engine]:
    """An engine whose claims stand still, their snapshot taken, for as long as the advisory lock 1 is held."""
    options = "-c laws.slow=yes -c timezone=UTC"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(STALL)
    made = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(database_url, options=options))
    yield made
    made.dispose()


def test_a_void_that_is_evaluated_while_its_target_is_being_claimed_is_not_lost(
    engine: Engine, slow: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = told(1, "2026-01-01T12:00:00Z", received=LATER)
    undo = void(target.statement["id"], 2, source=target.source)
    instance = Instance(engine).open(crowd(1, 1))
    drain = threading.Thread(target=drain_all, args=(Drain(slow),))
    with engine.begin() as hold:
        driver(hold).execute("SELECT pg_advisory_xact_lock(1)")
        with engine.begin() as late:
            with monkeypatch.context() as patch:  # as another process would have stored it, which counts beside us
                other = os.getpid() + 1
                patch.setattr("os.getpid", lambda: other)
                intake.store(driver(late), [instance.row(undo)])
            instance.arrive([target])
            drain.start()
            wait_until(lambda: _stalled(hold) == 1)
        Drain(engine)(limit=1)
    drain.join()
    instance.drain()
    assert_as_expected(instance, engine, crowd(1, 1).arriving([target, undo]))


def _stalled(connection: Connection) -> int:
    counted = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return int(connection.execute(counted).scalar_one())


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


# --- workers that are killed -----------------------------------------------------------------------------------------


@contextmanager
def worker(environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", "service", "worker"], env=environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_workers_that_are_killed_lose_nothing_and_pay_nothing_twice(
    engine: Engine, redis: Redis, environ: dict[str, str]
) -> None:
    scene = crowd(5, 400)
    instance = Instance(engine).open(scene)
    parts = [scene.deliveries[start : start + 20] for start in range(0, len(scene.deliveries), 20)]
    with worker(environ) as first, worker(environ) as second:
        for number, part in enumerate(parts):
            instance.arrive(part)
            jobs.wake(redis)
            if number in (8, 14):
                wait_until(lambda: instance.rows() != [])
                os.kill((first if number == 8 else second).pid, signal.SIGKILL)
            time.sleep(0.05)
    with worker(environ):
        wait_until(lambda: instance.waiting() == 0 and instance.projected())
    assert_as_expected(instance, engine, scene)
    assert_on_the_boards(engine, redis)
