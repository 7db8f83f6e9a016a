"""The usual push, answered before Flask: nobody who pushes can tell the difference."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from service.http.auth import ensure_default_source
from service.settings import Settings
from tests.http.test_xapi import basic, pushed
from tests.written import said


@pytest.fixture(autouse=True)
def source(engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        ensure_default_source(connection, settings)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Gains a word for every request that Flask is asked to answer."""
    words: list[str] = []
    dispatch = Flask.full_dispatch_request

    def heard(app: Flask, *context: object) -> object:
        words.append("asked")
        return dispatch(app, *context)

    monkeypatch.setattr(Flask, "full_dispatch_request", heard)
    return words


def compared(answer: TestResponse) -> tuple[int, list[tuple[str, str]], bytes]:
    return answer.status_code, sorted(answer.headers), answer.data


def test_flask_is_not_asked_for_the_usual_and_would_have_answered_the_same(
    client: FlaskClient, asked: list[str]
) -> None:
    express = pushed(client, [said(1), said(2)])
    assert asked == []
    slow = pushed(client, [said(1), said(2)], query={"a": "b"})
    assert asked == ["asked"]
    assert compared(express) == compared(slow)


@pytest.mark.parametrize("body", [b"[", b"{}", b"[[]]"])
def test_what_is_of_no_use_is_flasks_to_refuse(client: FlaskClient, asked: list[str], body: bytes) -> None:
    answer = pushed(client, body)
    assert (answer.status_code, answer.content_type, asked) == (400, "application/problem+json", ["asked"])


def test_so_is_a_stranger(client: FlaskClient, asked: list[str]) -> None:
    answer = client.post("/xapi/statements", json=[], headers=basic("wrong"))
    assert (answer.status_code, asked) == (401, ["asked"])


def test_it_is_counted_as_the_view_is(client: FlaskClient) -> None:
    pushed(client, said(1))
    pushed(client, said(1), query={"a": "b"})
    counted = 'plaudit_requests_total{endpoint="xapi.post",method="POST",status="200"} 2.0'
    assert counted in client.get("/metrics").get_data(as_text=True)
