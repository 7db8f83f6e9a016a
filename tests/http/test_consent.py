"""A learner lets a program read her badges: who asks is checked, she signs in without an account and takes it back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine, func, insert, select, update

from service import erasure, signing_in
from service.boards import PREFIX
from service.core.agents import Agent, identifier
from service.export import held_about
from service.http import clients, consent
from service.settings import Settings
from service.store import tables
from service.store.clients import CREDENTIALS, PROFILE
from service.store.engine import driver
from service.store.tables import client_grant, client_token, sign_in
from tests.badges.stored import ISSUER
from tests.http.allowing import ADMIN, BACK, HOME, METADATA, Program, registered, told
from tests.http.people import token_of
from tests.test_telling import Postbox, post_office

ANA = "ana@acme.example.org"


@pytest.fixture
def public_url(ana: int) -> str:
    return ISSUER.public_url


@pytest.fixture
def postbox() -> Postbox:
    return Postbox()


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, sign_in_url="https://lms.example.org/badges?tenant=1")


@pytest.fixture
def program(client: FlaskClient) -> Program:
    return registered(client)


@pytest.fixture
def mailing(app: Flask, engine: Engine, ana: int, postbox: Postbox) -> Iterator[Settings]:
    with engine.begin() as connection:
        key = identifier(Agent(mbox=f"mailto:{ANA}"))
        connection.execute(insert(tables.identifier).values(key=key, learner=ana))
    with post_office(postbox) as port:
        sender = {"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "badges@acme.example.org"}
        app.extensions["plaudit"].settings = replace(app.extensions["plaudit"].settings, **sender)
        yield app.extensions["plaudit"].settings


def asked_for(program: Program, address: str, **headers: str) -> str:
    """Has a link sent: what the page says."""
    answer = program.web.post(program.asks(), data={"way": "mail", "email": address}, headers=headers)
    assert answer.status_code == 200
    return answer.text


def ended(program: Program, token: str) -> bool:
    return program.reads("profile", token).status_code == 401


# --- signing in -------------------------------------------------------------------------------------------------------


def test_a_learner_signs_in_by_a_link_in_an_email_and_decides(
    ana: int, program: Program, engine: Engine, mailing: Settings, postbox: Postbox
) -> None:
    page = program.web.get(program.asks())
    assert page.status_code == 200
    assert all(str(shown) in page.text for shown in ("wallet.example.com", METADATA["client_name"]))
    asked_for(program, ANA.upper(), Accept_Language="de")
    assert signing_in.send(mailing, engine) == 1
    (message,) = postbox.delivered
    assert (message["To"], "Ihr Link zu Plaudit" in message["Subject"]) == (ANA.upper(), True)
    (link,) = re.findall(r"https://\S+", message.get_content())
    path = urlsplit(link).path
    consent = program.web.get(path)
    assert "Your name and your e-mail address" in consent.text
    assert "form-action 'self' https:;" in consent.headers["Content-Security-Policy"]
    said = told(program.web.post(path, data={"decision": "allow"}))
    assert (said["state"], said["scope"], said["from"]) == ("a state", f"{CREDENTIALS} {PROFILE}", "plaudit")
    assert said["iss"] == f"{ISSUER.public_url}/oauth2"
    answer = program.fetches(said["code"])
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.get_json()["token_type"] == "Bearer"
    assert program.reads("profile", answer.get_json()["access_token"]).status_code == 200
    assert program.web.get(path).status_code == 404


def test_nobody_learns_whether_an_address_is_known(
    program: Program, engine: Engine, mailing: Settings, postbox: Postbox
) -> None:
    stranger = "nobody.knows@acme.example.org"
    assert asked_for(program, ANA).replace(ANA, stranger) == asked_for(program, stranger)
    assert signing_in.send(mailing, engine) == 1
    assert [message["To"] for message in postbox.delivered] == [ANA]
    with engine.connect() as connection:
        assert connection.scalars(select(sign_in.c.address)).all() == [None, None]


def test_an_address_gets_one_link_a_minute(
    program: Program, engine: Engine, mailing: Settings, postbox: Postbox
) -> None:
    assert asked_for(program, ANA) == asked_for(program, ANA)
    signing_in.send(mailing, engine)
    assert len(postbox.delivered) == 1


def test_a_link_waits_for_the_mail_server(
    program: Program, engine: Engine, mailing: Settings, postbox: Postbox
) -> None:
    asked_for(program, ANA)
    assert signing_in.send(replace(mailing, smtp_url="smtp://127.0.0.1:1"), engine) == 0
    assert signing_in.send(mailing, engine) == 1


def test_a_link_holds_in_the_browser_that_asked_for_it(app: Flask, ana: int, program: Program) -> None:
    path = program.handed_over(ana)
    stranger = app.test_client()
    assert stranger.get(path).status_code == 404
    assert stranger.post(path, data={"decision": "allow"}).status_code == 404
    assert program.web.get(path).status_code == 200


def test_a_platform_signs_in_its_learner_for_a_request_that_waits(
    client: FlaskClient, engine: Engine, ana: int, program: Program
) -> None:
    away = client.post(program.asks(), data={"way": "platform"})
    parts = urlsplit(away.location)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == "https://lms.example.org/badges"
    query = dict(parse_qsl(parts.query))
    assert query["tenant"] == "1"
    path, body = f"/api/v1/learners/{ana}/sign-in-link", {"request": query["request"]}
    assert client.post(path, json=body).status_code == 401
    own = {"Authorization": f"Bearer {token_of(engine, ana)}"}
    assert client.post(path, json=body, headers=own).status_code == 201
    assert client.post(path, json=body, headers=ADMIN).status_code == 404  # it has its link
    assert client.post("/api/v1/learners/999/sign-in-link", json={}, headers=ADMIN).status_code == 404


def test_what_is_no_address_is_said_so(program: Program, mailing: Settings) -> None:
    for address in ("", "ana", "@", "a b@c", "ana@acme.example.org\nBcc: eve@example.org"):
        answer = program.web.post(program.asks(), data={"way": "mail", "email": address})
        assert (answer.status_code, "Write an e-mail address" in answer.text) == (422, True), address


def test_links_are_asked_for_so_often_within_a_quarter_of_an_hour(redis: Redis, program: Program) -> None:
    assert program.web.post(program.asks(), data={"way": "platform"}).status_code == 303
    redis.incrby(f"{PREFIX}asked:sign-ins:127.0.0.1", consent.MOST - 2)
    assert program.web.post(program.asks(), data={"way": "platform"}).status_code == 303
    busy = program.web.post(program.asks(), data={"way": "platform"})
    assert (busy.status_code, 0 < int(busy.headers["Retry-After"]) <= consent.SECONDS) == (429, True)


# --- who asks for what ------------------------------------------------------------------------------------------------


def test_nobody_is_sent_to_an_address_that_was_not_registered(program: Program) -> None:
    strange: list[dict[str, str | None]] = [
        {"client_id": "unknown"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": f"{HOME}/back"},
        {"redirect_uri": f"{BACK}&more=1"},
        {"redirect_uri": "https://evil.example.com/back?from=plaudit"},
    ]
    for changes in strange:
        answer = program.web.get(program.asks(**changes))
        assert (answer.status_code, answer.mimetype, "Location" in answer.headers) == (400, "text/html", False), changes


def test_a_client_that_asks_wrongly_is_told_so(program: Program) -> None:
    wrong: list[tuple[dict[str, str | None], str]] = [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"state": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"scope": CREDENTIALS.replace("readonly", "upsert")}, "invalid_scope"),
        ({"scope": None}, "invalid_scope"),
    ]
    for changes, error in wrong:
        said = told(program.web.get(program.asks(**changes)))
        assert (said["error"], said["iss"]) == (error, f"{ISSUER.public_url}/oauth2"), changes
        assert said.get("state") == (None if "state" in changes else "a state")


def test_a_parameter_that_comes_twice_is_refused(program: Program) -> None:
    said = told(program.web.get(program.asks() + "&scope=more"))
    assert (said["error"], said["state"]) == ("invalid_request", "a state")


def test_what_a_learner_refuses_is_refused_to_the_client(ana: int, program: Program) -> None:
    path = program.handed_over(ana)
    said = told(program.web.post(path, data={"decision": "deny"}))
    assert (said["error"], said["state"]) == ("access_denied", "a state")
    assert program.web.post(path, data={"decision": "allow"}).status_code == 404


# --- tokens -----------------------------------------------------------------------------------------------------------


def test_a_code_is_for_who_holds_the_verifier_the_secret_and_the_address(
    client: FlaskClient, ana: int, program: Program
) -> None:
    code = program.allowed(ana)
    assert program.fetches(code, code_verifier="x" * 43).get_json()["error"] == "invalid_grant"
    assert program.fetches(code, redirect_uri=f"{HOME}/other").get_json()["error"] == "invalid_grant"
    other = registered(client)
    assert replace(other, verifier=program.verifier).fetches(code).get_json()["error"] == "invalid_grant"
    wrong = replace(program, secret=other.secret).fetches(code)
    assert (wrong.status_code, wrong.get_json()["error"], "Basic" in wrong.headers["WWW-Authenticate"]) == (
        401,
        "invalid_client",
        True,
    )
    assert program.posts("token", grant_type="authorization_code", code=code).get_json()["error"] == "invalid_request"
    assert program.fetches(code).status_code == 200


def test_a_code_that_comes_twice_ends_what_it_gave(ana: int, program: Program) -> None:
    code = program.allowed(ana)
    held = program.fetches(code).get_json()
    assert program.fetches(code).get_json()["error"] == "invalid_grant"
    assert ended(program, held["access_token"])
    assert program.refreshes(held["refresh_token"]).get_json()["error"] == "invalid_grant"


def test_codes_and_tokens_end_with_their_time(engine: Engine, ana: int, program: Program) -> None:
    late = program.allowed(ana)
    with engine.begin() as connection:
        connection.execute(update(client_grant).values(code_expires=func.now() - timedelta(seconds=1)))
    assert "expired" in program.fetches(late).get_json()["error_description"]
    held = program.fetches(program.allowed(ana)).get_json()
    with engine.begin() as connection:
        connection.execute(update(client_token).values(expires=func.now() - timedelta(seconds=1)))
    assert ended(program, held["access_token"])
    assert "expired" in program.refreshes(held["refresh_token"]).get_json()["error_description"]


def test_only_hashes_of_codes_and_tokens_are_kept(engine: Engine, ana: int, program: Program) -> None:
    code = program.allowed(ana)
    held = program.fetches(code).get_json()
    secrets = [program.secret, code, held["access_token"], held["refresh_token"]]
    with engine.connect() as connection:
        rows = [
            connection.exec_driver_sql(f"SELECT t::text FROM {table} t").all()
            for table in ("client", "client_grant", "client_token", "sign_in")
        ]
    assert not any(secret in str(rows) or secret.encode().hex() in str(rows) for secret in secrets)


def test_a_refresh_token_is_exchanged_once(ana: int, program: Program) -> None:
    first = program.fetches(program.allowed(ana)).get_json()
    broader = program.refreshes(first["refresh_token"], scope="more")
    assert broader.get_json()["error"] == "invalid_scope"
    second = program.refreshes(first["refresh_token"], scope=PROFILE).get_json()
    assert second["scope"] == PROFILE
    assert not ended(program, second["access_token"])
    assert program.refreshes(first["refresh_token"]).get_json()["error"] == "invalid_grant"
    assert ended(program, second["access_token"])


def test_a_client_that_did_not_register_for_it_gets_no_refresh_token(client: FlaskClient, ana: int) -> None:
    program = registered(client, grant_types=["authorization_code"])
    assert "refresh_token" not in program.fetches(program.allowed(ana)).get_json()


def test_a_client_ends_its_own_tokens_and_nobody_elses(client: FlaskClient, ana: int, program: Program) -> None:
    held = program.fetches(program.allowed(ana)).get_json()
    assert registered(client).posts("revoke", token=held["access_token"]).status_code == 200
    assert not ended(program, held["access_token"])
    assert client.post("/oauth2/revoke", data={"token": held["access_token"]}).status_code == 401
    assert program.posts("revoke", token=held["access_token"]).status_code == 200
    assert ended(program, held["access_token"])
    again = program.refreshes(held["refresh_token"]).get_json()
    assert program.posts("revoke", token=again["refresh_token"], token_type_hint="access_token").status_code == 200
    assert ended(program, again["access_token"])


# --- taking back ------------------------------------------------------------------------------------------------------


def test_a_learner_sees_and_takes_back_what_she_gave(
    client: FlaskClient, engine: Engine, ana: int, program: Program
) -> None:
    program.fetches(program.allowed(ana))
    held = program.fetches(program.allowed(ana)).get_json()["access_token"]  # the second takes the place of the first
    program.allowed(ana)  # was never fetched
    path, own = f"/api/v1/learners/{ana}/connections", {"Authorization": f"Bearer {token_of(engine, ana)}"}
    (given,) = client.get(path, headers=own).get_json()["connections"]
    assert (given["name"], given["host"], given["scopes"]) == (
        METADATA["client_name"],
        "wallet.example.com",
        [CREDENTIALS, PROFILE],
    )
    assert client.delete(f"{path}/{given['id']}", headers=own).status_code == 204
    assert client.delete(f"{path}/{given['id']}", headers=own).status_code == 404
    assert ended(program, held)


def test_she_does_so_on_a_page_as_well(client: FlaskClient, ana: int, program: Program) -> None:
    held = program.fetches(program.allowed(ana)).get_json()["access_token"]
    assert client.get("/oauth2/connections").status_code == 200
    link = client.post(f"/api/v1/learners/{ana}/sign-in-link", json={}, headers=ADMIN).get_json()["url"]
    path = urlsplit(link).path
    (id_,) = re.findall(r'name="take_back" value="([^"]+)"', client.get(path).text)
    assert client.post(path, data={"take_back": "nothing"}).status_code == 303
    assert not ended(program, held)
    assert client.post(path, data={"take_back": id_}).status_code == 303
    assert ended(program, held)
    assert "No program." in client.get(path).text


def test_what_a_learner_gave_is_exported_and_goes_when_she_is_forgotten(
    engine: Engine, ana: int, program: Program
) -> None:
    held = program.fetches(program.allowed(ana)).get_json()["access_token"]
    with engine.begin() as connection:
        told = json.loads(b"".join(held_about(driver(connection), ana)))
        (given,) = told["connections"]
        assert (given["client"], given["scopes"]) == (METADATA["client_name"], [CREDENTIALS, PROFILE])
        erasure.erase(connection, ana)
    assert ended(program, held)
    with engine.connect() as connection:
        for table in (client_grant, client_token, sign_in):
            assert connection.scalar(select(func.count()).select_from(table)) == 0


# --- registration -----------------------------------------------------------------------------------------------------


def test_what_is_registered_is_told_again(client: FlaskClient) -> None:
    answer = client.post("/oauth2/register", json={**METADATA, "unknown": 1})
    said = answer.get_json()
    assert (answer.status_code, said["client_secret_expires_at"], "unknown" in said) == (201, 0, False)
    assert said["scope"] == f"{CREDENTIALS} {PROFILE}"
    kept = {name: value for name, value in METADATA.items() if name != "scope"}
    assert {name: said[name] for name in kept} == kept
    assert said["token_endpoint_auth_method"] == "client_secret_basic"


WRONG: list[tuple[dict[str, object], str]] = [
    ({"client_name": None}, "client_name:"),
    ({"client_name": "a\0b"}, "client_name:"),
    ({"logo_uri": "http://wallet.example.com/logo.png"}, "logo_uri:"),
    ({"policy_uri": "https://elsewhere.example.com/"}, "the same host"),
    ({"scope": CREDENTIALS.replace("readonly", "upsert")}, "can only be read"),
    ({"token_endpoint_auth_method": "none"}, "token_endpoint_auth_method:"),
    ({"grant_types": ["password"]}, "grant_types:"),
    ({"contacts": "me"}, "contacts:"),
    ({"redirect_uris": []}, "redirect_uris:"),
    ({"redirect_uris": BACK}, "redirect_uris:"),
    ({"redirect_uris": ["javascript:alert(1)"]}, "redirect_uris:"),
    ({"redirect_uris": [f"{BACK}#fragment"]}, "redirect_uris:"),
    ({"redirect_uris": ["https://user@wallet.example.com/"]}, "redirect_uris:"),
    ({"redirect_uris": ["https://wallet.example.com.evil.example/"]}, "redirect_uris"),
    ({"redirect_uris": ["http://127.0.0.1/"]}, "redirect_uris:"),
]


def test_a_client_that_says_too_little_or_wrong_is_told_what(client: FlaskClient) -> None:
    for changes, error in WRONG:
        said = {name: value for name, value in (METADATA | changes).items() if value is not None}
        answer = client.post("/oauth2/register", json=said)
        assert (answer.status_code, error in answer.get_json()["error_description"]) == (400, True), changes
        redirects = error.startswith("redirect_uris") or "same host" in error
        assert answer.get_json()["error"] == ("invalid_redirect_uri" if redirects else "invalid_client_metadata")


def test_a_body_that_is_no_object_is_refused(client: FlaskClient) -> None:
    for body in (b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000):
        assert client.post("/oauth2/register", data=body).get_json()["error"] == "invalid_client_metadata"


def test_so_many_clients_register_in_an_hour(redis: Redis, client: FlaskClient) -> None:
    registered(client)
    redis.incrby(f"{PREFIX}asked:registrations:127.0.0.1", clients.AN_HOUR - 2)
    registered(client)
    busy = client.post("/oauth2/register", json=METADATA)
    assert (busy.status_code, 0 < int(busy.headers["Retry-After"]) <= 3600) == (429, True)
