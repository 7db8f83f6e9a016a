"""Arrays that we pack ourselves: PostgreSQL reads what was written."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from service.store import arrays
from service.store.arrays import Array
from service.store.engine import driver

NOW = datetime(2026, 11, 22, 9, 30, 0, 1, tzinfo=UTC)
EXTREMES = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("pack", "kind", "values"),
    [
        (arrays.ints, "int[]", [0, -1, 2**31 - 1, -(2**31)]),
        (arrays.bigints, "bigint[]", [0, -1, 2**63 - 1, -(2**63)]),
        (arrays.bigints_or_null, "bigint[]", [None, 5, None, -5]),
        (arrays.moments, "timestamptz[]", [NOW, *EXTREMES, NOW.astimezone(timezone(timedelta(hours=-7)))]),
        (arrays.uuids, "uuid[]", [UUID(int=0), UUID(int=2**128 - 1), UUID("01234567-89ab-4cde-8f01-23456789abcd")]),
        (arrays.texts, "text[]", ["", "ü😀", None, 'null, "quoted" {and} \\', "x" * 10_000]),
        (arrays.blobs, "bytea[]", [b"", None, b"\xff\xff\xff\xff", bytes(range(256))]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_packed_is_read(
    engine: Engine, pack: Callable[[Sequence[Any]], Array], kind: str, values: Sequence[Any]
) -> None:
    with engine.begin() as connection:
        for some in (values, values[:1], []):
            row = driver(connection).execute(f"SELECT %b::{kind}", [pack(some)], binary=True).fetchone()
            assert row == (list(some),)


def test_a_number_that_is_too_large_is_an_error() -> None:
    with pytest.raises(Exception, match="format requires"):
        arrays.ints([2**31])
