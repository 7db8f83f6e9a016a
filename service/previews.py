"""Previews as jobs: asked for over HTTP, made by a process of their own, their state in Redis for whoever asks.

RQ carries the wake-up to a worker, which starts a process and goes on evaluating. While that process lives it keeps the
job's key alive, a few seconds at a time; where the key is gone, somebody has cancelled it, and the process ends. So a
process that dies leaves a job that is soon gone, and not one that runs for ever.

`python -m service.previews ID` is that process.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from redis import Redis
from rq import Queue
from sqlalchemy import Engine

from service import boards
from service.preview import Report, Wanted, preview
from service.settings import settings
from service.store.engine import engine as connected

QUEUE = "plaudit-asked"
"""What somebody waits for: workers take it before anything else."""
KEPT_SECONDS = 86_400
"""How long an answer can be asked for, and how long a preview waits for a worker."""
ALIVE_SECONDS = 15
TICK_SECONDS = 0.5


class Job(Struct, frozen=True):
    """A preview that was asked for. done and of: statements gone through, and all of them."""

    id: str
    rule: str
    wanted: dict[str, Wanted]
    asked: datetime
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    done: int = 0
    of: int = 0
    report: Report | None = None


_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder(Job).decode


def ask(redis: Redis, rule: str, wanted: Mapping[str, Wanted]) -> Job:
    """Asks for a preview of what these rules would do; a worker is woken to make it."""
    job = Job(uuid4().hex, rule, dict(wanted), datetime.now(UTC))
    redis.set(_key(job.id), _encode(job), ex=KEPT_SECONDS)
    Queue(QUEUE, connection=redis).enqueue("service.jobs.preview", job.id, result_ttl=0, failure_ttl=86400)
    return job


def look(redis: Redis, id_: str) -> Job | None:
    """How far a preview is; None if there is none of this id, any more."""
    found = redis.get(_key(id_))
    return _decode(found) if isinstance(found, bytes) else None


def cancel(redis: Redis, id_: str) -> bool:
    """Ends a preview, or forgets one that is done; False if there is none of this id."""
    return bool(redis.delete(_key(id_)))


def _key(id_: str) -> str:
    return f"{boards.PREFIX}preview:{id_}"


# --- the process that makes one -----------------------------------------------------------------------------------


class Cancelled(Exception):
    """Nobody waits for this preview any more."""


class _Running:
    """The state of a preview at work, told to Redis as often as somebody may look."""

    def __init__(self, redis: Redis, job: Job) -> None:
        self.redis = redis
        self.job = replace(job, state="running")
        self.told = 0.0
        self.tell(self.job, ALIVE_SECONDS)

    def progress(self, done: int, of: int) -> None:
        self.job = replace(self.job, done=done, of=of)
        if time.monotonic() - self.told > TICK_SECONDS:
            self.tell(self.job, ALIVE_SECONDS)

    def tell(self, job: Job, seconds: int) -> None:
        """Raises Cancelled when the job is not there any more."""
        self.told = time.monotonic()
        if not self.redis.set(_key(job.id), _encode(job), ex=seconds, xx=True):
            raise Cancelled

    def stay(self, over: threading.Event) -> None:
        """Keeps the key alive while the database is at work, and ends the process when it is gone."""
        while not over.wait(TICK_SECONDS):
            if not self.redis.expire(_key(self.job.id), ALIVE_SECONDS):
                os._exit(0)  # the main thread waits for the database, which notices that nobody listens


def run(engine: Engine, redis: Redis, id_: str, watched: bool = False) -> None:
    """Makes the preview of this id, unless it was cancelled. watched: ends the process when it is."""
    job = look(redis, id_)
    if job is None or job.state != "waiting":
        return
    over = threading.Event()
    try:
        running = _Running(redis, job)
        if watched:
            threading.Thread(target=running.stay, args=(over,), daemon=True).start()
        report = preview(engine, job.wanted, datetime.now(UTC), running.progress)
        over.set()
        running.tell(replace(running.job, state="done", report=report), KEPT_SECONDS)
    except Cancelled:
        return
    except Exception:
        over.set()
        redis.set(_key(id_), _encode(replace(job, state="failed")), ex=KEPT_SECONDS, xx=True)
        raise


def main() -> None:
    """The process of one preview; evaluating what comes in goes before it."""
    here = settings()
    os.nice(5)
    run(connected(here.database_url, 1), Redis.from_url(here.redis_url), sys.argv[1], watched=True)


if __name__ == "__main__":
    main()
