"""What caps leave of an award: `limit` of a rule, counted by event time in calendar periods.

An award that would cross a cap on points pays what is left, then nothing; one that a limit refuses uses no cap. A cap
on points never withholds a badge.

The state of a limit is one number for its current period. With `from_each` it is one for each counterpart met in that
period, so with `per: year` it grows with a year's colleagues, and with `per: ever` with everybody a learner ever met;
every match that pays reads and writes all of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from service.core import windows
from service.core.kinds import Earned, Setting
from service.core.matching import Match


class Used(Struct, frozen=True, array_like=True):
    """What one limit has let through in its current period, by counterpart (`""` without `from_each`)."""

    period: int
    by: tuple[tuple[str, int], ...] = ()


class Paid(Struct, frozen=True):
    """An award after limits: points by currency (zero left out), and why it is less than the rule says, if it is."""

    points: tuple[tuple[str, int], ...]
    because: str | None = None


def paid(
    setting: Setting, used: tuple[Used, ...], match: Match, earned: Earned
) -> tuple[tuple[Used, ...], Paid | None, str]:
    """The limits' new state, what is paid (None when all of it is refused), and the clause that refused it."""
    limits = setting.rule.limits
    if not limits:
        return used, Paid(earned.grant.points), ""
    current = _current(setting, used, match)
    keys = _counterparts(setting, match)
    left = list(map(_spent, current, keys))
    for limit, spent in zip(limits, left, strict=True):
        if limit.awards is not None and spent >= limit.awards:
            return current, None, limit.clause
    points, because = _capped(setting, left, earned)
    grant = earned.grant
    if not points and grant.points and not (grant.badge or grant.micro_credential):
        return current, None, because.partition(":")[0] if because else ""
    return _after(setting, current, keys, dict(points)), Paid(points, because), ""


def noted(setting: Setting, used: tuple[Used, ...], match: Match, amounts: Mapping[str, int]) -> tuple[Used, ...]:
    """The limits' new state when an earlier version of the rule has given these amounts at this match."""
    current = _current(setting, used, match)
    return _after(setting, current, _counterparts(setting, match), amounts)


def _after(
    setting: Setting, used: tuple[Used, ...], keys: Sequence[str], amounts: Mapping[str, int]
) -> tuple[Used, ...]:
    spends = [amounts.get(limit.currency, 0) if limit.points is not None else 1 for limit in setting.rule.limits]
    return tuple(map(_spend, used, keys, spends))


def _capped(setting: Setting, spent: list[int], earned: Earned) -> tuple[tuple[tuple[str, int], ...], str | None]:
    points, because = [], None
    for currency, amount in earned.grant.points:
        rest = amount
        for limit, used in zip(setting.rule.limits, spent, strict=True):
            if limit.points is not None and limit.currency == currency and limit.points - used < rest:
                rest = max(limit.points - used, 0)
                because = f"{limit.clause}: {rest} of {amount} paid"
        if rest:
            points.append((currency, rest))
    return tuple(points), because


def _current(setting: Setting, used: tuple[Used, ...], match: Match) -> tuple[Used, ...]:
    periods = [windows.index(limit.per, match.happened, setting.zone) for limit in setting.rule.limits]
    if not used:
        return tuple(map(Used, periods))
    return tuple([use if use.period == period else Used(period) for use, period in zip(used, periods, strict=True)])


def _counterparts(setting: Setting, match: Match) -> Sequence[str]:
    """For each limit whose share of it this match draws on."""
    if not match.counterparts:
        return ("",) * len(setting.rule.limits)
    keys = iter(match.counterparts)
    return [next(keys) if limit.from_each else "" for limit in setting.rule.limits]


def _spent(use: Used, key: str) -> int:
    for counterpart, amount in use.by:
        if counterpart == key:
            return amount
    return 0


def _spend(use: Used, key: str, amount: int) -> Used:
    if not amount:
        return use
    by = dict(use.by)
    by[key] = by.pop(key, 0) + amount  # the latest stands last
    return Used(use.period, tuple(by.items()))
