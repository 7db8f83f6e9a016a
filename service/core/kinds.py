"""How matches become awards: one fold for each kind of rule.

A fold takes the state it left behind at the previous match and the next match in the order of (event time, statement
id), and returns the new state and what the match earned. States are small and bounded by what the rule says, never by
the length of a history, so a match that comes in order costs the same after a hundred thousand others. (What a limit
with `from_each` has used is kept beside them and is not bounded so; see `limits`.) To add a kind is a fold and a line
in `KINDS`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from service.core import attempts, renewals, sequences, sums, windows
from service.core.matching import Match
from service.core.rule import (
    Best,
    Count,
    Duration,
    Each,
    First,
    Forgive,
    Grant,
    Kind,
    Renewed,
    Rule,
    Steps,
    Streak,
    Sum,
)
from service.core.setting import Earned, Fold, Setting, plain

__all__ = ["KINDS", "REFUSALS", "Earned", "Fold", "Setting", "progress"]


def each(setting: Setting, state: None, match: Match) -> tuple[None, tuple[Earned, ...]]:
    """Every match inside the rule's life gives."""
    if not setting.alive(match.happened):
        return None, ()
    return None, (Earned(str(match.statement), setting.rule.give[0], (match.statement,)),)


# --- count --------------------------------------------------------------------------------------------------------


class Counted(Struct, frozen=True, array_like=True):
    """One counted match: what makes it different, when it happened, which statement it is."""

    value: str | None
    happened: datetime
    statement: UUID


class CountState(Struct, frozen=True, array_like=True):
    """The latest matches, as many as the rule can need; of equal values only the latest.

    period: the calendar period they lie in, for `within: {calendar: …}`.
    given: how many awards, or tiers, have been given.
    """

    counted: tuple[Counted, ...] = ()
    period: int | None = None
    given: int = 0


def count(setting: Setting, state: CountState | None, match: Match) -> tuple[CountState, tuple[Earned, ...]]:
    """The `reach`-th (different) match gives, or the tiers do."""
    kind = setting.rule.kind
    assert isinstance(kind, Count)
    state = state or CountState()
    targets = _targets(setting.rule)
    if state.given >= len(targets) and not kind.repeat:
        return state, ()
    period = windows.index(kind.calendar, match.happened, setting.zone) if kind.calendar else None
    kept = state.counted if period == state.period else ()
    counted = _counted(kept, Counted(match.different, match.happened, match.statement), kind, setting.zone)
    counted = counted[-targets[-1] :]
    if not setting.alive(match.happened):
        return CountState(counted, period, state.given), ()
    inside = _inside(counted, match.happened, kind, setting.zone)
    if kind.repeat:
        if len(inside) < targets[0]:
            return CountState(counted, period, state.given), ()
        return CountState((), period, state.given + 1), (_earned(setting.rule, inside, state.given, targets[0]),)
    reached = sum(target <= len(inside) for target in targets)
    earned = tuple(_earned(setting.rule, inside, place, targets[place]) for place in range(state.given, reached))
    return CountState(counted, period, max(reached, state.given)), earned


def _targets(rule: Rule) -> tuple[int, ...]:
    """The counts that give something, ascending."""
    assert isinstance(rule.kind, Count)
    return (rule.kind.reach,) if rule.kind.reach else tuple(grant.at or 1 for grant in rule.give)


def _counted(kept: tuple[Counted, ...], new: Counted, kind: Count, zone: ZoneInfo) -> tuple[Counted, ...]:
    """The matches that count now or may count later."""
    if kind.different is not None:
        kept = tuple(one for one in kept if one.value != new.value)
    return (*_inside(kept, new.happened, kind, zone, windows.CLIPPED), new)


def _inside(
    counted: tuple[Counted, ...], now: datetime, kind: Count, zone: ZoneInfo, slack: timedelta = timedelta(0)
) -> tuple[Counted, ...]:
    """Those inside the rolling window that ends now, or before it by no more than `slack`."""
    if kind.within is None:
        return counted
    bound = windows.before(now, kind.within, zone)
    return tuple(one for one in counted if one.happened + slack >= bound)


def _earned(rule: Rule, counted: tuple[Counted, ...], place: int, target: int) -> Earned:
    assert isinstance(rule.kind, Count)
    statements = tuple(one.statement for one in counted[-target:])
    grant = rule.give[0] if rule.kind.reach else rule.give[place]
    key = str(place + 1) if rule.kind.reach else str(target)
    return Earned(key, grant, statements, f"{target} of {target}{_manner(rule.kind)}")


def _manner(kind: Count) -> str:
    different = f" with a different {kind.different}" if kind.different else ""
    within: Duration | str | None = kind.within or (kind.calendar and f"one {kind.calendar}")
    return f"{different} within {within}" if within else different


# --- streak -------------------------------------------------------------------------------------------------------


class StreakState(Struct, frozen=True, array_like=True):
    """A run of consecutive periods.

    last: the latest period with a match; run: how many periods of the run had one; began: its first period.
    forgiven: (forgive-period, misses forgiven in it), as far as later misses can fall into it.
    earned: for each tier, how often it has been earned; in_run: how many tiers this run has earned already.
    """

    last: int
    run: int
    began: int
    forgiven: tuple[tuple[int, int], ...] = ()
    earned: tuple[int, ...] = ()
    in_run: int = 0


def streak(setting: Setting, state: StreakState | None, match: Match) -> tuple[StreakState, tuple[Earned, ...]]:
    """Consecutive periods with a match; a tier gives at the first match inside the life at which the run reaches it."""
    kind = setting.rule.kind
    assert isinstance(kind, Streak)
    period = windows.index(kind.every, match.happened, setting.zone)
    state = _lengthened(kind, state, period, len(setting.rule.give))
    if not setting.alive(match.happened):
        return state, ()
    times, earned = list(state.earned), []
    reached = sum((grant.at or 1) <= state.run for grant in setting.rule.give)
    for place in range(state.in_run, reached):
        grant = setting.rule.give[place]
        if grant.again or times[place] == 0:
            times[place] += 1
            earned.append(_tier_earned(kind, grant, times[place], state, match))
    in_run = max(reached, state.in_run)
    return StreakState(state.last, state.run, state.began, state.forgiven, tuple(times), in_run), tuple(earned)


def _lengthened(kind: Streak, state: StreakState | None, period: int, tiers: int) -> StreakState:
    if state is None:
        return StreakState(period, 1, period, (), (0,) * tiers)
    if period == state.last:
        return state
    forgiven = _forgiven(kind, state, period)
    if forgiven is None:
        return StreakState(period, 1, period, state.forgiven, state.earned)
    return StreakState(period, state.run + 1, state.began, forgiven, state.earned, state.in_run)


def _forgiven(kind: Streak, state: StreakState, period: int) -> tuple[tuple[int, int], ...] | None:
    """What has been forgiven once the periods between `state.last` and `period` are, or None if they cannot be.

    However long the gap, few periods are looked at: the language sees to it that no `per` forgives all it holds.
    """
    if period == state.last + 1:
        return state.forgiven
    if kind.forgive is None:
        return None
    used = dict(state.forgiven)
    for missed in range(state.last + 1, period):
        bucket = _bucket(kind.every, kind.forgive, missed)
        used[bucket] = used.get(bucket, 0) + 1
        if used[bucket] > kind.forgive.missed:
            return None
    now = _bucket(kind.every, kind.forgive, period)
    return tuple(sorted((bucket, times) for bucket, times in used.items() if bucket >= now))


def _bucket(every: str, forgive: Forgive, period: int) -> int:
    """The forgive-period that holds the first day of this period."""
    return windows.WINDOWS[forgive.per].of(windows.WINDOWS[every].first_day(period))


def _tier_earned(kind: Streak, grant: Grant, times: int, state: StreakState, match: Match) -> Earned:
    key = f"{grant.at}" if times == 1 else f"{grant.at}#{times}"
    since = windows.label(kind.every, state.began)
    return Earned(key, grant, (match.statement,), f"{grant.at} in a row, every {kind.every} since {since}")


# --- renewal ------------------------------------------------------------------------------------------------------


class RenewedState(Struct, frozen=True, array_like=True):
    """counted: the state of what earns the badge. last: its last period."""

    counted: CountState | None = None
    last: renewals.Period | None = None


def renewed(setting: Setting, state: RenewedState | None, match: Match) -> tuple[RenewedState, tuple[Earned, ...]]:
    """What earns the badge begins a period; evidence that comes at the right time begins the next one.

    A count rests while the badge is valid, and begins anew where it ends.
    """
    state = state or RenewedState()
    found: tuple[Earned, ...] = ()
    counted, by = state.counted, _earning(setting)
    if renewals.RENEWS in match.steps:
        found = renewals.renewed(setting, state.last, match)
    counts = state.last is None or state.last.ended(match.happened) or isinstance(by.rule.kind, Each)
    if not found and renewals.EARNS in match.steps and counts:
        counted, found = KINDS[type(by.rule.kind)][0](by, counted, match)
    return (begun(setting, counted, match.happened) if found else RenewedState(counted, state.last)), found


def begun(setting: Setting, counted: CountState | None, moment: datetime, given: int = 0) -> RenewedState:
    """The state when the badge was given at this moment. given: how often at least it had been earned by then."""
    counted = counted or (CountState() if given else None)
    fresh = counted and CountState((), counted.period, max(counted.given, given))
    return RenewedState(fresh, renewals.period(setting.rule, moment))


def _earning(setting: Setting) -> Setting:
    """The rule without its renewal; a count begins anew after each award."""
    assert isinstance(setting.rule.kind, Renewed)
    by = setting.rule.kind.by
    by = replace(by, repeat=True) if isinstance(by, Count) else by
    return replace(setting, rule=replace(setting.rule, kind=by))


def _not_renewed(setting: Setting, state: RenewedState | None, match: Match) -> str | None:
    if renewals.RENEWS not in match.steps:
        return None
    return renewals.refused(state.last if state else None, match)


KINDS: dict[type[Kind], tuple[Fold, Any]] = {
    Each: (each, type(None)),
    Count: (count, CountState | None),
    Streak: (streak, StreakState | None),
    Sum: (sums.total, sums.SumState | None),
    Steps: (sequences.sequence, sequences.SequenceState | None),
    Best: (attempts.best, attempts.BestState | None),
    First: (attempts.enter, attempts.Entry | None),
    Renewed: (renewed, RenewedState | None),
}
"""For each kind its fold, and the type of its state."""


def _no_amount(setting: Setting, state: Any, match: Match) -> str | None:
    of = getattr(setting.rule.kind, "of", "").replace("_", " ")
    return f"no {of}: the statement has none" if match.amount is None else None


def _no_better(setting: Setting, state: Any, match: Match) -> str | None:
    return (
        _no_amount(setting, state, match) or f"no better than the best so far: {plain(attempts.so_far(state, match))}"
    )


def _not_entered(setting: Setting, state: Any, match: Match) -> str | None:
    assert isinstance(setting.rule.kind, First)
    late = f"late: came in more than {setting.rule.kind.settle} after it happened"
    return late if match.late else "counted already: a learner is among the first only once"


REFUSALS: dict[type[Kind], Callable[[Setting, Any, Match], str | None]] = {
    Sum: _no_amount,
    Best: _no_better,
    First: _not_entered,
    Renewed: _not_renewed,
}
"""Why a match inside the life earned nothing, by (setting, state before it, match), for kinds that can tell."""


def progress(setting: Setting, state: Any, now: datetime) -> tuple[int, int] | None:
    """How far a learner is towards the next award: (done, of); None where there is nothing to work towards."""
    rule = setting.rule
    if isinstance(rule.kind, Renewed):
        return _renewed_progress(setting, rule.kind.by, state or RenewedState(), now)
    if isinstance(rule.kind, Count):
        return _count_progress(rule, rule.kind, setting.zone, state or CountState(), now)
    if isinstance(rule.kind, Streak) and isinstance(state, StreakState):
        return _streak_progress(rule, rule.kind, setting.zone, state, now)
    if isinstance(rule.kind, Streak):
        return 0, rule.give[0].at or 1
    if isinstance(rule.kind, Sum):
        return sums.progress(setting, state, now)
    if isinstance(rule.kind, Steps):
        return sequences.progress(setting, state, now)
    return None


def _renewed_progress(setting: Setting, by: Kind, state: RenewedState, now: datetime) -> tuple[int, int] | None:
    if isinstance(by, Count) and by.reach and state.last and not state.last.ended(now):
        return by.reach, by.reach
    return progress(_earning(setting), state.counted, now)


def _count_progress(rule: Rule, kind: Count, zone: ZoneInfo, state: CountState, now: datetime) -> tuple[int, int]:
    targets = _targets(rule)
    if not kind.repeat and state.given >= len(targets):
        return targets[-1], targets[-1]
    counted = _inside(state.counted, now, kind, zone)
    if kind.calendar and windows.index(kind.calendar, now, zone) != state.period:
        counted = ()
    target = targets[0] if kind.repeat else targets[state.given]
    return min(len(counted), target), target


def _streak_progress(rule: Rule, kind: Streak, zone: ZoneInfo, state: StreakState, now: datetime) -> tuple[int, int]:
    period = windows.index(kind.every, now, zone)
    broken = period > state.last + 1 and _forgiven(kind, state, period) is None
    run = 0 if broken else state.run
    ahead = [grant.at or 1 for grant in rule.give if (grant.at or 1) > run]
    return (run, ahead[0]) if ahead else (rule.give[-1].at or 1, rule.give[-1].at or 1)
