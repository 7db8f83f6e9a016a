"""The way to PostgreSQL: an engine, and the driver connection beneath it for the statements that must be fast."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import make_url

Driver = psycopg.Connection[Any]

OPTIONS: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 30,
    "tcp_user_timeout": 20_000,  # ms; a server that vanished without a word is noticed
    "options": "-c timezone=UTC -c lock_timeout=60s",
}


def engine(database_url: str, pool_size: int = 8) -> Engine:
    """An engine for a `postgresql://` URL. Connections are checked before use, so a restarted server is no error."""
    return create_engine(
        make_url(database_url).set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_use_lifo=True,  # the connection used last has its statements prepared
        pool_pre_ping=True,
        pool_timeout=5,
        connect_args=OPTIONS,
        hide_parameters=True,  # they may be secret, and errors are logged
    )


def dedicated(engine: Engine) -> Driver:
    """A connection of its own to the database of `engine`, each statement its own transaction."""
    return psycopg.connect(url(engine), autocommit=True, **OPTIONS)


def url(engine: Engine) -> str:
    """The address of the database of `engine`, with the password in it."""
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees the database as it is at one moment, and cannot write."""
    reading = engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with reading as connection, connection.begin():
        yield connection


def look_up(connection: Driver) -> None:
    """Lets every query until the transaction ends find rows by index, by a plan that is made once.

    For short transactions that ask for many rows by their keys: statistics lag behind tables that grow, and the planner
    would now and then rather read the whole of one, or begin processes for it that take longer to begin than to work.
    """
    connection.execute(
        "SET LOCAL enable_seqscan = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; "
        "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL max_parallel_workers_per_gather = 0"
    )


def driver(connection: Connection) -> Driver:
    """The psycopg connection beneath, in the same transaction, which must have begun so that the engine knows of it."""
    assert connection.in_transaction(), "begin the transaction first: with engine.begin() as connection"
    beneath = connection.connection.driver_connection
    assert isinstance(beneath, psycopg.Connection)
    return beneath
