"""Signed pushes: Standard Webhooks (version 1 of the specification), and the older `X-LRS-Signature` of ADL's LRS.

Both sign the body as it came, byte by byte. What a signature is compared with takes the same time whether it is wrong
in its first letter or in its last.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Protocol

TOLERANCE = timedelta(minutes=5)
"""How far the time of signing may be from ours, before and after."""
PREFIX = "whsec_"


class Headers(Protocol):
    """What looks up a header by its name, whatever its case."""

    def get(self, name: str, default: str, /) -> str: ...


class Unsigned(Exception):
    """Why a request counts as not signed, in words for who sends it."""


def webhook_key(secret: str) -> bytes:
    """The key in a Standard Webhooks secret (`whsec_` and base64); ValueError if it is none."""
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("write the secret as the sender shows it: whsec_ and 24 to 64 bytes in base64")
    return key


def standard_webhook(keys: Iterable[bytes], headers: Headers, body: bytes, now: datetime) -> None:
    """Raises Unsigned unless one of the keys signed this body within five minutes.

    The three headers are `webhook-id`, `webhook-timestamp` (seconds since 1970) and `webhook-signature`, which may
    carry several signatures with a space between.
    """
    delivery, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "").split()
    if not delivery or not signatures:
        raise Unsigned("Send webhook-id, webhook-timestamp and webhook-signature.")
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise Unsigned("webhook-timestamp is no number of seconds since 1970.")
    if abs(int(stamp) - now.timestamp()) > TOLERANCE.total_seconds():
        raise Unsigned("webhook-timestamp is more than five minutes from our clock: sign each attempt anew.")
    signed = f"{delivery}.{stamp}.".encode() + body
    wanted = [b"v1," + b64encode(hmac.digest(key, signed, hashlib.sha256)) for key in keys]
    if not _any_equal(wanted, [signature.encode() for signature in signatures]):
        raise Unsigned("No webhook-signature fits this body and a secret of this source.")


def lrs_signature(keys: Iterable[bytes], signature: str, body: bytes) -> None:
    """Raises Unsigned unless `X-LRS-Signature` is the HMAC-SHA1 of the body in hexadecimal, by one of the keys."""
    wanted = [hmac.digest(key, body, hashlib.sha1).hex().encode() for key in keys]
    if not _any_equal(wanted, [signature.strip().lower().encode()]):
        raise Unsigned("X-LRS-Signature does not fit this body and a secret of this source.")


def _any_equal(wanted: Iterable[bytes], given: Iterable[bytes]) -> bool:
    given = list(given)
    return any(hmac.compare_digest(one, other) for one in wanted for other in given)
