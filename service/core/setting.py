"""What a fold works with: a rule as it applies to one learner, and what a match earned."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from service.core.matching import Match
from service.core.rule import Grant, Rule

OUTSIDE = "outside the rule's life"
"""What refuses a match that comes too early or too late for a rule."""


class Setting(Struct, frozen=True):
    """A rule as it applies to one learner: the zone of their days, and the rule's life [start, end) in UTC.

    version, since and until: which version of the rule it is, and the life of that; None: from the first, to the last.
    """

    rule: Rule
    zone: ZoneInfo
    start: datetime
    end: datetime
    version: int = 1
    since: datetime | None = None
    until: datetime | None = None

    def alive(self, moment: datetime) -> bool:
        return self.start <= moment < self.end


class Earned(Struct, frozen=True):
    """What one match earned before limits: the award's key, what it gives, and the statements it stands on."""

    key: str
    grant: Grant
    statements: tuple[UUID, ...]
    reason: str | None = None


def plain(number: Decimal) -> str:
    """A number as people write it: `150`, `0.5`."""
    return f"{number.normalize():f}"


Fold = Callable[[Setting, Any, Match], tuple[Any, tuple[Earned, ...]]]
