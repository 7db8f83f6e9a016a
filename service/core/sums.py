"""The fold of `sum`: the match gives at which the total of a score or a duration reaches what the rule says.

Without a window, and in a calendar period, a state is the total. In a rolling window it is the matches inside, so it is
as large as a window is full.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from service.core import windows
from service.core.matching import Match
from service.core.rule import SECONDS, Duration, Sum
from service.core.setting import Earned, Setting, plain

MOST_NAMED = 100
"""Statements that an award of a sum names, at most; the latest."""


class Part(Struct, frozen=True, array_like=True):
    """What one match adds."""

    amount: Decimal
    happened: datetime
    statement: UUID


class SumState(Struct, frozen=True, array_like=True):
    """The total, of the calendar period where there is one; in a rolling window the parts that lie in it instead.

    given: how many awards have been given. named: the latest statements that added something.
    """

    total: Decimal = Decimal(0)
    parts: tuple[Part, ...] = ()
    period: int | None = None
    given: int = 0
    named: tuple[UUID, ...] = ()


def total(setting: Setting, state: SumState | None, match: Match) -> tuple[SumState, tuple[Earned, ...]]:
    """The match at which the total is reached gives; what was reached before the life, the first match inside it."""
    kind = setting.rule.kind
    assert isinstance(kind, Sum)
    state = state or SumState()
    if state.given and not kind.repeat:
        return state, ()
    state = _added(setting, kind, state, match)
    if not setting.alive(match.happened) or reached(setting, state, match.happened) < enough(kind):
        return state, ()
    inside = _inside(setting, kind, state.parts, match.happened)
    statements = tuple(part.statement for part in inside)[-MOST_NAMED:] or state.named
    goal = plain(kind.reach) if isinstance(kind.reach, Decimal) else kind.reach
    reason = f"{goal} of {kind.of}{_manner(kind)}"
    earned = Earned(str(state.given + 1), setting.rule.give[0], statements or (match.statement,), reason)
    return SumState(period=state.period, given=state.given + 1), (earned,)


def enough(kind: Sum) -> Decimal:
    """What has to be reached; of a duration the seconds."""
    return Decimal(kind.reach.seconds) if isinstance(kind.reach, Duration) else kind.reach


def reached(setting: Setting, state: SumState, now: datetime) -> Decimal:
    """The total as of `now`."""
    kind = setting.rule.kind
    assert isinstance(kind, Sum)
    if kind.calendar and windows.index(kind.calendar, now, setting.zone) != state.period:
        return Decimal(0)
    return sum((part.amount for part in _inside(setting, kind, state.parts, now)), state.total)


def progress(setting: Setting, state: SumState | None, now: datetime) -> tuple[int, int]:
    """How much of how much, in the unit that the rule names."""
    kind = setting.rule.kind
    assert isinstance(kind, Sum)
    state = state or SumState()
    unit = SECONDS[kind.reach.unit] if isinstance(kind.reach, Duration) else 1
    whole = -int(-enough(kind) // unit)
    if state.given and not kind.repeat:
        return whole, whole
    return max(0, min(int(reached(setting, state, now) // unit), whole)), whole


def _added(setting: Setting, kind: Sum, state: SumState, match: Match) -> SumState:
    period = windows.index(kind.calendar, match.happened, setting.zone) if kind.calendar else None
    if period != state.period:
        state = SumState(period=period, given=state.given)
    if not match.amount:
        return state
    if kind.within is not None:
        parts = _inside(setting, kind, state.parts, match.happened, windows.CLIPPED)
        return SumState(parts=(*parts, Part(match.amount, match.happened, match.statement)), given=state.given)
    named = (*state.named, match.statement)[-MOST_NAMED:]
    return SumState(state.total + match.amount, (), period, state.given, named)


def _inside(
    setting: Setting, kind: Sum, parts: tuple[Part, ...], now: datetime, slack: timedelta = timedelta(0)
) -> tuple[Part, ...]:
    if kind.within is None:
        return parts
    bound = windows.before(now, kind.within, setting.zone)
    return tuple(part for part in parts if part.happened + slack >= bound)


def _manner(kind: Sum) -> str:
    within = kind.within or (kind.calendar and f"one {kind.calendar}")
    return f" within {within}" if within else ""
