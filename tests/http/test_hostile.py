"""Whatever is pushed: bounded memory, a clear answer, nothing that stops the evaluation, and `verify` finds nothing."""

from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from collections import Counter
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine

from service import shipped
from service.drain import Drain
from service.jobs import drain_once
from service.replay import apply_rules_directory
from service.settings import Settings
from service.store import sources
from service.store.engine import driver
from service.verify import verify
from tests.http.conftest import Caller
from tests.http.test_xapi import basic
from tests.laws.effort import FACTOR
from tests.written import COMPLETED, COURSE, SHARED, numbered, said

JSON = "application/json"
ANSWERS = {200, 204, 400, 401, 403, 404, 409, 413, 415}


@pytest.fixture
def pushed(client: FlaskClient, engine: Engine, settings: Settings, redis: Redis) -> Any:
    """Pushes bytes as a source that knows all the shipped rules."""
    apply_rules_directory(engine, shipped.rules(), settings.time_zone)
    with engine.begin() as connection:
        sources.ensure_default_source(connection, settings)

    def push(body: bytes, kind: str = JSON, coding: str | None = None, path: str = "/xapi/statements") -> Any:
        headers = basic() | {"Content-Type": kind} | ({"Content-Encoding": coding} if coding else {})
        return client.post(path, data=body, headers=headers)

    return push


def evaluated(engine: Engine, redis: Redis) -> None:
    """Evaluates what was stored, as a worker does; afterwards nothing waits, nothing failed, and all of it is right."""
    drain = Drain(engine)
    while drain_once(drain, engine, redis).statements:
        pass
    with engine.begin() as connection:
        failed = driver(connection).execute("SELECT reason, raw FROM quarantine WHERE kind = 'failed'").fetchall()
    assert failed == []
    assert verify(engine).differences == []


def raw(**parts: Any) -> bytes:
    return msgspec.json.encode(said(1) | parts)


def nested(levels: int) -> bytes:
    return raw()[:-1] + b',"x":' + b'{"a":[' * (levels // 2) + b"]}" * (levels // 2) + b"}"


LONG = "https://example.com/" + "i" * 100_000
ACCOUNT = {"homePage": LONG, "name": "n" * 100_000}
CROWD = {"objectType": "Group", "member": [{"mbox": f"mailto:a{n}@b.c"} for n in range(10_000)]}
HOSTILE: dict[str, tuple[bytes, int]] = {
    "10,000 levels": (nested(10_000), 400),
    "a million brackets": (b"[" * 1_000_000, 400),
    "10,000 levels in an envelope": (b'{"statement":' * 10_000 + b"{}" + b"}" * 10_000, 400),
    "duplicate keys": (raw()[:-1] + b',"verb":{"id":"' + SHARED.encode() + b'","id":"x:y"}}', 200),
    "a NUL in the actor": (raw(actor={"openid": "https://ann.example.com/\0"}), 400),
    "a NUL in a name": (raw(actor={"openid": "https://ann.example.com/", "name": "A\0nn"}), 200),
    "a NUL in an extension": (raw(context={"extensions": {"x:\0": "\0"}}), 200),
    "half a surrogate pair in the verb": (raw().replace(COMPLETED.encode(), rb"https://e.com/\ud800"), 200),
    "half a surrogate pair where nobody looks": (raw()[:-1] + rb',"x":"\ud800"}', 200),
    "NaN": (raw()[:-1] + b',"result":{"score":{"scaled":NaN}}}', 400),
    "a number of 400 digits where nobody looks": (raw()[:-1] + b',"x":' + b"9" * 400 + b"}", 200),
    "a score of 400 digits": (raw()[:-1] + b',"result":{"score":{"raw":' + b"9" * 400 + b"}}}", 400),
    "an IRI of 100 kB": (raw(object={"id": LONG, "definition": {"type": COURSE}}), 200),
    "a verb of 100 kB": (raw(verb={"id": LONG}), 200),
    "an account of 200 kB": (raw(actor={"account": ACCOUNT}), 200),
    "a group of 10,000": (raw(actor=CROWD), 200),
    "a time before Christ": (raw(timestamp="-0044-03-15T12:00:00Z"), 200),
    "the year 9999": (raw(timestamp="9999-12-31T23:59:59Z"), 200),
    "the year 1": (raw(timestamp="0001-01-01T00:00:00Z"), 200),
    "only a byte order mark": (b"\xef\xbb\xbf", 400),
    "UTF-16": (raw().decode().encode("utf-16"), 400),
}  # fmt: skip


def test_hostile_statements_are_answered_and_evaluated(pushed: Any, engine: Engine, redis: Redis) -> None:
    for number, (name, (body, status)) in enumerate(HOSTILE.items()):
        own = body.replace(str(numbered(1)).encode(), str(numbered(1000 + number)).encode())
        response = pushed(own)
        assert response.status_code == status, (name, response.data[:300])
        assert len(response.data) < 2000, name
    evaluated(engine, redis)


def test_what_was_set_aside_can_be_looked_at_whatever_it_is(pushed: Any, reader: Caller) -> None:
    for number, body in enumerate((rb'{"actor":1,"\ud800"', raw(actor={"mbox": "\0"}), b'{"actor":[]')):
        pushed(body)
        entries = reader("/api/v1/quarantine").get_json()["entries"]
        assert len(entries) == number + 1
        assert reader(f"/api/v1/quarantine/{entries[-1]['id']}").status_code == 200


def test_bombs_are_not_unpacked(pushed: Any, settings: Settings) -> None:
    bombs = [
        (gzip.compress(b"[" * 200_000_000, 9), "gzip"),
        (zlib.compress(bytes(200_000_000), 9), "deflate"),
        (gzip.compress(b" ") * 20_000, "gzip"),
    ]
    tracemalloc.start()
    try:
        answers = [pushed(body, coding=coding).status_code for body, coding in bombs]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answers == [413, 413, 400]
    assert peak < 20 * settings.max_bytes


def test_a_form_and_parts_without_end_are_bounded(pushed: Any) -> None:
    form, mixed = "application/x-www-form-urlencoded", "multipart/mixed; boundary=b"
    assert pushed(b"a=b&" * 100_000, form).status_code == 400
    assert pushed(b"\r\n--b\r\n\r\n" * 50_000, mixed).status_code == 400
    assert pushed(b"--b\r\n\r\n[]" + b"\r\n--b\r\n\r\n" * 50_000 + b"--b--", mixed).status_code in (200, 400)
    assert pushed(b"\r" * 500_000 + b"\n--b--", mixed).status_code == 400


# --- anything at all ------------------------------------------------------------------------------------------------

PIECES = [raw(), b"{", b"}", b"[", b"]", b",", b'"', b"\\", b"\0", b"\xff", b'"actor":', b'"statements":', b"payload="]
PIECES += [b"\r\n--b", b"--", b"\r\n\r\n", b"null", b"1e999", b'{"statement":', b'{"type":1,"data":', b"\\ud800", b"%0"]
KINDS = [JSON, "", "application/x-www-form-urlencoded", "multipart/mixed; boundary=b", "multipart/mixed", "text/xml;;="]
NAMES = ["id", "actor", "verb", "object", "result", "context", "timestamp", "stored", "uuid", "statement"]
bodies = st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=12).map(b"".join)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from([SHARED, LONG])
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner))
changes = st.dictionaries(st.sampled_from(NAMES), values, max_size=4)
statements = st.tuples(st.integers(1, 99), changes).map(lambda told: json.dumps(said(told[0]) | told[1]).encode())
codings = st.sampled_from([None, None, None, "gzip", "deflate", "identity", "br"])
pushing = st.tuples(bodies | statements, st.sampled_from(KINDS), codings, st.booleans(), st.booleans())
MANY = settings(
    max_examples=150 * FACTOR,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def packed(body: bytes, coding: str | None) -> bytes:
    if coding == "gzip":
        return gzip.compress(body)
    return zlib.compress(body) if coding == "deflate" else body


def test_anything_is_answered_and_what_was_stored_evaluated(pushed: Any, engine: Engine, redis: Redis) -> None:
    answers: Counter[int] = Counter()

    @given(pushing)
    @MANY
    def pushes(told: tuple[bytes, str, str | None, bool, bool]) -> None:
        body, kind, coding, packs, hook = told
        path = "/hooks/default" if hook else "/xapi/statements"
        response = pushed(packed(body, coding) if packs else body, kind, coding, path)
        answers[response.status_code] += 1
        assert response.status_code in ANSWERS, response.data

    pushes()
    assert answers[200] >= 5
    assert answers[400] >= 5
    evaluated(engine, redis)
