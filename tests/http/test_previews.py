"""Previews over HTTP: asked for, watched, read, cancelled; and nothing changes by them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from redis import Redis
from rq import Queue
from sqlalchemy import Engine

from service import previews
from tests.at_work import AtWork
from tests.http.conftest import Caller
from tests.written import COMPLETED, SHARED, WORDS, days, said

NEW = """\
rule: r
title: A rule
how_to_earn: Complete something.
status: live
when: {verb: http://adlnet.gov/expapi/verbs/completed}
give: {points: 25}
"""
PATH = "/api/v1/rules/r/preview"
YAML = "application/yaml"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    made = AtWork(engine)
    made.apply("{}", "{board: ever}")
    made.take(*days(1, 2), said(9, "2026-01-05", who="bob"))
    return made


def asked(admin: Caller, body: str = NEW, query: str = "", **headers: str) -> Any:
    return admin(PATH + query, "POST", data=body, content_type=YAML if body else None, headers=headers)


def test_a_preview_is_a_job_that_can_be_watched_and_read(
    here: AtWork, admin: Caller, engine: Engine, redis: Redis
) -> None:
    response = asked(admin)
    assert response.status_code == 202
    job = response.get_json()
    assert response.headers["Location"] == f"/api/v1/rules/r/previews/{job['id']}"
    assert (job["state"], job["report"], response.headers["Retry-After"]) == ("waiting", None, "1")
    assert Queue(previews.QUEUE, connection=redis).jobs[0].args == (job["id"],)
    previews.run(engine, redis, job["id"])
    found = admin(response.headers["Location"])
    done = found.get_json()
    assert (done["state"], done["progress"], "Retry-After" in found.headers) == ("done", {"done": 3, "of": 3}, False)
    report = done["report"]
    assert report["ground"] == {
        "statements": 3,
        "first": "2026-01-01T12:00:00+00:00",
        "last": "2026-01-05T12:00:00+00:00",
        "pending": 0,
        "recounting": [],
        "exact": True,
    }
    assert (report["gain"], report["lose"], report["gained"]) == (2, 0, {"points": 45})
    assert [one["amounts"] for one in report["gains"]] == [{"points": 30}, {"points": 15}]
    assert [(one["change"], one["before"], one["after"]) for one in report["rules"]] == [
        ("changed", {"points": 30}, {"points": 75})
    ]
    (board,) = report["boards"]
    assert (board["board"], board["title"], board["period"], board["learners"]) == ("ever", "A board", "ever", 2)
    assert here.points("ann") == 20


def test_with_prefer_wait_the_answer_is_the_report(
    here: AtWork, admin: Caller, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = previews.ask

    def ask_and_work(*arguments: Any) -> previews.Job:
        job = ask(*arguments)
        previews.run(engine, redis, job.id)
        return job

    monkeypatch.setattr(previews, "ask", ask_and_work)
    response = asked(admin, Prefer="respond-async, wait=5")
    assert response.status_code == 200
    assert response.get_json()["report"]["gain"] == 2


def test_whoever_does_not_wait_long_enough_gets_the_job(here: AtWork, admin: Caller) -> None:
    assert asked(admin, Prefer="wait=0").status_code == 202


def test_without_a_document_the_rule_is_retired(here: AtWork, admin: Caller, engine: Engine, redis: Redis) -> None:
    for query, lost in (("", {}), ("?take_back=true", {"points": -30})):
        place = asked(admin, "", query).headers["Location"]
        previews.run(engine, redis, place.rpartition("/")[2])
        report = admin(place).get_json()["report"]
        assert (report["rules"][0]["change"], report["lost"]) == ("retired", lost)


def test_from_a_day_on(here: AtWork, admin: Caller, engine: Engine, redis: Redis) -> None:
    place = asked(admin, NEW, "?since=2026-01-02").headers["Location"]
    previews.run(engine, redis, place.rpartition("/")[2])
    assert admin(place).get_json()["report"]["gained"] == {"points": 30}


def test_a_cancelled_preview_is_not_made(here: AtWork, admin: Caller, engine: Engine, redis: Redis) -> None:
    place = asked(admin).headers["Location"]
    assert admin(place, "DELETE").status_code == 204
    previews.run(engine, redis, place.rpartition("/")[2])
    assert admin(place).status_code == admin(place, "DELETE").status_code == 404


def test_a_preview_that_runs_is_ended_when_it_is_cancelled(
    here: AtWork, admin: Caller, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "TICK_SECONDS", 0)
    place = asked(admin).headers["Location"]

    def preview(_engine: Engine, _wanted: object, _now: object, progress: Any) -> None:
        progress(1, 3)
        assert (admin(place).get_json()["state"], admin(place).get_json()["progress"]) == (
            "running",
            {"done": 1, "of": 3},
        )
        admin(place, "DELETE")
        progress(2, 3)
        raise AssertionError("it went on")

    monkeypatch.setattr(previews, "preview", preview)
    previews.run(engine, redis, place.rpartition("/")[2])
    assert admin(place).status_code == 404


def test_a_preview_that_fails_says_so(
    here: AtWork, admin: Caller, engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = asked(admin).headers["Location"]
    monkeypatch.setattr(previews, "preview", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        previews.run(engine, redis, place.rpartition("/")[2])
    assert admin(place).get_json()["state"] == "failed"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ("rule: r\ngive: {points: 1}\n", 422, "document.yaml:1:1"),
        ("rule: r\n  - [", 422, "document.yaml:"),
        (NEW.replace("rule: r", "rule: s"), 422, 'start it with "rule: r"'),
        ("# nothing", 422, 'start it with "rule: r"'),
        (b"\xff\xfe".decode("latin-1"), 422, ""),
    ],
)
def test_what_is_no_rule_is_refused(here: AtWork, admin: Caller, body: str, status: int, said: str) -> None:
    response = asked(admin, body)
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert said in response.get_json()["detail"]


def test_who_may_not_and_what_is_not_there(here: AtWork, admin: Caller, reader: Caller, anybody: Caller) -> None:
    assert asked(reader).status_code == 403
    assert asked(anybody).status_code == 401
    assert admin(PATH, "POST", data=NEW, content_type="text/plain").status_code == 415
    assert admin("/api/v1/rules/other/preview", "POST").status_code == 404
    assert asked(admin, NEW, "?since=yesterday").get_json()["errors"][0]["path"] == "?since"
    place = asked(admin).headers["Location"]
    assert reader(place).status_code == reader(place, "DELETE").status_code == 403
    assert admin(place.replace("/r/", "/s/")).status_code == 404


def test_what_else_would_be_put_in_force_with_the_rule_is_shown_too(
    here: AtWork, admin: Caller, engine: Engine, redis: Redis
) -> None:
    here.apply("{}", "{rule: other, give: {points: 1}}")
    here.count_again()
    here.take(said(10, "2026-01-06", verb=SHARED))
    words = {**WORDS, "verbs": {**WORDS["verbs"], "completed": [COMPLETED, SHARED]}}
    place = asked(admin, NEW + "---\n" + yaml.safe_dump(words, sort_keys=False)).headers["Location"]
    previews.run(engine, redis, place.rpartition("/")[2])
    told = admin(place).get_json()["report"]["rules"]
    assert {one["rule"]: one["after"] for one in told} == {"r": {"points": 75}, "other": {"points": 4}}


def test_a_vocabulary_in_force_is_understood(here: AtWork, admin: Caller, engine: Engine, redis: Redis) -> None:
    here.take(said(10, "2026-01-06", verb=SHARED))
    place = asked(admin, NEW.replace("http://adlnet.gov/expapi/verbs/completed", "shared")).headers["Location"]
    previews.run(engine, redis, place.rpartition("/")[2])
    assert admin(place).get_json()["report"]["rules"][0]["after"] == {"points": 25}
