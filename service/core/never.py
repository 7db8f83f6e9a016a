"""Rules that can never give anything, though each of their clauses is right: what contradicts what."""

from __future__ import annotations

from typing import Any

from service.core.forms import Reading
from service.core.places import Items, Pairs
from service.core.rule import Count, Names

SHORTEST = {"day": 1, "week": 7, "month": 28, "quarter": 90, "year": 365}
"""Days of the shortest period of each length."""

CLOCKS = 2 / 24
"""A day may be shorter by so much when clocks go forward."""


def check(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    """Notes what keeps this rule from ever giving."""
    _exceptions(reading, node, found)
    _recipients(reading, node, found)
    _windows(reading, node, found)


def _exceptions(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    """What `when` asks for and an exception keeps out."""
    written = node.get("unless")
    items = written.items if isinstance(written, Items) else ()
    wanted = set(found.get("when", ()))
    for conditions, item in zip(found.get("unless", ()), items, strict=False):
        if conditions and set(conditions) <= wanted:
            reading.warning(item, 'This can never match: "when" asks for just what this keeps out. Change one of them.')


def _recipients(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    """Nobody is in the role that receives."""
    to, when = found.get("to", "actor"), node.get("when")
    for condition in found.get("when", ()):
        place = when.key(condition.key) if isinstance(when, Pairs) else None
        if isinstance(condition, Names) and condition.key == to and not condition.present:
            reading.warning(place or node, f'"{to}" receives, so it cannot be absent: take this out, or change "to".')
        elif to == "object" and condition.key == "type":
            reading.warning(
                place or node, 'The object receives, so it is somebody and has no type: take this out, or change "to".'
            )


def _windows(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    """A window in which not so many different periods can lie."""
    count, written = found.get("count"), node.get("count")
    if not isinstance(count, Count) or not isinstance(written, Pairs) or count.different not in SHORTEST:
        return
    reach = count.reach or max((grant.at or 1 for grant in found.get("give", ())), default=1)
    least = (reach - 2) * SHORTEST[count.different]
    days = _days(count)
    if days is not None and days + CLOCKS < least:
        reading.warning(
            written.get("within") or written,
            f"{reach} different {count.different}s never lie in so short a window: write at least {least + 1} days.",
        )


def _days(count: Count) -> float | None:
    """How long the window is at most, in days."""
    if count.calendar is not None:
        return {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}.get(count.calendar)
    if count.within is None:
        return None
    longest = {"months": 31, "years": 366}.get(count.within.unit)
    return count.within.amount * longest if longest else count.within.seconds / 86400
