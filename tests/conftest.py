"""Real servers for the tests: one PostgreSQL and one Valkey for the run, a fresh database for every test."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest
import sqlalchemy
import structlog
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from redis import Redis

from service import shipped
from service.embedded import postgres, valkey
from service.migrate import migrate
from service.settings import Settings
from service.store.engine import engine as connect
from tests.badges import stored

hypothesis.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("busy")  # a law is not broken because the machine is at something else
structlog.configure(  # with tracebacks as they are: those with all values take seconds
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)
_FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "128MB"}


@dataclass(frozen=True)
class Servers:
    """The addresses of the run's own servers; the database they name is the empty `plaudit`."""

    postgres: str
    redis: str

    def database(self, name: str) -> str:
        return self.postgres.replace("/plaudit?", f"/{name}?")


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """PostgreSQL and Valkey in a temporary folder of this run, which forgets all of it afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="plaudit-tests-"))
    folder.chmod(0o755)
    try:
        with postgres(folder / "postgres", _FORGETFUL) as database, valkey(folder / "valkey") as redis:
            yield Servers(database, redis)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def template(servers: Servers) -> str:
    """The name of a migrated database that is only ever copied."""
    with psycopg.connect(servers.postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_migrated")
    migrate(servers.database("template_migrated"))
    return "template_migrated"


@pytest.fixture
def database_url(servers: Servers, template: str) -> Iterator[str]:
    """A fresh, migrated database."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(servers.postgres, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield servers.database(name)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[sqlalchemy.Engine]:
    """An engine on the fresh database."""
    made = connect(database_url)
    yield made
    made.dispose()


@pytest.fixture
def ana(engine: sqlalchemy.Engine) -> int:
    """A learner, with what claims start from: a rule, an achievement, a key."""
    return stored.prepare(engine)


@pytest.fixture
def award(engine: sqlalchemy.Engine, ana: int) -> UUID:
    """A badge that she is offered."""
    with engine.begin() as connection:
        return stored.offer(connection, ana)


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """The address of an empty Valkey database."""
    with Redis.from_url(servers.redis) as client:
        client.flushall()
    return servers.redis


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    """A client of the empty Valkey database."""
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """The settings of a service on the fresh database, with secrets that tests know."""
    return Settings(
        database_url=database_url,
        redis_url=redis_url,
        data_dir=tmp_path / "var",
        host="127.0.0.1",
        port=8000,
        public_url="http://127.0.0.1:8000",
        rules_dir=shipped.rules(),
        secret_key="a secret key for tests only",
        admin_token="admin-token",
        source_user="default",
        source_password="source-password",
        workers=1,
        threads=8,
        max_statements=500,
        max_bytes=1 << 20,
        time_zone=ZoneInfo("UTC"),
    )


@pytest.fixture
def environ(settings: Settings) -> dict[str, str]:
    """The same settings as the environment of a command."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PLAUDIT_")},
        "PLAUDIT_DATABASE_URL": settings.database_url,
        "PLAUDIT_REDIS_URL": settings.redis_url,
        "PLAUDIT_DATA_DIR": str(settings.data_dir),
        "PLAUDIT_BIND": "127.0.0.1:0",
        "PLAUDIT_SECRET_KEY": settings.secret_key,
        "PLAUDIT_ADMIN_TOKEN": settings.admin_token,
        "PLAUDIT_SOURCE_USER": settings.source_user,
        "PLAUDIT_SOURCE_PASSWORD": settings.source_password,
    }
