"""Learners: who they are, what they have, and why."""

import hashlib
import json
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert, select

from service import boards
from service.app import create_app
from service.core.rule import Board
from service.settings import Settings
from service.store import tables
from tests.http.conftest import Caller
from tests.http.people import board, entries, learner, rule, score, token_of


def agent(**named: object) -> str:
    return f"/api/v1/learners?agent={quote(json.dumps(named))}"


def test_an_agent_is_found_by_address_or_its_hash(reader: Caller, engine: Engine) -> None:
    number = learner(engine, "Ann", mbox="mailto:ann@example.com")
    digest = hashlib.sha1(b"mailto:ann@example.com").hexdigest()
    for path in (agent(mbox="mailto:ann@example.com"), agent(mbox_sha1sum=digest)):
        response = reader(path)
        assert response.get_json()["id"] == str(number)
        assert response.headers["Content-Location"] == f"/api/v1/learners/{number}"


def test_an_agent_that_nobody_is_is_404(reader: Caller) -> None:
    assert reader(agent(mbox="mailto:ann@example.com")).status_code == 404


@pytest.mark.parametrize(
    "wrong", ["", "{", "[]", "{}", '{"mbox": 1}', '{"mbox": null}', '{"openid": "a\\u0000b"}', "[" * 9999]
)
def test_an_agent_that_is_none_is_400(reader: Caller, wrong: str) -> None:
    response = reader(f"/api/v1/learners?agent={quote(wrong)}")
    assert response.status_code == 400
    assert response.get_json()["errors"][0]["path"] == "?agent"


def test_a_token_of_a_learner_finds_only_its_own(client: FlaskClient, engine: Engine) -> None:
    mine = learner(engine, mbox="mailto:ann@example.com")
    learner(engine, mbox="mailto:bob@example.com")
    me = Caller(client, token_of(engine, mine))
    assert me(agent(mbox="mailto:ann@example.com")).status_code == 200
    assert me(agent(mbox="mailto:bob@example.com")).status_code == 403
    assert me(agent(mbox="mailto:zoe@example.com")).status_code == 403


def test_a_learner_has_points_by_currency_and_badges(reader: Caller, engine: Engine) -> None:
    number = learner(engine, "Ann")
    with engine.begin() as connection:
        for unit, amount in (("points", 120), ("stars", 3), ("badge:keen", 1)):
            connection.execute(insert(tables.total).values(learner=number, unit=unit, amount=amount))
    found = reader(f"/api/v1/learners/{number}").get_json()
    assert found == {
        "id": str(number),
        "name": "Ann",
        "points": {"points": 120, "stars": 3},
        "time_zone": None,
        "opted_in": True,
        "level": None,
        "levels": {},
        "badges": [],
    }


def test_a_learner_without_points_has_none(reader: Caller, engine: Engine) -> None:
    assert reader(f"/api/v1/learners/{learner(engine)}").get_json()["points"] == {"points": 0}


@pytest.mark.parametrize("path", ["", "/ledger", "/progress"])
def test_a_learner_that_is_not_there_is_404(reader: Caller, path: str) -> None:
    for number in (1, 2**63 - 1, 2**63, 10**30):
        assert reader(f"/api/v1/learners/{number}{path}").status_code == 404


def test_the_ledger_is_told_newest_first_with_reasons(reader: Caller, engine: Engine) -> None:
    number, shared = learner(engine), rule(engine, "share", "Share something")
    entries(engine, number, shared, [10])
    entries(engine, number, shared, [-10], reason="voided")
    found = reader(f"/api/v1/learners/{number}/ledger").get_json()
    assert [(line["amount"], line["reason"]) for line in found["entries"]] == [(-10, "voided"), (10, "Share something")]
    assert found["entries"][1] | {"id": "", "booked": ""} == {
        "id": "",
        "rule": "share",
        "title": "Share something",
        "version": 1,
        "unit": "points",
        "amount": 10,
        "happened": "2026-03-01T09:00:00+00:00",
        "booked": "",
        "reason": "Share something",
        "statements": ["00000000-0000-0000-0000-000000000000"],
        "corrects": None,
    }


def test_the_ledger_is_told_in_the_readers_language(reader: Caller, engine: Engine) -> None:
    number = learner(engine)
    entries(engine, number, rule(engine, "share", {"en": "Share", "de": "Teilen"}), [10])
    path = f"/api/v1/learners/{number}/ledger"
    german = reader(path, headers={"Accept-Language": "de-AT, en;q=0.5"}).get_json()
    assert german["entries"][0]["title"] == "Teilen"
    assert reader(path).get_json()["entries"][0]["title"] == "Share"


def test_the_pages_of_the_ledger_are_the_whole_ledger(reader: Caller, engine: Engine) -> None:
    number = learner(engine)
    entries(engine, number, rule(engine, "share", "Share"), range(1, 8))
    path, amounts, pages = f"/api/v1/learners/{number}/ledger?limit=3", [], 0
    while path:
        response = reader(path)
        amounts += [line["amount"] for line in response.get_json()["entries"]]
        link = response.headers.get("Link", "")
        path, pages = link.partition("<")[2].partition(">")[0], pages + 1
    assert amounts == [7, 6, 5, 4, 3, 2, 1]
    assert pages == 3


def test_a_name_that_was_chosen_stays_until_it_is_taken_back(admin: Caller, engine: Engine) -> None:
    number = learner(engine, "Ann")
    assert admin(f"/api/v1/learners/{number}", "PATCH", json={"name": "Anna"}).get_json()["name"] == "Anna"
    with engine.connect() as connection:
        assert connection.scalar(select(tables.learner.c.name_happened)).year == 9999  # type: ignore[union-attr]
    assert admin(f"/api/v1/learners/{number}", "PATCH", json={"name": None}).get_json()["name"] is None
    with engine.connect() as connection:
        assert connection.scalar(select(tables.learner.c.name_happened)) is None


@pytest.mark.parametrize("zone", ["Mars/Base", "", "../etc/passwd", "Europe", "a" * 5000, "Europe/Berlin\0"])
def test_a_time_zone_that_is_none_is_refused(admin: Caller, engine: Engine, zone: str) -> None:
    response = admin(f"/api/v1/learners/{learner(engine)}", "PATCH", json={"time_zone": zone})
    assert response.status_code == 422


@pytest.mark.parametrize(
    "change", [{"name": ""}, {"name": "a\0b"}, {"name": 5}, {"opted_in": "yes"}, {"opted_in": None}]
)
def test_a_change_that_is_none_is_refused(admin: Caller, engine: Engine, change: dict[str, object]) -> None:
    assert admin(f"/api/v1/learners/{learner(engine)}", "PATCH", json=change).status_code == 422


def test_who_gives_consent_is_on_the_board_at_once(admin: Caller, engine: Engine) -> None:
    number = learner(engine, "Ann", opted_in=False)
    score(engine, board(engine, Board(name="all", title="All")), 0, {number: 10})
    for consent in (True, False):
        assert admin(f"/api/v1/learners/{number}", "PATCH", json={"opted_in": consent}).status_code == 200
        assert admin("/api/v1/leaderboards/all").get_json()["total"] == int(consent)


def test_what_came_in_is_counted(reader: Caller, engine: Engine) -> None:
    with engine.begin() as connection:
        for day in ("2026-03-01", "2026-03-02"):
            row = {"source": 1, "day": day, "shard": 0, "received": 10, "duplicates": 2, "conflicts": 1}
            connection.execute(insert(tables.intake_count).values(row))
        connection.execute(insert(tables.inbox).values(seq=1, statement="00000000-0000-0000-0000-000000000001"))
    assert reader("/api/v1/intake").get_json() == {
        "received": 20,
        "duplicates": 4,
        "conflicts": 2,
        "quarantined": 0,
        "voided": 0,
        "pending": 1,
    }


def test_a_void_counts_once_its_target_is_here(reader: Caller, engine: Engine) -> None:
    target, voider, again = (f"00000000-0000-0000-0000-00000000000{n}" for n in (1, 2, 3))
    kept = {"source": 1, "happened": "2026-03-01T00:00:00Z", "received": "2026-03-01T00:00:00Z", "raw": b"{}"}
    with engine.begin() as connection:
        connection.execute(
            insert(tables.void), [{"target": target, "voider": voider}, {"target": target, "voider": again}]
        )
    assert reader("/api/v1/intake").get_json()["voided"] == 0
    with engine.begin() as connection:
        connection.execute(insert(tables.statement).values(id=target, **kept))
    assert reader("/api/v1/intake").get_json()["voided"] == 1


def test_consent_taken_back_while_redis_is_away_is_not_forgotten(
    admin: Caller, engine: Engine, settings: Settings
) -> None:
    number = learner(engine)
    score(engine, board(engine, Board(name="all", title="All")), 0, {number: 10})
    away = create_app(settings, engine=engine, redis=boards.client("redis://127.0.0.1:1"))
    patched = Caller(away.test_client(), admin.token)(f"/api/v1/learners/{number}", "PATCH", json={"opted_in": False})
    assert patched.status_code == 200
    with engine.connect() as connection:
        assert connection.scalar(select(tables.outbox.c.learners)) == [number]


def test_a_change_that_got_through_leaves_nothing_to_do(admin: Caller, engine: Engine) -> None:
    admin(f"/api/v1/learners/{learner(engine)}", "PATCH", json={"opted_in": False})
    with engine.connect() as connection:
        assert connection.scalar(select(tables.outbox.c.id)) is None


def test_a_time_zone_that_is_known_is_kept(admin: Caller, engine: Engine) -> None:
    path = f"/api/v1/learners/{learner(engine)}"
    assert admin(path, "PATCH", json={"time_zone": "Asia/Kolkata"}).get_json()["time_zone"] == "Asia/Kolkata"
    assert admin(path).get_json()["time_zone"] == "Asia/Kolkata"
    assert admin(path, "PATCH", json={"time_zone": None}).get_json()["time_zone"] is None
