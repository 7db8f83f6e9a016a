"""What one request brings, whatever its form: statements as their own bytes, and what is attached to them.

| Content-Type | what is read |
|---|---|
| `multipart/mixed` | `service.capture.parts` |
| `application/x-www-form-urlencoded` | `service.capture.forms`, but JSON where it is JSON all the same |
| anything else | JSON: `service.capture.xapi`, and `service.capture.envelopes` where it is no statement itself |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from service.capture import envelopes, forms
from service.capture.parts import Part, parts
from service.capture.xapi import mended, statements


class Delivery(NamedTuple):
    """The statements of one request in order. alone: they are one, which came by itself and not in an array."""

    statements: Sequence[bytes]
    alone: bool
    attached: Sequence[Part] = ()


def delivery(body: bytes, content_type: str = "application/json") -> Delivery:
    """Reads a body that is unpacked already; raises Malformed where it holds no statements."""
    kind, attached = content_type.partition(";")[0].strip().lower(), list[Part]()
    if kind == "multipart/mixed":
        body, attached = parts(body, content_type)
    elif kind == "application/x-www-form-urlencoded" and not _is_json(body):
        body = forms.payload(body)
    text = mended(body)
    if text[:1] == b"[":
        return Delivery([_itself(one) for one in statements(text)], False, tuple(attached))
    opened = envelopes.opened(text)
    if opened is None:
        return Delivery(statements(text), True, tuple(attached))
    return Delivery(opened, False, tuple(attached))


def _is_json(body: bytes) -> bool:
    """Whether a body is plainly JSON, whatever its sender calls it: curl calls everything a form unless it is told."""
    return body.lstrip()[:1] in (b"{", b"[")


def _itself(text: bytes) -> bytes:
    """A statement of an array, out of the envelope that some senders put around each."""
    opened = envelopes.opened(text)
    return text if opened is None or len(opened) != 1 else opened[0]
