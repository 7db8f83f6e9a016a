"""Rules with `needs`: what a learner holds, and the first moment inside the rule's life at which it is enough.

What holds changes at few moments: a badge is earned or expires, points reach a mark, a statement happens. So the
moments at which something comes about are gone through in their order, and the first at which all needs hold gives,
once. A statement `after: last badge` counts from the moment on at which the badges that are needed beside it came to be
there all together; where one of them expires and is earned again, from that moment on.

Where the rule has a renewal, what was given has an end, and evidence that comes at the right time renews it. Whoever
let it end earns it anew: all has to hold together again, with statements from the end on, and `after: last badge`
counts from there, or from each needed badge that was earned since.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from service.core import renewals, windows
from service.core.matching import Match
from service.core.purses import Mark, Reached
from service.core.renewals import Period
from service.core.rule import Need, NeedBadge, NeedPoints, Needs, NeedSome, NeedStatement, Rule, leaves, statements
from service.core.setting import OUTSIDE, Setting

DAWN = datetime.min.replace(tzinfo=UTC)


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
    """An award of a rule with needs: when, by which statements, and why.

    renews: it gives no points again. since: the end of the validity after which it was earned anew.
    """

    key: str
    happened: datetime
    statements: tuple[UUID, ...]
    reason: str
    renews: bool = False
    since: datetime | None = None


class Unrenewed(NamedTuple):
    """Evidence that renewed nothing, and why."""

    statement: UUID
    happened: datetime
    because: str


class Course(NamedTuple):
    """All awards of a rule with needs to one learner, in order; what renewed nothing; and the last period."""

    given: tuple[Given, ...] = ()
    refused: tuple[Unrenewed, ...] = ()
    last: Period | None = None


def course(setting: Setting, having: Having) -> Course:
    """What a learner gets by a rule with needs, whenever it was. At one moment what renews comes before what earns."""
    assert isinstance(setting.rule.kind, Needs)
    renewal, seen = setting.rule.kind.renewal, _Seen(setting, having)
    evidence = _evidence(setting, having) if renewal else {}
    comes_about = set(seen.moments())
    given: list[Given] = []
    refused: list[Unrenewed] = []
    last = None
    for moment in sorted(comes_about | evidence.keys()):
        alive, before = setting.alive(moment), len(given)
        for match in evidence.get(moment, ()):
            because = renewals.refused(last, match) if alive else OUTSIDE
            if last is None or because:
                refused.append(Unrenewed(match.statement, moment, because or ""))
                continue
            given.append(Given(renewals.key(match), moment, (match.statement,), renewals.reason(last), renews=True))
            last = renewals.period(setting.rule, moment)
        if not alive or len(given) > before or moment not in comes_about or (last and not last.ended(moment)):
            continue
        seen.floor = last.until if last else DAWN
        if seen.hold(seen.needs, moment):
            given.append(seen.earned(moment, sum(not one.renews for one in given) + 1))
            refused = [one for one in refused if one.statement not in given[-1].statements]
            if renewal is None:
                return Course(tuple(given))
            last = renewals.period(setting.rule, moment)
    return Course(tuple(given), tuple(refused), last)


def _evidence(setting: Setting, having: Having) -> dict[datetime, list[Match]]:
    """The statements that could renew, by the moment at which they happened."""
    found: dict[datetime, list[Match]] = {}
    place = len(statements(setting.rule)) - 1
    for match in sorted(having.matches or (), key=_in_order):
        if place in match.steps:
            found.setdefault(match.happened, []).append(match)
    return found


def _in_order(match: Match) -> tuple[datetime, bytes]:
    return match.happened, match.statement.bytes


def possible(setting: Setting, having: Having) -> bool:
    """Whether all would ever hold together if every statement were there; `having.matches` is None."""
    seen = _Seen(setting, having)
    return any(seen.hold(seen.needs, moment) for moment in (*seen.moments(), setting.end)) if seen.needs else False


class Met(NamedTuple):
    """One need, in words, and since when it is fulfilled; None: it is not."""

    need: str
    since: datetime | None


def progress(
    setting: Setting, having: Having, now: datetime, since: datetime | None = None
) -> tuple[int, int, list[Met]]:
    """How many of the needs on top hold now, of how many; and each single one with what is missing.

    since: the end of what is to be earned anew.
    """
    seen = _Seen(setting, having, since or DAWN)
    done = sum(seen.holds(need, now) for need in seen.needs)
    told = [Met(str(need), seen.since(need, now) if seen.holds(need, now) else None) for need in leaves(setting.rule)]
    return done, len(seen.needs), told


def _needed_statements(rule: Rule) -> list[NeedStatement]:
    return [need for need in leaves(rule) if isinstance(need, NeedStatement)]


class _Seen:
    """What a learner has, laid out so that each need can be asked about at any moment.

    floor: statements from then on are looked at.
    """

    def __init__(self, setting: Setting, having: Having, floor: datetime = DAWN) -> None:
        assert isinstance(setting.rule.kind, Needs)
        self.setting, self.having = setting, having
        self.needs = setting.rule.kind.all_of
        self.places = {one.name: place for place, one in enumerate(_needed_statements(setting.rule))}
        self.floor = floor
        self._happened: dict[str, list[Match]] = {}
        self._together: list[tuple[datetime, datetime]] | None = None

    def moments(self) -> list[datetime]:
        """When something that is needed comes about."""
        found = {held.since for awards in self._badges() for held in awards}
        needed = set(self.places.values())
        found |= {match.happened for match in self.having.matches or () if not needed.isdisjoint(match.steps)}
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
        found = self._matches(need)
        for first in self._begins(moment) if need.after else (self.floor,):
            last = min(moment, windows.after(first, need.within, self.setting.zone)) if need.within else moment
            place = bisect_left(found, first, key=lambda match: match.happened)
            if place < bisect_right(found, last, key=lambda match: match.happened):
                return found[place]
        return None

    def _begins(self, moment: datetime) -> list[datetime]:
        """From when `after: last badge` counts: when the badges came together, or the floor and each earned since."""
        since = next((start for start, end in self.together() if start <= moment < end), None)
        if since is None:
            return []
        if since >= self.floor:
            return [since]
        earned = {held.since for awards in self._badges() for held in awards}
        return sorted({self.floor, *(one for one in earned if self.floor < one <= moment)})

    def _matches(self, need: NeedStatement) -> list[Match]:
        if need.name not in self._happened:
            place = self.places[need.name]
            mine = (match for match in self.having.matches or () if place in match.steps)
            self._happened[need.name] = sorted(mine, key=_in_order)
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

    def earned(self, moment: datetime, number: int) -> Given:
        """The award where all needs hold at this moment; number: the how-manieth it is."""
        words = ", ".join(str(need) for need in leaves(self.setting.rule) if self.holds(need, moment))
        since = self.floor if number > 1 else None
        return Given(str(number), moment, self.statements(moment), f"has {words}", since=since)

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
