"""Whatever is sent, the answer is one that the documentation knows, and never a mistake of ours."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks
from sqlalchemy import Engine, text

from service import boards, rule_health, shipped
from service.drain import Drain
from service.replay import apply_rules_directory
from service.settings import Settings
from service.store.sources import ensure_default_source
from service.verify import verify
from tests.http.conftest import Caller
from tests.http.people import learner
from tests.laws.effort import FACTOR

CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
FEW = settings(
    max_examples=3 if FACTOR == 1 else 5 * FACTOR,
    derandomize=FACTOR == 1,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def company(app: Flask, admin: Caller, engine: Engine, settings: Settings) -> Drain:
    """The shipped rules and what the sample company did, in the service of this test."""
    apply_rules_directory(engine, shipped.rules(), settings.time_zone)
    with engine.begin() as connection:
        ensure_default_source(connection, settings)
    lines = map(json.loads, (shipped.samples() / "company.jsonl").read_text().splitlines())
    assert admin("/xapi/statements", "POST", json=[line.get("statement", line) for line in lines]).status_code == 200
    drain = Drain(engine)
    while drain().statements:
        pass
    redis = app.extensions["plaudit"].redis
    boards.rebuild(engine, redis)
    rule_health.keep(redis, rule_health.measured(engine, datetime.now(UTC)))
    return drain


def real_values(admin: Caller, engine: Engine) -> Mapping[str, Sequence[Any]]:
    """What there is, by the name of the parameter that asks for it; what nobody can guess is asked for nowhere else."""
    with engine.connect() as connection:
        offered = [str(row.id) for row in connection.execute(text("SELECT id FROM badge_award WHERE undone IS NULL"))]
    links = [admin(f"/api/v1/badges/{award}/claim-link", "POST").get_json()["url"] for award in offered[:6]]
    tokens = [link.rpartition("/")[2] for link in links]
    taken = admin(f"/api/v1/claims/{tokens.pop()}", "POST", json={"decision": "accept"}).get_json()["credential"]
    return {
        "learner": [1, 2, 3],
        "board": ["all-time", "this-week", "this-month", "this-quarter"],
        "award": offered[:4],
        "token": tokens,
        "id_": [taken.rpartition("/")[2]],
        "slug": ["keen-learner", "main"],
        "number": [1],
    }


def test_every_operation_answers_as_documented_whatever_it_is_sent(
    app: Flask, admin: Caller, engine: Engine, company: Drain
) -> None:
    real, answers = real_values(admin, engine), Counter[int]()

    def answered(operation: Any, mode: GenerationMode) -> None:
        @given(case=operation.as_strategy(generation_mode=mode), which=st.integers(0, 9))
        @FEW
        def every(case: Any, which: int) -> None:
            for name in [name for name in case.path_parameters or {} if name in real and which < 8]:
                case.path_parameters[name] = real[name][which % len(real[name])]
            response = case.call(headers={"Authorization": f"Bearer {admin.token}"})
            answers[response.status_code] += 1
            case.validate_response(response, checks=CHECKS)

        every()

    schema = schemathesis.openapi.from_wsgi("/openapi.json", app).exclude(path_regex="/stream$")  # has no end
    for found in schema.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr]
        answered(operation, GenerationMode.POSITIVE)
        with suppress(Unsatisfiable):  # nothing about it can be wrong
            answered(operation, GenerationMode.NEGATIVE)
    assert answers[200] > 50
    assert answers.total() > (20_000 if FACTOR > 20 else 500), answers
    while company().statements:
        pass
    assert verify(engine).differences == []


@pytest.mark.parametrize("path", ["/achievements/%00", "/achievements/a%00.png", "/api/v1/leaderboards/%00"])
def test_a_nul_in_a_path_is_no_mistake_of_ours(admin: Caller, path: str) -> None:
    assert admin(path).status_code in (400, 404)


@pytest.mark.parametrize("query", ["limit=%00", "offset=-1", "offset=1e3", "cursor=%00", "limit=%ed%a0%80", "limit=-1"])
def test_a_query_that_makes_no_sense_is_400(admin: Caller, engine: Engine, query: str) -> None:
    path = f"/api/v1/learners/{learner(engine)}/{'ledger' if 'offset' not in query else 'badges'}?{query}"
    assert admin(path).status_code == 400


def test_a_nul_in_a_body_is_no_mistake_of_ours(admin: Caller, engine: Engine) -> None:
    response = admin(f"/api/v1/learners/{learner(engine)}", "PATCH", json={"name": "a\0b"})
    assert response.status_code in (400, 422)


SECRETS = ["", "Bearer", "Bearer ", "Bearer \0", "Bearer \xff", "Bearer a b", "Basic", "Basic !", "Basic /////w==", "é"]


@pytest.mark.parametrize("authorization", [*SECRETS, "Bearer " + "a" * 100_000, "Basic " + "YTpi" * 20_000])
def test_credentials_of_any_form_are_401_and_never_more(anybody: Caller, authorization: str) -> None:
    headers = {"Authorization": authorization}
    assert anybody("/api/v1/leaderboards", headers=headers).status_code == 401
    assert anybody("/xapi/statements", "POST", data=b"[]", headers=headers).status_code == 401


def test_two_slashes_lead_nowhere(anybody: Caller) -> None:
    response = anybody("/api/v1//leaderboards", headers={"Host": "elsewhere.example"})
    assert (response.status_code, "Location" in response.headers) == (404, False)


def test_a_body_in_chunks_that_is_too_large_is_413(admin: Caller, engine: Engine, settings: Settings) -> None:
    body = BytesIO(b'{"name": "' + b"a" * settings.max_bytes + b'"}')
    response = admin(
        f"/api/v1/learners/{learner(engine)}",
        "PATCH",
        input_stream=body,
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
    )
    assert response.status_code == 413
