"""Awards that come from awards, for one learner: caps across rules and rules with `needs`, stratum by stratum.

This is the whole of it from nothing, as `evaluate` and `verify` need it. The store takes the same steps, and only those
that something new concerns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from service.core import needs, purses, windows
from service.core.kinds import Setting
from service.core.matching import Match
from service.core.needs import Course, Having, Held, Unrenewed
from service.core.purses import Covering, Cut, Gain, Mark, Purse, PurseState, Reached
from service.core.rule import Cap, Rule
from service.core.strata import BADGE, Currency, Strata, badges_of, gives

FOREVER = datetime.max.replace(tzinfo=UTC)
Settings = Callable[[Rule], Setting]
"""A rule as it applies to the learner that is looked at."""


class Line(NamedTuple):
    """What one award has of one unit."""

    rule: str
    key: str
    happened: datetime
    unit: str
    amount: int
    statements: tuple[UUID, ...] = ()
    reason: str | None = None


class Awards(NamedTuple):
    """What a learner gets by rules that read awards; and by rule with needs what it read, and what renewed nothing."""

    lines: list[Line]
    having: dict[str, Having]
    refused: dict[str, tuple[Unrenewed, ...]]


def awards(
    strata: Strata, settings: Settings, earned: Iterable[Line], matches: Mapping[str, Sequence[Match]]
) -> Awards:
    """All lines of rules that read awards. earned: those of all others. matches: of rules with needs, by name."""
    having: dict[str, Having] = {}
    refused: dict[str, tuple[Unrenewed, ...]] = {}
    by_unit: dict[str, list[Line]] = {}
    for line in earned:
        by_unit.setdefault(line.unit, []).append(line)
    reached: dict[str, Mapping[Mark, Reached]] = {}
    made: list[Line] = []
    for step in strata.steps:
        if isinstance(step, Currency):
            purse = purse_of(strata, step.name, settings)
            state, cuts = purses.fold(purse, map(gain, by_unit.get(step.name, ())))
            reached[step.name] = reached_marks(purse, state)
            made += correcting(strata, cuts)
        elif step in strata.needing:
            rule = strata.rules[step]
            badges = {
                name: [held(strata, line) for line in by_unit.get(f"{BADGE}{name}", ())] for name in badges_of(rule)
            }
            having[step] = Having(badges, reached, matches.get(step, ()))
            course = needs.course(settings(rule), having[step])
            refused[step] = course.refused
            for line in lines_of(rule, course) if rule.status != "trial" else ():
                by_unit.setdefault(line.unit, []).append(line)
                made.append(line)
    return Awards(made, having, refused)


def purse_of(strata: Strata, currency: str, settings: Settings) -> Purse:
    """A currency of one learner with its caps, and the marks that rules need of it."""
    caps = tuple(Covering(settings(cap), strata.covered(cap)) for cap in strata.caps.get(currency, ()))
    watched = {
        mark
        for rule in strata.readers.get(currency, ())
        for unit, mark in needs.marks(settings(rule))
        if unit == currency
    }
    return Purse(currency, caps, tuple(sorted(watched)))


def gain(line: Line) -> Gain:
    return Gain(line.happened, line.rule, line.key, line.amount, line.statements)


def reached_marks(purse: Purse, state: PurseState) -> dict[Mark, Reached]:
    """The marks that have been reached, each with its moment."""
    return {mark: one for mark, one in zip(purse.marks, state.reached, strict=True) if one is not None}


def correcting(strata: Strata, cuts: Iterable[Cut]) -> list[Line]:
    """The lines that take away what caps have cut."""
    found = []
    for cut in cuts:
        kind = strata.rules[cut.rule].kind
        assert isinstance(kind, Cap)
        words = clause(kind)
        found.append(Line(cut.rule, cut.key, cut.happened, kind.currency, -cut.amount, cut.statements, words))
    return found


def clause(cap: Cap) -> str:
    """A cap in words: `cap 100 points per day over all rules`."""
    over = f"rules tagged {cap.tagged}" if cap.tagged else "all rules" if cap.over is None else ", ".join(cap.over)
    return f"cap {cap.points} {cap.currency} {'ever' if cap.per == 'ever' else f'per {cap.per}'} over {over}"


def award(setting: Setting, having: Having) -> list[Line]:
    """What a rule with needs gives, a line for each award and unit."""
    return lines_of(setting.rule, needs.course(setting, having))


def lines_of(rule: Rule, course: Course) -> list[Line]:
    """All awards of a rule with needs, unit by unit; what renews gives the badge and no points."""
    badges = [(unit, 1) for unit in gives(rule) if unit.startswith(BADGE)]
    return [
        Line(rule.name, one.key, one.happened, unit, amount, one.statements, one.reason)
        for one in course.given
        for unit, amount in (badges if one.renews else [*rule.give[0].points, *badges])
    ]


def held(strata: Strata, line: Line) -> Held:
    """An award of a badge, with the moment at which it expires by the rule that gave it."""
    rule = strata.rules.get(line.rule)
    until = windows.expiry(line.happened, rule.expires, rule.time_zone) if rule else None
    return Held(line.happened, until or FOREVER, line.statements)
