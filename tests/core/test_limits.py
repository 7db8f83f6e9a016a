"""What caps leave of awards: by event time, in calendar periods, in the order of the matches."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from service.core.evaluate import State, advance, setting
from service.core.matching import Match
from service.core.windows import zone
from tests.written import Json, agent, awards, days, evaluated, moment, numbered, points, refusals, rule, said

FIFTY = "limit: [{points: 50, per: day}]"


def hourly(count: int, day: str = "2026-01-01", first: int = 1, **more: Any) -> list[Json]:
    """One statement an hour, each about a thing of its own."""
    numbers = range(first, first + count)
    return [said(n, f"{day}T{n - first + 1:02}:00:00", **({"thing": f"t{n}"} | more)) for n in numbers]


def test_an_award_that_would_cross_a_cap_pays_what_is_left_and_then_nothing() -> None:
    fifteen = "{give: {points: 15}, limit: [{points: 50, per: day}]}"
    assert [award.amounts["points"] for award in evaluated(fifteen, hourly(6)).awards] == [15, 15, 15, 5]
    assert refusals(fifteen, hourly(6)) == {5: "limit 50 points per day", 6: "limit 50 points per day"}
    assert evaluated(fifteen, hourly(6)).awards[3].reason == "limit 50 points per day: 5 of 15 paid"


@pytest.mark.parametrize(
    ("per", "paid"), [("day", 40), ("week", 40), ("month", 30), ("quarter", 20), ("year", 20), ("ever", 10)]
)
def test_a_cap_counts_by_calendar_periods(per: str, paid: int) -> None:
    # a Wednesday, the Tuesday after, a month and a quarter later, and a year before
    moments = ("2026-01-07", "2026-01-13", "2026-02-03", "2025-12-31")
    statements = [said(n, at) for n, at in enumerate(moments)]
    assert points(f"limit: [{{points: 10, per: {per}}}]", statements) == paid


def test_a_cap_is_one_of_event_time_and_not_of_arrival() -> None:
    assert points(FIFTY, reversed(hourly(8))) == 50
    assert points(FIFTY, [*hourly(4), *hourly(4, "2026-01-02", 11)]) == 80


def test_the_day_of_a_cap_is_one_of_the_zone() -> None:
    evenings = [said(1, "2026-01-01T22:00:00"), said(2, "2026-01-01T23:30:00"), said(3, "2026-01-02T22:00:00")]
    ten = "limit: [{points: 10, per: day}]"
    assert points(ten, evenings) == 20
    assert points(ten, evenings, zone="Europe/Berlin") == 20
    assert sorted(refusals(ten, evenings)) == [2]
    assert sorted(refusals(ten, evenings, zone="Europe/Berlin")) == [3]


def test_awards_are_capped_by_their_number() -> None:
    two = "limit: [{awards: 2, per: day}]"
    assert points(two, hourly(5)) == 20
    assert refusals(two, hourly(5)) == dict.fromkeys((3, 4, 5), "limit 2 awards per day")


def test_an_award_that_a_limit_refuses_uses_no_other_cap() -> None:
    # three awards a day are 30 points; the week's 50 points are used up on the second day, not by what was refused
    both = "limit: [{awards: 3, per: day}, {points: 50, per: week}]"
    assert points(both, [*hourly(9, "2026-01-05"), *hourly(9, "2026-01-06", 21)]) == 50
    # the other way round: what the points refused does not count as an award
    other = "limit: [{points: 20, per: day}, {awards: 4, per: week}]"
    assert points(other, [*hourly(9, "2026-01-05"), *hourly(9, "2026-01-06", 21)]) == 40


def test_the_tightest_of_several_caps_decides_and_is_named() -> None:
    caps = "{give: {points: 15}, limit: [{points: 100, per: week}, {points: 20, per: day}]}"
    assert [award.amounts["points"] for award in evaluated(caps, hourly(3)).awards] == [15, 5]
    assert refusals(caps, hourly(3)) == {3: "limit 20 points per day"}
    both = "{give: {points: 15}, limit: [{points: 20, per: day}, {points: 25, per: week}]}"
    assert [award.amounts["points"] for award in evaluated(both, hourly(3)).awards] == [15, 5]


def test_a_cap_on_points_never_withholds_a_badge() -> None:
    tiers = "give: [{at: 2, points: 20}, {at: 3, points: 30, badge: keen}]"
    streak = f"{{streak: {{every: day}}, {tiers}, limit: [{{points: 20, per: month}}]}}"
    assert awards(streak, days(1, 2, 3)) == ["2 on 01-02: 20 points", "3 on 01-03: 1 badge:keen"]


def test_a_cap_on_awards_withholds_a_badge() -> None:
    assert awards("{give: {badge: keen}, once_per: [object], limit: [{awards: 1, per: month}]}", days(1, 2)) == [
        "101 on 01-01: 1 badge:keen"
    ]


def test_an_award_that_a_limit_refuses_has_used_its_matches() -> None:
    twos = "{count: {reach: 2, repeat: true}, limit: [{awards: 1, per: week}]}"
    # the second award, on Tuesday the 6th, is refused; the third comes with the 8th match on Monday the 12th
    assert awards(twos, days(5, 6, 7, 8, 12, 13)) == ["1 on 01-06: 10 points", "3 on 01-13: 10 points"]


TEACHING = """
to: instructor
give: {points: 25}
limit: [{points: 100, per: week}, {points: 50, per: month, from_each: actor}]
"""


def test_a_cap_by_counterpart_lets_no_friend_carry_a_teacher() -> None:
    taught: Json = {"context": {"instructor": agent("bob")}}
    alone = hourly(4, "2026-01-05", **taught)
    assert points(TEACHING, alone) == 50
    assert refusals(TEACHING, alone) == dict.fromkeys((3, 4), "limit 50 points per month from each actor")
    others = [
        *hourly(4, "2026-01-06", 11, who=agent("cy"), **taught),
        *hourly(1, "2026-01-07", 21, who=agent("dee"), **taught),
    ]
    assert points(TEACHING, [*alone, *others]) == 100
    assert refusals(TEACHING, [*alone, *others])[21] == "limit 100 points per week"


def test_limits_are_counted_for_each_recipient_alone() -> None:
    shared = [*hourly(8), *hourly(8, first=11, who=agent("bob"))]
    assert points(FIFTY, shared) == 100


def test_what_once_per_leaves_out_uses_no_cap() -> None:
    assert (
        points("{once_per: [object], limit: [{awards: 2, per: day}]}", [*hourly(3, thing="a"), *hourly(2, first=10)])
        == 20
    )


def test_what_lies_outside_the_life_uses_no_cap() -> None:
    late = "{from: 2026-01-02, limit: [{points: 10, per: month}]}"
    assert awards(late, days(1, 2, 3)) == ["102 on 01-02: 10 points"]


@pytest.mark.parametrize("per", ["day", "month"])
def test_what_limits_remember_does_not_grow_with_history(per: str) -> None:
    written = f"{{to: instructor, limit: [{{points: 50, per: {per}}}, {{points: 20, per: day, from_each: actor}}]}}"
    here, state, start = setting(rule(written), zone("UTC")), State(), moment("2020-01-01")
    for number in range(3000):
        match = Match(1, start + timedelta(hours=7 * number), numbered(number), counterparts=(str(number % 50),))
        state = advance(here, state, match).state
        assert len(msgspec.msgpack.encode(state)) < 100
