"""How rules are doing, over HTTP and for Prometheus."""

from datetime import UTC, datetime

import pytest
from redis import Redis
from sqlalchemy import Engine

from service import rule_health
from tests.at_work import AtWork
from tests.http.conftest import Caller
from tests.written import SHARED, said

PATH, TRIALS = "/api/v1/rules/health", "/api/v1/rules/trials"


@pytest.fixture
def counted(engine: Engine, redis: Redis) -> None:
    here = AtWork(engine)
    here.apply("{title: {en: Learn, de: Lernen}, limit: [{points: 10, per: day}]}")
    here.take(said(1), said(2), said(3, verb=SHARED))
    rule_health.keep(redis, rule_health.measured(engine, datetime.now(UTC)))


@pytest.mark.usefixtures("counted")
def test_front_ends_read_how_rules_are_doing(reader: Caller) -> None:
    found = reader(PATH, headers={"Accept-Language": "de"}).get_json()
    (one,) = found["rules"]
    assert (one["rule"], one["title"], one["matches"], one["awards"]) == ("r", "Lernen", 2, 1)
    assert one["refusals"] == {"limit 10 points per day": 1}
    assert one["last_award"] == "2026-01-01T12:00:00+00:00"
    assert (one["rests"], found["resting"]) == (True, 1)
    assert [(kind["verb"], kind["statements"]) for kind in found["unused"]] == [(SHARED, 1)]
    patient = reader(f"{PATH}?resting_days=3660").get_json()
    assert (patient["rules"][0]["rests"], patient["resting"]) == (False, 0)


@pytest.mark.usefixtures("counted")
def test_prometheus_reads_it_too(anybody: Caller) -> None:
    lines = anybody("/metrics").text.splitlines()
    assert 'plaudit_rule_awards{rule="r"} 1.0' in lines
    assert 'plaudit_rule_rests{rule="r"} 1.0' in lines
    assert 'plaudit_rule_refusals{clause="limit 10 points per day",rule="r"} 1.0' in lines
    assert "plaudit_unused_statements 1.0" in lines


def test_before_it_was_counted_it_is_said_to_come(reader: Caller, anybody: Caller) -> None:
    response = reader(PATH)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.mimetype == "application/problem+json"
    assert "plaudit_rule_awards" not in anybody("/metrics").text
    assert reader(f"{PATH}?resting_days=0").get_json()["errors"][0]["path"] == "?resting_days"
    assert anybody(PATH).status_code == 401


def test_front_ends_read_what_rules_on_trial_would_have_given(reader: Caller, engine: Engine, redis: Redis) -> None:
    assert reader(TRIALS).status_code == 503
    here = AtWork(engine)
    here.apply("{status: trial, title: {en: Learn, de: Lernen}}")
    here.take(said(1), said(2, "2026-01-03"), said(3, who="bob"))
    rule_health.keep(redis, rule_health.measured(engine, datetime.now(UTC)))
    found = reader(TRIALS, headers={"Accept-Language": "de"}).get_json()
    (trial,) = found["trials"]
    assert (trial["rule"], trial["title"], trial["since"]) == ("r", "Lernen", None)
    assert (trial["awards"], trial["learners"], trial["amounts"]) == (3, 2, {"points": 30})
    first = trial["recipients"][0]
    assert first["learner"] == {"id": str(here.learner("ann")), "name": "Ann"}
    assert (first["awards"], first["last"]) == (2, "2026-01-03T12:00:00+00:00")
    assert found["statements"] == 3
