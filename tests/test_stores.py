"""The stores of a command: its own, those of a running service, or those the settings name."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from service.folders import Taken
from service.settings import Settings
from service.stores import Stores, running


@pytest.fixture
def ours(settings: Settings) -> Iterator[Settings]:
    """Settings without addresses, in a folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp(prefix="plaudit-stores-"))
    folder.chmod(0o755)
    yield replace(settings, database_url="", redis_url="", data_dir=folder)
    shutil.rmtree(folder)


def answer(here: Settings) -> bool:
    with psycopg.connect(here.database_url) as connection, Redis.from_url(here.redis_url) as client:
        return connection.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,) and bool(client.ping())


def test_addresses_that_are_given_are_used_and_nothing_is_started(settings: Settings) -> None:
    with running(settings) as here:
        assert here == settings
    assert not settings.data_dir.exists()


def test_a_command_alone_starts_the_servers_and_stops_them(ours: Settings) -> None:
    with running(ours) as here:
        assert answer(here)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(here.database_url)


def test_a_command_beside_a_service_uses_its_servers(ours: Settings) -> None:
    stores = Stores(ours)
    service = stores.start()
    try:
        with running(ours) as here:
            assert here == service
            assert answer(here)
        assert psycopg.connect(service.database_url).execute("SELECT 1").fetchone() == (1,)
    finally:
        stores.stop()


def test_of_two_commands_at_once_the_last_to_finish_still_has_its_servers(ours: Settings) -> None:
    started, finish = threading.Event(), threading.Event()

    def owner() -> None:
        with running(ours):
            started.set()
            finish.wait()

    thread = threading.Thread(target=owner)
    thread.start()
    started.wait()
    with running(ours) as here:
        finish.set()
        thread.join(0.5)
        assert thread.is_alive()
        assert answer(here)
    thread.join()


def test_a_second_service_is_told_that_the_folder_is_taken(ours: Settings) -> None:
    first = Stores(ours)
    first.start()
    try:
        with pytest.raises(Taken, match=f"The data folder {ours.data_dir} is taken by another Plaudit"):
            Stores(ours).start()
        assert answers(first.settings)
    finally:
        first.stop()


def answers(here: Settings) -> bool:
    with Redis.from_url(here.redis_url) as client:
        return bool(client.ping())
