"""Wake-ups and the sweep: whatever Redis loses and whenever something comes, all of it is evaluated and shown."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import ConnectionError as RedisAway
from redis import Redis
from rq import Queue, SimpleWorker
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from service import boards, jobs, previews
from service.drain import Drain, Drained
from service.jobs import QUEUE, WAKE, WAKE_MS, Here, catch_up, drain_once, show, sweep, wake
from service.preview import Wanted
from service.settings import Settings
from tests.at_work import AtWork
from tests.written import days, rule, said

BOARD = "{board: all-time, period: ever}"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


@pytest.fixture
def worker(settings: Settings, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> Here:
    """This process as a worker."""
    made = Here(settings, engine, redis, Drain(engine))
    monkeypatch.setattr(jobs, "_here", made)
    return made


@pytest.fixture
def nowhere(tmp_path: Path) -> Redis:
    """A Redis that is not there."""
    return boards.client(f"unix://{tmp_path}/nobody-listens")


def queued(redis: Redis) -> int:
    return len(Queue(QUEUE, connection=redis))


def work(redis: Redis) -> None:
    """Runs what is queued, as a worker does, until nothing is."""
    SimpleWorker([Queue(QUEUE, connection=redis)], connection=redis, log_job_description=False).work(burst=True)


def shown(engine: Engine, redis: Redis) -> list[tuple[int, int]]:
    """The board in Redis: (learner, points)."""
    with engine.connect() as connection:
        ((number, board),) = boards.in_force(connection).boards.items()
    return [(line.learner, line.points) for line in boards.page(redis, number, board, 0, 10, 0).page.standings]


def unseen(here: AtWork) -> None:
    """Makes everything in the outbox older than a drain needs to show it."""
    here.execute("UPDATE outbox SET booked = booked - interval '11 seconds'")


# --- what somebody waits for ------------------------------------------------------------------------------------------


def test_a_preview_is_made_by_a_process_of_its_own(here: AtWork, worker: Here, redis: Redis) -> None:
    here.apply("{}")
    here.take(*days(1, 2))
    job = previews.ask(redis, "r", {"r": Wanted(rule("{give: {points: 25}}"))})
    wake(redis)
    SimpleWorker([Queue(previews.QUEUE, connection=redis)], connection=redis).work(burst=True)
    end = time.monotonic() + 30
    while (found := previews.look(redis, job.id)) and found.state != "done" and time.monotonic() < end:
        time.sleep(0.05)
    assert found is not None
    assert found.report is not None
    assert found.report.gained == {"points": 30}


def test_a_drain_lets_go_for_what_somebody_waits_for(here: AtWork, worker: Here, redis: Redis) -> None:
    here.apply("{}")
    here.arrive(*days(1, 2))
    wake(redis)
    previews.ask(redis, "r", {})
    SimpleWorker([Queue(QUEUE, connection=redis)], connection=redis).work(burst=True, max_jobs=1)
    assert queued(redis) == 1


# --- waking -----------------------------------------------------------------------------------------------------------


def test_many_wake_ups_are_one_job(worker: Here, redis: Redis) -> None:
    for _ in range(5):
        wake(redis)
    assert queued(redis) == 1


def test_a_wake_up_after_a_drain_has_begun_is_another_job(worker: Here, redis: Redis) -> None:
    wake(redis)
    work(redis)
    assert queued(redis) == 0
    wake(redis)
    assert queued(redis) == 1


def test_a_wake_up_that_was_lost_on_the_way_is_believed_for_seconds_only(redis: Redis) -> None:
    wake(redis)
    assert 0 < redis.pttl(WAKE) <= WAKE_MS <= 10_000


def test_without_redis_a_wake_up_is_left_to_the_sweep(nowhere: Redis) -> None:
    wake(nowhere)


def test_a_job_evaluates_and_shows_what_has_come_in(here: AtWork, worker: Here, redis: Redis) -> None:
    here.apply("{}", BOARD)
    here.arrive(*days(1, 2))
    wake(redis)
    work(redis)
    assert (here.points("ann"), here.size("inbox"), here.size("outbox")) == (20, 0, 0)
    assert shown(here.engine, redis) == [(1, 20)]


class Late(Drain):
    """A drain during whose last look at the inbox something is stored."""

    def __init__(self, here: AtWork, redis: Redis) -> None:
        super().__init__(here.engine)
        self.here, self.redis, self.stored = here, redis, False

    def __call__(self, limit: int = 1) -> Drained:
        drained = super().__call__(limit)
        if not drained.statements and not self.stored:
            self.stored = True
            self.here.arrive(said(99))
            wake(self.redis)
        return drained


def test_what_is_stored_after_the_last_look_of_a_drain_is_evaluated_by_the_next(
    here: AtWork, worker: Here, redis: Redis
) -> None:
    here.apply("{}")
    here.arrive(*days(1, 2))
    worker.drain = Late(here, redis)
    wake(redis)
    work(redis)
    assert (here.points("ann"), here.size("inbox")) == (30, 0)


def test_a_drain_that_has_gone_on_for_long_hands_over(
    here: AtWork, worker: Here, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LONGEST_DRAIN_SECONDS", 0.0)
    here.apply("{}")
    here.arrive(*days(1))
    jobs.drain()
    assert queued(redis) == 1


def test_a_drain_leaves_nothing_to_show_however_many_batches_it_took(
    here: AtWork, worker: Here, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[int] = []

    class Small(Drain):
        def __call__(self, limit: int = 1) -> Drained:
            noted.append(here.size("outbox"))
            return super().__call__(1)

    monkeypatch.setattr(jobs, "MOST_SHOWN", 2)
    monkeypatch.setattr(jobs, "LINGER_SECONDS", 0.0)
    here.apply("{}", BOARD)
    here.arrive(*days(1, 2, 3, 4, 5))
    worker.drain = Small(here.engine)
    jobs.drain()
    assert (here.points("ann"), here.size("outbox")) == (50, 0)
    assert shown(here.engine, redis) == [(1, 50)]
    assert noted == [0, 1, 0, 1, 0, 1]


# --- what is in the way -----------------------------------------------------------------------------------------------


@contextmanager
def impatient(engine: Engine) -> Iterator[None]:
    """Lets no transaction wait long for a lock."""

    def hurry(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")

    event.listen(engine, "begin", hurry)
    try:
        yield
    finally:
        event.remove(engine, "begin", hurry)


def test_a_batch_is_tried_again_when_another_transaction_was_in_the_way(here: AtWork, redis: Redis) -> None:
    here.apply("{}")
    here.take(said(1))
    here.arrive(said(2))
    with here.engine.connect() as other, impatient(here.engine):
        held = other.begin()
        other.exec_driver_sql("SELECT FROM learner FOR UPDATE")
        threading.Timer(0.12, held.rollback).start()
        assert drain_once(Drain(here.engine), here.engine, redis).statements == 1
    assert here.points("ann") == 20


def test_a_batch_that_cannot_be_done_stays_in_the_inbox(here: AtWork, redis: Redis) -> None:
    here.apply("{}")
    here.take(said(1))
    here.arrive(said(2))
    with here.engine.connect() as other, other.begin(), impatient(here.engine):
        other.exec_driver_sql("SELECT FROM learner FOR UPDATE")
        with pytest.raises(Exception, match="lock timeout"):
            drain_once(Drain(here.engine), here.engine, redis)
    assert (here.points("ann"), here.size("inbox")) == (10, 1)


def test_an_error_that_is_ours_is_not_tried_again(here: AtWork, redis: Redis) -> None:
    tries = []

    class Broken(Drain):
        def __call__(self, limit: int = 1) -> Drained:
            tries.append(limit)
            with self.engine.begin() as connection:
                connection.exec_driver_sql("SELECT 1 / 0")
            return Drained(0)

    with pytest.raises(DBAPIError):
        drain_once(Broken(here.engine), here.engine, redis)
    assert len(tries) == 1


def test_without_redis_a_drain_evaluates_and_the_sweep_shows_it_later(
    here: AtWork, settings: Settings, redis: Redis, nowhere: Redis
) -> None:
    here.apply("{}", BOARD)
    boards.rebuild(here.engine, redis)
    here.arrive(*days(1, 2))
    assert drain_once(Drain(here.engine), here.engine, nowhere).statements == 2
    assert (here.points("ann"), here.size("outbox")) == (20, 1)
    unseen(here)
    sweep(settings, here.engine, redis)
    assert shown(here.engine, redis) == [(1, 20)]
    assert here.size("outbox") == 0


# --- the sweep --------------------------------------------------------------------------------------------------------


def test_the_sweep_wakes_whoever_was_not_woken(here: AtWork, settings: Settings, worker: Here, redis: Redis) -> None:
    here.apply("{}")
    sweep(settings, here.engine, redis)
    assert queued(redis) == 0
    here.arrive(*days(1))
    sweep(settings, here.engine, redis)
    sweep(settings, here.engine, redis)
    assert queued(redis) == 1
    work(redis)
    assert here.points("ann") == 10


def test_a_redis_that_lost_everything_is_mended_without_a_restart(
    here: AtWork, settings: Settings, worker: Here, redis: Redis
) -> None:
    here.apply("{}", BOARD)
    here.arrive(*days(1, 2), *days(1, month=2, who="bob"))
    sweep(settings, here.engine, redis)
    work(redis)
    before = shown(here.engine, redis)
    assert before == [(1, 20), (2, 10)]
    here.arrive(*days(3))
    wake(redis)
    redis.flushall()
    assert (shown(here.engine, redis), queued(redis)) == ([], 0)
    sweep(settings, here.engine, redis)
    assert shown(here.engine, redis) == before
    work(redis)
    assert shown(here.engine, redis) == [(1, 30), (2, 10)]


def test_what_a_crash_left_unshown_is_shown(here: AtWork, settings: Settings, redis: Redis) -> None:
    here.apply("{}", BOARD)
    boards.rebuild(here.engine, redis)
    here.take(*days(1, 2))
    sweep(settings, here.engine, redis)
    assert (shown(here.engine, redis), here.size("outbox")) == ([], 1)  # a drain may be about to show it
    unseen(here)
    sweep(settings, here.engine, redis)
    assert (shown(here.engine, redis), here.size("outbox")) == ([(1, 20)], 0)


def test_what_is_shown_late_does_not_put_older_scores_back(here: AtWork, settings: Settings, redis: Redis) -> None:
    here.apply("{}", BOARD)
    boards.rebuild(here.engine, redis)
    here.arrive(said(1))
    first = Drain(here.engine)().changed
    here.arrive(said(2))
    second = Drain(here.engine)().changed
    show(here.engine, redis, second)
    show(here.engine, redis, first)
    assert shown(here.engine, redis) == [(1, 20)]
    assert here.size("outbox") == 0


def test_a_worker_counts_again_what_is_to_be_counted_again(here: AtWork, redis: Redis) -> None:
    here.take(*days(1, 2))
    here.apply("{}", BOARD)
    boards.rebuild(here.engine, redis)
    catch_up(here.engine, redis)
    assert here.points("ann") == 20
    assert shown(here.engine, redis) == [(1, 20)]
    assert here.differences() == []


def test_a_sweep_that_fails_is_followed_by_the_next(
    here: AtWork, settings: Settings, redis: Redis, nowhere: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "SWEEP_SECONDS", 0.01)
    here.apply("{}", BOARD)
    here.take(*days(1))
    reached, stop = [nowhere], threading.Event()
    sweeping = threading.Thread(target=jobs._regularly, args=(lambda: sweep(settings, here.engine, reached[0]), stop))
    sweeping.start()
    try:
        stop.wait(0.2)
        reached[0] = redis
        for _ in range(200):
            if not boards.lost(here.engine, redis):
                break
            stop.wait(0.02)
        assert shown(here.engine, redis) == [(1, 10)]
    finally:
        stop.set()
        sweeping.join(10)


def test_without_redis_the_sweep_evaluates_itself(here: AtWork, settings: Settings, nowhere: Redis) -> None:
    here.apply("{}", BOARD)
    here.arrive(*days(1, 2))
    sweep(settings, here.engine, nowhere)
    assert here.points("ann") == 20


def test_a_worker_outlives_redis(nowhere: Redis) -> None:
    assert jobs._worked(nowhere) is False


def test_a_worker_that_is_told_to_stop_as_redis_goes_does_not_wait_for_it(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = jobs.Worker.teardown

    def sign_off(worker: jobs.Worker) -> None:
        ended(worker)  # type: ignore[no-untyped-call]
        raise RedisAway("it went at the same time")

    def told(worker: jobs.Worker, *_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(jobs.Worker, "dequeue_job_and_maintain_ttl", told)
    monkeypatch.setattr(jobs.Worker, "teardown", sign_off)
    assert jobs._worked(redis) is True
