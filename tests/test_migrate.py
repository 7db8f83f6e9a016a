"""The schema: whoever brings a database to it, and whoever only looks."""

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import Engine

from service.cli import plaudit
from service.errors import Refusal
from service.migrate import migrate, require_newest
from service.store.tables import metadata


@pytest.fixture
def empty_url(servers: Any) -> str:
    name = f"empty_{secrets.token_hex(6)}"
    with psycopg.connect(servers.postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return str(servers.database(name))


def test_two_that_migrate_at_once_are_as_good_as_one(empty_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, [empty_url] * 4))
    require_newest(empty_url)


def test_the_command_says_in_json_which_schema_the_database_has(empty_url: str, environ: dict[str, str]) -> None:
    said = CliRunner().invoke(plaudit, ["migrate", "--json"], env={**environ, "PLAUDIT_DATABASE_URL": empty_url}).output
    with psycopg.connect(empty_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [
            (json.loads(said)["revision"],)
        ]


def test_an_older_schema_is_refused_with_what_to_do(empty_url: str) -> None:
    with pytest.raises(Refusal, match="run `plaudit migrate`"):
        require_newest(empty_url)


def test_a_database_that_is_away_is_refused_with_the_variable_to_look_at() -> None:
    with pytest.raises(Refusal, match=r"cannot be reached .*PLAUDIT_DATABASE_URL"):
        require_newest("postgresql://nobody@127.0.0.1:1/none")


def test_the_revisions_end_in_the_tables_as_they_are_written(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
