"""The oracle itself, held against the sentences of the rule language by examples small enough to check by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
import yaml

from tests.laws import oracle
from tests.laws.histories import statement_id, void
from tests.laws.oracle import Award, Delivery, Json, World
from tests.laws.stage import ANN, ANN_HASHED, BOB, CY, LEARNERS, TAGS, TYPES, VERBS, group

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ANNS, BOBS, CYS = LEARNERS


def rule(text: str) -> Json:
    """A rule that honours `completed`, with what the text says beside it."""
    return {"rule": "r", "when": {"verb": "completed"}, "give": {"points": 10}, **yaml.safe_load(text)}


def told(number: int, at: str, actor: Json = ANN, verb: str = "completed", **more: Any) -> Delivery:
    """One statement; `course`, `by` (the instructor), `tags` and `result` where they matter."""
    object_ = {"id": f"https://example.com/{more.get('course', 'a')}", "definition": {"type": TYPES["course"][0]}}
    context: Json = {"contextActivities": {"category": [{"id": tag} for tag in more.get("tags", [])]}}
    for key in ("instructor", "registration"):
        if key in more:
            context[key] = more[key]
    statement = {
        "id": statement_id(number), "actor": actor, "verb": {"id": VERBS[verb][0]}, "object": object_,
        "timestamp": at, "context": context, "result": more.get("result", {}),
    }  # fmt: skip
    return Delivery(statement, more.get("received", NOW))


def awards(rule: Json, *deliveries: Delivery, zones: dict[str, str] | None = None) -> list[Award]:
    world = World(VERBS, TYPES, TAGS, zones or {})
    return sorted(oracle.awards([rule], deliveries, world), key=lambda a: (a.happened, a.key))


def points(*args: Any, **more: Any) -> dict[str, int]:
    return {who: n for (who, unit), n in oracle.balances(awards(*args, **more)).items() if unit == "points"}


def keys(*args: Any, **more: Any) -> list[tuple[str, str]]:
    """Key and moment of each award, in the order of time."""
    return [(award.key, f"{award.happened:%m-%d}") for award in awards(*args, **more)]


def days(*numbers: int, **more: Any) -> list[Delivery]:
    """One statement on each of these days of January 2026, about a course of its own."""
    return [told(n, f"2026-01-{n:02}T12:00:00Z", **({"course": f"c{n}"} | more)) for n in numbers]


# --- what counts -----------------------------------------------------------------------------------------------------


def test_a_repeat_counts_once() -> None:
    assert points(rule("{}"), *days(1, 1, 1)) == {ANNS: 10}


def test_a_void_undoes_whichever_came_first() -> None:
    one, undo = told(1, "2026-01-01T12:00:00Z"), void(statement_id(1), 2, NOW)
    assert points(rule("{}"), one, undo) == points(rule("{}"), undo, one) == {}


def test_a_void_of_a_void_changes_nothing() -> None:
    history = [*days(1), void(statement_id(1), 2, NOW), void(statement_id(2), 3, NOW)]
    assert points(rule("{}"), *history) == {}


def test_an_mbox_and_its_hash_are_one_learner() -> None:
    assert points(rule("{}"), *days(1), *days(2, actor=ANN_HASHED)) == {ANNS: 20}


def test_each_listed_member_of_a_group_receives_once() -> None:
    assert points(rule("{}"), *days(1, actor=group(ANN, ANN_HASHED, CY))) == {ANNS: 10, CYS: 10}


def test_event_time_is_never_later_than_when_it_was_stored() -> None:
    ahead = told(1, "2036-01-01T12:00:00Z", received=datetime(2026, 1, 2, tzinfo=UTC))
    assert keys(rule("{}"), ahead) == [(statement_id(1), "01-02")]


# --- conditions ------------------------------------------------------------------------------------------------------


def test_a_word_stands_for_each_of_its_iris() -> None:
    other = told(1, "2026-01-01T12:00:00Z")
    other.statement["verb"]["id"] = VERBS["completed"][1]
    assert points(rule("{}"), other) == {ANNS: 10}


def test_all_of_wants_one_iri_of_every_word() -> None:
    tagged = rule("when: {verb: completed, tagged: {all_of: [safety, onboarding]}}")
    both = days(1, tags=[TAGS["safety"][1], TAGS["onboarding"][0]])
    assert points(tagged, *both, *days(2, tags=TAGS["safety"])) == {ANNS: 10}


@pytest.mark.parametrize(
    ("bounds", "held"),
    [("{at_least: 0.5}", 1), ("{more_than: 0.5}", 0), ("{at_most: 0.5}", 1), ("{less_than: 0.5}", 0)],
)
def test_a_bound_says_whether_it_is_included(bounds: str, held: int) -> None:
    history = days(1, result={"score": {"scaled": 0.5}})
    assert len(awards(rule(f"when: {{verb: completed, score: {bounds}}}"), *history)) == held


def test_a_missing_score_never_matches() -> None:
    assert awards(rule("when: {verb: completed, score: {at_most: 1}}"), *days(1)) == []


def test_unless_same_keeps_those_out_who_taught_themselves() -> None:
    taught = rule("{to: instructor, unless: [{same: [instructor, actor]}]}")
    history = [*days(1, instructor=ANN_HASHED), *days(2, actor=group(ANN, CY), instructor=group(ANN, BOB))]
    assert points(taught, *history) == {BOBS: 10}


# --- kinds -----------------------------------------------------------------------------------------------------------


def test_each_has_the_statement_as_key() -> None:
    assert keys(rule("{}"), *days(2, 1)) == [(statement_id(1), "01-01"), (statement_id(2), "01-02")]


def test_a_life_includes_its_first_and_last_day_in_the_rules_zone() -> None:
    lives = rule("{from: 2026-01-02, until: 2026-01-03, time_zone: Pacific/Auckland}")
    edges = ["2026-01-01T10:59:59Z", "2026-01-01T11:00:00Z", "2026-01-03T10:59:59Z", "2026-01-03T11:00:00Z"]
    history = [told(n, at) for n, at in enumerate(edges)]
    assert [award.key for award in awards(lives, *history)] == [statement_id(1), statement_id(2)]


def test_count_gives_once_at_the_match_that_reaches_it() -> None:
    assert keys(rule("count: {reach: 3}"), *days(1, 2, 3, 4, 5, 6)) == [("1", "01-03")]


def test_repeat_uses_a_match_once() -> None:
    assert keys(rule("count: {reach: 2, repeat: true}"), *days(1, 2, 3, 4, 5)) == [("1", "01-02"), ("2", "01-04")]


def test_a_rolling_window_includes_its_bound() -> None:
    rolling = rule("count: {reach: 2, within: 24 hours}")
    noon, late = told(1, "2026-01-01T12:00:00Z"), told(2, "2026-01-02T12:00:01Z")
    assert awards(rolling, noon, late) == []
    assert len(awards(rolling, noon, told(2, "2026-01-02T12:00:00Z"))) == 1


def test_a_month_ago_is_clipped_to_the_end_of_the_month() -> None:
    rolling = rule("count: {reach: 2, within: 1 month}")
    history = [told(1, "2026-02-28T12:00:00Z"), told(2, "2026-03-31T12:00:00Z")]
    assert len(awards(rolling, *history)) == 1


def test_different_counts_values_and_not_matches() -> None:
    different = rule("count: {reach: 2, different: object}")
    assert keys(different, *days(1, 2, course="same"), *days(3)) == [("1", "01-03")]


def test_what_was_reached_before_from_is_given_after_it_if_it_still_holds() -> None:
    late = "from: 2026-01-05, count: {reach: 3%s}"
    assert keys(rule("{" + late % "" + "}"), *days(1, 2, 3, 9)) == [("1", "01-09")]
    assert keys(rule("{" + late % ", within: 3 days" + "}"), *days(1, 2, 3, 9)) == []


def test_a_count_in_a_calendar_period_looks_at_that_period_only() -> None:
    weekly = rule("{count: {reach: 2, within: {calendar: week}}, time_zone: Pacific/Auckland}")
    sunday, monday = told(1, "2026-01-04T10:00:00Z"), told(2, "2026-01-04T11:00:00Z")
    assert awards(weekly, sunday, monday) == []


def test_count_tiers_have_their_mark_as_key() -> None:
    tiers = rule("{count: {}, give: [{at: 1, points: 5}, {at: 3, points: 9}]}")
    assert keys(tiers, *days(1, 2, 3, 4)) == [("1", "01-01"), ("3", "01-03")]


STREAK = "{streak: {every: day%s}, give: [{at: 3, points: 9%s}]}"


def test_a_broken_streak_starts_at_one_and_a_tier_is_earned_once() -> None:
    assert keys(rule(STREAK % ("", "")), *days(1, 2, 4, 5, 6, 8, 9, 10)) == [("3", "01-06")]


def test_again_gives_the_tier_once_in_every_run() -> None:
    again = rule(STREAK % ("", ", again: true"))
    assert keys(again, *days(1, 2, 3, 4, 6, 7, 8)) == [("3", "01-03"), ("3#2", "01-08")]


def test_a_forgiven_period_does_not_add_and_is_used_up() -> None:
    forgiving = rule(STREAK % (", forgive: {missed: 1, per: month}", ""))
    assert keys(forgiving, *days(1, 3, 4)) == [("3", "01-04")]
    assert keys(forgiving, *days(1, 3, 5, 6)) == []


def test_a_gap_that_is_too_long_uses_no_forgiveness() -> None:
    forgiving = rule(STREAK % (", forgive: {missed: 1, per: month}", ""))
    assert keys(forgiving, *days(1, 4, 6, 7)) == [("3", "01-07")]


def test_once_per_keeps_the_earliest_match_of_all_history() -> None:
    once = rule("{once_per: [object], from: 2026-01-05}")
    assert points(once, *days(1, 7, course="same"), *days(8, 9, course="new")) == {ANNS: 10}


# --- limits ----------------------------------------------------------------------------------------------------------


def test_an_award_that_would_cross_a_cap_pays_what_is_left() -> None:
    capped = rule("limit: [{points: 25, per: week}]")
    assert [a.amounts for a in awards(capped, *days(5, 6, 7, 8))] == [(("points", n),) for n in (10, 10, 5)]


def test_a_cap_on_points_never_withholds_a_badge() -> None:
    capped = rule("{give: {points: 10, badge: keen}, limit: [{points: 10, per: ever}, {awards: 2, per: ever}]}")
    assert [a.amounts for a in awards(capped, *days(1, 2, 3))] == [
        (("badge:keen", 1), ("points", 10)),
        (("badge:keen", 1),),
    ]


def test_a_refused_award_has_used_its_matches_and_no_cap() -> None:
    capped = rule("{count: {reach: 2, repeat: true}, limit: [{awards: 1, per: day}, {points: 20, per: ever}]}")
    history = [told(n, f"2026-01-01T{n:02}:00:00Z") for n in range(10, 14)] + days(15, 16)
    assert keys(capped, *history) == [("1", "01-01"), ("3", "01-16")]


def test_the_day_of_a_cap_is_the_learners_own() -> None:
    capped = rule("limit: [{points: 10, per: day}]")
    history = [told(1, "2026-01-01T04:00:00Z"), told(2, "2026-01-01T06:00:00Z")]
    assert points(capped, *history) == {ANNS: 10}
    assert points(capped, *history, zones={ANNS: "America/New_York"}) == {ANNS: 20}


def test_from_each_counts_by_counterpart() -> None:
    thanked = rule("{to: instructor, limit: [{points: 15, per: month, from_each: actor}]}")
    history = [*days(1, 2, instructor=BOB), *days(3, actor=CY, instructor=BOB)]
    assert points(thanked, *history) == {BOBS: 25}


def test_undoing_an_award_gives_its_share_of_the_cap_back() -> None:
    capped = rule("limit: [{points: 20, per: ever}]")
    assert keys(capped, *days(1, 2, 3), void(statement_id(1), 99, NOW)) == [
        (statement_id(2), "01-02"),
        (statement_id(3), "01-03"),
    ]


# --- status ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["draft", "trial", "retired"])
def test_only_a_live_rule_pays(status: str) -> None:
    assert awards(rule(f"status: {status}"), *days(1)) == []


def test_a_retired_rule_keeps_what_it_gave() -> None:
    retired = rule("status: retired") | {"retired_at": datetime(2026, 1, 2, tzinfo=UTC)}
    assert keys(retired, *days(1, 3)) == [(statement_id(1), "01-01")]


def test_the_oracle_refuses_what_it_does_not_know() -> None:
    with pytest.raises(AssertionError, match="weather"):
        awards(rule("when: {weather: fine}"), *days(1))


def test_quarters_begin_in_january_april_july_and_october() -> None:
    firsts = {oracle.first_day("quarter", date(2026, month, 20)).month for month in range(1, 13)}
    assert firsts == {1, 4, 7, 10}
