"""Storing what requests bring, durably, before they are answered: concurrent requests share one commit.

A request hands its rows to the one writer of the process and waits. The writer takes whatever has gathered while it was
busy, stores it in one transaction, lets the requests go and wakes the evaluation. A commit costs as much for thirty
requests as for one, so single statements come through many times faster than with a transaction each.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from psycopg import OperationalError
from sqlalchemy import Engine

from service.store import intake
from service.store.engine import Driver, dedicated
from service.store.intake import Row

log = structlog.get_logger(__name__)

GATHER_SECONDS = 0.002
"""How long a transaction waits for more requests when they come in crowds; about what a commit takes."""
LONGEST_WAIT_SECONDS = 30
"""How long a request waits for its transaction before it is told that the database is away."""
MOST_ROWS = 2000
"""Statements in one transaction, at most; a request with more goes alone."""


def _held() -> threading.Lock:
    """A lock that is released once: of all that a thread can wait for, it costs least."""
    lock = threading.Lock()
    lock.acquire()
    return lock


@dataclass
class Delivery:
    """The rows of one request, and whether they are stored."""

    rows: Sequence[Row]
    done: threading.Lock = field(default_factory=_held)
    error: Exception | None = None


class Intake:
    """The writer of one process. wake: called after each commit, when the requests have gone."""

    def __init__(self, engine: Engine, wake: Callable[[], object]) -> None:
        self._engine = engine
        self._wake = wake
        self._waiting: deque[Delivery] = deque()
        self._arrived = threading.Condition()
        self._writer: threading.Thread | None = None
        self._connection: Driver | None = None
        self._crowded = False

    def store(self, rows: Sequence[Row]) -> None:
        """Returns when the rows are committed; raises what kept them from it. Nothing of them is stored then."""
        if not rows:
            return
        delivery = Delivery(rows)
        with self._arrived:
            if self._writer is None or not self._writer.is_alive():
                self._writer = threading.Thread(target=self._write, name="intake", daemon=True)
                self._writer.start()
            self._waiting.append(delivery)
            self._arrived.notify()
        if not delivery.done.acquire(timeout=LONGEST_WAIT_SECONDS):
            raise OperationalError(f"not stored within {LONGEST_WAIT_SECONDS} seconds")
        if delivery.error is not None:
            raise delivery.error

    def _write(self) -> None:
        while True:
            self._commit(self._gathered())

    def _gathered(self) -> list[Delivery]:
        """What has come in, at least one delivery."""
        with self._arrived:
            while not self._waiting:
                self._arrived.wait()
        if self._crowded:
            time.sleep(GATHER_SECONDS)
        with self._arrived:
            deliveries = [self._waiting.popleft()]
            size = len(deliveries[0].rows)
            while self._waiting and size + len(self._waiting[0].rows) <= MOST_ROWS:
                deliveries.append(self._waiting.popleft())
                size += len(deliveries[-1].rows)
            self._crowded = len(deliveries) > 1
            return deliveries

    def _commit(self, deliveries: list[Delivery]) -> None:
        try:
            anything_new = self._store([row for delivery in deliveries for row in delivery.rows])
        except Exception as error:  # noqa: BLE001 - whatever it is, the requests that wait are told
            self._refuse(deliveries, error)
            return
        for delivery in deliveries:
            delivery.done.release()
        if anything_new:
            self._wake_up()

    def _wake_up(self) -> None:
        try:
            self._wake()
        except Exception as error:  # noqa: BLE001 - what is stored is evaluated all the same, by the sweep
            log.warning("nobody was woken", error=repr(error))

    def _store(self, rows: Sequence[Row]) -> bool:
        """Stores the rows; whether any may be new.

        Where the connection was lost they are stored on another, again: storing twice is storing once.
        """
        if self._connection is not None and not self._connection.closed:
            with suppress(OperationalError):
                return intake.store(self._connection, rows).new > 0
        self._connection = dedicated(self._engine)
        intake.store(self._connection, rows)
        return True

    def _refuse(self, deliveries: list[Delivery], error: Exception) -> None:
        """One delivery cannot spoil the others: with several, each is tried alone, unless the database is away."""
        if len(deliveries) > 1 and not isinstance(error, OperationalError):
            for delivery in deliveries:
                self._commit([delivery])
            return
        for delivery in deliveries:
            delivery.error = error
            delivery.done.release()
