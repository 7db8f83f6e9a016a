"""What comes from awards, in the transaction that changed what it comes from."""

from typing import Any

import pytest
from sqlalchemy import Engine

from service.core import purses
from service.errors import Refusal
from tests.at_work import AtWork
from tests.test_merging import one_person
from tests.written import agent, said, void

EACH = "{rule: each, give: {points: 60}}"
KEEN = "{rule: keen, count: {reach: 2}, give: {badge: keen}, expires: 30 days}"
CAP = "{caps: daily, points: 100, per: day, over: all}"
STEADY = "{rule: steady, needs: {all_of: [{badge: keen}, {points: 120}]}, give: {badge: steady, points: {xp: 5}}}"
LEVELS = "{levels: default, at: {1: 0, 2: 100, 3: 200}}"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


def day(number: int, date: int, hour: int = 9) -> dict[str, Any]:
    return said(number, f"2026-03-{date:02}T{hour:02}:00:00Z")


def test_what_is_needed_gives_in_the_drain_in_which_the_last_of_it_comes_true(here: AtWork) -> None:
    here.apply(EACH, KEEN, STEADY)
    here.take(day(1, 1))
    assert here.badges("ann") == []
    here.take(day(2, 2))
    assert here.badges("ann") == ["keen", "steady"]
    assert here.awards("ann")["steady 1 03-02 badge:steady"] == 1
    assert here.differences() == []


def test_a_late_statement_moves_the_moment_and_a_void_takes_the_award_back(here: AtWork) -> None:
    here.apply(EACH, KEEN, STEADY)
    here.take(day(1, 1), day(3, 5), day(2, 2))
    assert here.awards("ann")["steady 1 03-02 badge:steady"] == 1
    here.take(void(12, 2), void(13, 3))
    assert here.badges("ann") == []
    assert here.points("ann", "xp") == 0
    assert here.differences() == []


def test_a_cap_over_all_rules_is_one_correcting_entry_a_day(here: AtWork) -> None:
    here.apply(EACH, CAP)
    here.take(day(1, 1, 9), day(2, 1, 10), day(3, 1, 11), day(4, 2))
    assert here.awards("ann")["daily 2026-03-01 03-01 points"] == -80
    assert here.points("ann") == 160
    here.take(void(11, 1))
    assert here.awards("ann")["daily 2026-03-01 03-01 points"] == -20
    assert here.points("ann") == 160
    assert here.differences() == []


def test_points_are_needed_as_caps_leave_them(here: AtWork) -> None:
    here.apply(EACH, CAP, "{rule: steady, needs: {points: 120}, give: {badge: steady}}")
    here.take(day(1, 1, 9), day(2, 1, 10), day(3, 1, 11))
    assert here.badges("ann") == []
    here.take(day(4, 2))
    assert here.awards("ann")["steady 1 03-02 badge:steady"] == 1


def test_awards_in_their_order_advance_the_purse_and_look_at_no_history(
    here: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.apply(EACH, CAP, STEADY)
    here.take(day(1, 1))
    monkeypatch.setattr(purses, "fold", None)
    here.take(day(2, 2), day(3, 2, 10))
    assert here.points("ann") == 160


def test_rules_that_come_after_the_statements_end_where_rules_that_were_there_end(here: AtWork) -> None:
    here.apply(EACH, KEEN)
    here.take(day(1, 1), day(2, 1, 10), day(3, 2))
    here.apply(EACH, KEEN, CAP, STEADY)
    here.count_again()
    assert here.points("ann") == 160
    assert here.badges("ann") == ["keen", "steady"]
    assert here.differences() == []


def test_other_rules_below_and_other_levels_are_counted_again_above(here: AtWork) -> None:
    level = "{rule: steady, needs: {all_of: [{badge: keen}, {level: 2}]}, give: {badge: steady}}"
    here.apply(EACH, KEEN, level, LEVELS)
    here.take(day(1, 1), day(2, 2))
    assert here.badges("ann") == ["keen", "steady"]
    here.apply(EACH, KEEN, level, LEVELS.replace("100", "150"))
    here.count_again()
    assert here.badges("ann") == ["keen"]
    here.apply(EACH.replace("60", "80"), KEEN, level, LEVELS.replace("100", "150"))
    here.count_again()
    assert here.badges("ann") == ["keen", "steady"]
    assert here.differences() == []


def test_tags_of_rules_that_a_cap_covers_are_counted_again(here: AtWork) -> None:
    cap = "{caps: daily, points: 100, per: day, over: {tagged: social}}"
    other = "{rule: other, when: {verb: shared}, give: {points: 1}, tags: [social]}"
    here.apply(EACH, cap, other)
    here.take(day(1, 1), day(2, 1, 10))
    assert here.points("ann") == 120
    here.apply("{rule: each, give: {points: 60}, tags: [social]}", cap, other)
    here.count_again()
    assert here.points("ann") == 100
    assert here.differences() == []


def test_a_badge_that_has_expired_is_not_held_any_more(here: AtWork) -> None:
    here.apply(KEEN, "{rule: steady, needs: {all_of: [{badge: keen}, {statement: s, when: {verb: shared}}]}}")
    shared = "http://adlnet.gov/expapi/verbs/shared"
    here.take(day(1, 1), day(2, 2), said(3, "2026-04-02T09:00:00Z", verb=shared))
    assert here.points("ann") == 0
    here.take(said(4, "2026-03-31T09:00:00Z", verb=shared))
    assert here.awards("ann")["steady 1 03-31 points"] == 10
    assert here.differences() == []


def test_an_award_whose_ground_falls_away_is_undone_as_the_rule_says(here: AtWork) -> None:
    here.apply(KEEN, "{rule: steady, needs: {badge: keen}, give: {badge: steady}, if_undone: keep}")
    here.take(day(1, 1), day(2, 2))
    here.execute("UPDATE badge_award SET state = 'claimed' WHERE achievement = 'steady'")
    here.take(void(11, 1))
    found = here.execute("SELECT state, undone IS NOT NULL FROM badge_award WHERE achievement = 'steady'")
    assert found == [("claimed", True)]


def test_rules_that_would_wait_for_a_retired_one_are_refused(here: AtWork) -> None:
    here.apply(KEEN, "{rule: steady, needs: {badge: keen}, give: {badge: steady}}")
    with pytest.raises(Refusal, match="would need what the others of them give"):
        here.apply("{rule: keen, needs: {badge: steady}, give: {badge: keen}}")


def test_what_two_learners_have_of_what_is_needed_gives_once_they_are_one(here: AtWork) -> None:
    here.apply(EACH, KEEN, CAP, STEADY)
    here.take(day(1, 1), day(2, 2) | {"actor": agent("bob")}, day(3, 2, 10))
    assert here.badges("ann") == ["keen", "steady"]
    here.take(void(13, 3))
    assert here.badges("ann") == []
    one_person(here, "bob", "ann")
    assert here.badges("ann") == ["keen", "steady"]
    assert here.differences() == []
