"""Storing statements: each once and for good, whoever brings it how often."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from service.store import intake
from service.store.engine import driver
from service.store.intake import Stored
from tests.at_work import NOW, AtWork, row
from tests.written import agent, days, group, numbered, said, void


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


def counts(here: AtWork) -> tuple[int, ...]:
    """Received, duplicates and conflicts of all sources."""
    (sums,) = here.execute("SELECT sum(received)::int, sum(duplicates)::int, sum(conflicts)::int FROM intake_count")
    return sums


def test_what_is_new_is_stored_as_it_came_and_waits_for_evaluation(here: AtWork) -> None:
    statement = said(1, "2026-01-01")
    assert here.arrive(statement) == Stored(1, 0, 0)
    stored = row(statement)
    assert here.execute("SELECT id, source, happened, received, raw FROM statement") == [tuple(stored)[:5]]
    assert here.execute("SELECT statement FROM inbox") == [(numbered(1),)]
    assert counts(here) == (1, 0, 0)


def test_a_repeat_changes_nothing(here: AtWork) -> None:
    here.arrive(said(1))
    before = here.execute("SELECT * FROM statement")
    assert here.arrive(said(1), received=NOW + timedelta(days=1)) == Stored(0, 1, 0)
    assert here.execute("SELECT * FROM statement") == before
    assert here.size("inbox") == 1
    assert counts(here) == (2, 1, 0)


def test_a_repeat_among_what_comes_together_is_a_repeat(here: AtWork) -> None:
    assert here.arrive(said(2), said(1), said(2), said(2)) == Stored(2, 2, 0)
    assert here.size("statement") == here.size("inbox") == 2
    assert counts(here) == (4, 2, 0)


def test_the_same_written_differently_is_a_repeat(here: AtWork) -> None:
    here.arrive(said(1))
    otherwise = said(1, stored="2026-01-01T12:00:01Z", version="1.0.3") | {"actor": {**agent("ann"), "name": "Ann B."}}
    assert here.arrive(dict(reversed(otherwise.items()))) == Stored(0, 1, 0)
    assert here.size("conflict") == 0


def test_another_content_under_a_known_id_is_kept_beside_the_first(here: AtWork) -> None:
    here.arrive(said(1, who="ann"))
    assert here.arrive(said(1, who="bob"), received=NOW + timedelta(days=1), source="form") == Stored(0, 0, 1)
    assert here.execute("SELECT raw FROM statement") == [(row(said(1, who="ann")).raw,)]
    ((statement, source, received, raw),) = here.execute("SELECT statement, source, received, raw FROM conflict")
    assert (statement, source, received) == (numbered(1), 2, NOW + timedelta(days=1))
    assert raw == row(said(1, who="bob")).raw
    assert counts(here) == (2, 0, 1)


def test_a_conflict_is_kept_once_and_counted_every_time(here: AtWork) -> None:
    here.arrive(said(1, who="ann"))
    other = said(1, who="bob")
    assert here.arrive(other, other) == Stored(0, 0, 2)
    assert here.arrive(other, said(1, who="cy"), said(1, who="ann")) == Stored(0, 1, 2)
    assert here.size("conflict") == 2
    assert counts(here) == (6, 1, 4)


def test_of_what_comes_together_the_first_is_kept(here: AtWork) -> None:
    assert here.arrive(said(1, who="bob"), said(1, who="ann")) == Stored(1, 0, 1)
    assert here.execute("SELECT raw FROM statement") == [(row(said(1, who="bob")).raw,)]
    assert here.size("conflict") == 1


def test_members_in_another_order_are_no_conflict(here: AtWork) -> None:
    assert here.arrive(said(1, who=group("ann", "bob")), said(1, who=group("bob", "ann"))) == Stored(1, 1, 0)


def test_a_void_is_written_down_whether_its_target_is_there_or_not(here: AtWork) -> None:
    here.arrive(said(1))
    here.arrive(void(2, 1), void(3, 99))
    here.arrive(void(2, 1), void(4, 1))
    assert here.execute("SELECT target, voider FROM void ORDER BY voider") == [
        (numbered(target), numbered(voider)) for voider, target in ((2, 1), (3, 99), (4, 1))
    ]


def test_a_conflicting_void_voids_nothing(here: AtWork) -> None:
    here.arrive(said(1), said(2))
    here.arrive(void(3, 1))
    assert here.arrive(void(3, 2)) == Stored(0, 0, 1)
    assert here.execute("SELECT target FROM void") == [(numbered(1),)]


def test_statements_wait_in_the_order_of_their_arrival(here: AtWork) -> None:
    for number in (5, 3, 9):
        here.arrive(said(number))
    assert here.execute("SELECT statement FROM inbox ORDER BY seq") == [(numbered(n),) for n in (5, 3, 9)]


def test_everybody_is_counted_for_their_source_and_day(here: AtWork) -> None:
    here.arrive(*days(1, 2))
    here.arrive(*days(1, 3), source="form")
    assert here.execute("SELECT source, received, duplicates FROM intake_count ORDER BY source") == [
        (1, 2, 0),
        (2, 2, 1),
    ]


def test_what_is_rolled_back_leaves_nothing(here: AtWork) -> None:
    with here.engine.connect() as connection, connection.begin() as begun:
        intake.store(driver(connection), [row(said(1)), row(void(2, 1))])
        begun.rollback()
    assert [here.size(table) for table in ("statement", "inbox", "void", "intake_count")] == [0, 0, 0, 0]


def test_whoever_brings_the_same_at_the_same_moment_it_is_stored_once(here: AtWork) -> None:
    rows = [row(one) for one in (*(said(n) for n in range(400)), void(1000, 101))]
    start = threading.Barrier(6)

    def bring(seed: int) -> Stored:
        mine = random.Random(seed).sample(rows, len(rows))
        with here.engine.begin() as connection:
            start.wait()
            return intake.store(driver(connection), mine)

    with ThreadPoolExecutor(6) as threads:
        results = list(threads.map(bring, range(6)))
    assert sum(one.new for one in results) == here.size("statement") == here.size("inbox") == 401
    assert sum(one.duplicates for one in results) == 5 * 401
    assert here.size("conflict") == 0
    assert counts(here) == (6 * 401, 5 * 401, 0)
    assert here.size("void") == 1


def test_of_two_contents_brought_at_the_same_moment_one_is_kept_and_the_other_a_conflict(here: AtWork) -> None:
    with ThreadPoolExecutor(8) as threads:
        results = list(threads.map(lambda n: here.arrive(said(1, who=f"p{n % 2}"), said(2)), range(8)))
    assert sum(one.new for one in results) == 2
    assert sum(one.conflicts for one in results) == 4
    assert here.size("conflict") == 1
