"""What learning systems push to: `/xapi/statements` and `/xapi/about`, as an LRS has them."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import psycopg
import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, TestResponse
from werkzeug.wrappers import Response

from service import boards
from service.app import create_app
from service.http.auth import ensure_default_source
from service.jobs import WAKE
from service.settings import Settings
from service.store import sources
from service.store.engine import driver
from service.store.engine import engine as connected
from tests.conftest import Servers
from tests.written import Json, agent, numbered, said, void

Push = Callable[..., TestResponse]


def basic(password: str = "source-password", user: str = "default") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.fixture
def push(client: FlaskClient, engine: Engine, settings: Settings) -> Push:
    """Pushes statements, or bytes, as the default source does."""
    with engine.begin() as connection:
        ensure_default_source(connection, settings)
    return lambda what, method="POST", **options: pushed(client, what, method, **options)


def pushed(client: FlaskClient, what: Any, method: str = "POST", **options: Any) -> TestResponse:
    body = what if isinstance(what, bytes) else msgspec.json.encode(what)
    headers = basic() | options.pop("headers", {"X-Experience-API-Version": "1.0.3"})
    query = options.pop("query", None)
    return client.open(
        "/xapi/statements",
        method=method,
        data=body,
        headers=headers,
        query_string=query,
        content_type="application/json",
    )


def put(push: Push, statement: Any, number: int | str = 1) -> TestResponse:
    name = str(numbered(number)) if isinstance(number, int) else number
    return push(statement, "PUT", query={"statementId": name})


def stored(engine: Engine) -> list[tuple[UUID, bytes]]:
    with engine.begin() as connection:
        return driver(connection).execute("SELECT id, raw FROM statement ORDER BY id").fetchall()


def refused(response: Response, status: int = 400) -> list[str]:
    """The paths that a problem names; nothing else than a problem will do."""
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    problem = response.json
    assert problem is not None
    assert (problem["status"], problem["instance"]) == (status, "/xapi/statements")
    assert problem["detail"]
    return [error["path"] for error in problem.get("errors", [])]


# --- what is taken ----------------------------------------------------------------------------------------------------


def test_one_statement_is_stored_and_its_id_answered(push: Push, engine: Engine) -> None:
    response = push(said(1))
    assert (response.status_code, response.json) == (200, [str(numbered(1))])
    assert response.content_type == "application/json"
    assert response.headers["X-Experience-API-Version"] == "1.0.3"
    assert stored(engine) == [(numbered(1), msgspec.json.encode(said(1)))]


def test_ids_are_answered_in_the_order_of_the_statements(push: Push, engine: Engine) -> None:
    response = push([said(3), said(1), said(2)])
    assert response.json == [str(numbered(n)) for n in (3, 1, 2)]
    assert [own for own, _ in stored(engine)] == [numbered(n) for n in (1, 2, 3)]


def test_each_statement_of_an_array_is_stored_as_its_own_bytes(push: Push, engine: Engine) -> None:
    spaced = msgspec.json.format(msgspec.json.encode(said(1, name="Ä")), indent=4)
    push(b" [\n" + spaced + b" ,\t" + msgspec.json.encode(said(2)) + b"]\n")
    assert [raw for _, raw in stored(engine)] == [spaced, msgspec.json.encode(said(2))]


def test_an_empty_array_stores_nothing(push: Push, engine: Engine) -> None:
    response = push([])
    assert (response.status_code, response.json, stored(engine)) == (200, [], [])


def test_the_same_again_is_a_success(push: Push, engine: Engine) -> None:
    for _ in range(2):
        response = push([said(1), said(2), said(1)])
        assert response.json == [str(numbered(n)) for n in (1, 2, 1)]
    assert len(stored(engine)) == 2


def test_other_content_under_a_known_id_is_a_success_and_keeps_the_first(push: Push, engine: Engine) -> None:
    push(said(1, who="ann"))
    assert push(said(1, who="bob")).status_code == 200
    assert stored(engine) == [(numbered(1), msgspec.json.encode(said(1, who="ann")))]


def test_a_statement_without_an_id_is_answered_the_same_id_each_time(push: Push, engine: Engine) -> None:
    statement = {key: part for key, part in said(1).items() if key != "id"}
    first, again = push(statement), push(statement)
    assert first.json == again.json == [str(own) for own, _ in stored(engine)]


def test_who_is_pushing_and_what_is_voided_is_written_down(push: Push, engine: Engine) -> None:
    push(void(2, 1))
    with engine.begin() as connection:
        beneath = driver(connection)
        assert beneath.execute("SELECT name FROM statement JOIN source ON source.id = source").fetchone() == (
            "default",
        )
        assert beneath.execute("SELECT target, voider FROM void").fetchone() == (numbered(1), numbered(2))


def test_the_evaluation_is_woken_after_the_commit(push: Push, redis: Redis) -> None:
    push([])
    assert not redis.exists(WAKE)
    push(said(1))
    end = time.monotonic() + 5
    while not redis.exists(WAKE) and time.monotonic() < end:  # whoever pushes is answered before
        time.sleep(0.01)
    assert redis.exists(WAKE)


def test_it_needs_no_redis(engine: Engine, settings: Settings, tmp_path: Path) -> None:
    with engine.begin() as connection:
        ensure_default_source(connection, settings)
    nobody = boards.client(f"unix://{tmp_path}/nobody-listens")
    with create_app(settings, engine=engine, redis=nobody).test_client() as client:
        assert pushed(client, said(1)).status_code == 200
    assert len(stored(engine)) == 1


def test_the_version_of_the_sender_may_be_any_or_none(push: Push) -> None:
    for version in ("1.0.3", "1.0.0", "2.0.0", None):
        headers = {"X-Experience-API-Version": version} if version else {}
        assert push(said(1), headers=headers).status_code == 200


def chunked(client: FlaskClient, stream: Any) -> Response:
    """Pushes a body whose length nobody knows."""
    environ = EnvironBuilder("/xapi/statements", method="POST", headers=Headers(basic())).get_environ()
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"wsgi.input": stream, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    return Response.from_app(client.application.wsgi_app, environ)


def test_a_body_of_unknown_length_is_read(client: FlaskClient, push: Push, engine: Engine) -> None:
    assert chunked(client, BytesIO(msgspec.json.encode(said(1)))).status_code == 200
    assert len(stored(engine)) == 1


# --- PUT --------------------------------------------------------------------------------------------------------------


def test_a_put_statement_is_stored_under_the_id_of_the_query(push: Push, engine: Engine) -> None:
    unnamed = {key: part for key, part in said(1).items() if key != "id"}
    response = put(push, unnamed, 7)
    assert (response.status_code, response.data) == (204, b"")
    assert response.headers["X-Experience-API-Version"] == "1.0.3"
    assert put(push, said(8), 8).status_code == 204
    assert [own for own, _ in stored(engine)] == [numbered(7), numbered(8)]


def test_a_statement_that_was_put_is_a_repeat_of_what_was_posted(push: Push, engine: Engine) -> None:
    push(said(1))
    assert put(push, said(1)).status_code == 204
    assert len(stored(engine)) == 1


def test_a_statement_with_another_id_than_the_query_is_refused(push: Push, engine: Engine) -> None:
    assert refused(put(push, said(2), 1)) == ["$.id"]
    assert stored(engine) == []


def test_a_query_without_an_id_is_refused(push: Push, engine: Engine) -> None:
    for query in ({"statementId": ""}, {"statementId": "1"}, {"statementId": "x" * 36}):
        assert refused(push(said(1), "PUT", query=query)) == ["?statementId"]
    unnamed = {key: part for key, part in said(1).items() if key != "id"}
    assert refused(push(unnamed, "PUT")) == ["?statementId"]
    assert stored(engine) == []


def test_a_put_statement_may_name_itself(push: Push, engine: Engine) -> None:
    assert push(said(1), "PUT").status_code == 204
    assert [own for own, _ in stored(engine)] == [numbered(1)]


def test_put_takes_one_statement(push: Push, engine: Engine) -> None:
    for number in (0, 2):
        assert refused(put(push, [said(n) for n in range(number)])) == []
    assert stored(engine) == []


def test_what_is_wrong_with_a_put_statement_is_named_without_an_index(push: Push) -> None:
    assert refused(put(push, said(1) | {"actor": {"name": "Ann"}})) == ["$.actor"]


# --- what is refused --------------------------------------------------------------------------------------------------


def wrong(**parts: Any) -> Json:
    return said(9) | parts


UNUSABLE: list[tuple[Any, str]] = [
    (wrong(actor=None), ".actor"),
    (wrong(actor={"mbox": "ann"}), ".actor.mbox"),
    (wrong(actor={"member": [agent("ann"), {}]}), ".actor.member[1]"),
    (wrong(verb={}), ".verb.id"),
    (wrong(object=[]), ".object"),
    (wrong(timestamp=1), ".timestamp"),
    (wrong(result={"score": {"scaled": "much"}}), ".result.score.scaled"),
    (wrong(context={"platform": 1}), ".context.platform"),
]


def set_aside(engine: Engine) -> list[tuple[UUID, str, int]]:
    with engine.begin() as connection:
        return driver(connection).execute("SELECT statement, path, times FROM quarantine ORDER BY id").fetchall()


def test_a_statement_that_cannot_be_used_is_set_aside_and_the_others_are_stored(push: Push, engine: Engine) -> None:
    for number, (statement, path) in enumerate(UNUSABLE):
        response = push([said(1), statement, said(2)])
        assert response.status_code == 200
        assert response.json is not None
        assert [response.json[0], response.json[2]] == [str(numbered(1)), str(numbered(2))]
        assert set_aside(engine)[number] == (UUID(response.json[1]), f"${path}", 1)
    assert [own for own, _ in stored(engine)] == [numbered(1), numbered(2)]


def test_what_is_set_aside_again_is_counted_and_kept_once(push: Push, engine: Engine) -> None:
    for _ in range(2):
        push([wrong(verb={}), wrong(verb={}), said(1)])
    assert set_aside(engine) == [(numbered(9), "$.verb.id", 2)]


def test_a_lone_statement_that_cannot_be_used_is_kept_too_and_its_sender_told(push: Push, engine: Engine) -> None:
    for statement, path in UNUSABLE:
        assert refused(push(statement)) == [f"${path}"]
    assert len(set_aside(engine)) == len(UNUSABLE)
    assert stored(engine) == []


UNREADABLE = (b"[]", b"null", b'"statement"', b"1", b"[" * 200 + b"]" * 200, b'{"actor": {"name": "Zo\xeb"}}')


def test_what_is_no_object_does_not_cost_its_sender_the_others(push: Push, engine: Engine) -> None:
    for number, odd in enumerate(UNREADABLE, 1):
        response = push(b"[" + msgspec.json.encode(said(number)) + b"," + odd + b"]")
        assert response.status_code == 200
        assert response.json is not None
        assert (response.json[0], set_aside(engine)[-1]) == (str(numbered(number)), (UUID(response.json[1]), "$", 1))
    assert len(stored(engine)) == len(set_aside(engine)) == len(UNREADABLE)


def test_a_body_of_nothing_but_what_is_no_object_is_refused(push: Push, engine: Engine) -> None:
    for odd in UNREADABLE:
        assert refused(push(b"[" + odd + b"," + odd + b"]")) == ["$[0]", "$[1]"]
    assert not stored(engine)
    assert not set_aside(engine)


def test_the_sentence_says_where_and_what(push: Push) -> None:
    problem = push(wrong(verb={})).json
    assert problem is not None
    assert problem["detail"] == "A statement cannot be used: $.verb.id is missing; name the verb by its IRI"
    assert problem["errors"] == [{"path": "$.verb.id", "message": "is missing; name the verb by its IRI"}]


# --- a strict source --------------------------------------------------------------------------------------------------


@pytest.fixture
def strict(push: Push, engine: Engine) -> Push:
    with engine.begin() as connection:
        sources.change(connection, "default", {"validation": "strict"})
    return push


def test_a_strict_source_is_refused_as_a_whole_with_index_path_and_requirement(strict: Push, engine: Engine) -> None:
    odd = said(2) | {"iD": "1", "verb": {"id": "done"}}
    response = strict([said(1), odd])
    assert refused(response) == ["$[1].verb.id", "$[1].iD"]
    assert response.json is not None
    assert [error["requirement"] for error in response.json["errors"]] == ["XAPI-00044", "XAPI-00008"]
    assert refused(strict(odd)) == ["$.verb.id", "$.iD"]
    assert refused(put(strict, odd, 2)) == ["$.verb.id", "$.iD"]
    assert refused(strict(said(2), "PUT")) == ["?statementId"]
    assert not stored(engine)
    assert not set_aside(engine)
    assert strict([said(1), said(2)]).status_code == 200


def test_a_strict_source_is_judged_by_the_version_that_it_names(strict: Push) -> None:
    groups = [{"objectType": "contextGroup", "group": {"objectType": "Group", "mbox": "mailto:team@example.com"}}]
    statement = said(1) | {"context": {"contextGroups": groups}}
    assert refused(strict(statement)) == ["$.context.contextGroups"]
    assert strict(statement, headers={"X-Experience-API-Version": "2.0.0"}).status_code == 200
    assert strict(said(2) | {"context": {"contextGroups": groups}, "version": "2.0.0"}).status_code == 200


def test_a_lenient_source_is_not_asked_for_more_than_can_be_used(push: Push, engine: Engine) -> None:
    assert push([said(1) | {"iD": "1", "verb": {"id": "done"}}]).status_code == 200
    assert set_aside(engine) == []


def test_what_is_no_json_is_refused(push: Push, engine: Engine) -> None:
    for body in (b"", b" \n", b"[", b"[{}", b"]", b'{"actor":', b"[1,]", b"\xff", b"<xml/>", b"a=b", b"{}{}"):
        refused(push(body))
    assert stored(engine) == []


def test_an_empty_body_is_said_to_be_empty(push: Push) -> None:
    problem = push(b" \n").json
    assert problem is not None
    assert problem["detail"].startswith("The body is empty")


def test_what_is_nested_too_deeply_is_refused(push: Push, engine: Engine) -> None:
    one = msgspec.json.encode(said(1))
    for levels in (200, 950, 990, 1000, 100_000):
        deep = one[:-1] + b',"x":' + b"[" * levels + b"]" * levels + b"}"
        refused(push(deep))
        refused(push(b"[" + deep + b"," + deep + b"]"))
        refused(push(b"[" * levels + b"]" * levels))
    assert stored(engine) == []
    refused(push(b"[" + one + b"," + deep + b"]"))  # nobody can tell where it ends
    assert stored(engine) == []


def test_more_bytes_than_allowed_are_refused(push: Push, engine: Engine, settings: Settings) -> None:
    fitting = said(1, filler="x" * (settings.max_bytes - len(msgspec.json.encode(said(1, filler="")))))
    assert len(msgspec.json.encode(fitting)) == settings.max_bytes
    assert push(fitting).status_code == 200
    refused(push(msgspec.json.encode(fitting) + b" "), 413)
    refused(put(push, msgspec.json.encode(fitting) + b" "), 413)
    assert len(stored(engine)) == 1


class Endless:
    """A body that never ends, and counts what was read of it."""

    taken = 0

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        self.taken += size
        return b"[" * size


def test_a_body_of_unknown_length_is_read_no_further_than_allowed(
    client: FlaskClient, push: Push, settings: Settings
) -> None:
    endless = Endless()
    refused(chunked(client, endless), 413)
    assert endless.taken <= 2 * settings.max_bytes


def test_more_statements_than_allowed_are_refused(push: Push, engine: Engine, settings: Settings) -> None:
    assert push([said(n) for n in range(settings.max_statements)]).status_code == 200
    refused(push([said(n) for n in range(1000, 1001 + settings.max_statements)]), 413)
    assert len(stored(engine)) == settings.max_statements


STRANGERS = [basic("wrong"), basic(user="nobody"), {"Authorization": "Bearer wrong"}, {"Authorization": ""}]


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_strangers_push_nothing(push: Push, engine: Engine, method: str) -> None:
    for headers in STRANGERS:
        response = push(b"", method, headers=headers)  # what they push is not even looked at
        refused(response, 401)
        assert response.headers["WWW-Authenticate"].startswith("Basic ")
    assert stored(engine) == []


def test_statements_are_only_pushed(push: Push) -> None:
    for method in ("GET", "DELETE", "PATCH"):
        response = push(b"", method)
        refused(response, 405)
        assert {"POST", "PUT"} <= {name.strip() for name in response.headers["Allow"].split(",")}


# --- the database is away ---------------------------------------------------------------------------------------------


def away(folder: Path) -> Engine:
    """A database that is not there."""
    return connected(f"postgresql://postgres@/plaudit?host={folder}")


def test_without_a_database_the_sender_is_told_when_to_come_again(
    settings: Settings, redis: Redis, tmp_path: Path
) -> None:
    with create_app(settings, engine=away(tmp_path), redis=redis).test_client() as client:
        response = pushed(client, said(1))
    refused(response, 503)
    assert 0 < int(response.headers["Retry-After"]) <= 60


def test_a_database_that_goes_away_and_comes_back_loses_nothing_that_was_answered(
    push: Push, engine: Engine, servers: Servers
) -> None:
    assert push(said(1)).status_code == 200
    name = engine.url.database
    with psycopg.connect(servers.postgres, autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        response = push(said(2))
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
    refused(response, 503)
    assert "Retry-After" in response.headers
    assert push(said(3)).status_code == 200
    assert [own for own, _ in stored(engine)] == [numbered(1), numbered(3)]


# --- about ------------------------------------------------------------------------------------------------------------


def test_about_tells_the_versions_to_anybody(client: FlaskClient) -> None:
    response = client.get("/xapi/about")
    assert response.status_code == 200
    assert response.json == {"version": ["2.0.0", "1.0.3", "1.0.2", "1.0.1", "1.0.0"]}
    assert response.headers["X-Experience-API-Version"] == "1.0.3"


def test_limits_are_those_of_the_settings(engine: Engine, redis: Redis, settings: Settings) -> None:
    with engine.begin() as connection:
        ensure_default_source(connection, settings)
    narrow = replace(settings, max_statements=2, max_bytes=1000)
    with create_app(narrow, engine=engine, redis=redis).test_client() as client:
        assert pushed(client, [said(1), said(2)]).status_code == 200
        refused(pushed(client, [{}, {}, {}]), 413)
        refused(pushed(client, said(1, filler="x" * 1000)), 413)


def test_whoever_wants_to_read_statements_is_told_where_they_are(client: FlaskClient) -> None:
    response = client.get("/xapi/statements", headers=basic())
    assert (response.status_code, response.headers["Allow"]) == (405, "POST, PUT")
    assert "read them from your LRS" in response.get_json()["detail"]


def test_missing_and_wrong_credentials_are_told_apart(client: FlaskClient) -> None:
    wrong = {"Authorization": "Basic " + b64encode(b"default:wrong").decode()}
    missing, given = client.post("/xapi/statements"), client.post("/xapi/statements", headers=wrong)
    assert missing.get_json()["detail"].startswith("Send the user name and password of a source")
    assert given.get_json()["detail"].startswith("These are not the user name and password of a source")
