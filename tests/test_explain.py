"""Why, and why not, on a real database: every statement of a learner and what one rule made of it."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from sqlalchemy import Engine

from service import explain as explaining
from service.explain import Explanation, NearMisses, explain, near_misses
from service.store.engine import driver, snapshot
from tests.at_work import NOW, AtWork
from tests.written import SHARED, agent, days, moment, numbered, said, void


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


def explained(here: AtWork, name: str = "ann", rule: str = "r", **page: int) -> Explanation:
    with snapshot(here.engine) as connection:
        found = explain(driver(connection), here.learner(name), rule, NOW, **page)
    assert found is not None
    return found


def missed(here: AtWork, name: str = "ann", **page: Any) -> NearMisses:
    with snapshot(here.engine) as connection:
        found = near_misses(driver(connection), here.learner(name), "r", **page)
    assert found is not None
    return found


def because(found: Explanation | NearMisses) -> list[tuple[int, str]]:
    return [(one.seen.statement.int, one.because) for one in found.refusals]


def test_awards_come_with_statements_version_and_clause_and_refusals_with_theirs(here: AtWork) -> None:
    here.apply("{limit: [{points: 25, per: day}]}")
    here.take(*(said(n, f"2026-01-01T0{n}:00:00", thing=f"t{n}") for n in range(1, 6)))
    found = explained(here)
    assert [(g.award.amounts, g.clause, g.version, g.statements[0].statement.int) for g in found.awards] == [
        ({"points": 5}, "limit 25 points per day: 5 of 10 paid", 1, 3),
        ({"points": 10}, "every match gives", 1, 2),
        ({"points": 10}, "every match gives", 1, 1),
    ]
    assert because(found) == [(5, "limit 25 points per day"), (4, "limit 25 points per day")]
    assert (found.matches, found.of_awards, found.of_refusals) == (5, 3, 2)
    assert found.awards[0].statements[0].object == "https://example.com/t3"


def test_what_counts_once_names_the_statement_that_counted(here: AtWork) -> None:
    here.apply("{once_per: [object]}")
    here.take(said(1, "2026-01-01"), said(2, "2026-01-02"))
    (refused,) = explained(here).refusals
    assert refused.because == "once per object: already counted on 2026-01-01"
    assert refused.earlier == numbered(1)


def test_progress_is_told(here: AtWork) -> None:
    here.apply("{count: {reach: 5}}")
    here.take(*days(1, 2, 3))
    assert explained(here).progress == (3, 5)


def test_pages_count_from_the_newest(here: AtWork) -> None:
    here.apply("{}")
    here.take(*days(1, 2, 3, 4, 5))
    assert [g.award.happened.day for g in explained(here, limit=2, offset=2).awards] == [3, 2]


def test_what_waits_and_what_is_counted_again_is_told(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1))
    here.apply("{give: {points: 20}}")
    here.arrive(said(2))
    found = explained(here)
    assert (found.pending, found.recounting) == (1, True)


def test_an_award_keeps_the_version_that_gave_it_and_trials_are_told(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1))
    here.apply("{title: Another}")
    here.count_again()
    here.take(said(2, "2026-01-02"))
    assert [g.version for g in explained(here).awards] == [2, 1]


def test_a_rule_that_is_not_in_force_explains_nothing(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1))
    with snapshot(here.engine) as connection:
        assert explain(driver(connection), here.learner("ann"), "other", NOW) is None
        assert near_misses(driver(connection), here.learner("ann"), "other") is None


def test_near_misses_name_the_clause_the_newest_first(here: AtWork) -> None:
    here.apply("{when: {verb: completed, type: course, score: {at_least: 0.8}}, unless: [{same: [instructor, actor]}]}")
    good: Any = {"result": {"score": {"scaled": 0.9}}}
    here.take(
        said(1, "2026-01-03", result={"score": {"scaled": 0.6}}),
        said(2, "2026-01-02", type="http://a.example/book", **good),
        said(3, context={"instructor": agent("ann")}, **good),
        said(4, **good),
        said(5, verb=SHARED, **good),
        said(6, who="bob"),
        said(7),
        void(8, 7),
    )
    found = missed(here)
    assert because(found) == [
        (1, "when score at least 0.8"),
        (2, "when type course"),
        (3, "unless instructor and actor are the same"),
    ]
    assert [one.found for one in found.refusals] == ["0.6", "http://a.example/book", None]
    assert found.before is None
    assert found.back_to == moment("2026-01-01")


def test_for_a_rule_that_rewards_instructors_only_theirs_are_near(here: AtWork) -> None:
    here.apply("{to: instructor, when: {verb: completed, score: {at_least: 0.8}}}")
    here.take(said(1, who="bob", context={"instructor": agent("ann")}), said(2, who="ann"))
    assert because(missed(here)) == [(1, "when score at least 0.8")]


def test_near_misses_are_looked_for_in_stretches(here: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "STRETCH", 2)
    monkeypatch.setattr(explaining, "AT_ONCE", 1)
    here.apply("{when: {verb: completed, score: {at_least: 0.8}}}")
    fine: Any = {"result": {"score": {"scaled": 1}}}
    here.take(*days(1, 2, 3, 4), said(8, "2026-01-05", **fine), said(9, "2026-01-06", **fine), said(10, who="bob"))
    seen, before, pages = list[int](), None, 0
    while True:
        page, pages = missed(here, limit=2, before=before), pages + 1
        seen += [one.seen.happened.day for one in page.refusals if one.seen.happened]
        if page.before is None:
            break
        before = page.before
    assert (seen, pages) == ([4, 3, 2, 1], 4)


def test_a_statement_of_another_spelling_is_found(here: AtWork) -> None:
    here.apply("{when: {verb: completed, score: {at_least: 0.8}}}")
    here.take(said(1), said(2, who={"mbox": "mailto:ann@EXAMPLE.com"}), said(3, who=hashed()))
    assert [number for number, _ in because(missed(here))] == [3, 2, 1]


def hashed() -> dict[str, str]:
    return {"mbox_sha1sum": hashlib.sha1(b"mailto:ann@example.com").hexdigest().upper()}
