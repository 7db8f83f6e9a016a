"""What RQ runs, and how it is woken: the queue carries wake-ups, never data, so losing Redis loses nothing.

Whoever stores a statement sets a flag after the commit, and enqueues a drain only if the flag was not there. The drain
takes the flag away first and reads the inbox afterwards, so whatever is stored after its last look has set the flag
again. While statements keep coming one drain goes on taking them; an empty inbox ends it. A sweep looks every few
seconds for what a crash or a lost Redis left behind.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from types import FrameType

import psutil
import structlog
from redis import Redis, RedisError
from rq import Queue, SimpleWorker
from sqlalchemy import Engine

from service import (
    boards,
    children,
    previews,
    pulling,
    reissuing,
    reminding,
    replay,
    rule_health,
    signing_in,
    telling,
    writeback,
)
from service.badges import keyring, lists
from service.badges.issuers import issuers
from service.core.rule import Board
from service.drain import Drain, Drained
from service.patience import patiently
from service.pulling import Away
from service.recount import Changed
from service.retention import Retention
from service.settings import Settings
from service.store import inbox, lrs, outbox, scores
from service.store.boards import in_force
from service.store.engine import driver, engine

QUEUE = "plaudit"
WAKE = f"{boards.PREFIX}wake"
WAKE_MS = 5000
"""How long a wake-up is believed to be on its way."""
SMALL_BATCH, LINGER_SECONDS = 200, 0.05
"""After a batch this small a drain waits this long, so that the next one is worth its transaction."""
LONGEST_DRAIN_SECONDS = 60.0
MOST_SHOWN = 50
"""Rows of the outbox that are taken out together; one that a crash leaves there is projected once more."""
SWEEP_SECONDS = 5.0
RECONNECT_SECONDS = 1.0

log = structlog.get_logger(__name__)


# --- waking -------------------------------------------------------------------------------------------------------


def wake(redis: Redis) -> bool:
    """Makes sure that a drain will look at the inbox after this moment; False if Redis is away, and the sweep will."""
    try:
        if redis.set(WAKE, b"1", nx=True, px=WAKE_MS):
            Queue(QUEUE, connection=redis).enqueue(drain, result_ttl=0, failure_ttl=86400, job_timeout=600)
    except RedisError as error:
        log.warning("redis is away; the sweep evaluates meanwhile", error=str(error))
        return False
    return True


def anybody_works(redis: Redis) -> bool:
    """Whether there is a worker. One that was killed is taken for a living one on another machine, for some minutes."""
    workers = SimpleWorker.all(queue=Queue(QUEUE, connection=redis))
    here = socket.gethostname()
    return any(worker.hostname != here or psutil.pid_exists(worker.pid or 0) for worker in workers)


# --- working ------------------------------------------------------------------------------------------------------


@dataclass
class Here:
    """What the jobs of this worker process work with."""

    settings: Settings
    engine: Engine
    redis: Redis
    drain: Drain


_here: Here | None = None
"""RQ calls jobs by name and hands them nothing, so it belongs to the process, which works for one database."""


class Worker(SimpleWorker):
    """RQ's worker in one process, which knows whether it ended because it was told to."""

    told_to_stop = False

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        self.told_to_stop = True
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def work(settings: Settings) -> None:
    """Runs jobs and the sweep until SIGTERM or SIGINT; a job that has begun is finished. Redis may come and go."""
    global _here
    base, redis = engine(settings.database_url), Redis.from_url(settings.redis_url)
    _attempt(partial(replay.try_again, base))
    _here = Here(settings, base, redis, Drain(base))
    stop = threading.Event()
    regulars = [
        threading.Thread(target=_regularly, args=(task, stop), name=task.func.__name__, daemon=True)
        for task in (
            partial(sweep, settings, base, redis),
            partial(catch_up, base, redis),
            partial(pull_due, settings, base, redis),
            partial(telling.tell, settings, base),
            partial(signing_in.send, settings, base),
            partial(reminding.remind, settings, base),
            partial(reissuing.reissue, settings, base),
            partial(measure_rules, settings, redis),
            partial(writeback.write_back, settings, base),
            partial(Retention.drop_what_is_old, Retention(settings, base)),
        )
    ]
    for thread in regulars:
        thread.start()
    try:
        while not _worked(redis):
            time.sleep(RECONNECT_SECONDS)
    finally:
        stop.set()
        for thread in regulars:
            thread.join(timeout=10)


def _worked(redis: Redis) -> bool:
    """Works as long as Redis is there; True when told to stop."""
    worker: Worker | None = None
    try:
        queues = [Queue(name, connection=redis) for name in (previews.QUEUE, QUEUE)]
        worker = Worker(queues, connection=redis, log_job_description=False)
        worker.work(logging_level="WARNING")
    except RedisError as error:  # raised, too, by a worker that was told to stop and cannot sign off
        log.warning("redis is away; the sweep evaluates meanwhile", error=str(error))
    finally:  # a worker that has ended must not go on swallowing the signal that ends the process
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return worker is not None and worker.told_to_stop


def drain() -> None:
    """The job: evaluates what is in the inbox until it is empty."""
    assert _here is not None, "jobs run in `plaudit worker`"
    _here.redis.delete(WAKE)
    end, shown = time.monotonic() + LONGEST_DRAIN_SECONDS, list[int]()
    while (drained := patiently(_here.drain)).statements:
        if _projected(_here.engine, _here.redis, drained.changed) and drained.changed.outbox is not None:
            shown.append(drained.changed.outbox)
        if len(shown) >= MOST_SHOWN:
            _forget(_here.engine, shown)
        if time.monotonic() > end or Queue(previews.QUEUE, connection=_here.redis).count:
            wake(_here.redis)
            break
        if drained.statements < SMALL_BATCH:
            time.sleep(LINGER_SECONDS)
    _forget(_here.engine, shown)


def preview(id_: str) -> None:
    """The job: starts the process that makes a preview, and does not wait for it."""
    assert _here is not None, "jobs run in `plaudit worker`"
    process = _python(_here.settings, "service.previews", id_)
    threading.Thread(target=process.wait, daemon=True).start()  # so that it is no zombie when it has ended


def _python(settings: Settings, module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A process of its own that works with the same stores."""
    where = {"PLAUDIT_DATABASE_URL": settings.database_url, "PLAUDIT_REDIS_URL": settings.redis_url}
    argv = [sys.executable, "-m", module, *arguments]
    return children.spawn(argv, farewell=signal.SIGTERM, environ={**os.environ, **where})


def drain_once(drain: Drain, engine: Engine, redis: Redis) -> Drained:
    """One batch: evaluated, committed, projected."""
    drained = patiently(drain)
    show(engine, redis, drained.changed)
    return drained


def show(engine: Engine, redis: Redis, changed: Changed) -> None:
    """Projects what a transaction changed; what does not get through stays in the outbox for the sweep."""
    if _projected(engine, redis, changed) and changed.outbox is not None:
        _forget(engine, [changed.outbox])


def _projected(engine: Engine, redis: Redis, changed: Changed) -> bool:
    """Writes the scores to the boards; False if Redis is away."""
    try:
        if changed.scores:
            boards.project(redis, _boards(engine) if changed.boards is None else changed.boards, changed.scores)
        if changed.renamed:
            boards.renamed(redis)
    except RedisError as error:
        log.warning("boards could not be written; the sweep will do it", error=str(error))
        return False
    return True


def _boards(engine: Engine) -> Mapping[int, Board]:
    with engine.connect() as connection:
        return in_force(connection).boards


def _forget(engine: Engine, shown: list[int]) -> None:
    """Takes rows out of the outbox whose scores are on the boards."""
    if shown:
        with engine.begin() as connection:
            outbox.remove(driver(connection), shown)
        shown.clear()


# --- the sweep ----------------------------------------------------------------------------------------------------


def _regularly(task: Callable[[], object], stop: threading.Event) -> None:
    while not stop.wait(SWEEP_SECONDS):
        _attempt(task)


def _attempt(task: Callable[[], object]) -> None:
    try:
        task()
    except Exception as error:  # noqa: BLE001 - the next time it is tried again, and the tasks after it are not held up
        log.warning("to be tried again", error=repr(error), task=getattr(task, "func", task).__name__)


def sweep(settings: Settings, engine: Engine, redis: Redis) -> None:
    """Mends what a crash or a lost Redis left: forgotten wake-ups, boards, scores, unsigned status lists."""
    for step in (_look_for_forgotten, _mend_boards, _project_leftovers):
        _attempt(partial(step, engine, redis))
    _attempt(partial(_keep_keys, settings, engine))
    _attempt(partial(_sign_lists, settings, engine))


def _look_for_forgotten(engine: Engine, redis: Redis) -> None:
    """Wakes a drain if anything is waiting; without Redis, evaluates it here."""
    with engine.begin() as connection:
        waiting = inbox.waiting(driver(connection))
    if waiting and not wake(redis):
        drain = Drain(engine)
        while drain_once(drain, engine, redis).statements:
            pass


def _mend_boards(engine: Engine, redis: Redis) -> None:
    if boards.lost(engine, redis):
        boards.rebuild(engine, redis)


def _keep_keys(settings: Settings, engine: Engine) -> None:
    """Makes the first keys, and new ones on schedule."""
    now = datetime.now(UTC)
    with engine.begin() as connection:
        for issuer in issuers(connection, settings).known:
            keyring.ensure_keys(connection, issuer, settings.secret_key, now)
            if settings.key_days:
                life = timedelta(days=settings.key_days)
                for name in keyring.rotate_old(connection, issuer, settings.secret_key, now, life):
                    log.info("badges are signed with a new key", issuer=issuer, key=name)


def pull_due(settings: Settings, engine: Engine, redis: Redis) -> None:
    """Reads from every LRS that it is time to read; by a thread of its own, as it may take long."""
    while True:
        with engine.begin() as connection:
            name = lrs.due(connection)
        if name is None:
            return
        try:
            pulling.pull(engine, name, settings.secret_key, lambda *_: None, partial(wake, redis))
        except Away as away:
            log.warning("an LRS could not be read; the next time goes on", source=name, error=str(away))


def _sign_lists(settings: Settings, engine: Engine) -> None:
    with engine.begin() as connection:
        lists.sign_dirty(connection, issuers(connection, settings), settings.secret_key, datetime.now(UTC))


def measure_rules(settings: Settings, redis: Redis) -> None:
    """Has it counted how the rules are doing, when that is due; by a thread of its own, as it may take long."""
    if rule_health.due(redis, datetime.now(UTC)):
        _python(settings, "service.rule_health").wait()


def catch_up(engine: Engine, redis: Redis) -> None:
    """Counts again what a change of rules left to be counted again; by a thread of its own, as it may take long."""
    replay.catch_up(engine, lambda changed: show(engine, redis, changed))


def _project_leftovers(engine: Engine, redis: Redis) -> None:
    with engine.begin() as connection:
        left = outbox.waiting(driver(connection))
        rows = scores.of_learners(connection, sorted({learner for _, learners in left for learner in learners}))
    if left:
        boards.project(redis, _boards(engine), rows)
        _forget(engine, [row for row, _ in left])
