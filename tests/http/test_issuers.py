"""Several issuers on one service: each signs what is its own, and is still there for it when it awards no more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine

from service import editing
from service.app import create_app
from service.badges import keyring, signing
from service.core.language import load
from service.settings import Settings
from service.store import badges, issuers, publishing, rules
from service.store.engine import driver
from tests.badges import stored
from tests.badges.stored import ISSUER, NOW, SECRET, SVG, change

ADMIN = {"Authorization": "Bearer admin-token"}
ACADEMY = """
issuer: academy
name: Acme Academy
url: https://academy.example.org
description: {en: Trains people, de: Bildet Leute}
image: logo.svg
country: DE
"""
KEEN = """
achievement: keen-learner
issuer: academy
name: Keen learner
description: Completed five courses.
criteria: Complete five courses.
"""
RULE = """
rule: keen-learner
title: Keen learner
how_to_earn: Complete five courses.
status: live
when: {verb: "http://adlnet.gov/expapi/verbs/completed"}
give: {badge: keen-learner}
"""


def apply(engine: Engine, *documents: str) -> list[str]:
    found, problems = load([("all.yaml", "---".join(documents).encode()), ("logo.svg", SVG)])
    assert not problems, problems
    with engine.begin() as connection:
        return publishing.apply(driver(connection), found, ZoneInfo("UTC"))


@pytest.fixture
def client(settings: Settings, engine: Engine) -> FlaskClient:
    here = replace(settings, public_url=ISSUER.public_url)
    return create_app(here, engine=engine).test_client()


def offer(engine: Engine, learner: int, key: str) -> UUID:
    with engine.begin() as connection:
        badges.settle(connection, [change(learner, key=key)])
        found = badges.awards_of(connection, learner, NOW)
    return next(one.id for one in found if one.state == "offered")


def taken(client: FlaskClient, award: UUID) -> dict[str, Any]:
    """The credential of an award that is taken at this moment."""
    link = client.post(f"/api/v1/badges/{award}/claim-link", headers=ADMIN).get_json()["url"]
    claim = client.post(f"/api/v1/claims/{link.rpartition('/')[2]}", json={"decision": "accept"}).get_json()
    return dict(client.get(claim["credential"].removeprefix(ISSUER.public_url)).get_json())


def methods(client: FlaskClient, slug: str) -> dict[str, str]:
    told = client.get(f"/issuers/{slug}/did.json").get_json()
    return {one["id"]: one["publicKeyMultibase"] for one in told["verificationMethod"] if "publicKeyMultibase" in one}


def test_each_signs_what_is_its_own_with_keys_and_a_status_list_of_its_own(client: FlaskClient, engine: Engine) -> None:
    ana = stored.prepare(engine)
    main = taken(client, offer(engine, ana, "1"))
    apply(engine, ACADEMY, KEEN, RULE)
    academy = taken(client, offer(engine, ana, "2"))

    did = "did:web:badges.example.org:issuers:academy"
    assert main["issuer"]["id"] == ISSUER.did
    assert academy["issuer"] == {
        "id": did,
        "type": ["Profile"],
        "name": "Acme Academy",
        "url": "https://academy.example.org",
        "description": "Trains people",
        "image": {"id": academy["issuer"]["image"]["id"], "type": "Image"},
        "address": {"type": ["Address"], "addressCountry": "DE", "addressCountryCode": "DE"},
    }
    assert client.get(academy["issuer"]["image"]["id"].removeprefix(ISSUER.public_url)).status_code == 200
    assert signing.problems(academy, methods(client, "academy")) == ()
    assert signing.problems(main, methods(client, "main")) == ()
    lists = [one["credentialStatus"]["statusListCredential"] for one in (main, academy)]
    signers = [client.get(one.removeprefix(ISSUER.public_url)).get_json()["issuer"] for one in lists]
    assert signers == [ISSUER.did, did]
    keys = client.get("/.well-known/jwks.json").get_json()["keys"]
    assert {key["iss"] for key in keys} == {ISSUER.did, did}
    assert all(key["kid"].startswith(key["iss"] + "#") for key in keys)


def test_one_that_is_taken_away_still_vouches_for_what_it_signed(client: FlaskClient, engine: Engine) -> None:
    ana = stored.prepare(engine)
    apply(engine, ACADEMY, KEEN, RULE)
    award = offer(engine, ana, "1")
    signed, waiting = taken(client, award), offer(engine, ana, "2")
    apply(engine, KEEN.replace("issuer: academy\n", ""), RULE)

    assert signing.problems(signed, methods(client, "academy")) == ()
    revoked = client.post(f"/api/v1/badges/{award}/revoke", headers=ADMIN, json={"because": "a mistake"})
    assert revoked.status_code == 200
    listed = client.get(signed["credentialStatus"]["statusListCredential"].removeprefix(ISSUER.public_url)).get_json()
    assert listed["issuer"] == signed["issuer"]["id"]
    assert signing.problems(listed, methods(client, "academy")) == ()
    assert client.get("/issuers/academy", headers={"Accept": "text/html"}).status_code == 200
    # what was offered in its name and not taken is signed by the default issuer
    assert taken(client, waiting)["issuer"]["id"] == ISSUER.did


def test_a_document_may_name_another_default_or_say_more_of_main(client: FlaskClient, engine: Engine) -> None:
    ana = stored.prepare(engine)
    unnamed = KEEN.replace("issuer: academy\n", "")
    apply(engine, "issuer: main\nname: Acme\n", unnamed, RULE)
    first = taken(client, offer(engine, ana, "1"))
    assert (first["issuer"]["id"], first["issuer"]["name"]) == (ISSUER.did, "Acme")
    apply(engine, "issuer: main\nname: Acme\n", ACADEMY + "default: true\n", unnamed, RULE)
    assert taken(client, offer(engine, ana, "2"))["issuer"]["name"] == "Acme Academy"
    apply(engine, unnamed, RULE)
    assert client.get("/issuers/main").get_json()["name"] == "Plaudit"


def test_what_is_left_of_a_default_does_not_stand_in_the_way_of_another(client: FlaskClient, engine: Engine) -> None:
    other = "\nachievement: other\nname: Other\ndescription: D\ncriteria: C\n"
    apply(engine, ACADEMY + "default: true\n", KEEN, other)
    apply(engine, "issuer: school\nname: School\ndefault: true\n")
    with engine.begin() as connection:
        kept = {(one.kind, one.name) for one in rules.stored(driver(connection))}
        published = editing.documents(driver(connection))
    assert ("issuer", "academy") in kept  # that is no more, and an achievement that is left for its holders names it
    assert [(one.kind, one.name) for one in published] == [
        ("achievement", "keen-learner"),
        ("achievement", "other"),
        ("issuer", "school"),
    ]
    path = "/api/v1/documents/achievement/new"
    made = client.put(
        path, headers={**ADMIN, "If-None-Match": "*"}, data=other.replace(": other", ": new"), mimetype="text/yaml"
    )
    assert made.status_code == 201
    # and another edit does not let it sign anew
    with engine.begin() as connection:
        signs = {one.said.slug: one.signs for one in issuers.known(connection)}
    assert signs == {"academy": False, "school": True}


def test_keys_are_rotated_for_one_issuer_alone(client: FlaskClient, engine: Engine) -> None:
    ana = stored.prepare(engine)
    apply(engine, ACADEMY, KEEN, RULE)
    old = [taken(client, offer(engine, ana, "1"))]
    before = methods(client, "main")
    for number in "234":
        with engine.begin() as connection:
            keyring.rotate(connection, "academy", SECRET, NOW)
        old.append(taken(client, offer(engine, ana, number)))
    assert [one["proof"][0]["verificationMethod"][-5:] for one in old] == ["key-1", "key-2", "key-3", "key-4"]
    assert all(signing.problems(one, methods(client, "academy")) == () for one in old)
    assert methods(client, "main") == before


def test_open_badges_2_and_pages_know_each_issuer(client: FlaskClient, engine: Engine) -> None:
    ana = stored.prepare(engine)
    apply(engine, ACADEMY, KEEN, RULE)
    id_ = taken(client, offer(engine, ana, "1"))["id"].rpartition("/")[2]
    badge = client.get(f"/ob2/badges/{id_}").get_json()
    profile = client.get(badge["issuer"].removeprefix(ISSUER.public_url)).get_json()
    assert (profile["name"], profile["url"]) == ("Acme Academy", "https://academy.example.org")

    page = client.get("/issuers/academy", headers={"Accept": "text/html", "Accept-Language": "de"}).get_data(True)
    assert "Bildet Leute" in page
    assert "keen-learner" in page
    other = client.get("/issuers/main", headers={"Accept": "text/html"}).get_data(True)
    assert "keen-learner" not in other
    assert client.get("/issuers/nobody/did.json").status_code == 404
    of = client.get("/achievements/keen-learner", headers={"Accept": "text/html"}).get_data(True)
    assert "../issuers/academy" in of


def test_an_issuer_announces_what_can_be_earned_and_no_drafts(client: FlaskClient, engine: Engine) -> None:
    apply(engine, ACADEMY, KEEN, RULE.replace("live", "draft"))
    page = client.get("/issuers/academy", headers={"Accept": "text/html"}).get_data(True)
    assert "keen-learner" not in page
    apply(engine, ACADEMY, KEEN, RULE)
    page = client.get("/issuers/academy", headers={"Accept": "text/html"}).get_data(True)
    assert "achievements/keen-learner" in page
