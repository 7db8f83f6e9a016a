"""The limits of one source."""

from datetime import timedelta

import msgspec
import pytest

from service.capture.bounds import Bounds
from service.core.statement import Unusable, read
from tests.written import COMPLETED, SHARED, moment, said, void

NOON = moment("2026-01-10T12:00:00")


def check(bounds: Bounds, at: str) -> None:
    bounds.check(read(msgspec.json.encode(said(1, at)), NOON), NOON)


def test_a_clock_may_be_ahead_as_far_as_the_source_may() -> None:
    bounds = Bounds(ahead=timedelta(minutes=1))
    check(bounds, "2026-01-10T12:01:00")
    with pytest.raises(Unusable, match="ahead of our clock"):
        check(bounds, "2026-01-10T12:02:00")


def test_a_statement_may_be_as_old_as_the_source_may_send() -> None:
    bounds = Bounds(oldest=timedelta(days=3))
    check(bounds, "2026-01-07T12:00:00")
    with pytest.raises(Unusable, match="older than 3 days"):
        check(bounds, "2026-01-07T11:59:00")


def test_a_source_uses_its_verbs() -> None:
    check(Bounds(verbs=frozenset([COMPLETED])), "2026-01-10")
    with pytest.raises(Unusable, match="none of the verbs"):
        check(Bounds(verbs=frozenset([SHARED])), "2026-01-10")
    raw = msgspec.json.encode(void(2, 1))
    Bounds(verbs=frozenset([SHARED])).check(read(raw, NOON), NOON)


def test_without_limits_everything_goes() -> None:
    check(Bounds(), "2999-01-01")
    check(Bounds(), "1900-01-01")
