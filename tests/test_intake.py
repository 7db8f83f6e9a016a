"""Group commit: requests that come together are stored together, and each hears what became of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from service import intake
from service.intake import Intake
from service.store.engine import engine as connected
from service.store.intake import Row
from tests.at_work import AtWork, row
from tests.written import days, numbered, said


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


def rows(*numbers: int) -> list[Row]:
    return [row(said(number)) for number in numbers]


def commits(here: AtWork) -> int:
    """How many transactions stored what is stored."""
    return int(here.execute("SELECT count(DISTINCT xmin::text) FROM statement")[0][0])


def together(store: Callable[[Sequence[Row]], None], deliveries: Sequence[Sequence[Row]]) -> list[Exception | None]:
    """Hands in all deliveries at the same moment; what became of each."""
    start = threading.Barrier(len(deliveries))

    def hand_in(delivery: Sequence[Row]) -> Exception | None:
        start.wait()
        try:
            store(delivery)
        except Exception as error:  # noqa: BLE001 - it is what the test asks for
            return error
        return None

    with ThreadPoolExecutor(len(deliveries)) as threads:
        return list(threads.map(hand_in, deliveries))


def broken(number: int) -> Row:
    """A row that the database does not take."""
    return row(said(number))._replace(source=2**31)


def test_what_a_request_brings_is_committed_when_it_is_answered(here: AtWork) -> None:
    woken: list[int] = []
    Intake(here.engine, lambda: woken.append(here.size("statement"))).store(rows(1, 2))
    assert here.size("statement") == 2
    assert eventually(lambda: woken == [2])


def test_requests_that_come_together_share_commits(here: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "GATHER_SECONDS", 0.1)
    made = Intake(here.engine, lambda: None)
    assert together(made.store, [rows(n) for n in range(24)]) == [None] * 24
    assert here.size("statement") == 24
    assert commits(here) <= 3


def test_a_transaction_takes_so_many_and_no_more(here: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "GATHER_SECONDS", 0.1)
    monkeypatch.setattr(intake, "MOST_ROWS", 4)
    made = Intake(here.engine, lambda: None)
    assert together(made.store, [rows(3 * n, 3 * n + 1, 3 * n + 2) for n in range(4)]) == [None] * 4
    assert (here.size("statement"), commits(here)) == (12, 4)


def test_a_request_with_more_goes_alone(here: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MOST_ROWS", 4)
    Intake(here.engine, lambda: None).store(rows(*range(10)))
    assert (here.size("statement"), commits(here)) == (10, 1)


def test_a_delivery_that_fails_does_not_take_the_others_down(here: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "GATHER_SECONDS", 0.1)
    made = Intake(here.engine, lambda: None)
    results = together(made.store, [rows(1, 2), [*rows(3), broken(4)], rows(5), rows(1), [broken(6)]])
    assert [result is None for result in results] == [True, False, True, True, False]
    assert here.execute("SELECT id FROM statement ORDER BY id") == [(numbered(n),) for n in (1, 2, 5)]


def test_the_same_from_several_requests_is_stored_once(here: AtWork) -> None:
    made = Intake(here.engine, lambda: None)
    assert together(made.store, [[row(one) for one in days(1, 2, 3)]] * 8) == [None] * 8
    assert here.size("statement") == 3


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether it comes to hold within a few seconds: the wake-up follows the answer."""
    for _ in range(300):
        if holds():
            return True
        time.sleep(0.01)
    return False


def test_repeats_wake_nobody(here: AtWork) -> None:
    woken: list[int] = []
    made = Intake(here.engine, lambda: woken.append(1))
    for numbers in ((1,), (2,), (2,), (1,), (3,)):
        made.store(rows(*numbers))
    assert eventually(lambda: len(woken) >= 3)
    assert woken == [1] * 3


def test_nothing_to_store_is_stored_at_once(tmp_path: Path) -> None:
    Intake(nowhere(tmp_path), lambda: None).store([])


def nowhere(folder: Path) -> Engine:
    """A database that is not there."""
    return connected(f"postgresql://postgres@/plaudit?host={folder}")


def test_without_a_database_each_request_hears_it(tmp_path: Path) -> None:
    results = together(Intake(nowhere(tmp_path), lambda: None).store, [rows(n) for n in range(4)])
    assert [isinstance(result, DBAPIError | psycopg.OperationalError) for result in results] == [True] * 4


def test_when_the_database_is_back_requests_are_stored_again(here: AtWork) -> None:
    made = Intake(here.engine, lambda: None)
    made.store(rows(1))
    others = "datname = current_database() AND pid <> pg_backend_pid()"
    here.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    made.store(rows(2))
    assert here.size("statement") == 2


def test_a_wake_up_that_fails_stops_nobody_from_storing(here: AtWork) -> None:
    def fail() -> None:
        raise RuntimeError

    made = Intake(here.engine, fail)
    for number in (1, 2):
        made.store(rows(number))
    made.store(rows(1, 2))
    assert here.size("statement") == 2
