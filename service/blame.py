"""What is at fault when evaluating many things at once raises, and stopping it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import structlog
from psycopg import Error as PsycopgError
from psycopg.errors import DataError, IntegrityError, ProgramLimitExceeded
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.store import rules
from service.store.engine import Driver
from service.world import World

T = TypeVar("T")

log = structlog.get_logger(__name__)


def at_fault(items: Sequence[T], attempt: Callable[[Sequence[T]], object]) -> Iterator[tuple[T, Exception]]:
    """Those for which an attempt raises when they are alone, with what it raises; halves are tried until one is alone.

    attempt: leaves nothing behind. What no item is to blame for is raised.
    """
    try:
        attempt(items)
    except Exception as error:
        if not items or not is_of_an_item(error):
            raise
        if len(items) == 1:
            yield items[0], error
        else:
            half = len(items) // 2
            yield from at_fault(items[:half], attempt)
            yield from at_fault(items[half:], attempt)


def is_of_an_item(error: Exception) -> bool:
    """Whether something that was evaluated may be to blame, and not the database or the machine."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, PsycopgError):
        return isinstance(cause, DataError | IntegrityError | ProgramLimitExceeded)
    return not isinstance(cause, PoolTimeout | MemoryError)


def tried(connection: Driver, act: Callable[[], object]) -> None:
    """Does something of which nothing stays."""
    with connection.transaction(force_rollback=True):
        act()


def stop(connection: Driver, here: World, rule: int, place: str, error: Exception) -> None:
    """Lets history be counted again no more by this rule, and says why, until somebody tries it once more.

    place: the statement or the learner where evaluating raised.
    """
    name = here.counting[rule].rule.name
    log.error("counting again by a rule stopped: evaluating raised", rule=name, place=place, exc_info=error)
    rules.stop(connection, rule, f"{place}: {type(error).__name__}: {error}")
