"""The difference between what is wanted and what is booked: the lines that the ledger still needs.

A line of the ledger is an amount of one unit for one award at one event time. Wanted is what evaluating from nothing
gives; booked is the sum of all lines so far. An award that moved in time is taken back where it was and given where
it is, because periods are counted by event time. Lines that take away come first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from service.core.evaluate import Award


class Line(NamedTuple):
    """What identifies a sum of the ledger within one rule and learner."""

    key: str
    happened: datetime
    unit: str


class Booked(NamedTuple):
    """What the ledger says of one line: the sum, and the latest entry with its statements."""

    amount: int
    entry: int
    statements: tuple[UUID, ...]


class Difference(NamedTuple):
    """An entry to be added. corrects: the entry that it takes back or mends."""

    line: Line
    amount: int
    statements: tuple[UUID, ...]
    reason: str | None
    corrects: int | None


Sums = dict[tuple[str, datetime, str], int]
"""What the ledger of one rule and learner comes to, by (key, event time, unit), sums of nothing left out."""


def sums(awards: Iterable[Award]) -> Sums:
    """What the ledger comes to where it says what these awards say."""
    found: Sums = {}
    for award in awards:
        for unit, amount in award.amounts.items():
            line = award.key, award.happened, unit
            found[line] = found.get(line, 0) + amount
    return found


def differences(booked: Mapping[Line, Booked], awards: Iterable[Award]) -> list[Difference]:
    """What has to be added to `booked`, the lines of one rule and learner, so that it says what `awards` say."""
    wanted: dict[Line, tuple[int, Award]] = {}
    for award in awards:
        for unit, amount in award.amounts.items():
            line = Line(award.key, award.happened, unit)
            wanted[line] = (wanted.get(line, (0, award))[0] + amount, award)
    missing = [_towards(line, amount, award, booked.get(line)) for line, (amount, award) in wanted.items()]
    surplus = [_taken_back(line, have) for line, have in booked.items() if have.amount and line not in wanted]
    return sorted(
        (one for one in (*surplus, *missing) if one.amount), key=lambda one: (one.amount > 0, one.line.happened)
    )


def _towards(line: Line, amount: int, award: Award, have: Booked | None) -> Difference:
    if have is None:
        return Difference(line, amount, award.statements, award.reason, None)
    reason = "; ".join(part for part in ("counted again", award.reason) if part)
    return Difference(line, amount - have.amount, award.statements, reason, have.entry if have.amount else None)


def _taken_back(line: Line, have: Booked) -> Difference:
    return Difference(line, -have.amount, have.statements, "counted again: no longer earned", have.entry)
