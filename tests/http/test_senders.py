"""Each learning system is answered as it needs: requests built as its source code or documents say it sends them.

What each takes for success, and what it does with anything else, stands in the docstring of its test.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
import time
from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import msgspec
import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from service.settings import Settings
from service.store import sources
from service.store.engine import driver
from tests.http.test_xapi import basic, set_aside, stored
from tests.written import Json, numbered, said, void

XAPI, HOOK = "/xapi/statements", "/hooks/lms"
PASSWORD = "the password of a source"
WEBHOOK = "whsec_" + b64encode(b"k" * 32).decode()

Send = Callable[..., TestResponse]


@pytest.fixture
def source(engine: Engine, settings: Settings) -> None:
    """A source that may do what the sender of the test needs."""
    with engine.begin() as connection:
        number = sources.add(connection, "lms", "lms", {"keep_attachments": True})
        assert number is not None
        sources.add_password(connection, number, PASSWORD)
        sources.add_signing(connection, number, "webhook", WEBHOOK, settings.secret_key)
        sources.add_signing(connection, number, "lrs", "the secret of an LRS", settings.secret_key)


@pytest.fixture
def send(client: FlaskClient, source: None) -> Send:
    def post(body: bytes, path: str = XAPI, method: str = "POST", **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.open(path, method=method, data=body, headers=named)

    return post


AUTH = basic(PASSWORD, "lms")
JSON = "application/json"


def names(engine: Engine) -> list[UUID]:
    return [own for own, _ in stored(engine)]


def ids(response: TestResponse) -> Any:
    assert response.status_code == 200
    return response.json


def odd() -> Json:
    """Nobody did this."""
    return said(9, who={"name": "Nobody"})


# --- Learning Locker ------------------------------------------------------------------------------------------------


def test_learning_locker_forwards_one_statement_at_a_time(send: Send, engine: Engine) -> None:
    """200..399 within 5 s; anything else is sent up to ten times, then lost. It may send the same twice at once."""
    headers = {"Content_Type": JSON, "X_Experience_API_Version": "1.0.3", "X_Custom": "free"} | AUTH
    for _ in range(2):
        assert ids(send(msgspec.json.encode(said(1)), **headers)) == [str(numbered(1))]
    assert names(engine) == [numbered(1)]


def test_learning_locker_forwards_its_full_document(send: Send, engine: Engine) -> None:
    record = {
        "_id": "59c1083f7c2a4b0d3c4c2c11",
        "organisation": "561a679c0c5d017e4004714f",
        "lrs_id": "560a679c0c5d017e4004714f",
        "person": {"_id": "5a", "display": "Ann"},
        "active": True,
        "voided": False,
        "timestamp": "2026-01-01T12:00:00Z",
        "stored": "2026-01-01T12:00:01Z",
        "hash": "4f",
        "statement": said(1, context={"extensions": {"https://example.com/a.b": 1}}),
        "completedQueues": ["STATEMENT_PERSON_QUEUE"],
        "failedForwardingLog": [],
    }
    assert ids(send(msgspec.json.encode(record), HOOK, Content_Type=JSON, **AUTH)) == [str(numbered(1))]
    assert msgspec.json.decode(stored(engine)[0][1]) == record["statement"]


def test_learning_locker_counts_characters_in_the_length_of_a_part(send: Send, engine: Engine) -> None:
    boundary, content = "zzzlearninglockerzzz", b"\x00\xff--zzz\r\n"
    sha2 = hashlib.sha256(content).hexdigest()
    statement = msgspec.json.encode(
        said(1, who={"mbox": "mailto:zoe@example.com", "name": "Zoë"}, attachments=[told(sha2)])
    )
    lines = [
        f"--{boundary}",
        "Content-Type: application/json",
        f"Content-Length: {len(statement.decode())}",
        "",
        statement.decode(),
        f"--{boundary}",
        "Content-Type: application/octet-stream",
        "Content-Transfer-Encoding: binary",
        f"X-Experience-API-Hash: {sha2}",
        "",
        "",
    ]
    body = "\r\n".join(lines).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    kind = f"multipart/mixed; boundary={boundary}"
    assert ids(send(body, Content_Type=kind, X_Experience_API_Version="1.0.3", **AUTH)) == [str(numbered(1))]
    assert attachments(engine) == [(numbered(1), sha2, "application/octet-stream", content)]


def told(sha2: str) -> Json:
    display = {"en": "A file"}
    return {"usageType": "https://example.com/u", "display": display, "contentType": "a/b", "length": 1, "sha2": sha2}


def attachments(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.begin() as connection:
        return driver(connection).execute("SELECT * FROM attachment ORDER BY statement, sha2").fetchall()


# --- LRSPipe, Watershed ---------------------------------------------------------------------------------------------


def piped(statements: list[Json], boundary: str = "-----------------------31") -> tuple[bytes, str]:
    """As xapipe writes it: always multipart, no charset, no space behind the colons of part headers."""
    json = msgspec.json.encode(statements)
    body = f"--{boundary}\r\nContent-Type:application/json\r\n\r\n".encode() + json
    return body + f"\r\n--{boundary}--\r\n".encode(), f"multipart/mixed; boundary={boundary}"


def test_lrspipe_stops_for_good_at_anything_but_200(send: Send, engine: Engine) -> None:
    """Exactly 200. 503 and 429 are tried again; at 202, 204, 400, 409, 500 the job stands until somebody starts it."""
    batch = [said(number) for number in range(1, 51)]
    body, kind = piped(batch)
    headers = {"Content_Type": kind, "X_Experience_API_Version": "1.0.3"} | AUTH
    for _ in range(2):  # at least once
        assert ids(send(body, **headers)) == [one["id"] for one in batch]
    conflict, _ = piped([said(1, who="bob"), odd()])
    assert ids(send(conflict, **headers)) == [str(numbered(1)), str(numbered(9))]
    alone, _ = piped([odd()])
    assert ids(send(alone, **headers)) == [str(numbered(9))]
    assert names(engine) == [numbered(number) for number in range(1, 51)]
    assert [name for name, _, _ in set_aside(engine)] == [numbered(9)]


def test_lrspipe_may_use_a_bearer_token_and_2_0(send: Send) -> None:
    body, kind = piped([said(1)])
    headers = {"Content_Type": kind, "X_Experience_API_Version": "2.0.0", "Authorization": f"Bearer {PASSWORD}"}
    assert ids(send(body, **headers)) == [str(numbered(1))]


def test_watershed_voids_what_was_never_seen(send: Send, engine: Engine) -> None:
    body, kind = piped([void(2, 1)], "wsboundary")
    assert ids(send(body, Content_Type=kind, X_Experience_API_Version="1.0.2", **AUTH)) == [str(numbered(2))]
    assert names(engine) == [numbered(2)]


# --- ADL LRS --------------------------------------------------------------------------------------------------------


def test_the_adl_lrs_sends_a_hook_without_version_once_and_never_again(send: Send, engine: Engine) -> None:
    """Whatever is answered is only logged: what is not stored the first time is lost."""
    body = msgspec.json.encode({"statements": [said(1), said(2)], "id": str(uuid4())})
    signature = hmac.new(b"the secret of an LRS", body, "sha1").hexdigest()
    assert len(ids(send(body, HOOK, Content_Type=JSON, X_LRS_Signature=signature))) == 2
    assert send(body, HOOK, Content_Type=JSON, X_LRS_Signature="0" * 40).status_code == 401
    assert names(engine) == [numbered(1), numbered(2)]


def test_the_adl_lrs_may_send_a_form_and_encode_nothing(send: Send, engine: Engine) -> None:
    body = msgspec.json.encode({"statements": [said(1, thing="a?b=1&c=50%+d")], "id": "x"})
    form = {"Content_Type": "application/x-www-form-urlencoded"} | AUTH
    assert ids(send(b"payload=" + body, HOOK, **form)) == [str(numbered(1))]
    assert ids(send(urlencode({"payload": body}).encode(), HOOK, **form)) == [str(numbered(1))]
    assert msgspec.json.decode(stored(engine)[0][1])["object"]["id"].endswith("a?b=1&c=50%+d")


# --- Ralph ----------------------------------------------------------------------------------------------------------


def test_ralph_puts_one_statement_without_naming_it_and_repeats_it_with_other_stamps(
    send: Send, engine: Engine
) -> None:
    """< 400. PUT without ?statementId, POST an array; no version. It repeats whole lists, stamped again."""
    ralph = {"mbox": "mailto:ralph@example.com"}
    for second in (1, 2):
        stamped = said(
            1, stored=f"2026-01-01T12:00:0{second}Z", timestamp=f"2026-01-01T12:00:0{second}Z", authority=ralph
        )
        assert send(msgspec.json.encode(stamped), method="PUT", Content_Type=JSON, **AUTH).status_code == 204
        assert ids(send(msgspec.json.encode([stamped]), Content_Type=JSON, **AUTH)) == [str(numbered(1))]
    assert names(engine) == [numbered(1)]
    with engine.begin() as connection:
        assert driver(connection).execute("SELECT count(*) FROM conflict").fetchone() == (0,)


def test_ralph_forwards_what_was_put_there_to_a_hook_as_well(send: Send, engine: Engine) -> None:
    """Whatever is not taken is only logged there, and lost. Others append /statements to the endpoint of an LRS."""
    one = msgspec.json.encode(said(1))
    for path in (HOOK, f"{HOOK}/statements", f"{HOOK}/statements?statementId={numbered(1)}"):
        assert send(one, path, "PUT", Content_Type=JSON, **AUTH).status_code == 204
    assert send(one, f"{HOOK}?statementId={numbered(2)}", "PUT", Content_Type=JSON, **AUTH).status_code == 400
    assert send(one, HOOK, "PUT", Content_Type=JSON, **basic("wrong", "lms")).status_code == 401
    assert ids(send(b"[" + one + b"]", f"{HOOK}/statements", Content_Type=JSON, **AUTH)) == [str(numbered(1))]
    assert names(engine) == [numbered(1)]


# --- Moodle, Open edX -----------------------------------------------------------------------------------------------


def test_moodle_takes_200_only_and_halves_its_batch_at_400(send: Send, engine: Engine) -> None:
    """Exactly 200. At 400 it halves the batch until the bad one is alone: with us it has no need to."""
    headers = {"Content_Type": JSON, "X_Experience_API_Version": "1.0.3"} | AUTH
    batch = [{name: part for name, part in said(0, thing=f"t{n}").items() if name != "id"} for n in (1, 2)]
    answered = ids(send(msgspec.json.encode([*batch, odd()]), **headers))
    assert len(set(answered)) == 3
    assert sorted(map(str, names(engine))) == sorted(answered[:2])
    assert send(b'[{"actor":', **headers).status_code == 400


def test_open_edx_reads_the_ids_of_its_bulk_and_puts_single_ones(send: Send) -> None:
    """2xx; of a bulk it reads the answer as JSON and pairs the ids with what it sent."""
    headers = {"Content_Type": JSON, "X_Experience_API_Version": "1.0.3"} | AUTH
    batch = [said(3), said(1), said(2)]
    response = send(msgspec.json.encode(batch), **headers)
    assert json.loads(response.data) == [one["id"] for one in batch]
    name = f"{XAPI}?statementId={numbered(1)}"
    for _ in range(2):
        assert send(msgspec.json.encode(said(1)), name, "PUT", **headers).status_code == 204


# --- 360Learning, TrainingArc ---------------------------------------------------------------------------------------


def signed(body: bytes, name: str = "msg_1", now: int | None = None) -> dict[str, str]:
    stamp = str(int(time.time()) if now is None else now)
    mark = hmac.new(b64decode(WEBHOOK[6:]), f"{name}.{stamp}.".encode() + body, "sha256").digest()
    return {
        "webhook_id": name,
        "webhook_timestamp": stamp,
        "webhook_signature": "v1," + b64encode(mark).decode(),
        "Content_Type": JSON,
    }


def test_360learning_signs_names_the_statement_by_uuid_and_tries_again(send: Send, engine: Engine) -> None:
    """2xx within 15 s, eight times over a day, signed each time anew; 3xx is a failure."""
    data = {name: part for name, part in said(1).items() if name not in ("id", "timestamp")} | {
        "uuid": str(numbered(1))
    }
    body = msgspec.json.encode({"type": "xapi.statement", "timestamp": 1767268800000, "data": data})
    assert ids(send(body, HOOK, **signed(body))) == [str(numbered(1))]
    again = signed(body, now=int(time.time()) + 5)
    assert ids(send(body, HOOK, **again)) == [str(numbered(1))]
    assert send(body, HOOK, **again).status_code == 409  # the very same request is not taken twice
    assert send(body + b" ", HOOK, **signed(body)).status_code == 401
    assert names(engine) == [numbered(1)]
    assert msgspec.json.decode(stored(engine)[0][1])["timestamp"] == "2026-01-01T12:00:00+00:00"


def test_trainingarc_fires_and_forgets(send: Send, engine: Engine) -> None:
    """No retry: what is refused is lost."""
    body = {"statementId": str(numbered(1)), "organizationId": "o", "receivedAt": "2026-01-01T12:00:00Z"}
    unnamed = {name: part for name, part in said(1).items() if name != "id"}
    assert ids(send(msgspec.json.encode(body | {"statement": unnamed}), HOOK, **AUTH)) == [str(numbered(1))]
    assert names(engine) == [numbered(1)]


# --- SCORM Cloud, LinkedIn Learning, TRAX, Rustici ------------------------------------------------------------------


def test_scorm_cloud_is_told_that_a_registration_is_no_statement(send: Send) -> None:
    """Any 4xx ends its tries at once; it should be told why."""
    form = urlencode({"data": '{"id": "reg"}', "userName": "lms", "password": PASSWORD}).encode()
    kind = "application/x-www-form-urlencoded"
    for body, content_type in ((form, kind), (b'{"id": "reg", "registrationCompletion": "COMPLETED"}', JSON)):
        response = send(body, HOOK, Content_Type=content_type, **AUTH)
        assert (response.status_code, response.content_type) == (400, "application/problem+json")
        assert response.json is not None
        assert "SCORM Cloud" in response.json["detail"]


def test_linkedin_learning_asks_for_a_token_first(send: Send, engine: Engine) -> None:
    """Two-legged OAuth 2.0: the receiver gives tokens for a user name and password (scope xapi:write)."""
    form = {"Content_Type": "application/x-www-form-urlencoded"}
    asked = {"grant_type": "client_credentials", "client_id": "lms", "client_secret": PASSWORD, "scope": "xapi:write"}
    answer = send(urlencode(asked).encode(), "/oauth2/token", **form)
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    assert answer.json is not None
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 3600)
    bearer = {"Authorization": f"Bearer {answer.json['access_token']}", "Content_Type": JSON}
    assert ids(send(msgspec.json.encode(said(1, version="1.0.0")), **bearer)) == [str(numbered(1))]
    header = send(b"grant_type=client_credentials", "/oauth2/token", **form, **AUTH)
    assert header.status_code == 200
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=3700), tick=True):
        late = {"Authorization": bearer["Authorization"] + " ", "Content_Type": JSON}
        assert send(msgspec.json.encode(said(2)), **late).status_code == 401
    for wrong in ({"client_secret": "no"}, {"client_id": "nobody"}, {"client_id": "a\0"}):
        assert send(urlencode(asked | wrong).encode(), "/oauth2/token", **form).status_code == 401
    assert send(b"grant_type=password", "/oauth2/token", **form).status_code == 400
    assert send(b"{}", "/oauth2/token", Content_Type=JSON).status_code == 400
    forged = {"Authorization": "Bearer oauth.ImxtcyI.aSE.x", "Content_Type": JSON}
    assert send(msgspec.json.encode(said(3)), **forged).status_code == 401
    assert names(engine) == [numbered(1)]


def test_trax_and_rustici_push_batches_as_one_lrs_to_another(send: Send) -> None:
    headers = {"Content_Type": JSON, "X_Experience_API_Version": "1.0.3"} | AUTH
    batch = [said(number, version="1.0.0", stored="2026-01-01T12:00:00Z") for number in range(1, 101)]
    assert ids(send(msgspec.json.encode(batch), **headers)) == [one["id"] for one in batch]


# --- anybody --------------------------------------------------------------------------------------------------------


def test_a_compressed_body_is_unpacked_no_further_than_allowed(send: Send, settings: Settings, engine: Engine) -> None:
    headers = {"Content_Type": JSON, "Content_Encoding": "gzip"} | AUTH
    assert ids(send(gzip.compress(msgspec.json.encode([said(1), said(2)])), **headers)) == [
        str(numbered(1)),
        str(numbered(2)),
    ]
    bomb = gzip.compress(b" " * (settings.max_bytes + 1))
    assert send(bomb, **headers).status_code == 413
    assert send(b"{}", **headers).status_code == 400
    response = send(b"{}", **(headers | {"Content_Encoding": "br"}))
    assert (response.status_code, response.headers["Accept-Encoding"]) == (415, "gzip, deflate")
    assert names(engine) == [numbered(1), numbered(2)]


def test_attachments_are_checked_and_kept_only_where_the_source_says_so(send: Send, engine: Engine) -> None:
    sha2 = hashlib.sha256(b"content").hexdigest()
    batch = msgspec.json.encode([said(1, attachments=[told(sha2.upper()), told("0" * 64)]), said(2)])
    head = "\r\nContent-Type: a/b\r\nX-Experience-API-Hash: "
    files = [f"{head}{name}\r\n\r\ncontent".encode() for name in (sha2, "0" * 64)]
    body = b"--b" + b"\r\n--b".join([b"\r\n\r\n" + batch, *files]) + b"\r\n--b--"
    kind = {"Content_Type": "multipart/mixed; boundary=b"}
    assert len(ids(send(body, **kind, **AUTH))) == 2
    assert attachments(engine) == [(numbered(1), sha2, "a/b", b"content")]
    with engine.begin() as connection:
        driver(connection).execute("DELETE FROM attachment")
        for name, options in {"lenient": {}, "strict": {"validation": "strict"}}.items():
            number = sources.add(connection, name, name, options)
            assert number is not None
            sources.add_password(connection, number, PASSWORD)
    assert len(ids(send(body, **kind, **basic(PASSWORD, "lenient")))) == 2
    refused = send(body, **kind, **basic(PASSWORD, "strict"))
    assert refused.status_code == 400
    assert refused.json is not None
    assert "Attachment 2 has another hash" in refused.json["detail"]
    assert attachments(engine) == []


def test_a_hook_belongs_to_its_source(send: Send, engine: Engine) -> None:
    body = msgspec.json.encode(said(1))
    assert send(body, "/hooks/other", **AUTH).status_code == 403
    assert send(body, "/hooks/nobody").status_code == 401
    assert send(body, HOOK, Authorization="Bearer wrong").status_code == 401
    assert stored(engine) == []
