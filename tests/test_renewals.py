"""Badges that expire are renewed by named evidence, at the right time, in whatever order it comes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.explain import explain
from service.store.engine import driver
from tests.at_work import NOW, AtWork
from tests.laws.effort import examples
from tests.written import SHARED, evaluated, said, void

RULE = """{rule: aider, when: {verb: completed}, count: {reach: 1}, give: {badge: keen, points: 50}, expires: 100 days,
 renew: {when: {verb: shared}, within: 30 days, late: 10 days}}"""
FIRST = datetime.fromisoformat("2026-01-01T09:00:00+00:00")


def earns(number: int, day: int, **more: Any) -> dict[str, Any]:
    return said(number, (FIRST + timedelta(days=day)).isoformat(), **more)


def renews(number: int, day: int) -> dict[str, Any]:
    return earns(number, day, verb=SHARED)


def periods(days: list[int]) -> list[int]:
    """The days on which the badge is given, by the sentence: earned on day 0, renewed from 30 days before its end."""
    given, until = [0], 100
    for day in sorted(days):
        if until - 30 <= day < until + 10:
            given, until = [*given, day], day + 100
    return given


def days_of(statements: list[dict[str, Any]]) -> list[int]:
    outcome = evaluated(RULE, statements)
    return [(award.happened - FIRST).days for award in sorted(outcome.awards, key=lambda one: one.happened)]


@examples(60)
@given(st.lists(st.integers(1, 420), max_size=12, unique=True).flatmap(st.permutations))
def test_each_period_begins_with_what_renewed_the_last_one(days: list[int]) -> None:
    statements = [renews(number + 2, day) for number, day in enumerate(days)]
    assert days_of([*statements, earns(1, 0)]) == periods(days)


def test_why_something_renewed_nothing_is_said() -> None:
    statements = [renews(2, -5), earns(1, 0), renews(3, 20), renews(4, 80), renews(5, 200), earns(6, 300)]
    outcome = evaluated(RULE, statements)
    assert [one.because for one in outcome.refusals] == [
        "nothing to renew: the badge was not earned before",
        "too early to renew: possible from 2026-03-12, valid until 2026-04-11",
        "too late to renew: it was possible until 2026-07-10",
    ]
    first, second, third = outcome.awards
    assert (first.amounts, second.amounts) == ({"points": 50, "badge:keen": 1}, {"badge:keen": 1})
    assert (third.key, third.amounts, (third.happened - FIRST).days) == ("2", first.amounts, 300)
    assert second.reason == "renews what was valid until 2026-04-11"


def test_what_is_booked_is_the_same_in_any_order_and_when_it_is_voided(engine: Engine) -> None:
    here = AtWork(engine)
    here.apply(RULE)
    here.take(renews(3, 170), earns(1, 0))
    assert list(here.awards("ann")) == ["aider 1 01-01 badge:keen", "aider 1 01-01 points"]
    here.take(renews(2, 90))
    renewed = [one for one in here.awards("ann") if "renewal" in one]
    assert [one.rpartition(" ")[0][-5:] for one in renewed] == ["04-01", "06-20"]
    here.take(renews(2, 90), void(12, 2))
    assert not [one for one in here.awards("ann") if "renewal" in one]
    assert here.badges("ann") == ["keen"]
    assert here.differences() == []


def test_a_renewal_begins_where_a_rule_without_it_left_off(engine: Engine) -> None:
    here = AtWork(engine)
    here.apply(RULE.replace("renew:", "x:").split(" x:")[0].rstrip(", \n") + "}")
    here.take(earns(1, 0), renews(2, 90))
    here.apply(RULE)
    here.count_again()
    assert len([one for one in here.awards("ann") if "badge:keen" in one]) == 2
    assert here.differences() == []


def test_every_order_of_arrival_ends_the_same() -> None:
    statements = [earns(1, 0), renews(2, 90), renews(3, 170), void(12, 2)]
    assert {tuple(days_of(list(order))) for order in permutations(statements)} == {(0,)}


# --- beside needs -------------------------------------------------------------------------------------------------

STACKED = """{rule: driver, needs: {all_of: [{badge: keen}, {statement: test, when: {verb: shared}}]},
 give: {badge: steady, points: 100}, expires: 100 days,
 renew: {when: {verb: shared}, within: 30 days, late: 10 days}}"""
THEORY = "{rule: theory, when: {verb: completed}, count: {reach: 1}, give: {badge: keen}}"


def test_what_stands_on_badges_is_renewed_in_any_order_and_when_something_is_voided(engine: Engine) -> None:
    here = AtWork(engine)
    here.apply(STACKED, THEORY)
    here.take(renews(5, 260), renews(3, 95), earns(1, 0), renews(4, 40))
    assert booked(here) == ["1 on 40: 100", "2 on 260: 100"]
    here.take(renews(2, 2))
    assert booked(here) == ["1 on 2: 100", "renewal on 95: 0", "2 on 260: 100"]
    here.take(renews(6, 185))
    assert booked(here) == ["1 on 2: 100", "renewal on 95: 0", "renewal on 185: 0", "renewal on 260: 0"]
    here.take(void(12, 2))
    assert booked(here) == ["1 on 40: 100", "2 on 185: 100", "renewal on 260: 0"]
    here.take(void(13, 1))
    assert booked(here) == here.badges("ann") == []
    assert here.differences() == []


def booked(here: AtWork) -> list[str]:
    """Each award of the badge: its key, the day on which it was given, and its points."""
    rows = here.execute(
        "SELECT split_part(e.key, ' ', 1), e.happened, coalesce(sum(amount) FILTER (WHERE unit = 'points'), 0)::int "
        "FROM entry e JOIN rule r ON r.id = e.rule WHERE r.name = 'driver' "
        "GROUP BY e.key, e.happened HAVING sum(amount) FILTER (WHERE unit = 'badge:steady') > 0 ORDER BY e.happened"
    )
    return [f"{key} on {(happened - FIRST).days}: {points}" for key, happened, points in rows]


def test_it_is_said_why_what_stands_on_badges_was_renewed_and_why_not(engine: Engine) -> None:
    here = AtWork(engine)
    here.apply(STACKED, THEORY)
    here.take(renews(7, -1), earns(1, 0), renews(2, 2), renews(3, 30), renews(4, 80))
    with engine.begin() as connection:
        found = explain(driver(connection), here.learner("ann"), "driver", NOW)
        early = explain(driver(connection), here.learner("ann"), "driver", FIRST + timedelta(days=90))
    assert found is not None
    assert early is not None
    assert [one.clause for one in found.awards] == ["renews what was valid until 2026-04-11", "has badge keen, test"]
    assert [(one.seen.statement.int, one.because) for one in found.refusals] == [
        (number, "too early to renew: possible from 2026-03-12, valid until 2026-04-11") for number in (3, 2)
    ]
    assert (early.progress, found.progress) == ((2, 2), (1, 2))
