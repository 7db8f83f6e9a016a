"""Brings a database to the newest schema; any number of processes may try it at once."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from service import shipped
from service.errors import Refusal
from service.store.engine import engine

_LOCK = 0x706C6175646974  # "plaudit"


def migrate(database_url: str) -> str:
    """Apply the revisions that the database does not have yet, and return the newest one's name.

    Raises Refusal when the database cannot be reached.
    """
    with _reached(database_url) as guard, _alone(guard), guard.engine.connect() as connection:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        return str(ScriptDirectory.from_config(config).get_current_head())


def require_newest(database_url: str) -> None:
    """Raise Refusal unless the database can be reached and has every revision."""
    with _reached(database_url) as connection:
        applied = set(MigrationContext.configure(connection).get_current_heads())
    if applied != set(ScriptDirectory.from_config(_config()).get_heads()):
        raise Refusal("The database does not have the newest schema: run `plaudit migrate`.")


@contextmanager
def _reached(database_url: str) -> Iterator[Connection]:
    try:
        connection = engine(database_url).connect()
    except OperationalError as error:
        raise Refusal(
            f"The database cannot be reached ({str(error.orig).strip().splitlines()[0]}): see PLAUDIT_DATABASE_URL."
        ) from error
    with connection:
        yield connection
    connection.engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(shipped.migrations()).replace("%", "%%"))
    return config


@contextmanager
def _alone(guard: Connection) -> Iterator[None]:
    """Hold the advisory lock. It is tried, not waited for: a waiting statement holds up CREATE INDEX CONCURRENTLY."""
    guard.execution_options(isolation_level="AUTOCOMMIT")
    while not guard.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
        time.sleep(0.05)
    try:
        yield
    finally:
        guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
