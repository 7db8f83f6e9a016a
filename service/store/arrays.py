"""Columns of values as arrays in PostgreSQL's binary form, each packed in one go.

psycopg looks at every value of a list to find out what it is, and packs each by a call of its own, which takes longer
than the server takes to read it. Where thousands of rows are written, whoever knows the type of a column says it:
`bigints(…)` for `%b::bigint[]`. The form is that of array_recv (PostgreSQL, src/backend/utils/adt/arrayfuncs.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from struct import Struct
from uuid import UUID

import psycopg
from psycopg.adapt import Dumper, PyFormat
from psycopg.pq import Format

_head, _empty = Struct(">iiiii").pack, Struct(">iii").pack
_int, _bigint = Struct(">i").pack, Struct(">q").pack
_moment: Callable[[datetime], bytes] = psycopg.adapters.get_dumper(datetime, PyFormat.BINARY)(datetime).dump  # type: ignore[assignment]
_NULL = _int(-1)


class Array(bytes):
    """An array, packed; the cast beside its placeholder says what of."""


class _Packed(Dumper):
    format = Format.BINARY

    def dump(self, obj: Array) -> bytes:
        return obj


psycopg.adapters.register_dumper(Array, _Packed)


def ints(values: Iterable[int]) -> Array:
    """`int[]`; struct.error where a value is too large."""
    return _alike(23, 4, map(_int, values))


def bigints(values: Iterable[int]) -> Array:
    """`bigint[]`; struct.error where a value is too large."""
    return _alike(20, 8, map(_bigint, values))


def moments(values: Iterable[datetime]) -> Array:
    """`timestamptz[]`, of aware moments."""
    return _alike(1184, 8, map(_moment, values))


def uuids(values: Iterable[UUID]) -> Array:
    """`uuid[]`."""
    return _alike(2950, 16, [value.int.to_bytes(16, "big") for value in values])


def texts(values: Iterable[str | None]) -> Array:
    """`text[]`."""
    return _varied(25, [None if value is None else value.encode() for value in values])


def blobs(values: Iterable[bytes | None]) -> Array:
    """`bytea[]`."""
    return _varied(17, values)


def bigints_or_null(values: Iterable[int | None]) -> Array:
    """`bigint[]` in which some are null."""
    return _varied(20, [None if value is None else _bigint(value) for value in values])


def _alike(oid: int, size: int, packed: Iterable[bytes]) -> Array:
    """An array of values of one size, each after its length."""
    parts = [b"", *packed]
    return _whole(oid, len(parts) - 1, False, _int(size).join(parts))


def _varied(oid: int, packed: Iterable[bytes | None]) -> Array:
    """An array of values each of its own size, or null."""
    parts = [_NULL if value is None else _int(len(value)) + value for value in packed]
    return _whole(oid, len(parts), _NULL in parts, b"".join(parts))


def _whole(oid: int, count: int, nulls: bool, body: bytes) -> Array:
    return Array(_head(1, nulls, oid, count, 1) + body if count else _empty(0, 0, oid))
