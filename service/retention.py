"""Dropping bytes whose time is over, a bounded number at once, by a thread of a worker."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import structlog
from sqlalchemy import Engine

from service.settings import Settings
from service.store import retention
from service.store.engine import driver

EVERY_SECONDS = 3600.0

log = structlog.get_logger(__name__)


@dataclass
class Retention:
    """Looks once an hour, and goes on until nothing is left to be dropped."""

    settings: Settings
    engine: Engine
    _next: float = field(default=0.0, init=False)

    def drop_what_is_old(self) -> None:
        """Does nothing until an hour after the last time."""
        if time.monotonic() < self._next:
            return
        while any(dropped := self._drop()):
            log.info("what was kept for a time only is dropped", **dropped._asdict())
        self._next = time.monotonic() + EVERY_SECONDS

    def _drop(self) -> retention.Dropped:
        with self.engine.begin() as connection:
            return retention.drop(driver(connection), self.settings.keep_raw_days)
