"""What rules on trial would have given: the same as if they had been live, and nothing is paid."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Engine

from service.store import identity, rules
from service.store.engine import driver
from service.trials import Trial, running
from service.world import People, World
from tests.at_work import NOW, AtWork
from tests.written import days, moment, said

STATEMENTS = [
    *days(1, 2, 3),
    said(10, "2026-01-02T13:00:00", thing="t1-2"),
    said(12, "2026-01-04", who="bob"),
    said(13, "2026-01-05", who="bob", thing="b", result={"score": {"scaled": 0.5}}),
]


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


def trials(here: AtWork) -> list[Trial]:
    with here.engine.begin() as connection:
        beneath = driver(connection)
        world = World(rules.in_force(beneath))
        return running(beneath, world, People(world, identity.everybody(beneath)))


@pytest.mark.parametrize(
    "rule",
    [
        "{}",
        "{once_per: [object], limit: [{points: 25, per: month}]}",
        "{count: {reach: 2, repeat: true}, give: {points: {xp: 7}, badge: keen}}",
        "{best: {of: score, per: object}}",
        "{first: {learners: 1, settle: 6 years}}",
        "{from: 2026-01-02, until: 2026-01-04}",
        "{when: null, needs: {all_of: [{points: 20}]}, give: {badge: steady}}",
    ],
)
def test_a_trial_tells_what_the_rule_gives_once_it_is_live(here: AtWork, rule: str) -> None:
    paid = "{rule: paid, give: {points: 10}}"
    here.apply(rule.replace("{", "{status: trial, ", 1), paid)
    here.take(*STATEMENTS)
    (trial,) = trials(here)
    before = here.awards("ann") | {}
    assert not [line for line in (*before, *here.awards("bob")) if line.startswith("r ")]
    here.apply(rule, paid)
    here.count_again()
    assert trials(here) == []
    for name in ("ann", "bob"):
        given: dict[str, int] = {}
        for line, amount in here.awards(name).items():
            if line.startswith("r "):
                unit = line.rpartition(" ")[2]
                given[unit] = given.get(unit, 0) + amount
        (mine,) = [one.amounts for one in trial.recipients if one.learner == here.learner(name)] or [{}]
        assert mine == given, name
    assert trial.awards > 0
    assert trial.learners == len(trial.recipients)


def test_it_says_since_when_and_who_would_have_got_most(here: AtWork) -> None:
    here.apply("{status: trial}")
    here.take(*STATEMENTS)
    (trial,) = trials(here)
    assert (trial.rule, trial.version, trial.since, trial.awards, trial.learners) == ("r", 1, None, 6, 2)
    assert (trial.amounts, trial.last) == ({"points": 60}, moment("2026-01-05"))
    first, second = trial.recipients
    assert (first.learner, first.awards, first.amounts) == (here.learner("ann"), 4, {"points": 40})
    assert (second.first, second.last) == (moment("2026-01-04"), moment("2026-01-05"))


def test_a_rule_that_goes_on_trial_from_now_on_counts_from_then(here: AtWork) -> None:
    here.apply("{}")
    here.take(*STATEMENTS)
    begins: datetime = moment("2026-01-03")
    here.apply("{status: trial, give: {points: 3}}", since=begins)
    here.count_again()
    (trial,) = trials(here)
    assert (trial.since, trial.amounts) == (begins, {"points": 9})


def test_a_trial_that_would_have_given_nothing_is_told_too(here: AtWork) -> None:
    here.apply("{status: trial, when: {verb: shared}}", now=NOW)
    here.take(*STATEMENTS)
    (trial,) = trials(here)
    assert (trial.awards, trial.learners, trial.amounts, trial.last, trial.recipients) == (0, 0, {}, None, [])
