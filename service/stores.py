"""The database and the Redis a command works with: those the settings name, or the embedded ones of the data folder.

One process owns the embedded servers and stops them when it is done. Whoever comes meanwhile uses them too: every user
holds the file `users` shared, and an owner that is a short command waits for the others before it stops the servers.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from service.embedded import Postgres, Valkey
from service.errors import Refusal
from service.folders import Taken, lock
from service.settings import Settings

_PATIENCE_SECONDS = 90


class Stores:
    """The embedded servers that the settings ask for, which may be none, owned by this process."""

    def __init__(self, settings: Settings) -> None:
        database = None if settings.database_url else Postgres(settings.data_dir / "postgres")
        redis = None if settings.redis_url else Valkey(settings.data_dir / "valkey")
        self.servers: list[Postgres | Valkey] = [server for server in (database, redis) if server]
        self.settings = replace(
            settings,
            database_url=database.url if database else settings.database_url,
            redis_url=redis.url if redis else settings.redis_url,
        )
        self._lock: IO[str] | None = None

    def start(self) -> Settings:
        """Start what is to be started: the settings with both addresses. Raises Taken if another process owns them."""
        try:
            if self.servers:
                data_dir = self.settings.data_dir
                self._lock = lock(data_dir / "lock", f"The data folder {data_dir}")
            for server in self.servers:
                server.start()
        except BaseException:
            self.stop()
            raise
        return self.settings

    def stop(self) -> None:
        for server in reversed(self.servers):
            server.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None


@contextmanager
def running(settings: Settings, *, newest: bool = True) -> Iterator[Settings]:
    """The settings with the addresses of servers that run, at least for the time of the block.

    With `newest` the database has the newest schema: the embedded one is brought to it; for one of yours that has an
    older one, Refusal says so.
    """
    stores = Stores(settings)
    if not stores.servers:
        if newest:
            from service.migrate import require_newest  # here, because a worker has no need of Alembic's ten megabytes

            require_newest(settings.database_url)
        yield settings
        return
    with _used(settings.data_dir) as users:
        owned = _own_or_reach(stores)
        try:
            if newest:
                from service.migrate import migrate

                migrate(stores.settings.database_url)
            yield stores.settings
        finally:
            if owned:
                fcntl.flock(users, fcntl.LOCK_EX)  # waits until nobody else uses them
            stores.stop()


@contextmanager
def _used(data_dir: Path) -> Iterator[IO[str]]:
    """Be one of those who use the servers of the folder; waits while their owner stops them."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = (data_dir / "users").open("a+")
    except OSError as error:
        raise Refusal(
            f"{data_dir} cannot be used ({error.strerror}): set PLAUDIT_DATA_DIR to a folder that this user can write."
        ) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield file


def _own_or_reach(stores: Stores) -> bool:
    """Start the servers and own them, or wait until those of their owner answer. True if we own them."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            stores.start()
            return True
        except Taken:
            if time.monotonic() > deadline:
                raise
        if _answer(stores.settings):
            return False
        time.sleep(0.1)


def _answer(settings: Settings) -> bool:
    import psycopg  # here, because `serve` has no need of them
    import redis

    with suppress(psycopg.OperationalError, redis.RedisError):
        psycopg.connect(settings.database_url, connect_timeout=5).close()
        with redis.Redis.from_url(settings.redis_url) as client:
            return bool(client.ping())
    return False
