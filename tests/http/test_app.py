"""The application as a whole: health, metrics, the description of the API, headers."""

import re
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import Engine, create_engine

from service import boards
from service.app import create_app
from service.http import docs
from service.http.auth import ensure_default_source
from service.settings import Settings
from service.store import sources
from tests.http.conftest import Caller
from tests.http.test_xapi import basic
from tests.written import said


def test_the_process_lives_whatever_else_does_not(settings: Settings) -> None:
    app = create_app(
        settings, engine=create_engine("postgresql://127.0.0.1:1/x"), redis=boards.client("redis://127.0.0.1:1")
    )
    assert Caller(app.test_client())("/healthz").status_code == 200


def test_ready_is_who_reaches_both_stores(anybody: Caller) -> None:
    response = anybody("/readyz")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok", "database": "ok", "redis": "ok"})


def test_not_ready_says_what_is_away(settings: Settings, engine: Engine, redis: Redis) -> None:
    nowhere = create_engine("postgresql://127.0.0.1:1/x")
    response = Caller(create_app(settings, engine=nowhere, redis=redis).test_client())("/readyz")
    assert response.status_code == 503
    assert response.get_json()["database"] == "away"
    assert response.get_json()["redis"] == "ok"
    away = boards.client("redis://127.0.0.1:1")
    response = Caller(create_app(settings, engine=engine, redis=away).test_client())("/readyz")
    assert response.get_json()["database"] == "ok"
    assert response.get_json()["redis"] == "away"


def test_prometheus_reads_requests_and_intake(anybody: Caller, engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        ensure_default_source(connection, settings)
        sources.add(connection, 'a "quoted" one', "quoted", {})
    anybody("/xapi/statements", "POST", json=[said(1), said(1, who={"name": "Nobody"})], headers=basic())
    anybody("/healthz")
    text = anybody("/metrics").get_data(as_text=True)
    assert 'plaudit_requests_total{endpoint="health.alive",method="GET",status="200"} 1.0' in text
    for result, many in {"received": 2, "quarantined": 1, "late": 1, "voided": 0}.items():
        assert f'plaudit_statements_total{{result="{result}",source="default"}} {many}.0' in text
    assert 'plaudit_statements_total{result="received",source="a \\"quoted\\" one"} 0.0' in text
    assert "plaudit_pending_statements 1.0" in text


def test_strangers_make_no_new_series(anybody: Caller) -> None:
    for path in ("/a", "/b", "/c"):
        anybody(path, "MADEUP")
    text = anybody("/metrics").get_data(as_text=True)
    assert len(re.findall(r"^plaudit_requests_total.*unknown", text, re.MULTILINE)) == 1


def test_metrics_are_answered_while_the_database_is_away(settings: Settings, redis: Redis) -> None:
    app = create_app(settings, engine=create_engine("postgresql://127.0.0.1:1/x"), redis=redis)
    response = Caller(app.test_client())("/metrics")
    assert response.status_code == 200
    assert "plaudit_database_up 0.0" in response.get_data(as_text=True)


@pytest.mark.parametrize("path", ["/healthz", "/nothing", "/docs", "/api/v1/learners/1"])
def test_every_answer_has_the_security_headers(anybody: Caller, path: str) -> None:
    headers = anybody(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"


def test_the_documentation_needs_nothing_from_elsewhere(anybody: Caller) -> None:
    html = anybody("/docs").get_data(as_text=True)
    assert "<script" not in html
    assert not re.findall(r"""(?:src|href)=["'](?:https?:)?//""", html)
    assert docs.STYLE in html
    assert docs.STYLE_DIGEST in anybody("/docs").headers["Content-Security-Policy"]


def test_the_documentation_names_every_path(anybody: Caller) -> None:
    html = anybody("/docs").get_data(as_text=True)
    for path in anybody("/openapi.json").get_json()["paths"]:
        assert f">{path}<" in html


def test_who_has_the_description_is_told_304(anybody: Caller) -> None:
    for path in ("/openapi.json", "/docs"):
        etag = anybody(path).headers["ETag"]
        assert anybody(path, headers={"If-None-Match": etag}).status_code == 304


def test_head_and_options_are_answered(admin: Caller, anybody: Caller) -> None:
    head = admin("/api/v1/leaderboards", "HEAD")
    assert (head.status_code, head.get_data()) == (200, b"")
    options = anybody("/api/v1/learners/1", "OPTIONS")
    assert options.status_code == 200
    assert set(options.headers["Allow"].split(", ")) == {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH"}


def test_two_applications_do_not_meet(settings: Settings, engine: Engine, redis: Redis, tmp_path: Path) -> None:
    first, second = (create_app(settings, engine=engine, redis=redis) for _ in range(2))
    Caller(first.test_client())("/healthz")
    assert "health.alive" not in Caller(second.test_client())("/metrics").get_data(as_text=True)
