"""What requests bring, in all the forms that senders give them."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from typing import Any
from urllib.parse import quote_plus

import msgspec
import pytest

from service.capture.delivery import Delivery, delivery
from service.capture.inflate import TooLarge, Unpackable, inflated
from service.capture.xapi import Malformed
from tests.written import numbered, said

ONE, TWO = msgspec.json.encode(said(1, name="Zoë & co")), msgspec.json.encode(said(2))
UNNAMED = {name: part for name, part in said(1).items() if name not in ("id", "timestamp")}


def decoded(brought: Delivery) -> list[Any]:
    return [msgspec.json.decode(one) for one in brought.statements]


# --- JSON -----------------------------------------------------------------------------------------------------------


def test_an_object_an_array_and_a_list_of_statements() -> None:
    assert delivery(ONE) == Delivery([ONE], alone=True)
    assert delivery(b"\xef\xbb\xbf \n" + ONE) == Delivery([ONE], alone=True)
    assert delivery(b"[" + ONE + b" ,\n" + TWO + b"]").statements == [ONE, TWO]
    assert delivery(b'{"id": "hook", "statements": [' + ONE + b"," + TWO + b"]}").statements == [ONE, TWO]
    assert delivery(b'{"statements": []}') == Delivery([], alone=False)


def test_the_record_of_learning_locker_holds_its_statement() -> None:
    record = {"_id": "5b", "organisation": "5a", "voided": False, "person": {"_id": "1"}, "statement": said(1)}
    assert decoded(delivery(msgspec.json.encode(record | {"id": "x", "timestamp": "2026-01-02T00:00:00Z"}))) == [
        said(1)
    ]


def test_what_only_the_envelope_knows_is_added_to_the_statement() -> None:
    wrapped = {"statementId": str(numbered(7)), "receivedAt": "2026-01-01T00:00:00Z", "statement": UNNAMED}
    assert decoded(delivery(msgspec.json.encode(wrapped))) == [UNNAMED | {"id": str(numbered(7))}]
    event = {"type": "statement", "timestamp": 1795348800000, "data": UNNAMED | {"uuid": str(numbered(8))}}
    told = {"id": str(numbered(8)), "timestamp": "2026-11-22T12:00:00+00:00"}
    assert decoded(delivery(msgspec.json.encode(event))) == [UNNAMED | {"uuid": str(numbered(8))} | told]


def test_what_a_statement_says_itself_stays() -> None:
    wrapped = {"statementId": str(numbered(7)), "timestamp": 0, "statement": said(1)}
    assert decoded(delivery(msgspec.json.encode(wrapped))) == [said(1)]
    odd = said(1) | {"statement": said(2), "data": 1, "type": "x", "statements": []}
    assert decoded(delivery(msgspec.json.encode(odd))) == [odd]


def test_a_uuid_stands_for_a_missing_id() -> None:
    for body in (UNNAMED | {"uuid": str(numbered(9))}, [UNNAMED | {"uuid": str(numbered(9))}]):
        assert [one["id"] for one in decoded(delivery(msgspec.json.encode(body)))] == [str(numbered(9))]
    assert "id" not in decoded(delivery(msgspec.json.encode(UNNAMED | {"uuid": "9"})))[0]


@pytest.mark.parametrize(
    "odd", [{}, {"timestamp": True}, {"timestamp": 1e300}, {"timestamp": None}, {"statementId": 5}]
)
def test_an_envelope_that_says_nonsense_adds_nothing(odd: Any) -> None:
    assert decoded(delivery(msgspec.json.encode({"statement": UNNAMED} | odd))) == [UNNAMED]
    assert decoded(delivery(msgspec.json.encode({"statement": {}} | odd))) == [{}]


def test_a_result_of_scorm_cloud_is_refused_with_the_reason() -> None:
    result = {"id": "reg", "registrationCompletion": "COMPLETED", "score": {"scaled": 90}}
    for body, kind in ((msgspec.json.encode(result), "application/json"), (b"data=%7B%7D&userName=a", FORM)):
        with pytest.raises(Malformed, match="SCORM Cloud"):
            delivery(body, kind)


def test_half_of_a_surrogate_pair_is_replaced_and_nothing_else() -> None:
    told = rb'{"a":"\ud83d\ude00 \ud83d \\ud83d \ude00 \u00e4 \\\ud83d","b":"\ud83d\ud83d\ude00","c":"\d\ufffe"}'
    (one,) = delivery(told).statements
    assert one == (
        rb'{"a":"\ud83d\ude00 \ufffd \\ud83d \ufffd \u00e4 \\\ufffd","b":"\ufffd\ud83d\ude00","c":"\d\ufffe"}'
    )


# --- forms ----------------------------------------------------------------------------------------------------------

FORM = "application/x-www-form-urlencoded"


def test_a_form_holds_json_in_its_payload_encoded_or_not() -> None:
    body = b'{"statements": [' + ONE + b"]}"
    assert delivery(b"payload=" + body, FORM).statements == [ONE]
    assert delivery(b"a=b&payload=" + quote_plus(body).encode(), FORM + "; charset=utf-8").statements == [ONE]


def test_json_that_is_called_a_form_is_json() -> None:
    assert delivery(b" [" + ONE + b"]", FORM) == Delivery([ONE], False)
    assert delivery(ONE, FORM) == Delivery([ONE], True)


@pytest.mark.parametrize("body", [b"", b"a=b", b"payload", b"\xff", b"payload=%ff", b"a&" * 1000])
def test_a_form_without_payload_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        delivery(body, FORM)


# --- multipart/mixed ------------------------------------------------------------------------------------------------

BINARY = bytes(range(256)) + b"\r\n--not the boundary\r\n"
SHA2 = hashlib.sha256(BINARY).hexdigest()


def multipart(*attachments: tuple[str, bytes], boundary: str = "xyz", json: bytes = b"[" + ONE + b"]") -> bytes:
    """As xapipe writes it: no space behind the colons of part headers, no charset."""
    lines = f"--{boundary}\r\nContent-Type:application/json\r\n\r\n".encode() + json
    for sha2, content in attachments:
        head = f"Content-Type:text/plain\r\nContent-Transfer-Encoding:binary\r\nX-Experience-API-Hash:{sha2}"
        lines += f"\r\n--{boundary}\r\n{head}\r\nContent-Length:7\r\n\r\n".encode() + content
    return lines + f"\r\n--{boundary}--\r\n".encode()


def test_multipart_with_and_without_attachments() -> None:
    kind = 'multipart/mixed; boundary="xyz"'
    assert delivery(multipart(), kind) == Delivery([ONE], alone=False)
    brought = delivery(multipart((SHA2.upper(), BINARY), ("0" * 64, b"x"), ("", b"")), kind)
    assert brought.statements == [ONE]
    assert [(part.sha2, part.content_type, part.intact) for part in brought.attached] == [
        (SHA2, "text/plain", True),
        ("0" * 64, "text/plain", False),
        ("", "text/plain", False),
    ]
    assert brought.attached[0].content == BINARY


def test_multipart_with_bare_line_feeds_and_a_preamble() -> None:
    body = b"ignored\n" + multipart(json=TWO).replace(b"\r\n", b"\n") + b"epilogue"
    assert delivery(body, "multipart/mixed; boundary=xyz") == Delivery([TWO], alone=True)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (multipart(), "multipart/mixed"),
        (multipart(), "multipart/mixed; boundary=other"),
        (multipart()[:-9], "multipart/mixed; boundary=xyz"),
        (b"--xyz\r\nno empty line\r\n--xyz--", "multipart/mixed; boundary=xyz"),
        (b"--xyz--", "multipart/mixed; boundary=xyz"),
        (b"", "multipart/mixed; boundary=xyz"),
        (b"--xyz\r\nX-Experience-API-Hash: 1\r\n\r\n[]\r\n--xyz--", "multipart/mixed; boundary=xyz"),
        (b"--xyz\r\nA: b\r\n\r\n\r\n--xyz--", "multipart/mixed; boundary=xyz"),
        (multipart(), "multipart/mixed; boundary=" + "x" * 71),
    ],
)
def test_multipart_that_is_malformed(body: bytes, kind: str) -> None:
    with pytest.raises(Malformed):
        delivery(body, kind)


# --- compression ----------------------------------------------------------------------------------------------------


def test_a_body_may_be_compressed() -> None:
    assert inflated(ONE, "", 10) == inflated(ONE, "identity", 10) == ONE
    for coding, body in (("gzip", gzip.compress(ONE)), ("X-GZIP", gzip.compress(ONE)), ("deflate", zlib.compress(ONE))):
        assert inflated(body, coding, len(ONE)) == ONE
    assert inflated(gzip.compress(ONE) + gzip.compress(TWO), "gzip", 10_000) == ONE + TWO


def test_a_bomb_is_unpacked_no_further_than_allowed() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    assert len(bomb) < 100_000
    for body in (bomb, gzip.compress(bytes(1000)) * 1001, gzip.compress(bytes(1001)) * 1000):
        with pytest.raises(TooLarge):
            inflated(body, "gzip", 1_000_000)


PACKED = gzip.compress(ONE, mtime=0)


@pytest.mark.parametrize("body", [b"", PACKED[:-9], PACKED[:5], b"plain", PACKED + b"x"])
def test_what_is_no_gzip_is_malformed(body: bytes) -> None:
    if body:
        with pytest.raises(Malformed):
            inflated(body, "gzip", 10_000)
    else:
        assert inflated(body, "gzip", 10_000) == b""


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip, gzip", "gzip,br", "é" * 100])
def test_another_coding_is_not_understood(coding: str) -> None:
    with pytest.raises(Unpackable):
        inflated(ONE, coding, 10_000)
