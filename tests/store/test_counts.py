"""Counting what came in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine, event, insert, text

from service.store import counts, quarantine, tables
from service.store.counts import Day
from service.store.engine import driver
from tests.at_work import NOW, AtWork
from tests.written import numbered, said, void


def test_counting_voids_does_not_compare_each_with_all(engine: Engine) -> None:
    voids = [{"target": UUID(int=number), "voider": UUID(int=number + 10**6)} for number in range(2000)]
    asked: list[str] = []
    with engine.begin() as connection:
        connection.execute(insert(tables.void), voids)
        connection.execute(text("SET LOCAL work_mem = '64kB'"))
        event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
        counts.intake(connection)
        (voided,) = [query for query in asked if "void" in query]
        plan = "\n".join(connection.exec_driver_sql(f"EXPLAIN {voided}").scalars())
    assert "Anti Join" in plan
    assert "SubPlan" not in plan


def test_what_came_is_told_by_day_and_source(engine: Engine) -> None:
    here = AtWork(engine)
    recent = NOW - timedelta(hours=1)
    here.arrive(said(1), said(2) | {"timestamp": recent.isoformat()}, void(10, 1))
    here.arrive(said(2) | {"timestamp": recent.isoformat()}, said(1, who="bob"), void(11, 2), source="form")
    here.execute("UPDATE intake_count SET day = '2030-01-01'")
    with engine.connect() as connection:
        found = counts.days(connection, NOW.date(), NOW.date())
        of_form = counts.days(connection, NOW.date(), NOW.date(), "form")
        assert counts.days(connection, NOW.date() + timedelta(1), NOW.date() + timedelta(2)) == []
    assert found == [
        Day(NOW.date(), "default", received=3, late=2, voided=1),
        Day(NOW.date(), "form", received=3, duplicates=1, conflicts=1, late=1),
    ]
    assert of_form == found[1:]
    with engine.connect() as connection:
        told = {one.source: one[1:] for one in counts.by_source(connection)}
        whole = counts.intake(connection)
    assert told["default"] == (3, 0, 0, 0, 2, 1)
    assert told["form"] == (3, 1, 1, 0, 1, 0)
    assert (whole.received, whole.duplicates, whole.conflicts, whole.voided) == (6, 1, 1, 1)


def test_lag_is_the_age_of_the_oldest_that_waits(engine: Engine) -> None:
    here, now = AtWork(engine), datetime.now(UTC)
    with engine.connect() as connection:
        assert counts.lag(connection) == (0, 0.0, 0, 0)
    for number in (1, 2):
        here.arrive(said(number), received=now - timedelta(seconds=100 * (3 - number)))
    with engine.begin() as connection:
        quarantine.set_aside(driver(connection), numbered(1), "a mistake")
        lag = counts.lag(connection)
    assert (lag.pending, lag.set_aside, lag.in_quarantine) == (1, 1, 1)
    assert 99 < lag.oldest_seconds < 160
