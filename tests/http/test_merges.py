"""Merging over HTTP: whom it means, who may, and what each address tells afterwards."""

import json
from datetime import UTC, datetime
from uuid import uuid4

import msgspec
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from service.http import auth
from service.store import attachments, quarantine
from service.store.attachments import Attachment
from service.store.engine import driver
from service.store.quarantine import Entry
from tests.at_work import AtWork
from tests.http.conftest import Caller
from tests.http.people import token_of
from tests.written import agent, numbered, said

TEN = "{rule: ten, give: {points: 10}}"


@pytest.fixture
def here(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> AtWork:
    monkeypatch.setattr(auth, "REMEMBERED_SECONDS", 0.0)
    made = AtWork(engine)
    made.apply(TEN)
    made.take(said(1, who=agent("ann") | {"name": "Ann"}), said(2, who="bob"))
    return made


def points(caller: Caller, number: int) -> int:
    return int(caller(f"/api/v1/learners/{number}").json["points"]["points"])  # type: ignore[index]


def test_two_are_one_by_whatever_names_them_and_two_again(admin: Caller, here: AtWork) -> None:
    ann, bob = here.learner("ann"), here.learner("bob")
    body = {"gone": json.dumps(agent("ann")), "kept": str(bob), "reason": "HR says so"}
    made = admin("/api/v1/merges", "POST", json=body)
    assert (made.status_code, made.json["gone"], made.json["kept"]) == (201, str(ann), str(bob))  # type: ignore[index]
    assert points(admin, bob) == points(admin, ann) == 20
    assert admin(f"/api/v1/learners/{ann}").json["id"] == str(bob)  # type: ignore[index]
    assert [one["reason"] for one in admin("/api/v1/merges").json["merges"]] == ["HR says so"]  # type: ignore[index]
    number = made.json["id"]  # type: ignore[index]
    assert admin(f"/api/v1/merges/{number}", "DELETE").json["undone"] is not None  # type: ignore[index]
    assert (points(admin, ann), points(admin, bob)) == (10, 10)
    assert admin(f"/api/v1/merges/{number}", "DELETE").status_code == 404


def test_whoever_is_not_met_yet_is_merged_ahead(admin: Caller, here: AtWork) -> None:
    made = admin("/api/v1/merges", "POST", json={"gone": "https://hr.example.com 17", "kept": str(here.learner("ann"))})
    assert made.status_code == 201
    here.take(said(3, who={"account": {"homePage": "https://hr.example.com", "name": "17"}}))
    assert here.points("ann") == 20


@pytest.mark.parametrize("gone", ["nobody", "99", "{", '{"name": "Ann"}', "nul\0@example.com", ""])
def test_who_means_nobody_is_not_merged(admin: Caller, here: AtWork, gone: str) -> None:
    answer = admin("/api/v1/merges", "POST", json={"gone": gone, "kept": str(here.learner("bob"))})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["path"] == "$.gone"  # type: ignore[index]
    assert here.size("merge") == 0


def test_a_learner_who_was_merged_reads_as_the_person(client: FlaskClient, admin: Caller, here: AtWork) -> None:
    ann, bob = here.learner("ann"), here.learner("bob")
    me = Caller(client, token_of(here.engine, ann))
    assert me(f"/api/v1/learners/{bob}").status_code == 403
    admin("/api/v1/merges", "POST", json={"gone": str(ann), "kept": str(bob)})
    assert points(me, ann) == points(me, bob) == 20
    assert me("/api/v1/merges", "POST", json={"gone": str(ann), "kept": str(bob)}).status_code == 403


def test_hints_are_listed_until_somebody_decides(admin: Caller, here: AtWork) -> None:
    here.take(said(3, who=agent("ann") | {"openid": "https://ann.example.com"}))
    (hint,) = admin("/api/v1/identity-hints").json["hints"]  # type: ignore[index]
    assert {hint["one"], hint["other"]} > {"openid:https://ann.example.com"}
    assert admin(f"/api/v1/identity-hints/{hint['id']}", "DELETE").status_code == 204
    assert admin("/api/v1/identity-hints").json == {"hints": [], "next": None}
    assert admin("/api/v1/identity-hints/99", "DELETE").status_code == 404


def test_all_that_is_held_is_told_and_then_erased(client: FlaskClient, admin: Caller, here: AtWork) -> None:
    ann = here.learner("ann")
    me = Caller(client, token_of(here.engine, ann))
    aside = [
        b'{"actor": {"mbox": "mailto:ann@example.com", "name": "Zo\xeb"}}',
        msgspec.json.encode({"actor": agent("ann")}),
    ]
    with here.engine.begin() as connection:
        attachments.keep(driver(connection), [Attachment(numbered(1), "0" * 64, "a/b", b"bytes")])
        entries = [Entry(uuid4(), 1, datetime.now(UTC), raw, "$", "why") for raw in [*aside, b'{"actor": "bob"}']]
        quarantine.add(driver(connection), entries)
    told = me(f"/api/v1/learners/{ann}/export").json
    assert told is not None
    assert [one["statement"]["actor"]["name"] for one in told["statements"]] == ["Ann"]
    assert [one["amount"] for one in told["ledger"]] == [10]
    assert told["learner"][0]["name"] == "Ann"
    assert [(one["content"], one["content_type"]) for one in told["attachments"]] == [("Ynl0ZXM=", "a/b")]
    assert sorted(one["raw"] for one in told["set_aside"]) == sorted(raw.decode(errors="replace") for raw in aside)
    assert me(f"/api/v1/learners/{ann}", "DELETE").status_code == 403
    assert admin(f"/api/v1/learners/{ann}", "DELETE").status_code == 204
    assert me(f"/api/v1/learners/{ann}").status_code == 401
    for path, method in (("", "GET"), ("", "DELETE"), ("/export", "GET"), ("/ledger", "GET"), ("/badges", "GET")):
        assert admin(f"/api/v1/learners/{ann}{path}", method).status_code == 404
