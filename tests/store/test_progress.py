"""How far learners are: told of live rules only."""

from sqlalchemy import Engine

from service.store import progress
from service.store.engine import driver
from tests.at_work import NOW, AtWork
from tests.written import days


def test_only_live_rules_show_progress(engine: Engine) -> None:
    here = AtWork(engine)
    here.apply("{rule: shown, count: {reach: 3}}", "{rule: tried, status: trial, count: {reach: 3}}")
    here.take(*days(1, 2))
    with engine.begin() as connection:
        found = progress.of_learner(driver(connection), here.learner("ann"), NOW)
    assert [(one.rule, one.done, one.of) for one in found] == [("shown", 2, 3)]
