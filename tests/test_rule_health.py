"""How rules are doing, counted from the facts: what gave, what refused, what rests, what nobody looks at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from sqlalchemy import Engine

from service import rule_health
from service.rule_health import Health, Unused, due, keep, kept, measured
from tests.at_work import NOW, AtWork
from tests.written import COMPLETED, COURSE, SHARED, agent, days, moment, said, void

RULES = (
    "{limit: [{points: 10, per: day}], unless: [{same: [instructor, actor]}]}",
    "{rule: once, once_per: [object], give: {points: 1}}",
    "{rule: many, count: {reach: 3}}",
    "{rule: never, when: {verb: completed, score: {at_least: 0.9}}}",
    "{rule: tried, status: trial}",
    "{rule: over, until: 2026-01-31}",
    "{rule: few, when: null, needs: {all_of: [{points: 20}]}, give: {badge: keen}}",
    "{rule: quick, first: {learners: 1, settle: 6 years}}",
)


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


@pytest.fixture
def found(here: AtWork) -> Health:
    here.apply(*RULES, "{rule: gone, when: {verb: shared}}")
    here.apply(*RULES)
    here.take(
        *days(1, 2),
        said(10, "2026-01-02T13:00:00", thing="t1-2"),
        said(11, "2026-01-03", context={"instructor": agent("ann")}),
        said(12, "2026-01-04", who="bob"),
        said(13, "2026-02-01", verb=SHARED),
        said(14, "2026-02-02", verb=SHARED, type="http://a.example/book"),
        said(15, "2026-01-20", verb=SHARED),
        said(16, verb=SHARED),
        void(17, 16, "2026-01-05"),
        said(18),
        void(19, 18, "2026-01-05"),
    )
    here.arrive(said(20))
    return measured(here.engine, moment("2026-02-03"))


def test_matches_awards_and_refusals_are_counted_for_each_rule(found: Health) -> None:
    assert {one.rule: (one.matches, one.learners, one.awards, one.refusals) for one in found.rules} == {
        "r": (4, 2, 3, {"limit 10 points per day": 1, "unless instructor and actor are the same": 1}),
        "once": (5, 2, 4, {"once per object": 1}),
        "many": (5, 2, 1, {}),
        "never": (0, 0, 0, {}),
        "tried": (5, 2, 5, {}),
        "over": (5, 2, 5, {}),
        "few": (0, 0, 2, {}),
        "quick": (5, 2, 1, {"counted already": 3, "not the first learner": 1}),
    }
    told = {one.rule: one for one in found.rules}
    assert (told["many"].last_match, told["many"].last_award) == (moment("2026-01-04"), moment("2026-01-02T13:00:00"))
    assert (found.statements, found.pending) == (12, 1)


def test_what_went_the_other_way_round_is_refused(here: AtWork) -> None:
    here.apply("{to: instructor, unless: [{swapped: {between: [instructor, actor], within: 30 days}}]}")
    here.take(said(1, context={"instructor": agent("bob")}))
    here.take(said(2, "2026-01-02", "bob", context={"instructor": agent("ann")}))
    (rule,) = measured(here.engine, NOW).rules
    assert (rule.awards, list(rule.refusals.values())) == (1, [1])
    assert next(iter(rule.refusals)).startswith("unless instructor and actor")


def test_statements_that_no_rule_looks_at_are_told_by_verb_and_type(found: Health) -> None:
    book = "http://a.example/book"
    assert found.unused == [
        Unused(SHARED, COURSE, 2, moment("2026-02-01")),
        Unused(SHARED, book, 1, moment("2026-02-02")),
    ]
    assert found.kinds == 2
    assert COMPLETED not in {kind.verb for kind in found.unused}


def test_a_rule_rests_that_has_given_nothing_for_long_but_not_one_that_is_over(found: Health) -> None:
    def resting(day: str, days: int = 30) -> set[str]:
        return {one.rule for one in found.rules if one.rests(moment(day), days)}

    applied = found.rules[0].applied
    assert resting("2026-02-03") == {"many", "quick"}
    assert resting("2026-02-03", 20) == {"r", "once", "many", "tried", "few", "quick"}
    later = applied + timedelta(days=29), applied + timedelta(days=31)
    never = next(one for one in found.rules if one.rule == "never")
    assert [never.rests(moment) for moment in later] == [False, True]


def test_a_report_is_made_by_one_process_and_again_when_it_is_old(redis: Redis, found: Health) -> None:
    now = found.made
    assert kept(redis) is None
    assert due(redis, now)
    assert not due(redis, now)
    keep(redis, found)
    redis.delete(rule_health.MAKING)
    assert kept(redis) == found
    assert not due(redis, now + timedelta(seconds=599))
    assert due(redis, now + timedelta(seconds=601))
    redis.delete(rule_health.MAKING)
    slow = Health(now, 60.0, 0, 0, [], [], 0)
    keep(redis, slow)
    assert not due(redis, now + timedelta(seconds=5999))
    assert due(redis, now + timedelta(seconds=6001))


def test_the_process_leaves_its_report_for_whoever_asks(
    here: AtWork, redis: Redis, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here.apply("{}")
    here.take(said(1))
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("os.nice", lambda _: 0)
    assert due(redis, datetime.now(UTC))
    rule_health.main()
    health = kept(redis)
    assert health is not None
    assert (health.statements, health.rules[0].awards, redis.exists(rule_health.MAKING)) == (1, 1, 0)
    assert health.made < NOW
