"""What is at fault when evaluating many things at once raises."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from psycopg import Error as PsycopgError
from psycopg.errors import DataError, IntegrityError, ProgramLimitExceeded
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

T = TypeVar("T")


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
