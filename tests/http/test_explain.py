"""Why, and why not, over HTTP: for front ends, and for learners about themselves."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from tests.at_work import AtWork
from tests.http.conftest import Caller
from tests.http.people import learner, token_of
from tests.written import said

RULE = "{title: {en: Learn, de: Lernen}, when: {verb: completed, score: {at_least: 0.5}}, count: {reach: 2}}"


@pytest.fixture
def ann(engine: Engine) -> str:
    """The path of a learner with one award, one match and one near miss."""
    here = AtWork(engine)
    here.apply(RULE, "{rule: daily, limit: [{points: 10, per: day}]}")
    here.take(*(said(n, f"2026-01-0{n}T10:00:00", result={"score": {"scaled": n / 4}}) for n in (1, 2, 3)))
    here.take(said(4, "2026-01-03T11:00:00"))
    return f"/api/v1/learners/{here.learner('ann')}"


def test_awards_are_explained_by_statements_version_and_clause(reader: Caller, ann: str) -> None:
    answer = reader(f"{ann}/explain?rule=r", headers={"Accept-Language": "de"}).get_json()
    assert (answer["title"], answer["version"], answer["matches"]) == ("Lernen", 1, 2)
    assert answer["total"] == {"awards": 1, "refusals": 0}
    assert answer["progress"] == {"done": 2, "of": 2, "text": "2 of 2"}
    (award,) = answer["awards"]
    assert (award["key"], award["amounts"], award["version"], award["clause"]) == ("1", {"points": 10}, 1, "2 of 2")
    assert [one["happened"] for one in award["statements"]] == [
        "2026-01-02T10:00:00+00:00",
        "2026-01-03T10:00:00+00:00",
    ]
    assert (answer["pending"], answer["recounting"]) == (0, False)


def test_refusals_are_told_in_words_page_by_page(reader: Caller, ann: str) -> None:
    first = reader(f"{ann}/explain?rule=daily&limit=2")
    (refused,) = first.get_json()["refusals"]
    assert refused["because"] == "limit 10 points per day"
    assert refused["statement"].endswith("4")
    assert first.headers["Link"] == f'<{ann}/explain?rule=daily&limit=2&offset=2>; rel="next"'
    second = reader(f"{ann}/explain?rule=daily&limit=2&offset=2")
    assert [len(second.get_json()[name]) for name in ("awards", "refusals")] == [1, 0]
    assert "Link" not in second.headers


def test_near_misses_name_the_clause_and_where_to_look_further(reader: Caller, ann: str) -> None:
    response = reader(f"{ann}/explain/near-misses?rule=r&limit=1")
    (missed,) = response.get_json()["near_misses"]
    assert (missed["because"], missed["found"]) == ("when score at least 0.5", "none")
    further = reader(response.headers["Link"].partition(">")[0][1:]).get_json()
    assert [one["found"] for one in further["near_misses"]] == ["0.25"]


def test_a_learner_may_ask_about_themselves_and_nobody_else(client: FlaskClient, engine: Engine, ann: str) -> None:
    own = int(ann.rpartition("/")[2])
    me, other = (Caller(client, token_of(engine, number)) for number in (own, learner(engine)))
    for path in (f"{ann}/explain?rule=r", f"{ann}/explain/near-misses?rule=r"):
        assert me(path).status_code == 200
        assert other(path).status_code == 403
        assert client.get(path).status_code == 401


@pytest.mark.parametrize("which", ["explain", "explain/near-misses"])
def test_what_cannot_be_explained_is_a_problem(reader: Caller, ann: str, which: str) -> None:
    unknown = reader(f"{ann}/{which}?rule=other")
    assert unknown.status_code == 404
    assert unknown.get_json()["errors"] == [{"path": "?rule", "message": 'No rule "other" is in force.'}]
    assert reader(f"/api/v1/learners/4711/{which}?rule=r").status_code == 404
    assert reader(f"{ann}/{which}").get_json()["errors"][0]["path"] == "?rule"


@pytest.mark.parametrize("wrong", ["x", "1", "1-x", f"{10**30}-{'0' * 32}", ""])
def test_a_cursor_that_is_none_is_400(reader: Caller, ann: str, wrong: str) -> None:
    response = reader(f"{ann}/explain/near-misses?rule=r&cursor={wrong}")
    assert (response.status_code, response.get_json()["errors"][0]["path"]) == (400, "?cursor")
