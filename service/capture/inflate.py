"""Compressed request bodies, unpacked no further than allowed."""

from __future__ import annotations

import zlib

from service.capture.xapi import Malformed

_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
"""How zlib is told the format: 31 expects a gzip header, 15 one of zlib."""


class TooLarge(Exception):
    """A body that is larger than allowed once it is unpacked."""


class Unpackable(Exception):
    """A Content-Encoding that is not understood."""


def inflated(body: bytes, encoding: str, most: int) -> bytes:
    """The body as it was before it was compressed; raises TooLarge beyond `most` bytes, having unpacked no more.

    encoding: the Content-Encoding header, one coding or none (RFC 9110, section 8.4).
    """
    coding = encoding.strip().lower()
    if coding in ("", "identity"):
        return body
    if coding not in _WINDOWS:
        raise Unpackable(f"The Content-Encoding {encoding[:40]!r} is not understood; send gzip, or none.")
    unpacked, rest = bytearray(), body
    while rest:
        unpacking = zlib.decompressobj(_WINDOWS[coding])
        try:
            unpacked += unpacking.decompress(rest, most + 1 - len(unpacked))
        except zlib.error as error:
            raise Malformed(f"The body is no {coding}: {error}.") from None
        if len(unpacked) > most:
            raise TooLarge
        if not unpacking.eof:
            raise Malformed(f"The body is cut off: the {coding} data has no end.")
        rest = unpacking.unused_data  # gzip may have several members one after the other
    return bytes(unpacked)
