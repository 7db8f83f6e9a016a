"""A board as it changes: what a stream tells at once, after a change, and when it ends."""

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, text, update

from service import boards
from service.app import create_app
from service.core import windows
from service.core.rule import Board
from service.http.leaderboards import Look
from service.http.problems import Problem
from service.http.streams import Pace, events
from service.settings import Settings
from service.store import scores, tables, tokens
from tests.http.conftest import Caller
from tests.http.people import board, learner, score

PATH = "/api/v1/leaderboards/month"


@pytest.fixture
def month(engine: Engine, redis: Redis) -> dict[str, int]:
    """A board of this month with two learners on it; their numbers by name."""
    people = {name: learner(engine, name) for name in ("Ann", "Bob")}
    number = board(engine, Board(name="month", title="Month", period="month"))
    period = windows.index_of_label("month", datetime.now(UTC).strftime("%Y-%m"))
    score(engine, number, period, dict(zip(people.values(), (30, 50), strict=True)))
    boards.rebuild(engine, redis)
    return people


def earn(engine: Engine, redis: Redis, who: int, points: int) -> None:
    """The learner has so many points, in the database and in Redis."""
    change = update(tables.score).where(tables.score.c.learner == who).values(points=points, version=2)
    with engine.begin() as connection:
        connection.execute(change)
        boards.project(redis, boards.in_force(connection).boards, scores.of_learners(connection, [who]))


class Listener:
    """Reads a stream, block by block."""

    def __init__(self, caller: Caller, path: str = f"{PATH}/stream", **options: Any) -> None:
        self.response = caller(path, buffered=False, **options)
        self._blocks = self._read()

    def _read(self) -> Iterator[str]:
        for piece in self.response.iter_encoded():
            yield from piece.decode().removesuffix("\n\n").split("\n\n")

    def block(self) -> dict[str, str]:
        """The fields of the next block, or of the comment that it is."""
        return dict(line.partition(": ")[::2] for line in next(self._blocks).splitlines())

    def page(self) -> dict[str, Any]:
        """The data of the next block, which is an event `leaderboard`."""
        block = self.block()
        assert block["event"] == "leaderboard"
        found: dict[str, Any] = json.loads(block["data"])
        return found


def listen(caller: Caller, *arguments: Any, **options: Any) -> Listener:
    made = Listener(caller, *arguments, **options)
    assert made.response.status_code == 200
    assert made.block() == {"retry": "2000"}
    return made


def test_it_begins_with_the_page_and_its_etag(reader: Caller, month: dict[str, int]) -> None:
    stream = listen(reader)
    block, page = stream.block(), reader(PATH)
    assert (json.loads(block["data"]), f'"{block["id"]}"') == (page.get_json(), page.headers["ETag"])
    assert stream.response.mimetype == "text/event-stream"
    assert stream.response.headers["Cache-Control"] == "no-store"


def test_it_has_as_many_lines_as_asked_for(reader: Caller, month: dict[str, int]) -> None:
    page = listen(reader, f"{PATH}/stream?limit=1").page()
    assert (page["total"], [line["learner"]["name"] for line in page["entries"]]) == (2, ["Bob"])


def test_a_change_is_told_within_two_seconds(
    reader: Caller, month: dict[str, int], engine: Engine, redis: Redis
) -> None:
    stream = listen(reader)
    stream.page()
    earn(engine, redis, month["Ann"], 60)
    began = time.monotonic()
    assert stream.page()["entries"][0] == {
        "rank": 1,
        "score": 60,
        "learner": {"id": str(month["Ann"]), "name": "Ann"},
    }
    assert time.monotonic() - began < 2


def test_who_comes_back_with_the_last_id_is_told_only_what_changed(
    reader: Caller, month: dict[str, int], engine: Engine, redis: Redis
) -> None:
    first = listen(reader)
    last = first.block()["id"]
    first.response.close()
    stream = listen(reader, headers={"Last-Event-ID": last})
    threading.Timer(0.3, earn, (engine, redis, month["Ann"], 60)).start()
    assert stream.page()["entries"][0]["score"] == 60
    assert listen(reader, headers={"Last-Event-ID": last}).page()["entries"][0]["score"] == 60


def test_without_redis_it_tells_the_same(
    reader: Caller, month: dict[str, int], engine: Engine, settings: Settings
) -> None:
    away = create_app(settings, engine=engine, redis=boards.client("redis://127.0.0.1:1"))
    assert listen(Caller(away.test_client(), reader.token)).page() == reader(PATH).get_json()


def test_it_needs_a_token_and_a_board_that_there_is(anybody: Caller, reader: Caller, month: dict[str, int]) -> None:
    assert anybody(f"{PATH}/stream").status_code == 401
    assert reader("/api/v1/leaderboards/nothing/stream").status_code == 404
    assert reader(f"{PATH}/stream?limit=0").status_code == 400


def test_a_learner_may_listen(anybody: Caller, month: dict[str, int], engine: Engine) -> None:
    with engine.begin() as connection:
        own = tokens.add_token(connection, "own", ["learner"], month["Ann"])
    assert listen(Caller(anybody.client, own)).page()["total"] == 2


def test_head_opens_no_stream(reader: Caller, month: dict[str, int]) -> None:
    for _ in range(5):
        assert (reader(f"{PATH}/stream", "HEAD").status_code, reader(f"{PATH}/stream", "HEAD").data) == (200, b"")
    listen(reader)


def test_a_quarter_of_the_threads_may_be_streams_and_the_next_is_503(
    reader: Caller, month: dict[str, int], settings: Settings
) -> None:
    assert settings.threads == 8
    first, second = listen(reader), listen(reader)
    full = reader(f"{PATH}/stream")
    assert (full.status_code, full.mimetype) == (503, "application/problem+json")
    assert int(full.headers["Retry-After"]) > 0
    first.response.close()
    listen(reader).page()
    second.page()


def test_with_fewer_than_four_threads_there_are_no_streams(
    settings: Settings, reader: Caller, month: dict[str, int], engine: Engine, redis: Redis
) -> None:
    few = create_app(replace(settings, threads=3), engine=engine, redis=redis)
    assert Caller(few.test_client(), reader.token)(f"{PATH}/stream").status_code == 503


# --- when it speaks, and when it ends ---------------------------------------------------------------------------------

SAME = Look("etag", live=True)
QUICK = Pace(redis=0.01, sql=0.02, heartbeat=0.05, longest=0.2)


def told(look: Callable[[str], Look], pace: Pace = QUICK, closing: threading.Event | None = None) -> list[bytes]:
    return list(events(look, "", closing or threading.Event(), pace))


def test_a_silent_stream_says_that_it_lives_and_ends_by_itself() -> None:
    blocks = told(lambda last: SAME)
    assert blocks[0] == b"retry: 2000\n\n"
    assert set(blocks[1:]) == {b":\n\n"}
    assert 2 <= len(blocks[1:]) <= 4


def test_a_board_in_sql_is_looked_at_less_often() -> None:
    def looks(live: bool) -> int:
        times: list[str] = []

        def look(last: str) -> Look:
            times.append(last)
            return SAME._replace(live=live)

        told(look, QUICK._replace(sql=0.1))
        return len(times)

    assert looks(live=False) <= 3 < looks(live=True)


def test_it_asks_for_what_is_not_under_the_last_etag() -> None:
    asked: list[str] = []

    def look(last: str) -> Look:
        asked.append(last)
        return SAME if last == "new" else Look("new", live=True, body=b"{}")

    assert told(look)[1] == b"event: leaderboard\nid: new\ndata: {}\n\n"
    assert (asked[0], set(asked[1:])) == ("", {"new"})


def test_it_ends_when_the_server_is_told_to_stop() -> None:
    closing = threading.Event()
    threading.Timer(0.1, closing.set).start()
    began = time.monotonic()
    told(lambda last: SAME, Pace(), closing)
    assert time.monotonic() - began < 0.5


def test_it_ends_when_the_board_is_gone() -> None:
    def gone(last: str) -> Look:
        raise Problem(404, "No board is called 'month'.")

    assert told(gone, Pace()) == [b"retry: 2000\n\n"]


def test_it_ends_when_its_token_is_revoked(
    reader: Caller, month: dict[str, int], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.http.auth.REMEMBERED_SECONDS", 0.1)
    stream = listen(reader)
    stream.page()
    with engine.begin() as connection:
        connection.execute(text("UPDATE token SET revoked = now()"))
    with pytest.raises(StopIteration):
        stream.block()


# --- through the server -----------------------------------------------------------------------------------------------


def test_a_service_that_is_told_to_stop_does_not_wait_for_its_streams(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "service", "serve"]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as service:
        try:
            assert service.stdout is not None
            url = service.stdout.readline().split()[-1].rstrip(".")
            path = "/api/v1/leaderboards/all-time/stream"
            headers = {"Authorization": f"Bearer {environ['PLAUDIT_ADMIN_TOKEN']}"}
            with urllib.request.urlopen(urllib.request.Request(url + path, headers=headers), timeout=10) as stream:
                assert [stream.readline() for _ in range(3)] == [b"retry: 2000\n", b"\n", b"event: leaderboard\n"]
                began = time.monotonic()
                service.terminate()
                assert stream.read().endswith(b"}\n\n")
            assert service.wait(10) == 0
            assert time.monotonic() - began < 3
        finally:
            service.kill()
