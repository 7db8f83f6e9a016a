"""Bitstring status lists: one bit a credential, encoded as verifiers expect it (W3C Bitstring Status List 1.0)."""

from __future__ import annotations

import base64
import gzip
import secrets
from collections.abc import Iterable

BITS = 131_072  # the least that the standard allows (section 6.1), so that one bit tells little about one person


def empty() -> bytes:
    """A list with no bit set."""
    return bytes(BITS // 8)


def marked(bits: bytes, indexes: Iterable[int]) -> bytes:
    """The list with the bits at `indexes` set; index 0 is the leftmost bit of the first byte (section 3.4)."""
    changed = bytearray(bits)
    for index in indexes:
        changed[index // 8] |= 0x80 >> index % 8
    return bytes(changed)


def is_set(bits: bytes, index: int) -> bool:
    return bool(bits[index // 8] & 0x80 >> index % 8)


def encode(bits: bytes) -> str:
    """The `encodedList`: gzip, then base64url without padding, with the multibase prefix `u`."""
    return "u" + base64.urlsafe_b64encode(gzip.compress(bits, mtime=0)).decode().rstrip("=")


def decode(encoded: str) -> bytes:
    """The bits of an `encodedList`; ValueError if it is none."""
    if not encoded.startswith("u"):
        raise ValueError("an encodedList starts with the multibase prefix u")
    return gzip.decompress(base64.urlsafe_b64decode(encoded[1:] + "=" * (-(len(encoded) - 1) % 4)))


def draw(number: int) -> list[int]:
    """So many different indexes at random, so that neighbours in the list have nothing in common."""
    return _chance.sample(range(BITS), number)


_chance = secrets.SystemRandom()
