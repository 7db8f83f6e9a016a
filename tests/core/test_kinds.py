"""How matches become awards: each kind by numbers that can be followed by hand."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from service.core import kinds
from service.core.evaluate import evaluate, setting
from service.core.kind_document import MOST_WITHIN
from service.core.kinds import KINDS, StreakState, progress
from service.core.matching import Match
from service.core.rule import Forgive, Streak, Sum
from service.core.statement import Fact, read
from service.core.sums import MOST_NAMED
from service.core.windows import index, zone
from tests.written import (
    COMPLETED,
    SHARED,
    WORDS,
    Json,
    People,
    awards,
    days,
    evaluated,
    fact,
    group,
    moment,
    numbered,
    points,
    refusals,
    rule,
    said,
    void,
)

# --- each -------------------------------------------------------------------------------------------------------------


def test_every_match_gives_under_the_id_of_its_statement() -> None:
    assert awards("{}", days(1, 2)) == ["101 on 01-01: 10 points", "102 on 01-02: 10 points"]


def test_matches_outside_the_life_give_nothing() -> None:
    life = "{from: 2026-01-02, until: 2026-01-03}"
    assert awards(life, days(1, 2, 3, 4)) == ["102 on 01-02: 10 points", "103 on 01-03: 10 points"]
    assert refusals(life, days(1, 2, 3, 4)) == {101: "outside the rule's life", 104: "outside the rule's life"}


def test_a_life_is_whole_days_in_the_zone() -> None:
    edges = ("2026-03-28T22:59:59", "2026-03-28T23:00:00", "2026-03-29T21:59:59", "2026-03-29T22:00:00")
    statements = [said(n, at) for n, at in enumerate(edges)]
    one_day = "{from: 2026-03-29, until: 2026-03-29%s}"
    assert [key[0] for key in awards(one_day % ", time_zone: Europe/Berlin", statements)] == ["1", "2"]
    assert [key[0] for key in awards(one_day % "", statements, zone="Europe/Berlin")] == ["1", "2"]


def test_once_per_counts_the_earliest_only() -> None:
    again = [*days(5, thing="same"), *days(3, thing="same"), *days(4, thing="other"), *days(9, thing="same")]
    assert awards("once_per: [object]", again) == ["103 on 01-03: 10 points", "104 on 01-04: 10 points"]
    already = "once per object: already counted for an earlier statement"
    assert refusals("once_per: [object]", again) == {105: already, 109: already}


def test_once_per_looks_at_history_before_the_life() -> None:
    assert awards("{once_per: [object], from: 2026-01-05}", days(1, 7, thing="same")) == []


# --- count ------------------------------------------------------------------------------------------------------------


def test_a_count_gives_once_at_the_match_that_reaches_it() -> None:
    assert awards("count: {reach: 3}", days(1, 2, 3, 4, 5, 6, 7)) == ["1 on 01-03: 10 points"]


def test_an_award_stands_on_the_matches_it_counted() -> None:
    (award,) = evaluated(
        "count: {reach: 3, different: object}", [*days(1, thing="a"), *days(2, thing="a"), *days(3, 4)]
    ).awards
    assert award.statements == tuple(numbered(n) for n in (102, 103, 104))
    assert award.reason == "3 of 3 with a different object"


def test_different_counts_values_and_not_matches() -> None:
    five = "count: {reach: 5, different: object, within: 90 days}"
    same = days(*range(1, 20), thing="same")
    assert awards(five, same) == []
    assert awards(five, [*same, *days(20, 21, 22, 23)]) == ["1 on 01-23: 10 points"]


def test_of_equal_values_the_latest_counts_for_a_rolling_window() -> None:
    statements = [*days(1, thing="a"), *days(10, thing="a"), *days(12, thing="b")]
    assert awards("count: {reach: 2, different: object, within: 3 days}", statements) == ["1 on 01-12: 10 points"]


def test_a_rolling_window_includes_its_bound() -> None:
    edges = [said(1, "2026-01-01T12:00:00"), said(2, "2026-01-02T12:00:00")]
    assert points("count: {reach: 2, within: 24 hours}", edges) == 10
    edges[1] = said(2, "2026-01-02T12:00:01")
    assert points("count: {reach: 2, within: 24 hours}", edges) == 0


def test_a_month_before_is_clipped_so_a_match_may_come_inside_again() -> None:
    one, outside, inside = said(1, "2026-02-28T01:00"), said(2, "2026-03-28T02:00"), said(3, "2026-03-31T01:00")
    month = "count: {reach: 2, within: 1 month}"
    assert points(month, [one, outside]) == 0
    assert points(month, [one, inside]) == 10
    assert points("count: {reach: 3, within: 1 month}", [one, outside, inside]) == 10


def test_repeat_starts_over_and_uses_a_match_once() -> None:
    assert awards("count: {reach: 2, repeat: true}", days(1, 2, 3, 4, 5)) == [
        "1 on 01-02: 10 points",
        "2 on 01-04: 10 points",
    ]
    again = "count: {reach: 2, within: 3 days, repeat: true}"
    assert awards(again, days(1, 2, 4, 9, 10)) == ["1 on 01-02: 10 points", "2 on 01-10: 10 points"]


def test_a_count_in_a_calendar_period_looks_at_that_period_only() -> None:
    weekly = "count: {reach: 3, within: {calendar: week}, repeat: true}"
    # 2026-01-05 is a Monday
    assert awards(weekly, days(3, 4, 5, 6, 11, 12)) == ["1 on 01-11: 10 points"]
    assert awards(weekly, days(5, 6, 7, 8, 9, 10, 12)) == ["1 on 01-07: 10 points", "2 on 01-10: 10 points"]


def test_a_calendar_period_is_one_of_the_zone() -> None:
    late = [said(1, "2026-01-01T22:00:00"), said(2, "2026-01-01T23:30:00")]
    daily = "count: {reach: 2, within: {calendar: day}}"
    assert points(daily, late) == 10
    assert points(daily, late, zone="Europe/Berlin") == 0


def test_tiers_of_a_count_are_given_once_each() -> None:
    tiers = "{count: {}, give: [{at: 2, points: 20}, {at: 4, points: 40, badge: keen}]}"
    assert awards(tiers, days(1, 2, 3, 4, 5, 6, 7, 8)) == [
        "2 on 01-02: 20 points",
        "4 on 01-04: 40 points 1 badge:keen",
    ]


def test_tiers_that_are_reached_together_are_given_together() -> None:
    tiers = "{count: {}, from: 2026-01-04, give: [{at: 2, points: 20}, {at: 3, points: 30}, {at: 9, points: 90}]}"
    assert sorted(awards(tiers, days(1, 2, 3, 4))) == ["2 on 01-04: 20 points", "3 on 01-04: 30 points"]


def test_what_was_reached_before_the_life_is_given_at_the_first_match_in_it_if_it_still_holds() -> None:
    assert awards("{count: {reach: 3}, from: 2026-01-05}", days(1, 2, 3, 9)) == ["1 on 01-09: 10 points"]
    assert awards("{count: {reach: 3, within: 6 days}, from: 2026-01-05}", days(1, 2, 3, 9)) == []
    assert awards("{count: {reach: 3, within: 6 days}, from: 2026-01-05}", days(1, 2, 3, 8)) == [
        "1 on 01-08: 10 points"
    ]


def test_a_repeating_count_uses_nothing_before_the_life() -> None:
    late = "{count: {reach: 2, repeat: true}, from: 2026-01-05}"
    assert awards(late, days(1, 2, 3, 6, 7, 8)) == ["1 on 01-06: 10 points", "2 on 01-08: 10 points"]


# --- sum --------------------------------------------------------------------------------------------------------------


def scored(number: int, raw: float, **more: Any) -> Json:
    """An attempt on this day of January 2026 that scored so much."""
    return said(100 + number, f"2026-01-{number:02}", result={"score": {"raw": raw}}, **more)


def lasting(number: int, duration: Any) -> Json:
    return said(100 + number, f"2026-01-{number:02}", result={"duration": duration})


def test_a_sum_gives_at_the_match_that_reaches_it_and_once() -> None:
    total = "sum: {of: raw_score, reach: 10}"
    assert awards(total, [scored(1, 4), scored(2, 5.5), scored(3, 0.5), scored(4, 40)]) == ["1 on 01-03: 10 points"]
    assert awards(total, [scored(1, 4), scored(2, 5.9)]) == []


def test_a_sum_is_exact() -> None:
    assert points("sum: {of: raw_score, reach: 0.3}", [scored(1, 0.1), scored(2, 0.1), scored(3, 0.1)]) == 10
    assert points("sum: {of: raw_score, reach: 0.7}", [scored(1, 0.35), scored(2, 0.35)]) == 10


def test_what_is_below_zero_is_taken_off() -> None:
    total = "sum: {of: raw_score, reach: 10}"
    assert awards(total, [scored(1, 9), scored(2, -5), scored(3, 5), scored(4, 1)]) == ["1 on 01-04: 10 points"]


def test_a_sum_that_repeats_starts_at_nothing_and_what_was_over_is_used_up() -> None:
    total = "sum: {of: raw_score, reach: 10, repeat: true}"
    assert awards(total, [scored(1, 19), scored(2, 9), scored(3, 1)]) == [
        "1 on 01-01: 10 points",
        "2 on 01-03: 10 points",
    ]


def test_a_sum_in_a_rolling_window_looks_back_and_includes_its_bound() -> None:
    total = "sum: {of: raw_score, reach: 10, within: 2 days}"
    assert points(total, [scored(1, 5), scored(3, 5)]) == 10
    assert points(total, [scored(1, 5), scored(4, 5)]) == 0


def test_a_sum_in_a_calendar_period_looks_at_that_period_only() -> None:
    weekly = "sum: {of: raw_score, reach: 10, within: {calendar: week}, repeat: true}"
    # 2026-01-05 is a Monday
    statements = [scored(3, 5), scored(4, 4), scored(5, 5), scored(11, 5), scored(12, 9)]
    assert awards(weekly, statements) == ["1 on 01-11: 10 points"]


def test_a_sum_before_the_life_is_given_at_the_first_match_in_it_if_it_still_holds() -> None:
    late = "{sum: {of: raw_score, reach: 10%s}, from: 2026-01-05}"
    assert awards(late % "", [scored(1, 12), scored(9, 0)]) == ["1 on 01-09: 10 points"]
    assert awards(late % ", within: 3 days", [scored(1, 12), scored(9, 0)]) == []


def test_durations_are_added_up() -> None:
    ten = "sum: {of: duration, reach: 10 hours}"
    assert points(ten, [lasting(1, "PT9H59M"), lasting(2, "PT59.9S")]) == 0
    assert points(ten, [lasting(1, "PT9H59M"), lasting(2, "PT60S")]) == 10


def test_a_match_without_a_number_adds_nothing_and_says_so() -> None:
    statements = [lasting(1, "an hour"), lasting(2, 3600), lasting(3, "PT1H")]
    hour = "sum: {of: duration, reach: 1 hour}"
    assert awards(hour, statements) == ["1 on 01-03: 10 points"]
    assert refusals(hour, statements) == dict.fromkeys((101, 102), "no duration: the statement has none")


def test_the_progress_of_a_sum_is_told_in_the_unit_of_the_rule() -> None:
    hours = "sum: {of: duration, reach: 10 hours}"
    assert evaluated(hours, [lasting(1, "PT3H59M")]).progress == {(1, "r"): (3, 10)}
    assert evaluated(hours, [lasting(1, "PT30H")]).progress == {(1, "r"): (10, 10)}
    assert evaluated("sum: {of: raw_score, reach: 50}", [scored(1, 7.9)]).progress == {(1, "r"): (7, 50)}


def test_an_award_of_a_sum_names_the_latest_statements_that_added_something() -> None:
    many = [said(n, f"2026-01-01T00:{n // 60:02}:{n % 60:02}", result={"score": {"raw": 1}}) for n in range(150)]
    (award,) = evaluated("sum: {of: raw_score, reach: 150}", many).awards
    assert award.statements == tuple(numbered(n) for n in range(50, 150))
    assert award.reason == "150 of raw_score"


# --- sequence ---------------------------------------------------------------------------------------------------------

SEQUENCE = "{when: , sequence: {steps: [{verb: shared}, {verb: completed, type: course}, {verb: shared}]%s}}"


def did(history: str) -> list[Json]:
    """`s` shared, `c` completed, one a day from 1 January 2026; `.` is a day without."""
    verbs = {"s": SHARED, "c": COMPLETED}
    return [said(n, f"2026-01-{n:02}", verb=verbs[step]) for n, step in enumerate(history, 1) if step != "."]


def in_order(more: str, history: str) -> list[str]:
    return awards(SEQUENCE % more, did(history))


def test_the_last_step_gives_when_the_others_came_before_it_in_order() -> None:
    assert in_order("", "scs") == ["1 on 01-03: 10 points"]
    assert in_order("", "ssccs") == ["1 on 01-05: 10 points"]
    assert in_order("", "css") == []
    assert in_order("", "sc") == []


def test_one_statement_is_one_step() -> None:
    twice = "{when: , sequence: {steps: [{verb: completed}, {verb: completed, type: course}]}}"
    assert awards(twice, did("c")) == []
    assert awards(twice, did("cc")) == ["1 on 01-02: 10 points"]


def test_a_sequence_gives_once_or_repeats_and_uses_its_matches_up() -> None:
    assert in_order("", "scscs") == ["1 on 01-03: 10 points"]
    assert in_order(", repeat: true", "scscscs") == ["1 on 01-03: 10 points", "2 on 01-07: 10 points"]


def test_the_steps_of_a_sequence_lie_in_the_window_from_first_to_last() -> None:
    assert in_order(", within: 2 days", "scs") == ["1 on 01-03: 10 points"]
    assert in_order(", within: 2 days", "sc.s") == []
    assert in_order(", within: 2 days", "s.scs") == ["1 on 01-05: 10 points"]
    assert in_order(", within: 3 days", "scc.scs") == ["1 on 01-07: 10 points"]


def test_steps_before_the_life_count_and_the_last_one_gives_only_in_it() -> None:
    late = SEQUENCE.replace("{when: ", "{from: 2026-01-04, when: ") % ""
    assert awards(late, did("scs")) == []
    assert awards(late, did("scss")) == ["1 on 01-04: 10 points"]
    assert awards(late, did("sc.s")) == ["1 on 01-04: 10 points"]


def test_when_holds_for_every_step_where_a_sequence_has_it() -> None:
    either = "{verb: {any_of: [shared, completed]}, type: article}"
    articles = f"{{when: {either}, sequence: {{steps: [{{verb: shared}}, {{verb: completed}}]}}}}"
    thing = {"id": "https://example.com/a", "definition": {"type": WORDS["types"]["article"]}}
    assert awards(articles, did("sc")) == []
    assert awards(articles, [one | {"object": thing} for one in did("sc")]) == ["1 on 01-02: 10 points"]


def test_the_progress_of_a_sequence_is_the_steps_done() -> None:
    assert evaluated(SEQUENCE % "", did("cs")).progress == {(1, "r"): (1, 3)}
    assert evaluated(SEQUENCE % "", did("sc")).progress == {(1, "r"): (2, 3)}
    assert evaluated(SEQUENCE % "", did("scs")).progress == {(1, "r"): (3, 3)}
    assert evaluated(SEQUENCE % ", within: 1 day", did("sc..c")).progress == {(1, "r"): (0, 3)}


# --- best -------------------------------------------------------------------------------------------------------------

BEST = "{best: {of: score, per: object}, give: {points: 10}}"
A = "https://example.com/a"


def attempt(number: int, scaled: float, **more: Any) -> Json:
    return said(100 + number, f"2026-01-{number:02}", result={"score": {"scaled": scaled}}, **more)


def test_a_better_attempt_adds_the_difference_at_its_own_time() -> None:
    attempts = [attempt(1, 0.5), attempt(2, 0.3), attempt(3, 0.9), attempt(4, 0.9)]
    assert awards(BEST, attempts) == [f"{A} on 01-01: 5 points", f"{A} on 01-03: 4 points"]
    assert refusals(BEST, attempts) == {
        102: "no better than the best so far: 0.5",
        104: "no better than the best so far: 0.9",
    }


def test_the_best_is_the_same_in_any_order_of_arrival() -> None:
    attempts = [attempt(3, 0.9), attempt(1, 0.5), attempt(2, 0.3)]
    assert awards(BEST, attempts) == awards(BEST, attempts[::-1])


def test_each_object_has_a_best_of_its_own() -> None:
    assert points(BEST, [attempt(1, 0.5, thing="a"), attempt(2, 0.5, thing="b"), attempt(3, 0.7, thing="a")]) == 12


@pytest.mark.parametrize(
    ("scaled", "worth"), [(0.25, 3), (0.35, 4), (0.05, 1), (0.04, 0), (0.285, 3), (1, 10), (-1, 0)]
)
def test_half_a_point_is_rounded_up(scaled: float, worth: int) -> None:
    assert points(BEST, [attempt(1, scaled)]) == worth


@pytest.mark.parametrize(("scores", "worth"), [((0.14, 0.24, 0.34), 3), ((0.34,), 3), ((0.04, 0.08), 1)])
def test_what_is_rounded_is_the_best_and_not_each_step(scores: tuple[float, ...], worth: int) -> None:
    assert points(BEST, [attempt(n, score) for n, score in enumerate(scores, 1)]) == worth


def test_an_attempt_outside_the_life_is_no_attempt() -> None:
    lives = "{best: {of: score, per: object}, from: 2026-01-02}"
    assert points(lives, [attempt(1, 0.9), attempt(2, 0.5)]) == 5


def test_every_currency_is_worth_its_part() -> None:
    both = "{best: {of: raw_score, per: object}, give: {points: {points: 2, coins: 1}}}"
    assert awards(both, [scored(1, 2.5)]) == [f"{A} on 01-01: 5 points 3 coins"]


def test_a_score_that_xapi_does_not_know_is_none() -> None:
    assert refusals(BEST, [attempt(1, 85)]) == {101: "no score: the statement has none"}


# --- first ------------------------------------------------------------------------------------------------------------


def racing(number: int, *who: str, **more: Any) -> Json:
    """On this day of January 2026 these people completed something."""
    return said(100 + number, f"2026-01-{number:02}", group(*who) if len(who) > 1 else who[0], **more)


def winners(written: str, statements: Iterable[Json]) -> list[str]:
    """Who receives something, in the order of time."""
    people = People()
    names = {people.named(name): name for name in ("ann", "bob", "cy", "dee")}
    found = evaluate([rule(written)], map(fact, statements), people).awards
    return [names[award.learner] for award in sorted(found, key=lambda award: (award.happened, award.learner))]


def test_the_first_learners_receive_once_each() -> None:
    race = [racing(1, "ann"), racing(2, "ann"), racing(3, "bob"), racing(4, "cy"), racing(5, "bob")]
    assert winners("first: {learners: 2}", race) == ["ann", "bob"]
    assert winners("first: {learners: 3}", race[::-1]) == ["ann", "bob", "cy"]


def test_of_one_statement_those_named_earlier_come_first() -> None:
    assert winners("first: {learners: 2}", [racing(1, "cy", "ann", "bob")]) == ["ann", "cy"]


def test_who_came_later_than_the_first_is_told_so() -> None:
    race = [racing(1, "ann"), racing(2, "ann"), racing(3, "bob")]
    assert refusals("first: {learners: 1}", race) == {
        102: "counted already: a learner is among the first only once",
        103: "not the first learner",
    }


def test_the_race_begins_with_the_life() -> None:
    assert winners("{first: {learners: 1}, from: 2026-01-02}", [racing(1, "ann"), racing(3, "bob")]) == ["bob"]


def test_what_comes_in_later_than_settle_does_not_compete() -> None:
    def read_at(told: Json, received: str) -> Fact:
        return read(msgspec.json.encode(told), moment(received))

    settled = rule("first: {learners: 1, settle: 7 days}")
    for received, winner in (("2026-01-08", "ann"), ("2026-01-08T12:00:01", "bob")):
        people = People()
        facts = [read_at(racing(2, "bob"), "2026-01-02"), read_at(racing(1, "ann"), received)]
        outcome = evaluate([settled], facts, people)
        assert [award.learner for award in outcome.awards] == [people.named(winner)]
    assert [one.because for one in outcome.refusals] == ["late: came in more than 7 days after it happened"]


def test_a_badge_of_a_race_goes_to_the_next_when_a_statement_is_void() -> None:
    race = [racing(1, "ann"), racing(2, "bob"), racing(3, "cy"), void(9, 101)]
    assert winners("first: {learners: 2}", race) == ["bob", "cy"]


# --- streak -----------------------------------------------------------------------------------------------------------

WEEKS = "{streak: {every: week%s}, give: [{at: 2, points: 20}, {at: 4, points: 40%s}]}"


def weeks(*numbers: int) -> list[Json]:
    """A statement in each of these weeks of 2026; week 1 begins on 2025-12-29."""
    start = datetime(2025, 12, 29, 12, tzinfo=UTC)
    return [said(n, (start + timedelta(weeks=n - 1)).isoformat()) for n in numbers]


def test_a_tier_of_a_streak_is_earned_in_the_period_that_reaches_it() -> None:
    assert awards(WEEKS % ("", ""), weeks(1, 2, 3, 4, 5, 6)) == ["2 on 01-05: 20 points", "4 on 01-19: 40 points"]


def test_more_matches_in_a_period_are_one() -> None:
    assert awards("{streak: {every: week}, give: [{at: 2, points: 20}]}", days(5, 6, 7, 8, 9, 10, 11)) == []


def test_a_broken_streak_starts_at_one_and_a_tier_is_earned_once() -> None:
    assert awards(WEEKS % ("", ""), weeks(1, 2, 4, 5, 6, 7)) == ["2 on 01-05: 20 points", "4 on 02-09: 40 points"]


def test_a_tier_that_can_be_earned_again_has_another_key_every_time() -> None:
    again = "{streak: {every: week}, give: [{at: 2, points: 20, again: true}]}"
    assert awards(again, weeks(1, 2, 3, 5, 6, 8, 9)) == [
        "2 on 01-05: 20 points",
        "2#2 on 02-02: 20 points",
        "2#3 on 02-23: 20 points",
    ]


def test_a_forgiven_week_keeps_the_run_and_does_not_add_to_it() -> None:
    forgiving = WEEKS % (", forgive: {missed: 1, per: quarter}", "")
    assert awards(forgiving, weeks(1, 3, 4, 5)) == ["2 on 01-12: 20 points", "4 on 01-26: 40 points"]


def test_a_missed_week_belongs_to_the_quarter_of_its_monday() -> None:
    forgiving = "{streak: {every: week, forgive: {missed: 1, per: quarter}}, give: [{at: 3, points: 30}]}"
    # week 1 begins in 2025-Q4, week 14 on 2026-03-30 in Q1, week 15 in Q2
    assert points(forgiving, weeks(12, 14, 16)) == 30
    assert points(forgiving, weeks(11, 13, 15)) == 0


def test_a_gap_that_cannot_be_forgiven_as_a_whole_breaks_the_run_and_uses_nothing() -> None:
    forgiving = "{streak: {every: week, forgive: {missed: 1, per: quarter}}, give: [{at: 3, points: 30}]}"
    assert awards(forgiving, weeks(2, 5, 7, 8)) == ["3 on 02-16: 30 points"]


@pytest.mark.parametrize(("every", "per"), [(every, per) for every, most in MOST_WITHIN.items() for per in most])
def test_a_gap_of_centuries_is_given_up_soon(every: str, per: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []
    bucket = kinds._bucket

    def looking(every: str, forgive: Forgive, period: int) -> int:
        looked.append(period)
        return bucket(every, forgive, period)

    monkeypatch.setattr(kinds, "_bucket", looking)
    forgive = {"missed": MOST_WITHIN[every][per] - 1, "per": per}
    streak = msgspec.convert({"type": "streak", "every": every, "forgive": forgive}, Streak)
    first, last = (index(every, moment(day), zone("UTC")) for day in ("0001-01-02", "2026-01-01"))
    assert kinds._forgiven(streak, StreakState(first, 1, first), last) is None
    assert len(looked) < 3000


def test_forgiveness_stays_used_whatever_run_it_was() -> None:
    forgiving = "{streak: {every: week, forgive: {missed: 1, per: quarter}}, give: [{at: 3, points: 30}]}"
    # week 3 is forgiven, the run breaks in weeks 5 and 6, and week 8 cannot be forgiven any more
    assert awards(forgiving, weeks(2, 4, 7, 9, 10)) == []


def test_a_tier_is_earned_at_the_first_match_in_the_life_at_which_the_run_is_long_enough() -> None:
    late = "{streak: {every: week}, from: 2026-01-21, give: [{at: 2, points: 20}]}"
    assert awards(late, [*weeks(1, 2, 3, 4), *days(22)]) == ["2 on 01-22: 20 points"]


@pytest.mark.parametrize(("every", "step"), [("day", 1), ("month", 31), ("quarter", 92), ("year", 366)])
def test_a_streak_counts_periods_of_any_length(every: str, step: int) -> None:
    start = datetime(2024, 1, 1, 12, tzinfo=UTC)
    statements = [said(n, (start + timedelta(days=n * step)).isoformat()) for n in range(4)]
    assert points(f"{{streak: {{every: {every}}}, give: [{{at: 4, points: 40}}]}}", statements) == 40


def test_days_of_a_streak_are_those_of_the_zone() -> None:
    nights = [said(1, "2026-01-01T23:30:00"), said(2, "2026-01-02T00:30:00")]
    two = "{streak: {every: day}, give: [{at: 2, points: 20}]}"
    assert points(two, nights) == 20
    assert points(two, nights, zone="Europe/Berlin") == 0


# --- progress ---------------------------------------------------------------------------------------------------------


def done(written: str, statements: list[Json], now: str) -> tuple[int, int]:
    ((_, told),) = evaluated(written, statements, now=now).progress.items()
    return told


@pytest.mark.parametrize(
    ("written", "now", "told"),
    [
        ("count: {reach: 5}", "2026-01-09", (3, 5)),
        ("count: {reach: 2}", "2026-01-09", (2, 2)),
        ("count: {reach: 5, within: 7 days}", "2026-01-09", (2, 5)),
        ("count: {reach: 5, within: 7 days}", "2027-01-09", (0, 5)),
        ("count: {reach: 5, within: {calendar: month}}", "2026-01-31", (3, 5)),
        ("count: {reach: 5, within: {calendar: month}}", "2026-02-01", (0, 5)),
        ("count: {reach: 2, repeat: true}", "2026-01-09", (1, 2)),
        ("{count: {}, give: [{at: 2, points: 2}, {at: 4, points: 4}]}", "2026-01-09", (3, 4)),
        ("{streak: {every: day}, give: [{at: 2, points: 2}, {at: 7, points: 7}]}", "2026-01-03", (3, 7)),
        ("{streak: {every: day}, give: [{at: 2, points: 2}, {at: 7, points: 7}]}", "2026-01-04", (3, 7)),
        ("{streak: {every: day}, give: [{at: 2, points: 2}, {at: 7, points: 7}]}", "2026-01-05", (0, 2)),
        ("{streak: {every: day}, give: [{at: 2, points: 2}, {at: 3, points: 3}]}", "2026-01-03", (3, 3)),
    ],
)
def test_progress_is_told_as_of_now(written: str, now: str, told: tuple[int, int]) -> None:
    assert done(written, days(1, 2, 3), now) == told


def test_a_rule_that_gives_for_each_match_has_no_progress() -> None:
    assert evaluated("{}", days(1)).progress == {}


def test_whoever_has_no_match_is_at_the_beginning() -> None:
    for written in ("count: {reach: 5}", "{streak: {every: day}, give: [{at: 5, points: 5}]}"):
        assert progress(setting(rule(written), zone("UTC")), None, moment("2026-01-01")) == (0, 5)


# --- states -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        "count: {reach: 5}",
        "count: {reach: 5, repeat: true}",
        "count: {reach: 5, different: object}",
        "count: {reach: 500, within: 2 days}",
        "count: {reach: 5, different: object, within: 90 days}",
        "{count: {reach: 5, different: object}, from: 2090-01-01}",
        "count: {reach: 500, within: {calendar: day}}",
        "{count: {within: 1 day}, give: [{at: 2, points: 2}, {at: 400, points: 4}]}",
        "{streak: {every: day, forgive: {missed: 1, per: week}}, give: [{at: 2, points: 2, again: true}]}",
        "{streak: {every: week, forgive: {missed: 3, per: month}}, give: [{at: 2, points: 2}]}",
        "sum: {of: raw_score, reach: 100000}",
        "sum: {of: duration, reach: 10 hours, within: 90 days, repeat: true}",
        "sum: {of: score, reach: 40, within: {calendar: month}, repeat: true}",
        "{when: , sequence: {steps: [{verb: shared}, {verb: completed}, {verb: shared}], repeat: true}}",
        "{when: , from: 2090-01-01, sequence: {steps: [{verb: shared}, {verb: completed}, {verb: shared}]}}",
    ],
)
def test_a_state_does_not_grow_with_history(written: str) -> None:
    here = setting(rule(written), zone("Europe/Berlin"))
    fold, state, start = KINDS[type(here.rule.kind)][0], None, datetime(2020, 1, 1, tzinfo=UTC)
    for number in range(3000):
        happened = start + timedelta(hours=17 * number + number // 10 * 24)
        thing, amount = f"https://example.com/{number % 1000}", Decimal(number % 20) / 10
        match = Match(1, happened, numbered(number), None, thing, (), amount, ((number % 7) % 3,))
        state, _ = fold(here, state, match)
        assert len(msgspec.msgpack.encode(state)) < 800 + (60 * MOST_NAMED if isinstance(here.rule.kind, Sum) else 0)
