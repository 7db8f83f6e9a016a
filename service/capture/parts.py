"""`multipart/mixed`: statements in the first part, their attachments in the others (xAPI 1.0.3, Communication 1.5.2).

LRSPipe sends it always, with and without attachments. A part's Content-Length is not looked at: Learning Locker counts
characters there and not bytes. What a part is for is told by X-Experience-API-Hash alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from email.message import Message
from itertools import zip_longest
from typing import NamedTuple

import msgspec

from service.capture.xapi import Malformed

_DIGESTS = {56: hashlib.sha224, 64: hashlib.sha256, 96: hashlib.sha384, 128: hashlib.sha512}


class Part(NamedTuple):
    """An attachment as it came. intact: its bytes have the hash that it came under."""

    sha2: str
    content_type: str
    content: bytes
    intact: bool


def parts(body: bytes, content_type: str) -> tuple[bytes, list[Part]]:
    """The JSON of the statements, and what is attached to them; raises Malformed."""
    boundary = _boundary(content_type)
    found = list(_split(body, boundary))
    if not found:
        raise Malformed(f"No part follows the boundary {boundary[:70]!r} that the Content-Type names.")
    (headers, content), *rest = found
    if "x-experience-api-hash" in headers:
        raise Malformed("The first part is an attachment; send the statements before it.")
    return content, [_part(headers, content) for headers, content in rest]


def hashes(raw: bytes) -> set[str]:
    """The SHA-2 of the attachments that a statement tells of."""
    try:
        told = msgspec.json.decode(raw, type=_Attaching).attachments
    except msgspec.ValidationError:
        return set()
    return {one.sha2.lower() for one in told}


class _Attachment(msgspec.Struct):
    sha2: str = ""


class _Attaching(msgspec.Struct):
    attachments: list[_Attachment] = []


def _boundary(content_type: str) -> str:
    told = Message()
    told["Content-Type"] = content_type
    boundary = told.get_boundary("")
    if not boundary or len(boundary) > 70 or not boundary.isascii():
        raise Malformed("The Content-Type names no boundary; write multipart/mixed; boundary=…")
    return boundary


def _split(body: bytes, boundary: str) -> Iterator[tuple[Mapping[str, str], bytes]]:
    """Headers and content of each part (RFC 2046, section 5.1.1). The line break before a boundary belongs to it."""
    line = re.compile(rb"(?:\A|\r?\n)--" + re.escape(boundary.encode()) + rb"(--)?[ \t]*(?=\r?\n|\Z)")
    marks = list(line.finditer(body))
    for mark, following in zip_longest(marks, marks[1:]):
        if mark[1]:  # the last
            return
        if following is None:
            raise Malformed("The body is cut off: its last part has no end.")
        yield _headed(body[mark.end() : following.start()])


def _headed(part: bytes) -> tuple[Mapping[str, str], bytes]:
    ending = re.search(rb"\r?\n\r?\n", part)
    if ending is None:
        raise Malformed("A part has no empty line between its headers and its content.")
    headers = {}
    for line in part[: ending.start()].splitlines():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers, part[ending.end() :]


def _part(headers: Mapping[str, str], content: bytes) -> Part:
    sha2 = headers.get("x-experience-api-hash", "").lower()
    digest = _DIGESTS.get(len(sha2))
    intact = digest is not None and digest(content).hexdigest() == sha2
    return Part(sha2[:128], headers.get("content-type", "application/octet-stream")[:200], content, intact)
