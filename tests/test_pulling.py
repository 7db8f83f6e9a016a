"""Reading from an LRS: all of it once, page by page, going on where it was interrupted."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from service.errors import Refusal
from service.pulling import OVERLAP, Away, pull
from service.settings import Settings
from service.store import lrs as store
from service.store.sealing import seal
from tests.at_work import AtWork
from tests.small_lrs import BEGINNING, SmallLrs, served
from tests.written import said

KEY = "a key"
TEN = "{rule: ten, give: {points: 10}}"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    made = AtWork(engine)
    made.apply(TEN)
    return made


@pytest.fixture
def lrs(here: AtWork) -> Iterator[SmallLrs]:
    with served(SmallLrs()) as made:
        with here.engine.begin() as connection:
            known = {"url": made.url, "username": "plaudit", "sealed": seal("the password", KEY)}
            store.put(connection, 1, known)
        yield made


def read(here: AtWork, woken: list[None] | None = None) -> tuple[int, ...]:
    """Pulls; answers how many statements were new, known, in conflict and set aside."""
    return tuple(pull(here.engine, "default", KEY, lambda *_: None, lambda: (woken or []).append(None)))


def test_everything_is_read_once_and_later_what_came_since(here: AtWork, lrs: SmallLrs) -> None:
    lrs.store(*(said(number) for number in range(1, 6)))
    assert read(here) == (5, 0, 0, 0)
    assert len(lrs.asked) == 3
    here.drain()
    assert here.points("ann") == 50
    far = [said(number) for number in range(6, 20)]
    lrs.store(*far)
    new, again, *_ = read(here)
    assert (new, again) == (14, 5)  # the last ten minutes are read again, in case something came late
    with here.engine.begin() as connection:
        found = store.find(connection, "default", KEY)
    assert found is not None
    assert found.since == BEGINNING + timedelta(minutes=18) - OVERLAP
    assert read(here)[0] == 0


def test_what_a_push_lost_is_filled_in_and_counts_once(here: AtWork, lrs: SmallLrs) -> None:
    here.take(said(1), said(3))
    lrs.store(*(said(number) for number in (1, 2, 3)))
    assert read(here) == (1, 2, 0, 0)
    here.drain()
    assert here.points("ann") == 30


def test_an_interrupted_reading_goes_on_where_it_was(here: AtWork, lrs: SmallLrs) -> None:
    lrs.store(*(said(number) for number in range(1, 8)))
    lrs.failing = []
    first_pages = iter([200])

    def progress(*_: object) -> None:
        if next(first_pages, None) is None:
            lrs.failing = [503]

    with pytest.raises(Away, match="503"):
        pull(here.engine, "default", KEY, progress, lambda: None)
    assert here.size("statement") == 4
    lrs.asked.clear()
    assert read(here) == (3, 0, 0, 0)
    assert "from=4" in lrs.asked[0]


def test_a_page_that_is_gone_is_looked_for_from_the_start(here: AtWork, lrs: SmallLrs) -> None:
    lrs.store(*(said(number) for number in range(1, 6)))
    lrs.failing = []
    pages = iter([1])

    def progress(*_: object) -> None:
        if next(pages, None) is not None:
            lrs.failing = [500]

    with pytest.raises(Away):
        pull(here.engine, "default", KEY, progress, lambda: None)
    lrs.expired = True
    assert read(here) == (3, 2, 0, 0)


def test_what_cannot_be_used_is_set_aside_and_the_rest_taken(here: AtWork, lrs: SmallLrs) -> None:
    lrs.store(said(1), said(2) | {"actor": {"name": "nobody"}})
    assert read(here) == (1, 0, 0, 1)
    here.execute("UPDATE source SET validation = 'strict'")
    lrs.store(said(3) | {"sender": "of a field that the specification does not know"}, said(4))
    assert read(here)[0] == 1


def test_one_odd_statement_does_not_keep_the_others_from_being_read(here: AtWork, lrs: SmallLrs) -> None:
    page = [said(1, filler="half of an emoji: \ud83d"), said(2) | {"stored": 1}, None, said(3)]
    lrs.body = b"\xef\xbb\xbf" + json.dumps({"statements": page}).encode()
    assert read(here) == (2, 0, 0, 2)


def test_an_lrs_that_does_not_speak_http_is_away(here: AtWork) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        with here.engine.begin() as connection:
            address = f"http://127.0.0.1:{server.getsockname()[1]}/xapi"
            store.put(connection, 1, {"url": address, "username": "plaudit", "sealed": seal("the password", KEY)})
        answering = threading.Thread(target=lambda: server.accept()[0].sendall(b"* OK IMAP4rev1 ready\r\n" * 2))
        answering.start()
        with pytest.raises(Away, match="cannot be reached"):
            read(here)
        answering.join()


def test_a_page_on_another_server_is_not_asked_for(here: AtWork, lrs: SmallLrs) -> None:
    lrs.store(said(1), said(2), said(3))
    lrs.next = "http://elsewhere.invalid/xapi/statements"
    with pytest.raises(Away, match="another server"):
        read(here)
    assert here.size("statement") == 0


def test_a_wrong_password_is_told_and_kept(here: AtWork, lrs: SmallLrs) -> None:
    with here.engine.begin() as connection:
        store.put(connection, 1, {"sealed": seal("another", KEY)})
    with pytest.raises(Away, match="401"):
        read(here)
    with here.engine.begin() as connection:
        assert "401" in store.everything(connection)[0]["problem"]


def test_an_lrs_that_is_away_is_no_other_error(here: AtWork, lrs: SmallLrs) -> None:
    with here.engine.begin() as connection:
        store.put(connection, 1, {"url": "http://127.0.0.1:9/xapi"})
    with pytest.raises(Away, match="cannot be reached"):
        read(here)


def test_only_an_lrs_is_asked(here: AtWork, settings: Settings) -> None:
    for name in ("form", "nobody"):
        with pytest.raises(Refusal, match="sources lrs"):
            pull(here.engine, name, settings.secret_key, lambda *_: None, lambda: None)


def test_it_is_read_when_it_is_time_and_by_one(here: AtWork, lrs: SmallLrs) -> None:
    with here.engine.begin() as connection:
        assert store.due(connection) is None
    here.execute("UPDATE lrs SET due = now(), every_seconds = 60")
    with here.engine.begin() as connection, here.engine.begin() as other:
        assert store.due(connection) == "default"
        assert store.due(other) is None
    with here.engine.begin() as connection:
        assert store.due(connection) is None
    here.execute("UPDATE lrs SET due = now() - interval '1 second'")
    with here.engine.begin() as connection:
        assert store.due(connection) == "default"
