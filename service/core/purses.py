"""What a learner has of one currency, award by award: what caps across rules cut, and when marks were reached.

Awards are gone through in the order of (event time, rule, key). Each passes the caps that cover its rule, those of
shorter periods first, and a cap lets through what is left in its period; so what all caps leave of it is added to the
balance, which never falls. What a cap has cut is corrected in the ledger: an award of the cap, whose key is the period,
with one line for each day in it, dated by the day's first cut, so that boards of days and weeks take it from where it
was too much. The state is as small as the caps and marks are many.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from service.core import windows
from service.core.kinds import Setting
from service.core.rule import Cap

DAWN = datetime.min.replace(tzinfo=UTC)


class Gain(NamedTuple):
    """What an award gives of the currency."""

    happened: datetime
    rule: str
    key: str
    amount: int
    statements: tuple[UUID, ...] = ()


class Covering(NamedTuple):
    """A cap for one learner, and the names of the rules it covers; None for all."""

    setting: Setting
    rules: frozenset[str] | None

    @property
    def cap(self) -> Cap:
        assert isinstance(self.setting.rule.kind, Cap)
        return self.setting.rule.kind

    def covers(self, gain: Gain) -> bool:
        return (self.rules is None or gain.rule in self.rules) and self.setting.alive(gain.happened)


class Mark(NamedTuple):
    """The first award at or after `since` at which the balance is at least `amount`."""

    amount: int
    since: datetime = DAWN


class Purse(NamedTuple):
    """A currency for one learner: its caps in the order in which awards pass them, and the marks that are watched."""

    currency: str
    caps: tuple[Covering, ...] = ()
    marks: tuple[Mark, ...] = ()


class Reached(Struct, frozen=True, array_like=True):
    """When a mark was reached, and by which statements."""

    happened: datetime
    statements: tuple[UUID, ...] = ()


class Use(Struct, frozen=True, array_like=True):
    """What a cap has let through in its current period, and what it has cut on the current day, since when."""

    period: int
    used: int = 0
    day: int = 0
    cut: int = 0
    since: datetime = DAWN


class PurseState(Struct, frozen=True, array_like=True):
    """Where a purse stands after the award at `happened`: the balance, the use of each cap, each mark if reached."""

    happened: datetime = DAWN
    balance: int = 0
    uses: tuple[Use | None, ...] = ()
    reached: tuple[Reached | None, ...] = ()


class Cut(NamedTuple):
    """What a cap takes from an award. key: the label of its period; happened: the day's first cut."""

    rule: str
    key: str
    happened: datetime
    amount: int
    statements: tuple[UUID, ...]


def start(purse: Purse) -> PurseState:
    """The purse before the first award."""
    return PurseState(DAWN, 0, (None,) * len(purse.caps), (None,) * len(purse.marks))


def advance(purse: Purse, state: PurseState, gain: Gain) -> tuple[PurseState, list[Cut]]:
    """One award further."""
    rest, uses, cuts = gain.amount, [], []
    for covering, use in zip(purse.caps, state.uses, strict=True):
        if covering.covers(gain):
            use, cut = _passed(covering, use, gain, rest)
            rest -= cut
            if cut:
                key = windows.label(covering.cap.per, use.period)
                cuts.append(Cut(covering.setting.rule.name, key, use.since, cut, gain.statements))
        uses.append(use)
    balance = state.balance + rest
    reached = tuple(
        before or (Reached(gain.happened, gain.statements) if _at(mark, gain.happened, balance) else None)
        for mark, before in zip(purse.marks, state.reached, strict=True)
    )
    return PurseState(gain.happened, balance, tuple(uses), reached), cuts


def _at(mark: Mark, moment: datetime, balance: int) -> bool:
    return balance >= mark.amount and moment >= mark.since


def _passed(covering: Covering, use: Use | None, gain: Gain, amount: int) -> tuple[Use, int]:
    """The cap's use after this amount, and how much of it was too much."""
    cap, zone = covering.cap, covering.setting.zone
    period, day = (windows.index(length, gain.happened, zone) for length in (cap.per, "day"))
    if use is None or use.period != period:
        use = Use(period, 0, day)
    if use.day != day:
        use = Use(period, use.used, day)
    cut = max(0, use.used + amount - cap.points)
    since = use.since if use.cut or not cut else gain.happened
    return Use(period, use.used + amount - cut, day, use.cut + cut, since), cut


def fold(purse: Purse, gains: Iterable[Gain]) -> tuple[PurseState, list[Cut]]:
    """All awards from the beginning, in any order; the last state, and what each cap cuts on each day."""
    state = start(purse)
    days: dict[tuple[str, str, datetime], Cut] = {}
    for gain in sorted(gains, key=lambda gain: gain[:3]):
        state, cuts = advance(purse, state, gain)
        for cut in cuts:
            before = days.get(cut[:3])
            days[cut[:3]] = before._replace(amount=before.amount + cut.amount) if before else cut
    return state, list(days.values())
