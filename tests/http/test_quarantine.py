"""What could not be used is listed with its reason, mended and tried again."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
import time_machine
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from service.drain import Drain
from service.http.auth import ensure_default_source
from service.settings import Settings
from service.store.engine import driver
from tests.http.conftest import Caller
from tests.http.test_xapi import basic, stored
from tests.written import agent, numbered, said

NOBODY = said(1, who={"name": "Nobody"})


@pytest.fixture(autouse=True)
def source(engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        ensure_default_source(connection, settings)


def sent(anybody: Caller, *statements: Any) -> None:
    assert anybody("/xapi/statements", "POST", json=list(statements), headers=basic()).status_code == 200


def entries(caller: Caller, query: str = "") -> list[dict[str, Any]]:
    response = caller(f"/api/v1/quarantine{query}")
    assert response.status_code == 200
    return list(response.get_json()["entries"])


def counts(caller: Caller) -> tuple[int, int, int]:
    told = caller("/api/v1/intake").get_json()
    return told["received"], told["duplicates"], told["quarantined"]


def test_an_entry_says_what_came_from_whom_and_why_it_cannot_be_used(anybody: Caller, reader: Caller) -> None:
    sent(anybody, NOBODY, said(2))
    sent(anybody, NOBODY)
    (entry,) = entries(reader)
    assert msgspec.json.decode(entry.pop("raw")) == NOBODY
    assert entry.pop("received")
    assert entry.pop("id")
    assert entry == {
        "kind": "unusable",
        "state": "waiting",
        "source": "default",
        "statement": str(numbered(1)),
        "times": 2,
        "path": "$.actor",
        "reason": "has no identifier; give mbox, mbox_sha1sum, openid or account with homePage and name",
        "edited": False,
    }
    assert counts(reader) == (3, 1, 1)


def test_a_mended_entry_is_stored_when_it_is_replayed(
    anybody: Caller, reader: Caller, admin: Caller, engine: Engine
) -> None:
    sent(anybody, NOBODY)
    (entry,) = entries(reader)
    path = f"/api/v1/quarantine/{entry['id']}"
    still = admin(f"{path}/replay", "POST")
    assert (still.status_code, still.get_json()["errors"][0]["path"]) == (422, "$.actor")
    worse = admin(path, "PUT", json=NOBODY | {"actor": {"mbox": "ann"}})
    assert worse.get_json()["edited"] is True
    assert admin(f"{path}/replay", "POST").status_code == 422
    assert entries(reader)[0]["path"] == "$.actor.mbox"
    mended = NOBODY | {"actor": agent("ann")}
    admin(path, "PUT", json=mended)
    done = admin(f"{path}/replay", "POST")
    assert (done.status_code, done.get_json()["state"]) == (200, "replayed")
    assert [(own, msgspec.json.decode(raw)) for own, raw in stored(engine)] == [(numbered(1), mended)]
    assert Drain(engine)().statements == 1
    assert counts(reader) == (1, 0, 1)
    assert entries(reader) == []
    assert len(entries(reader, "?state=replayed")) == 1
    for again in (admin(f"{path}/replay", "POST"), admin(path, "PUT", json=mended), admin(path, "DELETE")):
        assert again.status_code == 409


def test_a_mended_statement_that_tells_no_time_happened_when_it_came(
    anybody: Caller, reader: Caller, admin: Caller, engine: Engine
) -> None:
    timeless = {name: part for name, part in NOBODY.items() if name != "timestamp"}
    with time_machine.travel("2026-03-01T12:00:00Z", tick=False):
        sent(anybody, timeless)
    (entry,) = entries(reader)
    admin(f"/api/v1/quarantine/{entry['id']}", "PUT", json=timeless | {"actor": agent("ann")})
    assert admin(f"/api/v1/quarantine/{entry['id']}/replay", "POST").status_code == 200
    Drain(engine)()
    told = reader(f"/api/v1/statements/{numbered(1)}").get_json()
    assert (told["happened"], told["state"]) == ("2026-03-01T12:00:00Z", "evaluated")
    with engine.begin() as connection:
        kept = driver(connection).execute("SELECT happened FROM statement").fetchone()
    assert kept == (datetime(2026, 3, 1, 12, tzinfo=UTC),)


def test_a_discarded_entry_does_not_come_up_again(anybody: Caller, reader: Caller, admin: Caller) -> None:
    sent(anybody, NOBODY)
    (entry,) = entries(reader)
    assert admin(f"/api/v1/quarantine/{entry['id']}", "DELETE").get_json()["state"] == "discarded"
    sent(anybody, NOBODY)
    assert entries(reader) == []
    assert entries(reader, "?state=all")[0]["times"] == 2


def test_entries_are_pages_of_a_source(anybody: Caller, reader: Caller) -> None:
    sent(anybody, *(NOBODY | {"id": str(numbered(number))} for number in range(1, 6)))
    seen: list[str] = []
    path: str | None = "/api/v1/quarantine?limit=2&source=default"
    while path is not None:
        response: TestResponse = reader(path)
        seen += [entry["statement"] for entry in response.get_json()["entries"]]
        link = response.headers.get("Link")
        path = link[1 : link.index(">")] if link else None
    assert sorted(seen) == [str(numbered(number)) for number in range(1, 6)]
    assert entries(reader, "?source=nobody") == []


def test_only_an_admin_changes_anything(anybody: Caller, reader: Caller, admin: Caller) -> None:
    sent(anybody, NOBODY)
    path = f"/api/v1/quarantine/{entries(reader)[0]['id']}"
    for method, below in (("PUT", ""), ("DELETE", ""), ("POST", "/replay")):
        assert reader(path + below, method, json={}).status_code == 403
        assert admin(f"/api/v1/quarantine/999{below}", method, json={}).status_code == 404
    assert reader("/api/v1/quarantine/999").status_code == 404
    assert admin(path, "PUT", data=b"[]").status_code == 400
    assert anybody("/api/v1/quarantine").status_code == 401
