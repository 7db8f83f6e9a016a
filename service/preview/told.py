"""What a preview tells, as values: who gains and loses, badges, boards, and what it stands on."""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct

from service.core.rule import Text


class Ground(Struct, frozen=True):
    """What a preview stands on: every statement evaluated so far, from the first to the last.

    pending: those that wait to be evaluated and are not among them. recounting: the rules that history is being counted
    again by, so that what they have given may still change.
    """

    statements: int
    first: datetime | None
    last: datetime | None
    pending: int
    recounting: list[str]


class RuleChange(Struct, frozen=True):
    """What would become of one rule. as_if_live: it is a draft or on trial, and shown as if it paid.

    before and after: how many awards stand, and what they come to by unit.
    """

    rule: str
    change: str
    version: int | None
    as_if_live: bool
    awards_before: int
    awards_after: int
    before: dict[str, int]
    after: dict[str, int]


class Who(Struct, frozen=True):
    """A learner."""

    id: str
    name: str | None


class Difference(Struct, frozen=True):
    """What somebody would have more or less, by unit."""

    learner: Who
    amounts: dict[str, int]


class BadgeChange(Struct, frozen=True):
    """A badge that would be offered, or would lose its ground. then: what would become of it."""

    learner: Who
    rule: str
    achievement: str
    given: bool
    then: str


class BoardMove(Struct, frozen=True):
    """Where somebody is on a board, and would be."""

    learner: Who
    before: int | None
    after: int | None
    points_before: int
    points_after: int


class BoardChange(Struct, frozen=True):
    """How a board would move in its current period. learners: how many change their rank or points on it.

    other_periods: how many periods of the past would change, too.
    """

    board: str
    title: Text
    period: str
    learners: int
    movers: list[BoardMove]
    leaders: list[BoardMove]
    other_periods: int


class Report(Struct, frozen=True):
    """What would be different. gain, lose: how many learners; gained, lost: how much in all, by unit.

    follow: the rules that read what these give, and would give otherwise for it. gains, losses and badges list as many
    as are shown, the largest first.
    """

    ground: Ground
    rules: list[RuleChange]
    follow: list[str]
    gain: int
    lose: int
    gained: dict[str, int]
    lost: dict[str, int]
    gains: list[Difference]
    losses: list[Difference]
    badges_given: int
    badges_lost: int
    badges: list[BadgeChange]
    boards: list[BoardChange]
