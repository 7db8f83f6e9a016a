"""Storing what requests bring, durably, before they are answered: concurrent requests share one commit.

A request hands its rows to the one writer of the process and waits. The writer takes whatever has gathered while it was
busy, stores it in one transaction, wakes the evaluation and lets the requests go. A commit costs as much for thirty
requests as for one, so single statements come through many times faster than with a transaction each.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from psycopg import OperationalError
from sqlalchemy import Engine

from service.store import intake
from service.store.engine import Driver, dedicated
from service.store.intake import Row, Stored

GATHER_SECONDS = 0.002
"""How long a transaction waits for more requests; about what a commit takes."""
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
    """The writer of one process. wake: called after each commit that stored something new."""

    def __init__(self, engine: Engine, wake: Callable[[], None]) -> None:
        self._engine = engine
        self._wake = wake
        self._waiting: deque[Delivery] = deque()
        self._arrived = threading.Condition()
        self._writer: threading.Thread | None = None
        self._connection: Driver | None = None

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
        delivery.done.acquire()
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
        time.sleep(GATHER_SECONDS)
        with self._arrived:
            deliveries = [self._waiting.popleft()]
            size = len(deliveries[0].rows)
            while self._waiting and size + len(self._waiting[0].rows) <= MOST_ROWS:
                deliveries.append(self._waiting.popleft())
                size += len(deliveries[-1].rows)
            return deliveries

    def _commit(self, deliveries: list[Delivery]) -> None:
        try:
            stored = self._stored([row for delivery in deliveries for row in delivery.rows])
            if stored.new:
                self._wake()
        except Exception as error:  # noqa: BLE001 - whatever it is, the requests that wait are told
            self._refuse(deliveries, error)
            return
        for delivery in deliveries:
            delivery.done.release()

    def _stored(self, rows: Sequence[Row]) -> Stored:
        """Stores the rows, on a fresh connection where the last one was lost: storing twice is storing once."""
        if self._connection is not None and not self._connection.closed:
            with suppress(OperationalError):
                return intake.store(self._connection, rows)
        self._connection = dedicated(self._engine)
        return intake.store(self._connection, rows)

    def _refuse(self, deliveries: list[Delivery], error: Exception) -> None:
        """One delivery cannot spoil the others: with several, each is tried alone."""
        if len(deliveries) > 1:
            for delivery in deliveries:
                self._commit([delivery])
            return
        deliveries[0].error = error
        deliveries[0].done.release()
