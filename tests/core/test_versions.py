"""Versions of a rule: how long each lives, and what a later one takes over."""

import pytest

from service.core import evaluate
from service.core.matching import Matcher, Roles
from service.core.versions import Judged, judged, lives
from tests.written import Json, People, days, fact, moment, rule


def by(*versions: tuple[str | None, str], of: list[Json]) -> Judged:
    """What versions of one rule make of statements; each: since which day it is in force, and what it says."""
    people = People()
    lived = []
    for number, life in enumerate(lives([moment(since) if since else None for since, _ in versions])):
        said = rule(versions[number][1])
        matcher = Matcher(said)
        made = [one for f in map(fact, of) for one in matcher.matches(f, Roles(f.statement, people), people)]
        lived.append((evaluate.setting(said, people.zone(1), *life, number + 1), made))
    return judged(lived)


def awards(*versions: tuple[str | None, str], of: list[Json]) -> list[str]:
    """`<version>: <key> on <day>: <points>`, statement ids left out."""
    return [
        f"{one.version}: {one.key if len(one.key) < 30 else '*'} on {one.happened.day}: {one.amounts.get('points', 0)}"
        for one in by(*versions, of=of).awards
    ]


@pytest.mark.parametrize(
    ("begins", "left"),
    [
        ([None], [(None, None)]),
        ([None, 3], [(None, 3), (3, None)]),
        ([None, 3, 5], [(None, 3), (3, 5), (5, None)]),
        ([None, 5, 3], [(None, 3), "nothing", (3, None)]),
        ([None, 3, None], ["nothing", "nothing", (None, None)]),
        ([3, 3], ["nothing", (3, None)]),
    ],
)
def test_a_version_ends_where_a_later_one_begins(begins: list[int | None], left: list[object]) -> None:
    moments = {n: moment(f"2026-01-0{n}") for n in range(1, 10)} | {None: None}
    found = lives([moments[n] for n in begins])
    assert ["nothing" if life.empty else life for life in found] == [
        one if one == "nothing" else tuple(moments[n] for n in one)  # type: ignore[attr-defined]
        for one in left
    ]


def test_each_statement_is_honoured_by_the_version_that_was_in_force_when_it_happened() -> None:
    told = awards((None, "give: {points: 10}"), ("2026-01-03", "give: {points: 7}"), of=days(1, 2, 3, 4))
    assert told == ["1: * on 1: 10", "1: * on 2: 10", "2: * on 3: 7", "2: * on 4: 7"]


def test_whoever_was_on_the_way_stays_on_the_way() -> None:
    before, after = "count: {reach: 5}", "count: {reach: 3}"
    assert awards((None, before), ("2026-01-05", after), of=days(1, 2, 3, 4, 5)) == ["2: 1 on 5: 10"]


def test_nobody_gets_an_award_twice() -> None:
    before, after = "count: {reach: 2}", "{count: {reach: 3}, give: {points: 50}}"
    assert awards((None, before), ("2026-01-03", after), of=days(1, 2, 3, 4)) == ["1: 1 on 2: 10"]
    refused = by((None, before), ("2026-01-03", after), of=days(1, 2, 3, 4)).refusals
    assert [one.because for one in refused] == ["given by an earlier version of the rule"]


def test_what_a_repeated_award_has_used_is_used_and_its_numbers_go_on() -> None:
    before, after = "count: {reach: 2, repeat: true}", "count: {reach: 3, repeat: true}"
    told = awards((None, before), ("2026-01-06", after), of=days(1, 2, 3, 4, 5, 6, 7, 8))
    assert told == ["1: 1 on 2: 10", "1: 2 on 4: 10", "2: 3 on 7: 10"]


def test_a_tier_that_the_running_streak_has_earned_is_not_earned_by_it_again() -> None:
    before = "{streak: {every: day}, give: [{at: 2, points: 20, again: true}]}"
    after = "{streak: {every: day}, give: [{at: 2, points: 30, again: true}]}"
    told = awards((None, before), ("2026-01-04", after), of=days(1, 2, 3, 4, 5, 8, 9))
    assert told == ["1: 2 on 2: 20", "2: 2#2 on 9: 30"]


def test_a_streak_goes_on_and_new_tiers_are_earned_by_it() -> None:
    before = "{streak: {every: day}, give: [{at: 2, points: 20}]}"
    after = "{streak: {every: day}, give: [{at: 2, points: 20}, {at: 4, points: 40}]}"
    assert awards((None, before), ("2026-01-04", after), of=days(1, 2, 3, 4)) == ["1: 2 on 2: 20", "2: 4 on 4: 40"]


def test_what_earlier_versions_paid_has_drawn_on_the_limits() -> None:
    capped = "limit: [{points: 25, per: month}]"
    told = awards((None, capped), ("2026-01-03", f"{{give: {{points: 20}}, {capped}}}"), of=days(1, 2, 3, 4))
    assert told == ["1: * on 1: 10", "1: * on 2: 10", "2: * on 3: 5"]


def test_a_version_on_trial_pays_nothing_and_tells_what_it_would_pay() -> None:
    told = by((None, "give: {points: 10}"), ("2026-01-02", "{status: trial, give: {points: 7}}"), of=days(1, 2, 3))
    assert [one.amounts for one in told.awards] == [{"points": 10}]
    assert [one.amounts for one in told.tried] == [{"points": 7}, {"points": 7}]


def test_what_a_trial_would_have_paid_stands_in_nobodys_way() -> None:
    tried = "{status: trial, count: {reach: 2}}"
    told = awards((None, tried), ("2026-01-03", "count: {reach: 2}"), of=days(1, 2, 3))
    assert told == ["2: 1 on 3: 10"]
