"""Random documents that read what plain rules give: rules with `needs`, `caps:` and `levels:`."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.laws.oracle import Json
from tests.laws.rules import amounts, days, evidences, renewals, whens
from tests.laws.stage import BADGES, CROWNS, DURATIONS, PERIODS, STACKED, ZONES, Clock

LEVELS: Json = {"levels": "default", "at": {1: 0, 2: 15, 3: 40}}
badges = st.sampled_from([{"badge": name} for name in (*BADGES, *BADGES, STACKED)])
sums = st.sampled_from(
    [{"points": 10}, {"points": 25}, {"points": 50}, {"points": {"coins": 5}}, {"points": {"points": 20, "coins": 1}}]
)
levels = st.sampled_from([{"level": n} for n in (1, 2, 3)])


@st.composite
def observed(draw: st.DrawFn, clock: Clock, name: str) -> Json:
    """A statement that is needed, about its actor or its instructor."""
    when: Json = draw(whens)
    if draw(st.booleans()):
        when = {"verb": "completed", "instructor": "learner"}
    need: Json = {"statement": name, "when": when}
    if draw(st.integers(1, 4)) == 1:
        need["unless"] = [{"same": ["instructor", "actor"]}]
    if draw(st.booleans()):
        need["after"] = "last badge"
        if draw(st.booleans()):
            need["within"] = draw(st.sampled_from(DURATIONS[clock.step]))
    return need


@st.composite
def trees(draw: st.DrawFn, clock: Clock, more: Any) -> Json:
    """What is needed, in which at least one badge is; more: single needs beside the usual."""
    single = st.one_of(badges, badges, sums, levels, more)
    several = st.lists(single, min_size=2, max_size=3)
    group = st.one_of(
        several.map(lambda some: {"any_of": some}),
        several.map(lambda some: {"all_of": some}),
        several.map(lambda some: {"at_least": 2, "of": some}),
    )
    needs = [draw(badges), *draw(st.lists(st.one_of(single, group), max_size=2))]
    if draw(st.booleans()):
        needs.append(draw(observed(clock, "a thing that was done")))
    if draw(st.integers(1, 4)) == 1:
        needs.append({"any_of": [draw(single), draw(observed(clock, "another thing"))]})
    return draw(st.sampled_from([{"all_of": needs}, {"all_of": needs}, {"any_of": needs}]))


@st.composite
def needing(draw: st.DrawFn, clock: Clock, name: str, badge: str, more: Any) -> Json:
    gift: Json = {"points": {"gems": draw(amounts)}}
    rule: Json = {
        "rule": name, "title": name, "how_to_earn": "By chance.",
        "status": draw(st.sampled_from(["live"] * 9 + ["trial"])),
        "needs": draw(trees(clock, more)),
        "give": gift | {draw(st.sampled_from(["badge", "micro_credential"])): badge},
    }  # fmt: skip
    optional = {
        "time_zone": (3, st.sampled_from(ZONES)),
        "expires": (3, st.sampled_from(DURATIONS[clock.step])),
        "from": (3, days(clock, 0, 4)),
        "until": (6, days(clock, 4, 8)),
    }
    for key, (rarely, values) in optional.items():
        if draw(st.integers(1, rarely)) == 1:
            rule[key] = draw(values)
    if draw(st.integers(1, 3)) == 1:
        rule |= draw(renewals(clock, st.one_of(evidences, st.just({"verb": "completed", "instructor": "learner"}))))
    return rule


@st.composite
def caps(draw: st.DrawFn, clock: Clock, name: str, rules: list[Json]) -> Json:
    names = [rule["rule"] for rule in rules]
    cap: Json = {
        "caps": name,
        "points": draw(st.sampled_from([8, 20, 33, 60, {"coins": 7}, {"gems": 4}])),
        "per": draw(st.sampled_from([*PERIODS[clock.step], "ever"])),
        "over": draw(st.sampled_from(["all", "all", names[:1], names[-2:], {"tagged": "social"}])),
    }
    if draw(st.integers(1, 3)) == 1:
        cap["time_zone"] = draw(st.sampled_from(ZONES))
    return cap


@st.composite
def reading(draw: st.DrawFn, clock: Clock, plain: list[Json]) -> list[Json]:
    """The plain rules, and documents that read what they give."""
    for rule, badge in zip(plain, BADGES, strict=False):
        gift = rule["give"][0] if isinstance(rule["give"], list) else rule["give"]
        gift.pop("micro_credential", None)
        gift |= {"points": {"points": draw(amounts), "coins": 2}, "badge": badge}
    for rule in plain:
        if draw(st.integers(1, 3)) == 1:
            rule["tags"] = ["social"]
        if draw(st.integers(1, 3)) == 1:
            rule["expires"] = draw(st.sampled_from(DURATIONS[clock.step]))
    first = draw(needing(clock, "crown", CROWNS[0], badges))
    crowned = st.sampled_from([{"badge": CROWNS[0]}, {"points": {"gems": 5}}])
    second = draw(st.lists(needing(clock, "gild", CROWNS[1], crowned), max_size=1))
    for rule in second:
        rule["needs"] = {"all_of": [draw(crowned), rule["needs"]]} if draw(st.booleans()) else rule["needs"]
        rule["give"] = {"badge": CROWNS[1]}
    rules = [*plain, first, *second]
    capped = [draw(caps(clock, f"cap-{n}", rules)) for n in range(draw(st.integers(0, 2)))]
    return [*rules, *capped, LEVELS]
