"""Programs read what a learner has taken by the API of Open Badges 3.0: as much as she allowed, and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import jsonschema
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, select, update
from werkzeug.test import TestResponse

from service.badges import issuing
from service.merging import Decision, merge
from service.settings import Settings
from service.store import badges, credentials
from service.store.clients import CREDENTIALS, PROFILE
from service.store.tables import badge_award
from tests.badges import stored
from tests.badges.stored import ISSUER, ISSUERS, NOW, SECRET, change
from tests.http import people
from tests.http.allowing import Program, registered

RELATION = re.compile(r"<([^>]*)>; rel=\"(\w+)\"")
API = "/ims/ob/v3p0"
SCHEMAS = Path(__file__).parents[1] / "badges/schemas"


@cache
def official(file: str) -> Any:
    return json.loads((SCHEMAS / f"{file}.json").read_text())


def fits(said: Any, schema: Any) -> None:
    jsonschema.Draft201909Validator(schema).validate(said)


def profile_schema() -> Any:
    whole = official("achievementcredential.ld")
    return {**whole["$defs"]["Profile"], "$defs": whole["$defs"]}


def response_schema() -> Any:
    """GetOpenBadgeCredentialsResponse of the official OpenAPI file, around the official schema of a credential."""
    jws = {"type": "string", "pattern": r"^[a-zA-Z0-9_-]+\.[a-zA-Z0-9_-]*\.[a-zA-Z0-9_-]+$"}
    lists = {"credential": official("achievementcredential.ld"), "compactJwsString": jws}
    return {
        "type": "object",
        "properties": {name: {"type": "array", "items": items} for name, items in lists.items()},
        "additionalProperties": False,
    }


def failed(answer: TestResponse, status: int, minor: str) -> str:
    """The description of a failure, which has the shape of the specification."""
    assert (answer.status_code, answer.mimetype) == (status, "application/json")
    said = answer.get_json()
    fits(said, official("ob_v3p0_imsx_statusinfo"))
    (field,) = said["imsx_codeMinor"]["imsx_codeMinorField"]
    assert field["imsx_codeMinorFieldValue"] == minor
    return str(said["imsx_description"])


@pytest.fixture
def public_url(ana: int) -> str:
    return ISSUER.public_url


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, sign_in_url="https://lms.example.org/badges?tenant=1")


@pytest.fixture
def program(client: FlaskClient) -> Program:
    return registered(client)


def token(program: Program, learner: int, **changes: str) -> str:
    return str(program.fetches(program.allowed(learner, **changes)).get_json()["access_token"])


def take(engine: Engine, learner: int, number: int) -> list[UUID]:
    """So many badges offered and taken: their awards."""
    with engine.begin() as connection:
        badges.settle(connection, [change(learner, key=f"{one:03}") for one in range(number)])
        awards = connection.scalars(select(badge_award.c.id).order_by(badge_award.c.key)).all()
        for award in awards:
            stored.claim(connection, award)
    return list(awards)


def test_both_forms_of_what_was_taken_are_read(client: FlaskClient, engine: Engine, ana: int, program: Program) -> None:
    take(engine, ana, 2)
    answer = program.reads("credentials", token(program, ana))
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    said = answer.get_json()
    fits(said, response_schema())
    for one, jws in zip(said["credential"], said["compactJwsString"], strict=True):
        path = one["id"].removeprefix(ISSUER.public_url)
        assert one == client.get(path).get_json(force=True)
        assert jws == client.get(path, headers={"Accept": "text/plain"}).text


def test_only_what_holds_and_was_taken_is_read(engine: Engine, ana: int, program: Program) -> None:
    withdrawn, kept = take(engine, ana, 2)
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, key="offered"), change(ana, key="declined")])
        declined = badge_award.c.key == "declined"
        connection.execute(update(badge_award).where(declined).values(state="declined"))
        credentials.revoke(connection, withdrawn, "a mistake", NOW)
        (shown,) = [one.credential for one in badges.awards_of(connection, ana, NOW) if one.id == kept]
    answer = program.reads("credentials", token(program, ana))
    assert answer.headers["X-Total-Count"] == "1"
    assert [one["id"] for one in answer.get_json()["credential"]] == [ISSUER.url(f"credentials/{shown}")]


def test_pages_lead_to_each_other(engine: Engine, ana: int, program: Program) -> None:
    take(engine, ana, 5)
    held, ids = token(program, ana), list[str]()
    for offset, relations in (
        (0, {"first", "last", "next"}),
        (2, {"first", "last", "next", "prev"}),
        (4, {"first", "last", "prev"}),
    ):
        answer = program.reads(f"credentials?limit=2&offset={offset}", held)
        links = {relation: where for where, relation in RELATION.findall(answer.headers["Link"])}
        assert set(links) == relations
        assert answer.headers["X-Total-Count"] == "5"
        assert links["last"] == f"{ISSUER.public_url}{API}/credentials?limit=2&offset=4"
        ids += [one["id"] for one in answer.get_json()["credential"]]
    assert len(set(ids)) == 5
    whole = program.reads("credentials", held).headers["Link"]
    assert "next" not in whole
    assert "prev" not in whole


def test_what_was_issued_anew_comes_again_after_a_time(engine: Engine, ana: int, program: Program) -> None:
    first, _ = take(engine, ana, 2)
    held, later = token(program, ana), datetime.now(UTC) + timedelta(minutes=1)
    with engine.begin() as connection:
        found = badges.award(connection, first, later)
        assert found is not None
        new = issuing.reissue(connection, found, ISSUERS, SECRET, later, "a new address")
    for written in (
        (later - timedelta(seconds=1)).isoformat(),
        f"{later - timedelta(seconds=1):%Y-%m-%dT%H:%M:%S.%fZ}",
    ):
        since = program.reads(f"credentials?{urlencode({'since': written})}", held)
        assert [one["id"] for one in since.get_json()["credential"]] == [ISSUER.url(f"credentials/{new}")]
        assert "since=" in since.headers["Link"]
    assert program.reads("credentials", held).headers["X-Total-Count"] == "2"


def test_a_query_that_makes_no_sense_is_named(program: Program) -> None:
    for query in ("limit=0", "limit=x", "limit=²", "limit=99999999999999999999", "offset=-1", "since=yesterday"):
        why = failed(program.reads(f"credentials?{query}", "any"), 400, "invalid_query_parameter")
        assert why.startswith(f"?{query.partition('=')[0]} is")


def test_who_the_learner_is(ana: int, program: Program) -> None:
    answer = program.reads("profile", token(program, ana))
    said = answer.get_json()
    fits(said, profile_schema())
    assert (said["name"], said["email"]) == ("Ana", "ana@acme.example.org")
    assert said["id"] == f"{ISSUER.public_url}/api/v1/learners/{ana}"


def test_a_token_reads_what_its_scopes_say(ana: int, program: Program) -> None:
    held = token(program, ana, scope=PROFILE)
    assert program.reads("profile", held).status_code == 200
    refused = program.reads("credentials", held)
    assert CREDENTIALS in failed(refused, 403, "forbidden")
    assert f'error="insufficient_scope", scope="{CREDENTIALS}"' in refused.headers["WWW-Authenticate"]


def test_a_token_reads_what_the_person_has_that_its_learner_is(engine: Engine, ana: int, program: Program) -> None:
    held = token(program, ana)
    take(engine, ana, 1)
    bob = people.learner(engine, "Bob")
    with engine.begin() as connection:
        merge(connection, [Decision(ana, bob, "tests")])
    assert program.reads("credentials", held).headers["X-Total-Count"] == "1"
    assert program.reads("profile", held).get_json()["id"] == f"{ISSUER.public_url}/api/v1/learners/{bob}"


def test_strangers_and_other_tokens_of_ours_read_nothing(client: FlaskClient, ana: int, program: Program) -> None:
    for what in ("credentials", "profile"):
        failed(client.get(f"{API}/{what}"), 401, "unauthorizedrequest")
        for held in ("admin-token", "", "\0", program.secret):
            failed(program.reads(what, held), 401, "unauthorizedrequest")


def test_a_token_of_a_client_opens_nothing_else(client: FlaskClient, ana: int, program: Program) -> None:
    headers = {"Authorization": f"Bearer {token(program, ana)}"}
    assert client.get(f"/api/v1/learners/{ana}", headers=headers).status_code == 401


def test_nothing_can_be_written(client: FlaskClient) -> None:
    for method, path in (("POST", "credentials"), ("PUT", "profile"), ("DELETE", "credentials")):
        answer = client.open(f"{API}/{path}", method=method, json={})
        assert "can only be read" in failed(answer, 405, "not_allowed")
        assert (answer.get_json()["imsx_codeMajor"], answer.headers["Allow"]) == ("unsupported", "GET")


def test_the_service_describes_itself_to_anybody(client: FlaskClient) -> None:
    answer = client.get(f"{API}/discovery")
    said = answer.get_json()
    fits(said, official("ob_v3p0_servicedescriptiondocument"))
    flow = said["components"]["securitySchemes"]["OAuth2ACG"]
    metadata = client.get("/.well-known/oauth-authorization-server/oauth2").get_json()
    assert flow["x-imssf-registrationUrl"] == metadata["registration_endpoint"]
    assert flow["flows"]["authorizationCode"]["tokenUrl"] == metadata["token_endpoint"]
    assert list(flow["flows"]["authorizationCode"]["scopes"]) == metadata["scopes_supported"]
    assert set(said["paths"]) == {"/credentials", "/profile", "/discovery"}
    about = said["info"]["x-imssf-privacyPolicyUrl"].removeprefix(ISSUER.public_url)
    assert client.get(about).status_code == 200
    again = client.get(f"{API}/discovery", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
