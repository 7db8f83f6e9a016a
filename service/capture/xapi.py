"""The body of an xAPI request: one statement or an array of them (xAPI 1.0.3, Communication 2.1)."""

from __future__ import annotations

import msgspec

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Malformed(Exception):
    """A body that holds no statements; the message says why."""


def statements(body: bytes) -> list[bytes]:
    """The statements in `body`, each as its own bytes, in order; raises Malformed."""
    text = body.lstrip(b" \t\r\n")
    if not text:
        raise Malformed("The body is empty; send a statement or an array of statements as JSON.")
    if text[:1] != b"[":
        return [text]
    try:
        return [bytes(raw) for raw in _split(text)]
    except msgspec.DecodeError as error:
        raise Malformed(f"The body is no JSON: {error}.") from None
    except RecursionError:
        raise Malformed("The body is nested too deeply.") from None
