"""The body of an xAPI request: one statement or an array of them (xAPI 1.0.3, Communication 2.1)."""

from __future__ import annotations

import re

import msgspec

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Malformed(Exception):
    """A body that holds no statements; the message says why."""


BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ESCAPES = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}(?:\\u[dD][c-fC-F][0-9a-fA-F]{2})?|u[dD][c-fC-F][0-9a-fA-F]{2}|.)", re.DOTALL
)
"""Every escape of a text, so that an escaped backslash is not taken for the beginning of another."""


def mended(text: bytes) -> bytes:
    """JSON without what senders put into it that is none: a byte order mark, and halves of surrogate pairs.

    They leave half a pair where they cut texts inside an emoji. It is no character: U+FFFD stands there instead.
    """
    return _ESCAPES.sub(_whole, text.removeprefix(BYTE_ORDER_MARK).strip())


def _whole(escape: re.Match[bytes]) -> bytes:
    text = escape[0]
    return b"\\ufffd" if len(text) == 6 and text[2:3] in b"dD" and text[3:4] in b"89abcdefABCDEF" else text


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
