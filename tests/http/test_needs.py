"""What learners and front ends see of needs and levels."""

from sqlalchemy import Engine

from tests.at_work import AtWork
from tests.http.conftest import Caller
from tests.test_deriving import CAP, EACH, KEEN, LEVELS, STEADY, day


def test_what_is_there_and_what_is_missing(reader: Caller, engine: Engine) -> None:
    here = AtWork(engine)
    here.apply(EACH, KEEN.replace(", expires: 30 days", ""), STEADY, CAP, LEVELS)
    here.take(day(1, 1))
    path = f"/api/v1/learners/{here.learner('ann')}"
    found = reader(f"{path}/progress").get_json()
    assert {line["rule"]: line["text"] for line in found["progress"]} == {"keen": "1 of 2"}
    assert found["levels"] == [
        {"levels": "default", "currency": "points", "level": 1, "points": 60, "next": 2, "at": 100}
    ]
    here.take(day(2, 1, 10))
    found = reader(f"{path}/progress").get_json()
    (steady,) = [line for line in found["progress"] if line["rule"] == "steady"]
    assert steady["text"] == "1 of 2"
    assert [(one["need"], bool(one["since"])) for one in steady["needs"]] == [
        ("badge keen", True),
        ("120 points", False),
    ]


def test_a_learner_has_a_level_and_an_explanation_by_clause(reader: Caller, engine: Engine) -> None:
    here = AtWork(engine)
    here.apply(EACH, KEEN, STEADY, CAP, LEVELS)
    here.take(day(1, 1), day(2, 1, 10), day(3, 2))
    path = f"/api/v1/learners/{here.learner('ann')}"
    found = reader(path).get_json()
    assert (found["level"], found["levels"]) == (2, {"default": 2})
    told = reader(f"{path}/explain?rule=steady").get_json()
    assert [award["clause"] for award in told["awards"]] == ["has badge keen, 120 points"]
    told = reader(f"{path}/explain?rule=daily").get_json()
    assert [(award["amounts"], award["clause"]) for award in told["awards"]] == [
        ({"points": -20}, "cap 100 points per day over all rules")
    ]
