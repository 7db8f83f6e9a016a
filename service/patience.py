"""Evaluating a batch in spite of what may be in its way: other transactions, statements that cannot be evaluated."""

from __future__ import annotations

import structlog
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure
from sqlalchemy.exc import DBAPIError

from service.blame import is_of_an_item
from service.drain import BATCH, Drain, Drained
from service.store import quarantine
from service.store.engine import driver

TRIES = 5
"""How often a batch is tried when another transaction was in its way."""
IN_THE_WAY = DeadlockDetected, SerializationFailure, LockNotAvailable

log = structlog.get_logger(__name__)


def patiently(drain: Drain, limit: int = BATCH) -> Drained:
    """One batch of up to `limit` statements.

    Where evaluating raises, smaller batches are tried until the statement that is at fault is alone. It is set aside,
    so that it holds nothing else up. Raises only what no statement is to blame for, when nothing has happened.
    """
    while True:
        try:
            return _insisting(drain, limit)
        except Exception as error:
            if not drain.taken or not is_of_an_item(error):
                raise
            if len(drain.taken) == 1:
                return _set_aside(drain, error)
            limit = len(drain.taken) // 2


def _insisting(drain: Drain, limit: int) -> Drained:
    for _ in range(TRIES - 1):
        try:
            return drain(limit)
        except DBAPIError as error:
            if not isinstance(error.orig, IN_THE_WAY):
                raise
        except IN_THE_WAY:
            pass
    return drain(limit)


def _set_aside(drain: Drain, error: Exception) -> Drained:
    (statement,) = drain.taken
    log.error("a statement was set aside: evaluating it raised", statement=str(statement), exc_info=error)
    with drain.engine.begin() as connection:
        quarantine.set_aside(driver(connection), statement, f"{type(error).__name__}: {error}")
    return Drained(1)
