"""Rules with `needs`: what a learner holds, and the first moment inside the rule's life at which it is enough.

What holds changes at few moments: a badge is earned or expires, points reach a mark, a statement happens. So the
moments at which something comes about are gone through in their order, and the first at which all needs hold gives,
once. A statement `after: last badge` counts from the moment on at which the badges that are needed beside it came to be
there all together; where one of them expires and is earned again, from that moment on.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from service.core import windows
from service.core.kinds import Setting
from service.core.matching import Match
from service.core.purses import Mark, Reached
from service.core.rule import Need, NeedBadge, NeedPoints, Needs, NeedSome, NeedStatement, leaves, statements


class Held(NamedTuple):
    """An award of a badge: earned at `since`, and valid before `until`."""

    since: datetime
    until: datetime
    statements: tuple[UUID, ...] = ()


class Having(NamedTuple):
    """What a learner has of what a rule needs.

    badges: the awards of each achievement. reached: by currency, the marks that were reached. matches: those of the
    rule's statements, or None where they are not known and any statement is taken to be there.
    """

    badges: Mapping[str, Sequence[Held]]
    reached: Mapping[str, Mapping[Mark, Reached]]
    matches: Sequence[Match] | None


def marks(setting: Setting) -> Iterator[tuple[str, Mark]]:
    """The marks that a rule has to know of each currency: when it was reached, and when first inside the life."""
    for need in leaves(setting.rule):
        if isinstance(need, NeedPoints):
            yield from {(need.currency, Mark(need.amount)), (need.currency, Mark(need.amount, setting.start))}


class Given(NamedTuple):
    """The award of a rule with needs: when, by which statements, and why."""

    happened: datetime
    statements: tuple[UUID, ...]
    reason: str


def given(setting: Setting, having: Having) -> Given | None:
    """The award, if there is one."""
    seen = _Seen(setting, having)
    for moment in seen.moments():
        if setting.alive(moment) and seen.hold(seen.needs, moment):
            words = ", ".join(str(need) for need in leaves(setting.rule) if seen.holds(need, moment))
            return Given(moment, seen.statements(moment), f"has {words}")
    return None


def possible(setting: Setting, having: Having) -> bool:
    """Whether all would ever hold together if every statement were there; `having.matches` is None."""
    seen = _Seen(setting, having)
    return any(seen.hold(seen.needs, moment) for moment in (*seen.moments(), setting.end)) if seen.needs else False


class Met(NamedTuple):
    """One need, in words, and since when it is fulfilled; None: it is not."""

    need: str
    since: datetime | None


def progress(setting: Setting, having: Having, now: datetime) -> tuple[int, int, list[Met]]:
    """How many of the needs on top hold now, of how many; and each single one with what is missing."""
    seen = _Seen(setting, having)
    done = sum(seen.holds(need, now) for need in seen.needs)
    told = [Met(str(need), seen.since(need, now) if seen.holds(need, now) else None) for need in leaves(setting.rule)]
    return done, len(seen.needs), told


class _Seen:
    """What a learner has, laid out so that each need can be asked about at any moment."""

    def __init__(self, setting: Setting, having: Having) -> None:
        assert isinstance(setting.rule.kind, Needs)
        self.setting, self.having = setting, having
        self.needs = setting.rule.kind.all_of
        self.places = {need.name: place for place, need in enumerate(statements(setting.rule))}
        self._happened: dict[str, list[Match]] = {}
        self._together: list[tuple[datetime, datetime]] | None = None

    def moments(self) -> list[datetime]:
        """When something that is needed comes about."""
        found = {held.since for awards in self._badges() for held in awards}
        found |= {match.happened for match in self.having.matches or ()}
        for currency, mark in marks(self.setting):
            if reached := self.having.reached.get(currency, {}).get(mark):
                found.add(reached.happened)
        return sorted(found)

    def _badges(self) -> Iterator[Sequence[Held]]:
        for need in leaves(self.setting.rule):
            if isinstance(need, NeedBadge):
                yield self.having.badges.get(need.badge, ())

    def hold(self, needs: Iterable[Need], moment: datetime) -> bool:
        return all(self.holds(need, moment) for need in needs)

    def holds(self, need: Need, moment: datetime) -> bool:
        return self._holds(need, moment, lambda one: self._fulfilled(one, moment))

    def _holds(self, need: Need, moment: datetime, rest: Callable[[NeedPoints | NeedStatement], bool]) -> bool:
        if isinstance(need, NeedSome):
            return sum(self._holds(one, moment, rest) for one in need.of) >= need.at_least
        if isinstance(need, NeedBadge):
            return any(held.since <= moment < held.until for held in self.having.badges.get(need.badge, ()))
        return rest(need)

    def _fulfilled(self, need: NeedPoints | NeedStatement, moment: datetime) -> bool:
        if isinstance(need, NeedPoints):
            reached = self._reached(need)
            return need.amount <= 0 or (reached is not None and reached.happened <= moment)
        return self.having.matches is None or self._statement(need, moment) is not None

    def _reached(self, need: NeedPoints) -> Reached | None:
        return self.having.reached.get(need.currency, {}).get(Mark(need.amount))

    def _statement(self, need: NeedStatement, moment: datetime) -> Match | None:
        """The first statement that fulfils the need by this moment."""
        first, last = datetime.min.replace(tzinfo=moment.tzinfo), moment
        if need.after:
            stretch = next((one for one in self.together() if one[0] <= moment < one[1]), None)
            if stretch is None:
                return None
            first = stretch[0]
            if need.within:
                last = min(moment, windows.after(first, need.within, self.setting.zone))
        found = self._matches(need)
        place = bisect_left(found, first, key=lambda match: match.happened)
        return found[place] if place < bisect_right(found, last, key=lambda match: match.happened) else None

    def _matches(self, need: NeedStatement) -> list[Match]:
        if need.name not in self._happened:
            place = self.places[need.name]
            mine = (match for match in self.having.matches or () if place in match.steps)
            self._happened[need.name] = sorted(mine, key=lambda match: (match.happened, match.statement.bytes))
        return self._happened[need.name]

    def together(self) -> list[tuple[datetime, datetime]]:
        """From when to when the badges are there that are needed, whatever else is."""
        if self._together is None:
            self._together = list(self._stretches())
        return self._together

    def _stretches(self) -> Iterator[tuple[datetime, datetime]]:
        since: datetime | None = None
        for moment in sorted({moment for awards in self._badges() for held in awards for moment in held[:2]}):
            if all(self._holds(need, moment, lambda _: True) for need in self.needs):
                since = since or moment
            elif since is not None:
                yield since, moment
                since = None
        if since is not None:
            yield since, datetime.max.replace(tzinfo=since.tzinfo)

    def since(self, need: Need, moment: datetime) -> datetime:
        """Since when a single need holds that does at this moment."""
        if isinstance(need, NeedBadge):
            return max(one.since for one in self.having.badges[need.badge] if one.since <= moment < one.until)
        if isinstance(need, NeedPoints) and (reached := self._reached(need)):
            return reached.happened
        match = self._statement(need, moment) if isinstance(need, NeedStatement) else None
        return match.happened if match else moment

    def statements(self, moment: datetime) -> tuple[UUID, ...]:
        """The statements behind everything that holds at this moment."""
        found: dict[UUID, None] = {}
        for need in leaves(self.setting.rule):
            found |= dict.fromkeys(self._behind(need, moment))
        return tuple(found)

    def _behind(self, need: Need, moment: datetime) -> Iterable[UUID]:
        if isinstance(need, NeedBadge):
            valid = [one for one in self.having.badges.get(need.badge, ()) if one.since <= moment < one.until]
            return max(valid).statements if valid else ()
        if isinstance(need, NeedPoints):
            reached = self._reached(need)
            return reached.statements if reached and reached.happened <= moment else ()
        match = self._statement(need, moment) if isinstance(need, NeedStatement) else None
        return (match.statement,) if match else ()
