"""The exception `swapped`: two learners who reward each other by turns.

A match does not count when the same two did it the other way round before: the recipient in the other role, and
somebody of the other role as the recipient. Only a match counts for that which no other exception keeps out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from service.core import windows
from service.core.matching import Match
from service.core.rule import Swapped

Moment = tuple[datetime, UUID]


def too_near(swapped: Swapped, reverse: datetime, happened: datetime, zone: ZoneInfo) -> bool:
    """Whether what happened the other way round lies in the window that ends with this match."""
    return swapped.within is None or reverse >= windows.before(happened, swapped.within, zone)


def taken_out(swapped: Swapped, groups: Mapping[int, Iterable[Match]], zones: Mapping[int, ZoneInfo]) -> list[Match]:
    """The matches that do not count, of all matches of a rule by learner."""
    done: dict[tuple[int, int], list[Moment]] = {}
    for learner, matches in groups.items():
        for match in matches:
            for other in match.others:
                done.setdefault((learner, other), []).append((match.happened, match.statement))
    for moments in done.values():
        moments.sort()

    def is_out(match: Match) -> bool:
        for other in match.others if match.guarded else ():
            moments = done.get((other, match.learner), [])
            before = bisect_left(moments, (match.happened, match.statement))
            if before and too_near(swapped, moments[before - 1][0], match.happened, zones[match.learner]):
                return True
        return False

    return [match for matches in groups.values() for match in matches if is_out(match)]
