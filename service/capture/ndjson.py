"""A file of JSON lines (NDJSON), compressed by gzip or not, line by line and in bounded memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from service.capture.xapi import Malformed

LONGEST = 16 << 20
"""Bytes of one line, at most."""
_GZIP = b"\x1f\x8b"


class Text(NamedTuple):
    """A line of a file: its number, from 1, and its bytes without the line break; None where it is too long."""

    number: int
    raw: bytes | None


class Refused(NamedTuple):
    """A statement that cannot be used: its line, the property in the way, and why."""

    line: int
    path: str
    message: str


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file to read, unpacked where its first two bytes say that it is packed by gzip (RFC 1952)."""
    with path.open("rb") as file:
        packed = file.peek(2)[:2] == _GZIP
        yield cast("BinaryIO", gzip.GzipFile(fileobj=file)) if packed else file


def texts(file: BinaryIO, longest: int = LONGEST) -> Iterator[Text]:
    """Every line of the file in order, no more than one in memory; Malformed where a packed file is broken."""
    number = 0
    try:
        while raw := file.readline(longest + 1):
            number += 1
            if len(raw) > longest and not raw.endswith(b"\n"):
                _skip(file, longest)
                yield Text(number, None)
            else:
                yield Text(number, raw.rstrip(b"\r\n"))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Malformed(f"After line {number} the packed file is broken: {error}") from None


def _skip(file: BinaryIO, size: int) -> None:
    """Reads to the end of a line."""
    while (rest := file.readline(size)) and not rest.endswith(b"\n"):
        pass
