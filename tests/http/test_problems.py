"""Whatever goes wrong is told in one shape, application/problem+json."""

from typing import Any

import pytest
from flask import Flask
from psycopg import OperationalError
from redis import Redis
from sqlalchemy import Engine, create_engine, text
from structlog.testing import capture_logs

from service.app import create_app
from service.settings import Settings
from tests.http.conftest import Caller
from tests.http.people import learner


def told(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    said: dict[str, Any] = response.get_json(force=True)
    assert said["type"] == "about:blank"
    assert said["status"] == status
    assert said["title"]
    assert said["detail"]
    assert said["instance"] == response.request.path
    return said


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/nothing", "/xapi/nothing", "/api/v1/learners/nobody"])
def test_an_unknown_path_is_404(anybody: Caller, path: str) -> None:
    told(anybody(path), 404)


def test_a_wrong_method_is_405_and_says_which_are_right(admin: Caller) -> None:
    response = admin("/api/v1/leaderboards", "DELETE")
    told(response, 405)
    assert "GET" in response.headers["Allow"]


def test_a_wrong_query_is_400_and_names_every_parameter(reader: Caller) -> None:
    said = told(reader("/api/v1/learners/1/ledger?limit=1000&cursor=x"), 400)
    assert {error["path"] for error in said["errors"]} == {"?limit", "?cursor"}


def test_a_wrong_body_is_422_and_names_what_is_wrong(admin: Caller, engine: Engine) -> None:
    number = learner(engine)
    said = told(admin(f"/api/v1/learners/{number}", "PATCH", json={"time_zone": "Mars/Base", "shoe_size": 43}), 422)
    assert {error["path"] for error in said["errors"]} == {"$.time_zone", "$.shoe_size"}


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"", b"[" * 100_000, b'{"name": NaN}', b'{"name": "\\ud800"}'])
def test_a_body_that_is_no_json_is_400(admin: Caller, engine: Engine, body: bytes) -> None:
    number = learner(engine)
    told(admin(f"/api/v1/learners/{number}", "PATCH", data=body, content_type="application/json"), 400)


def test_a_body_of_another_type_is_422(admin: Caller, engine: Engine) -> None:
    told(admin(f"/api/v1/learners/{learner(engine)}", "PATCH", json=[1]), 422)


def test_a_body_of_another_media_type_is_415(admin: Caller, engine: Engine) -> None:
    told(admin(f"/api/v1/learners/{learner(engine)}", "PATCH", data=b"a=1", content_type="text/plain"), 415)


def test_a_body_too_large_is_413(admin: Caller, engine: Engine, settings: Settings) -> None:
    body = b'{"name": "' + b"a" * settings.max_bytes + b'"}'
    told(admin(f"/api/v1/learners/{learner(engine)}", "PATCH", data=body, content_type="application/json"), 413)


def test_our_own_mistake_is_500_with_the_id_under_which_it_is_logged(
    app: Flask, anybody: Caller, capsys: pytest.CaptureFixture[str]
) -> None:
    @app.get("/broken")
    def broken() -> str:
        raise KeyError("secret of ours")

    response = anybody("/broken", headers={"X-Request-Id": "abc-123"})
    said = told(response, 500)
    assert said["request_id"] == response.headers["X-Request-Id"] == "abc-123"
    assert "secret of ours" not in response.get_data(as_text=True)
    assert "abc-123" in capsys.readouterr().out


def test_the_log_says_the_rule_of_a_url_as_a_path_may_hold_a_token(app: Flask, anybody: Caller) -> None:
    @app.get("/broken/<token>")
    def broken(token: str) -> str:
        raise OperationalError("away") if token == "away" else KeyError(0)

    with capture_logs() as logged:
        told(anybody("/broken/away"), 503)
        told(anybody("/broken/secret"), 500)
    assert [line["route"] for line in logged] == ["/broken/<token>"] * 2
    assert "secret" not in str(logged)


def test_a_database_that_is_away_is_503_and_says_when_to_come_again(settings: Settings, redis: Redis) -> None:
    app = create_app(settings, engine=create_engine("postgresql://127.0.0.1:1/nowhere"), redis=redis)
    response = Caller(app.test_client(), settings.admin_token)("/api/v1/learners/1")
    told(response, 503)
    assert response.headers["Retry-After"] == "5"


def test_a_database_that_went_away_in_between_is_503(engine: Engine, admin: Caller) -> None:
    number = learner(engine)
    assert admin(f"/api/v1/learners/{number}").status_code == 200
    with engine.connect() as other:
        mine = other.scalar(text("SELECT pg_backend_pid()"))
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> :mine"
        )
        other.execute(text(others), {"mine": mine})
    assert admin(f"/api/v1/learners/{number}").status_code in (200, 503)
    assert admin(f"/api/v1/learners/{number}").status_code == 200
