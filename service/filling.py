"""Statements that nobody pushes, fetched or read from a file: stored as pushed ones are, many in one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from service.capture.bounds import NONE
from service.capture.tiers import Aside, Refused, Terms, judged, own_id
from service.core.statement import Fact
from service.store import intake, quarantine
from service.store.engine import Driver
from service.store.intake import Row
from service.store.sources import Source


class Filled(NamedTuple):
    """What became of statements: stored, known already, other content under a known id, and set aside."""

    new: int = 0
    repeats: int = 0
    conflicts: int = 0
    aside: int = 0

    def plus(self, other: Filled) -> Filled:
        return Filled(*(one + two for one, two in zip(self, other, strict=True)))

    @property
    def read(self) -> int:
        return sum(self)


def fill(connection: Driver, source: Source, raws: Sequence[bytes], now: datetime) -> Filled:
    """Stores these statements of a source, in the caller's transaction; what the source may not send is set aside.

    Nothing refuses them as a whole: nobody waits for an answer who could send them again without the bad one.
    """
    return put(connection, source, judged_alone(source, raws, now), now)


def judged_alone(source: Source, raws: Sequence[bytes], now: datetime) -> list[Fact | Aside]:
    """Each statement as a fact or why it cannot be used, in order; none refuses another."""
    terms = Terms(source.name, source.capture, source.validation, source.bounds or NONE)
    try:
        return judged(raws, terms, now)
    except Refused:
        return [one for raw in raws for one in _alone(raw, terms, now)]


def put(connection: Driver, source: Source, found: Sequence[Fact | Aside], now: datetime) -> Filled:
    """Stores what was judged, or sets it aside, in the caller's transaction."""
    rows = [Row(one.id, source.id, one.happened, now, one.raw, one.statement.voids) for one in _facts(found)]
    asides = [one for one in found if isinstance(one, Aside)]
    if asides:
        entries = [quarantine.Entry(one.id, source.id, now, one.raw, one.path, one.reason) for one in asides]
        quarantine.add(connection, entries)
    stored = intake.store(connection, rows) if rows else intake.Stored(0, 0, 0)
    return Filled(*stored, len(asides))


def _facts(found: Sequence[Fact | Aside]) -> Iterator[Fact]:
    return (one for one in found if isinstance(one, Fact))


def _alone(raw: bytes, terms: Terms, now: datetime) -> Iterator[Fact | Aside]:
    """One statement judged by itself: what refuses it is why it is set aside."""
    try:
        yield from judged([raw], terms, now)
    except Refused as refused:
        fault = refused.faults[0]
        yield Aside(own_id(raw, terms.source), raw, fault.path, fault.message)
