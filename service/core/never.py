"""Rules that can never give anything, though each of their clauses is right, and rules that would look at everything.

What contradicts what is told as a warning: history and senders may know more than the rule.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from service.core.forms import Reading
from service.core.places import Items, Node, Pairs
from service.core.rule import Among, Carries, Condition, Count, Holds, Measures, Names, Present, Steps, Sum
from service.core.statement import VOIDED
from service.core.templates import Template

SHORTEST = {"day": 1, "week": 7, "month": 28, "quarter": 90, "year": 365}
"""Days of the shortest period of each length."""

CLOCKS = 2 / 24
"""A day may be shorter by so much when clocks go forward."""
MOST_IN = {
    "day": {"week": 7, "month": 31, "quarter": 92, "year": 366},
    "week": {"month": 6, "quarter": 15, "year": 54},
    "month": {"week": 2, "quarter": 3, "year": 12},
    "quarter": {"week": 2, "year": 4},
    "year": {"week": 2},
}
"""How many different periods of one length lie in one of another, wholly or in part, where that is more than one."""
EVERYTHING = re.compile(r"[a-z][a-z0-9+.-]*:/{0,2}")
"""The beginning of an IRI that says nothing of whose it is."""
ALWAYS = tuple(Holds((name,)) for name in ("actor", "verb", "object"))
"""What is true of every statement."""


def check(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    """Notes what keeps this rule from ever giving, and what says nothing."""
    _exceptions(reading, node, found)
    _recipients(reading, node, found)
    _windows(reading, node, found)
    _choice(reading, node, found)
    when = node.get("when")
    for condition in found.get("when", ()):
        place = when.key(getattr(condition, "key", "")) if isinstance(when, Pairs) else None
        _alone(reading, place or node, condition)


def _alone(reading: Reading, place: Node, condition: Condition) -> None:
    """A condition that nothing fulfils, or everything."""
    if isinstance(condition, Among) and condition.key == "verb" and set(condition.any_of) == {VOIDED}:
        reading.warning(place, "This can never match: a statement that voids another counts for nothing else.")
    if isinstance(condition, Measures) and condition.key == "score" and _beyond(condition):
        reading.warning(place, "This can never match: no scaled score is beyond -1 and 1. For points use raw_score.")
    if isinstance(condition, Among) and any(EVERYTHING.fullmatch(prefix) for prefix in condition.starts_with):
        reading.warning(place, "Nearly every IRI begins like this: write more of it, like https://lms.example.com/.")
    if isinstance(condition, Holds) and condition in ALWAYS:
        reading.warning(place, "Every statement has this: take it out, or say what is wanted there.")


def _beyond(condition: Measures) -> bool:
    low, high = condition.more_than, condition.less_than
    return (low is not None and low >= 1) or (high is not None and high <= -1)


def _exceptions(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    """What `when` asks for and an exception keeps out."""
    written = node.get("unless")
    items = written.items if isinstance(written, Items) else ()
    wanted = found.get("when", ())
    for conditions, item in zip(found.get("unless", ()), items, strict=False):
        if conditions and all(any(implies(one, kept_out) for one in wanted) for kept_out in conditions):
            reading.warning(item, 'This can never match: "when" asks for just what this keeps out. Change one of them.')


def implies(one: Condition, other: Condition) -> bool:
    """Whether every statement that fulfils one condition fulfils the other, as far as the two themselves tell."""
    if one == other:
        return True
    if getattr(one, "key", None) != getattr(other, "key", ""):
        return False
    if isinstance(other, Present):
        there = isinstance(one, Among) or (isinstance(one, Measures) and one.key == "response")
        return other.present and (there or isinstance(one, Carries))
    if isinstance(one, Among) and isinstance(other, Among):
        return _covered(one, other)
    if isinstance(one, Carries) and isinstance(other, Carries) and not other.all_of:
        groups = [one.any_of, *one.all_of] if one.any_of else one.all_of
        return any(set(group) <= set(other.any_of) for group in groups)
    if isinstance(one, Measures) and isinstance(other, Measures):
        return _within(one, other)
    if isinstance(one, Template) and isinstance(other, Template):
        return set(one.any_of) <= set(other.any_of)
    return isinstance(one, Names) and isinstance(other, Names) and one.present and other == Names(other.key)


def _covered(one: Among, other: Among) -> bool:
    texts = all(text in other.any_of or text.startswith(other.starts_with) for text in one.any_of)
    return texts and all(prefix.startswith(other.starts_with) for prefix in one.starts_with)


def _within(one: Measures, other: Measures) -> bool:
    """Whether the bounds of one lie inside those of the other."""

    def low(condition: Measures) -> tuple[float, bool]:
        return max(((bound, closed) for bound, closed in ((condition.at_least, False), (condition.more_than, True))
                    if bound is not None), default=(-math.inf, False))  # fmt: skip

    def high(condition: Measures) -> tuple[float, bool]:
        return min(((bound, closed) for bound, closed in ((condition.at_most, True), (condition.less_than, False))
                    if bound is not None), default=(math.inf, True))  # fmt: skip

    return low(one) >= low(other) and high(one) <= high(other)


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
    name = next((name for name in ("count", "sum", "sequence") if found.get(name)), "")
    kind, written = found.get(name), node.get(name)
    period, needed = _period(kind, found.get("once_per", ())), _needed(kind, found)
    if not isinstance(written, Pairs) or period is None or needed < 2:
        return
    calendar, days = getattr(kind, "calendar", None), _days(getattr(kind, "within", None))
    least = (needed - 2) * SHORTEST[period]
    place = written.get("within") or written
    if calendar in SHORTEST and needed > (most := MOST_IN[period].get(calendar, 1)):
        told = f"{most} different {period}s" if most > 1 else f"one {period}"
        reading.warning(place, f"A {calendar} has {told} at most, and {needed} are needed: write a longer period.")
    elif days is not None and days + CLOCKS < least:
        reading.warning(
            place,
            f"{needed} different {period}s never lie in so short a window: write at least {least + 1} days.",
        )


def _choice(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    """Fewer different things that the conditions let count than are needed."""
    kind = next((found[name] for name in ("count", "sum", "sequence") if found.get(name)), None)
    names, needed = _each_once(kind, found.get("once_per", ())), _needed(kind, found)
    wanted = [one for one in found.get("when", ()) if isinstance(one, Among) and not one.starts_with]
    named: dict[str, int] = {one.key: len(one.any_of) for one in wanted}
    if not names or not all(name in named for name in names):
        return
    most = math.prod(named[name] for name in names)
    if most < needed:
        each, can = " and ".join(names), f"{most} can" if most > 1 else "one can"
        place = node.get("count") if getattr(kind, "different", None) else node.get("once_per")
        counts = f'Each {each} counts once, and by "when" only {can}, where {needed} are needed'
        reading.warning(place or node, f"{counts}: ask for fewer, or let more in.")


def _each_once(kind: Any, once_per: Iterable[str]) -> list[str]:
    """Of what each counts once."""
    different = getattr(kind, "different", None)
    return [different] if different else list(once_per)


def _period(kind: Any, once_per: Iterable[str]) -> str | None:
    """The period of which each counts once, if there is one."""
    names = _each_once(kind, once_per)
    return names[0] if len(names) == 1 and names[0] in SHORTEST else None


def _needed(kind: Any, found: dict[str, Any]) -> int:
    """How many matches it takes at least."""
    if isinstance(kind, Count):
        return kind.reach or max((grant.at or 1 for grant in found.get("give", ())), default=1)
    if isinstance(kind, Sum) and kind.of == "score":
        return math.ceil(float(str(kind.reach)))
    return len(kind.steps) if isinstance(kind, Steps) else 0


def _days(within: Any) -> float | None:
    """How long the window is at most, in days."""
    if within is None:
        return None
    longest = {"months": 31, "years": 366}.get(within.unit)
    return float(within.amount * longest if longest else within.seconds / 86400)
