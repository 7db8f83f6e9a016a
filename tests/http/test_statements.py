"""The inspector tells all that is known of a statement."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from tests.at_work import AtWork
from tests.http.conftest import Caller
from tests.written import numbered, said, void


@pytest.fixture
def here(engine: Engine) -> AtWork:
    made = AtWork(engine)
    made.apply("{}", "{rule: other, when: {verb: shared}}")
    return made


def inspected(reader: Caller, number: int) -> Any:
    response = reader(f"/api/v1/statements/{numbered(number)}")
    assert response.status_code == 200
    return response.get_json()


def test_a_statement_with_what_it_breaks_whom_it_touched_and_what_came_of_it(here: AtWork, reader: Caller) -> None:
    statement = said(1, context={"instructor": {"mbox": "mailto:bob@example.com"}, "Platform": "a"})
    here.take(statement)
    here.arrive(said(1, who="cy"), source="form")
    found = inspected(reader, 1)
    assert (found["state"], found["source"], found["statement"]) == ("evaluated", "default", statement)
    assert [(one["path"], one["requirement"]) for one in found["findings"]] == [("$.context.Platform", "XAPI-00008")]
    assert [one["name"] for one in found["learners"]] == ["Ann", None]
    ann = str(here.learner("ann"))
    assert found["matches"] == [{"rule": "r", "learner": ann}]
    assert [(one["rule"], one["learner"], one["amount"]) for one in found["entries"]] == [("r", ann, 10)]
    assert [one["source"] for one in found["conflicts"]] == ["form"]
    assert (found["voids"], found["voided_by"]) == (None, [])


def test_a_void_and_what_it_takes_back(here: AtWork, reader: Caller) -> None:
    here.take(said(1))
    here.take(void(2, 1))
    here.arrive(void(3, 1), source="form")
    found = inspected(reader, 1)
    assert found["voided_by"] == [str(numbered(2))]
    assert (found["matches"], [one["amount"] for one in found["entries"]]) == ([], [10, -10])
    assert inspected(reader, 2)["voids"] == str(numbered(1))
    assert inspected(reader, 3)["state"] == "pending"


def test_what_is_not_stored_is_not_found(here: AtWork, reader: Caller, anybody: Caller) -> None:
    assert reader(f"/api/v1/statements/{numbered(9)}").status_code == 404
    assert reader("/api/v1/statements/9").status_code == 404
    assert anybody(f"/api/v1/statements/{numbered(9)}").status_code == 401
