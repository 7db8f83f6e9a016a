"""Renewing a badge that expires: its last period, and whether a statement comes at the right time to begin a new one.

A period begins with the award that earned the badge, or with its last renewal, and lasts as long as the rule says. A
statement that renews gives the badge again, with a period of its own; of the points it gives nothing again. What could
renew and earn renews. From the end of a period on the badge can be earned anew.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from service.core import windows
from service.core.matching import Match
from service.core.rule import Needs, Renewal, Renewed, Rule
from service.core.setting import Earned, Setting

EARNS, RENEWS = 0, 1
"""The steps that a match of such a rule is: of `when`, and of the evidence that renews."""


class Period(Struct, frozen=True, array_like=True):
    """What is to be renewed: valid until then, and renewable between these moments, the first one included."""

    until: datetime
    opens: datetime
    closes: datetime

    def ended(self, moment: datetime) -> bool:
        """Whether it can be earned anew by what happens then."""
        return moment >= self.until


def period(rule: Rule, begins: datetime) -> Period:
    """The period of a badge that is earned or renewed at this moment."""
    kind = rule.kind.renewal if isinstance(rule.kind, Needs) else rule.kind
    assert isinstance(kind, Renewal | Renewed)
    zone = ZoneInfo(rule.time_zone or "UTC")
    until = windows.expiry(begins, rule.expires, rule.time_zone) or windows.FOREVER
    closes = windows.after(until, kind.late, zone) if kind.late else until
    return Period(until, max(begins, windows.before(until, kind.within, zone)), closes)


def renewed(setting: Setting, last: Period | None, match: Match) -> tuple[Earned, ...]:
    """The award, if this match renews what was valid till now."""
    if last is None or refused(last, match) or not setting.alive(match.happened):
        return ()
    grant = replace(setting.rule.give[0], points=())
    return (Earned(key(match), grant, (match.statement,), reason(last)),)


def key(match: Match) -> str:
    """The key of the award that this match gives."""
    return f"renewal {match.statement}"


def reason(last: Period) -> str:
    """Why it is given."""
    return f"renews what was valid until {_day(last.until)}"


def refused(last: Period | None, match: Match) -> str | None:
    """Why a match of the evidence renews nothing, in words."""
    if last is None:
        return "nothing to renew: the badge was not earned before"
    if match.happened < last.opens:
        return f"too early to renew: possible from {_day(last.opens)}, valid until {_day(last.until)}"
    if match.happened >= last.closes:
        return f"too late to renew: it was possible until {_day(last.closes)}"
    return None


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d}"
