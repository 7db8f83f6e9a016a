"""Random rules: each is one dictionary, written down as YAML for the service and read as it is by the oracle."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from hypothesis import strategies as st

from tests.laws.oracle import Json
from tests.laws.stage import (
    ARTICLE,
    BADGES,
    DURATIONS,
    FINISHED,
    HEALTH,
    MODULE,
    ONBOARDING,
    PARENTS,
    PERIODS,
    REGISTRATIONS,
    SHARED,
    STACKED,
    THINGS,
    ZONES,
    Clock,
)

verbs = st.sampled_from(
    ["completed"] * 5 + [{"any_of": ["completed", "shared"]}, {"any_of": [FINISHED, "asked", "shared"]}, SHARED]
)
bounds = st.sampled_from(
    [{"at_least": 0.5}, {"more_than": 0.5}, {"at_most": 0.8}, {"less_than": 0.8}, {"at_least": 0.5, "less_than": 1}]
)
CONDITIONS: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["course", ARTICLE, {"any_of": ["article", MODULE]}]),
    "object": st.sampled_from([THINGS[0], THINGS[:3], {"starts_with": THINGS[1]}, {"any_of": THINGS[1:]}]),
    "tagged": st.sampled_from(
        ["safety", HEALTH, {"any_of": ["safety", "onboarding"]}, {"all_of": ["safety", ONBOARDING]}, ["onboarding"]]
    ),
    "part_of": st.sampled_from([PARENTS[0], PARENTS]),
    "score": bounds,
    "raw_score": st.sampled_from([{"at_least": 5}, {"more_than": 0.1, "at_most": 7}, {"less_than": 7.25}]),
    "duration": st.sampled_from([{"at_least": "1 minute"}, {"more_than": "1 minute"}, {"less_than": "1 hour"}]),
    "response": st.sampled_from(["present", "absent", {"length": {"at_least": 5}}, {"length": {"at_most": 4}}]),
    "platform": st.sampled_from(["present", "absent", "Moodle", ["web", "Moodle"]]),
    "language": st.sampled_from(["absent", "en", {"any_of": ["en", "en-GB"]}]),
    "registration": st.sampled_from(["present", "absent", REGISTRATIONS[0]]),
    "attachments": st.sampled_from(["present", "absent", PARENTS[0], PARENTS[1]]),
    "team": st.sampled_from(["present", "absent", "mailto:ann@example.com"]),
    "value": st.sampled_from(
        [
            {"path": "result.score.raw", "at_least": 5},
            {"path": "result.score.scaled", "is": 1},
            {"path": "result.success", "is": True},
            {"path": "context.'language'", "any_of": ["en", 1]},
            {"path": "context.contextActivities.category[*].id", "is": ONBOARDING},
            {"path": "context.registration", "present": False},
        ]
    ),
    "success": st.booleans(),
    "completion": st.booleans(),
    "instructor": st.sampled_from(["present", "absent", "mailto:ann@example.com", "https://cy.example.com/"]),
    "capture": st.sampled_from(["xapi", {"any_of": ["xapi", "observed"]}]),
    "source": st.sampled_from(["default", ["default", "form"]]),
}
one_condition = st.one_of([st.tuples(st.just(key), values) for key, values in CONDITIONS.items()])


def conditions(least: int, most: int) -> st.SearchStrategy[Json]:
    return st.lists(one_condition, min_size=least, max_size=most, unique_by=lambda pair: pair[0]).map(dict)


def seldom(in_ten: int, strategy: st.SearchStrategy[Any], otherwise: Any) -> st.SearchStrategy[Any]:
    """Draw from `strategy` so many times in ten."""
    return st.integers(0, 9).flatmap(lambda n: strategy if n < in_ten else st.just(otherwise))


whens = st.tuples(verbs, seldom(2, conditions(1, 2), {})).map(lambda w: {"verb": w[0], **w[1]})
exceptions = st.lists(
    st.one_of(
        st.just({"same": ["instructor", "actor"]}),
        st.just({"same": ["actor", "instructor"], "type": "course"}),
        conditions(1, 2),
        verbs.map(lambda verb: {"verb": verb, "success": False}),
    ),
    min_size=1,
    max_size=2,
)
DISTINCT = ["object", "actor", "instructor", "day", "week", "registration"]
amounts = st.sampled_from([1, 5, 10, 25])
gifts = st.one_of(
    amounts.map(lambda n: {"points": n}),
    amounts.map(lambda n: {"points": n}),
    st.tuples(amounts, st.sampled_from(BADGES)).map(lambda g: {"points": g[0], "badge": g[1]}),
    st.sampled_from(BADGES).map(lambda badge: {"badge": badge}),
    st.tuples(amounts, amounts).map(lambda g: {"points": {"points": g[0], "coins": g[1]}}),
    amounts.map(lambda n: {"points": n, "micro_credential": STACKED}),
)


CAPS: list[Json] = [
    {"points": 8},
    {"points": 20},
    {"points": 33},
    {"points": {"coins": 7}},
    {"awards": 1},
    {"awards": 2},
]


@st.composite
def limits(draw: st.DrawFn, periods: Sequence[str], to: str, caps: Sequence[Json] = CAPS) -> Json:
    limit = {**draw(st.sampled_from(caps)), "per": draw(st.sampled_from([*periods, "ever"]))}
    if draw(st.booleans()):
        limit["from_each"] = "instructor" if to == "actor" else "actor"
    return limit


@st.composite
def tiers(draw: st.DrawFn, again: bool) -> list[Json]:
    marks = sorted(draw(st.sets(st.integers(1, 4), min_size=1, max_size=2)))
    out = []
    for mark in marks:
        tier = {"at": mark, **draw(gifts)}
        if again and draw(st.booleans()):
            tier["again"] = True
        out.append(tier)
    return out


LONGER = ["day", "week", "month", "quarter", "year", "ever"]


worths = st.one_of(
    st.sampled_from([1, 3, 10]).map(lambda n: {"points": n}), st.just({"points": {"points": 7, "coins": 2}})
)
"""What a whole score is worth."""
REACHES: dict[str, list[Any]] = {
    "score": [0.5, 1, 1.3, 2],
    "raw_score": [7, 15, 0.3],
    "duration": ["90 seconds", "2 minutes", "1 hour"],
}


@st.composite
def sums(draw: st.DrawFn, clock: Clock) -> Json:
    periods = [p for p in PERIODS[clock.step] if p != "ever"]
    of = draw(st.sampled_from(list(REACHES)))
    sum_: Json = {"of": of, "reach": draw(st.sampled_from(REACHES[of]))}
    window = draw(st.sampled_from(["", "rolling", "rolling", "calendar"]))
    if window == "rolling":
        sum_["within"] = draw(st.sampled_from(DURATIONS[clock.step]))
    if window == "calendar":
        sum_["within"] = {"calendar": draw(st.sampled_from(periods))}
    if draw(st.booleans()):
        sum_["repeat"] = True
    return sum_


steps = st.one_of(
    st.sampled_from([{"verb": "completed"}, {"verb": "completed"}, {"verb": "shared"}]),
    st.tuples(verbs, one_condition).map(lambda step: {"verb": step[0], step[1][0]: step[1][1]}),
)


@st.composite
def sequences(draw: st.DrawFn, clock: Clock) -> Json:
    sequence: Json = {"steps": draw(st.lists(steps, min_size=2, max_size=3))}
    if draw(st.booleans()):
        sequence["within"] = draw(st.sampled_from(DURATIONS[clock.step]))
    if draw(st.booleans()):
        sequence["repeat"] = True
    return sequence


@st.composite
def firsts(draw: st.DrawFn, clock: Clock) -> Json:
    first: Json = {"learners": draw(st.integers(1, 3))}
    if draw(st.booleans()):
        first["settle"] = draw(st.sampled_from(["20 years", *DURATIONS[clock.step]]))
    return first


def bests(clock: Clock) -> st.SearchStrategy[Json]:
    return st.sampled_from(["score", "raw_score"]).map(lambda of: {"of": of, "per": "object"})


OTHERS: dict[str, Callable[[Clock], st.SearchStrategy[Json]]] = {
    "sum": sums,
    "sequence": sequences,
    "best": bests,
    "first": firsts,
}
"""Kinds whose gift says nothing of how they count."""


@st.composite
def kinds(draw: st.DrawFn, clock: Clock, kind: str) -> Json:
    """The part of a rule that says how matches become awards, and what they give."""
    periods = [p for p in PERIODS[clock.step] if p != "ever"]
    if kind == "streak":
        run: Json = {"every": draw(st.sampled_from(periods))}
        if draw(st.booleans()):
            run["forgive"] = {
                "missed": draw(st.integers(1, 2)),
                "per": draw(st.sampled_from(LONGER[LONGER.index(run["every"]) + 1 :])),
            }
        return {"streak": run, "give": draw(tiers(again=True))}
    if kind == "renewed":
        return draw(renewable(clock))
    if kind == "each":
        return {"give": draw(gifts)}
    return (
        draw(counts(clock))
        if kind == "count"
        else {kind: draw(OTHERS[kind](clock)), "give": draw(worths if kind == "best" else gifts)}
    )


@st.composite
def counts(draw: st.DrawFn, clock: Clock) -> Json:
    periods = [p for p in PERIODS[clock.step] if p != "ever"]
    count: Json = {}
    if draw(st.booleans()):
        count["different"] = draw(st.sampled_from(DISTINCT))
    window = draw(st.sampled_from(["", "rolling", "rolling", "calendar"]))
    if window == "rolling":
        count["within"] = draw(st.sampled_from(DURATIONS[clock.step]))
    if window == "calendar":
        count["within"] = {"calendar": draw(st.sampled_from(periods))}
    if draw(st.integers(0, 3)) == 0:
        return {"count": count, "give": draw(tiers(again=False))}
    count["reach"] = draw(st.integers(1, 4))
    if draw(st.booleans()):
        count["repeat"] = True
    return {"count": count, "give": draw(gifts)}


def is_renewable(by: Json) -> bool:
    """Whether what counts so can be renewed."""
    return "count" not in by or ("reach" in by["count"] and not by["count"].get("repeat"))


evidences = st.one_of(st.sampled_from([{"verb": "completed"}, {"verb": "shared"}, {"verb": "asked"}]), whens)


@st.composite
def renewable(draw: st.DrawFn, clock: Clock) -> Json:
    """What gives a badge that can be renewed."""
    by = draw(kinds(clock, draw(st.sampled_from(["each", "count", "count"]))).filter(is_renewable))
    badge = {} if "micro_credential" in by["give"] else {"badge": draw(st.sampled_from(BADGES))}
    return by | {"give": by["give"] | badge} | draw(renewals(clock, evidences))


@st.composite
def renewals(draw: st.DrawFn, clock: Clock, evidence: st.SearchStrategy[Json]) -> Json:
    """How long a badge is valid, and what renews it."""
    renew: Json = {"when": draw(evidence), "within": draw(st.sampled_from(DURATIONS[clock.step]))}
    if draw(st.booleans()):
        renew["late"] = draw(st.sampled_from(DURATIONS[clock.step]))
    return {"expires": draw(st.sampled_from(DURATIONS[clock.step])), "renew": renew}


def can_be(rule: Json) -> Json:
    """Without `once_per`, where there is something that renews."""
    return {key: value for key, value in rule.items() if key != "once_per" or "renew" not in rule}


@st.composite
def swaps(draw: st.DrawFn, clock: Clock) -> Json:
    """Teachers and learners who reward each other."""
    swapped: Json = {"between": draw(st.permutations(["instructor", "actor"]))}
    if draw(st.booleans()):
        swapped["within"] = draw(st.sampled_from(DURATIONS[clock.step]))
    return {"swapped": swapped, **draw(st.sampled_from([{}, {}, {"type": "course"}]))}


KINDS = ["each", "count", "count", "streak", "sum", "sequence", "best", "first", "renewed"]


@st.composite
def rules(draw: st.DrawFn, clock: Clock, name: str) -> Json:
    """A rule as the YAML says it, and as the oracle reads it."""
    rule: Json = {"rule": name, "title": name.title(), "how_to_earn": "By chance.", "when": draw(whens)}
    rule["status"] = draw(st.sampled_from(["live"] * 27 + ["trial", "draft", "retired"]))
    optional = {
        "to": (3, st.sampled_from(["instructor", "instructor", "object", "team"])),
        "time_zone": (3, st.sampled_from(ZONES)),
        "unless": (4, exceptions),
        "once_per": (3, st.lists(st.sampled_from(DISTINCT), min_size=1, max_size=2, unique=True)),
        "from": (4, days(clock, 0, 4)),
        "until": (6, days(clock, 3, 8)),
    }
    for key, (rarely, values) in optional.items():
        if draw(st.integers(1, rarely)) == 1:
            rule[key] = draw(values)
    if "from" in rule and rule.get("until", rule["from"]) < rule["from"]:
        del rule["until"]
    if draw(st.booleans()):
        rule["limit"] = draw(st.lists(limits(PERIODS[clock.step], rule.get("to", "actor")), min_size=1, max_size=2))
    if rule.get("to") == "instructor" and draw(st.booleans()):
        rule["unless"] = [*rule.get("unless", []), draw(swaps(clock))]
    return can_be(rule | draw(kinds(clock, draw(st.sampled_from(KINDS)))))


@st.composite
def plain_rules(draw: st.DrawFn, clock: Clock, name: str, kind: str) -> Json:
    """A rule of one kind that nearly everything matches, with what makes kinds and limits meet."""
    rule: Json = {"rule": name, "title": name, "how_to_earn": "By chance.", "when": {"verb": "completed"}}
    rule["status"] = "live"
    if draw(st.booleans()):
        rule["from"] = draw(days(clock, 0, 4))
    if kind == "sequence":
        del rule["when"]
    if draw(st.integers(1, 3)) == 1:
        rule["once_per"] = ["day" if kind == "streak" else draw(st.sampled_from(["object", "day"]))]
    if draw(st.booleans()):
        periods = PERIODS[clock.step]
        rule["limit"] = [draw(limits(periods, "actor", CAPS[:3])), draw(limits(periods, "actor", CAPS[-2:]))]
    return can_be(rule | draw(kinds(clock, kind)))


def days(clock: Clock, least: int, most: int) -> st.SearchStrategy[date]:
    return st.integers(least, most).map(lambda steps: clock.wall(steps).date())
