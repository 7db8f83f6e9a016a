"""Who may read what, and who may push."""

import hmac
from base64 import b64encode
from time import time

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from service.capture.signatures import webhook_key
from service.http import auth
from service.http.auth import delivered, ensure_default_source, hook_source, source_of
from service.http.problems import Problem
from service.settings import Settings
from service.store import sources, tokens
from tests.http.conftest import Caller
from tests.http.people import learner, token_of


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def pushing(app: Flask, authorization: str | None) -> str:
    """The name of the source that pushes with this header."""
    headers = {"Authorization": authorization} if authorization is not None else {}
    with app.test_request_context("/xapi/statements", headers=headers) as context:
        return source_of(context.request).name


def test_nobody_reads_without_a_token(anybody: Caller) -> None:
    response = anybody("/api/v1/leaderboards")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="plaudit"'


def test_an_unknown_token_reads_nothing(client: FlaskClient) -> None:
    response = Caller(client, "unknown")("/api/v1/leaderboards")
    assert response.status_code == 401
    assert "invalid_token" in response.headers["WWW-Authenticate"]


def test_a_revoked_token_reads_nothing(reader: Caller, engine: Engine) -> None:
    with engine.begin() as connection:
        assert tokens.revoke_token(connection, 1)
    assert reader("/api/v1/leaderboards").status_code == 401


def test_a_revoked_token_ends_within_seconds(reader: Caller, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "REMEMBERED_SECONDS", 0.0)
    assert reader("/api/v1/leaderboards").status_code == 200
    with engine.begin() as connection:
        tokens.revoke_token(connection, 1)
    assert reader("/api/v1/leaderboards").status_code == 401


@pytest.mark.parametrize("path", ["", "/ledger", "/badges"])
def test_a_learner_reads_what_is_their_own_and_nobody_elses(client: FlaskClient, engine: Engine, path: str) -> None:
    mine, theirs = learner(engine), learner(engine)
    me = Caller(client, token_of(engine, mine))
    assert me(f"/api/v1/learners/{mine}{path}").status_code == 200
    assert me(f"/api/v1/learners/{theirs}{path}").status_code == 403
    assert me(f"/api/v1/learners/{theirs + 1}{path}").status_code == 403


def test_a_learner_reads_leaderboards(client: FlaskClient, engine: Engine) -> None:
    assert Caller(client, token_of(engine, learner(engine)))("/api/v1/leaderboards").status_code == 200


def test_a_learner_reads_no_intake(client: FlaskClient, engine: Engine) -> None:
    response = Caller(client, token_of(engine, learner(engine)))("/api/v1/intake")
    assert response.status_code == 403
    assert "insufficient_scope" in response.headers["WWW-Authenticate"]


def test_a_learner_changes_what_is_their_own(client: FlaskClient, engine: Engine) -> None:
    mine, theirs = learner(engine), learner(engine)
    me = Caller(client, token_of(engine, mine))
    assert me(f"/api/v1/learners/{mine}", "PATCH", json={"name": "Ann"}).status_code == 200
    assert me(f"/api/v1/learners/{theirs}", "PATCH", json={"name": "Ann"}).status_code == 403


def test_a_reader_changes_nobody(reader: Caller, engine: Engine) -> None:
    assert reader(f"/api/v1/learners/{learner(engine)}", "PATCH", json={"name": "Ann"}).status_code == 403


def test_the_default_source_pushes_with_the_password_of_the_settings(
    app: Flask, engine: Engine, settings: Settings
) -> None:
    with engine.begin() as connection:
        ensure_default_source(connection, settings)
        ensure_default_source(connection, settings)
    assert pushing(app, basic("default", "source-password")) == "default"
    assert pushing(app, "Bearer source-password") == "default"
    assert pushing(app, "Bearer admin-token") == "default"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ???",
        "Basic " + b64encode(b"\xff\xff:x").decode(),
        "Basic " + b64encode(b"default").decode(),
        "Digest abc",
        "Bearer ",
        "Bearer wrong",
        basic("default", "wrong"),
        basic("default", ""),
        basic("", "source-password"),
        basic("nobody", "source-password"),
        basic("nul\0", "source-password"),
    ],
)
def test_wrong_credentials_push_nothing(
    app: Flask, engine: Engine, settings: Settings, authorization: str | None
) -> None:
    with engine.begin() as connection:
        ensure_default_source(connection, settings)
    with pytest.raises(Problem) as refused:
        pushing(app, authorization)
    assert refused.value.code == 401
    assert refused.value.headers["WWW-Authenticate"].startswith("Basic ")


# --- signed pushes --------------------------------------------------------------------------------------------------

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"a statement": "of 360Learning"}'


@pytest.fixture
def signs(engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        number = sources.add(connection, "360", "360", {})
        assert number is not None
        sources.add_password(connection, number, "a password of 360")
        sources.add_signing(connection, number, "webhook", SECRET, settings.secret_key)
        sources.add_signing(connection, number, "lrs", "an older secret", settings.secret_key)
        sources.add(connection, "unsigned", "unsigned", {})


def signature(delivery: str = "d-1", at: float | None = None, body: bytes = BODY) -> dict[str, str]:
    stamp = str(int(time() if at is None else at))
    signed = hmac.digest(webhook_key(SECRET), f"{delivery}.{stamp}.".encode() + body, "sha256")
    return {"webhook-id": delivery, "webhook-timestamp": stamp, "webhook-signature": f"v1,{b64encode(signed).decode()}"}


def hooked(app: Flask, headers: dict[str, str], name: str = "360", body: bytes = BODY) -> str:
    """The source that pushes these headers and this body to its hook, which is stored then."""
    with app.test_request_context(f"/hooks/{name}", headers=headers) as context:
        found = hook_source(name, context.request, body).name
        delivered(name, context.request)
        return found


@pytest.mark.usefixtures("signs")
def test_a_hook_knows_its_source_by_password_and_by_either_signature(app: Flask) -> None:
    older = hmac.digest(b"an older secret", BODY, "sha1").hex()
    for headers in ({"Authorization": basic("360", "a password of 360")}, signature(), {"X-LRS-Signature": older}):
        assert hooked(app, headers) == "360"


@pytest.mark.usefixtures("signs")
@pytest.mark.parametrize(
    ("headers", "name", "code"),
    [
        ({}, "360", 401),
        ({"X-LRS-Signature": "0" * 40}, "360", 401),
        ({"Authorization": basic("360", "another")}, "360", 401),
        ({"Authorization": basic("360", "a password of 360")}, "unsigned", 403),
        (signature(at=0), "360", 401),
        (signature(), "unsigned", 401),
        (signature(), "nobody", 401),
        (signature(), "nul\0", 401),
        (signature(body=b"another"), "360", 401),
    ],
)
def test_a_hook_takes_nothing_from_others(app: Flask, headers: dict[str, str], name: str, code: int) -> None:
    with app.test_request_context("/hooks/x", headers=headers) as context, pytest.raises(Problem) as refused:
        hook_source(name, context.request, BODY)
    assert refused.value.code == code


@pytest.mark.usefixtures("signs")
def test_what_was_signed_is_taken_once_and_a_new_attempt_again(app: Flask) -> None:
    now = time()
    first = signature(at=now)
    assert hooked(app, first) == "360"
    with pytest.raises(Problem) as refused:
        hooked(app, first)
    assert refused.value.code == 409
    assert hooked(app, signature(at=now + 1)) == "360"


@pytest.mark.usefixtures("signs")
def test_what_was_not_stored_may_come_again(app: Flask) -> None:
    headers = signature()
    with app.test_request_context("/hooks/360", headers=headers) as context:
        assert hook_source("360", context.request, BODY).name == "360"
    assert hooked(app, headers) == "360"
