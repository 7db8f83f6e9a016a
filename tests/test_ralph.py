"""Reading from a real LRS, and telling it of awards: Ralph, out of an environment of its own (`make test` makes it)."""

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from sqlalchemy import Engine

from service import pulling
from service.core.earned import EARNED
from service.pulling import pull
from service.settings import Settings
from service.store import lrs as store
from service.store import writeback
from service.store.sealing import seal
from service.writeback import write_back
from tests.at_work import AtWork
from tests.written import VOIDED, numbered, said

BIN = Path(__file__).parent / "ralph" / ".venv" / "bin"
pytestmark = pytest.mark.skipif(not (BIN / "uvicorn").exists(), reason="`make test` prepares it")
KEY = "a key"
APPENDING = """
import sys, uvicorn
from ralph.backends.data import fs
fs.FSDataBackend.default_operation_type = fs.BaseOperationType.APPEND
uvicorn.run("ralph.api:app", host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
"""
"""Ralph as it is, but that its file takes a second request that stores something, which by default it refuses."""


@pytest.fixture
def ralph(tmp_path: Path) -> Iterator[str]:
    """The endpoint of a Ralph that keeps its statements in a file and gives ten at once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    (tmp_path / "data").mkdir()
    environ = os.environ | {
        "HOME": str(tmp_path),
        "RALPH_APP_DIR": str(tmp_path),
        "RALPH_AUTH_FILE": str(tmp_path / "auth.json"),
        "RALPH_RUNSERVER_BACKEND": "fs",
        "RALPH_RUNSERVER_MAX_SEARCH_HITS_COUNT": "10",
        "RALPH_BACKENDS__LRS__FS__DEFAULT_DIRECTORY_PATH": str(tmp_path / "data"),
        "RALPH_BACKENDS__LRS__FS__DEFAULT_LRS_FILE": "lrs.jsonl",
    }
    who = ["-u", "plaudit", "-p", "the password", "-s", "all", "-M", "mailto:lrs@example.com", "-w"]
    subprocess.run([BIN / "ralph", "auth", *who], env=environ, cwd=tmp_path, check=True, capture_output=True)
    command = [str(BIN / "python"), "-c", APPENDING, port]
    with subprocess.Popen(command, env=environ, cwd=tmp_path) as server:
        try:
            _await(f"http://127.0.0.1:{port}/__lbheartbeat__")
            yield f"http://127.0.0.1:{port}/xAPI"
        finally:
            server.terminate()


def _await(url: str) -> None:
    for _ in range(300):
        try:
            urlopen(url, timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"{url} does not answer")


def test_all_of_ralphs_statements_are_read_page_by_page(engine: Engine, ralph: str) -> None:
    here = AtWork(engine)
    here.apply("{rule: ten, give: {points: 10}}")
    with here.engine.begin() as connection:
        store.put(connection, 1, {"url": ralph, "username": "plaudit", "sealed": seal("the password", KEY)})
        place = store.find(connection, "default", KEY)
    assert place is not None
    statements = [said(number, f"2026-01-{number:02}") for number in range(1, 26)]
    for one in statements:
        one["timestamp"] = one["timestamp"].replace("+00:00", "Z")
    pulling.ask(pulling.request(place, f"{ralph}/statements", "POST", json.dumps(statements).encode()))
    here.arrive(statements[3])
    pages: list[int] = []
    found = pull(here.engine, "default", KEY, lambda filled, _: pages.append(filled.read), lambda: None)
    assert (found.new, found.repeats, found.conflicts, found.aside) == (24, 1, 0, 0)
    assert pages == [10, 20, 25]
    here.drain()
    assert here.points("ann") == 250


def test_ralph_is_told_of_awards_and_what_it_sends_back_is_not_evaluated(
    engine: Engine, ralph: str, settings: Settings
) -> None:
    here = AtWork(engine)
    here.apply("{rule: keen-ones, give: {badge: keen}}", f"{{rule: earners, when: {{verb: '{EARNED}'}}}}")
    with here.engine.begin() as connection:
        sealed = seal("the password", settings.secret_key)
        store.put(connection, 1, {"url": ralph, "username": "plaudit", "sealed": sealed})
        writeback.begin(connection, 1, "badges", None, keep_since=False)
    here.take(said(1), said(2))
    assert write_back(settings, engine) == 2
    here.execute("UPDATE told SET confirmed = NULL, due = now()")  # as if the answers had been lost
    assert write_back(settings, engine) == 2
    here.take(said(3) | {"verb": {"id": VOIDED}, "object": {"objectType": "StatementRef", "id": str(numbered(1))}})
    assert write_back(settings, engine) == 1
    with here.engine.begin() as connection:
        assert [tuple(one) for one in writeback.counts(connection)] == [("default", 1, 0, 0)]
    found = pull(engine, "default", settings.secret_key, lambda *_: None, lambda: None)
    assert (found.read, found.repeats) == (3, 3)
    assert here.drain() == 0
    assert here.points("ann") == 0
