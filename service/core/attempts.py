"""The folds of `best` and `first`: what is made of repeated attempts of one learner, and of the first of everybody.

`best` keeps the best score at each object, so its state grows with the objects that a learner tries; each is kept as
eight bytes of a digest. `first` finds the match with which a learner takes part; who of all learners is among the first
is decided by `race`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from heapq import nsmallest
from operator import itemgetter
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from service.core.matching import Match
from service.core.rule import Best, First
from service.core.setting import Earned, Setting, plain

# --- best ---------------------------------------------------------------------------------------------------------


class BestState(Struct, frozen=True, array_like=True):
    """The best score at each object."""

    best: dict[bytes, Decimal]


def best(setting: Setting, state: BestState | None, match: Match) -> tuple[BestState, tuple[Earned, ...]]:
    """An attempt inside the life that is better than those before it adds the difference."""
    kind = setting.rule.kind
    assert isinstance(kind, Best)
    known = state.best if state else {}
    before = so_far(state, match)
    if match.amount is None or match.amount <= before or not setting.alive(match.happened):
        return state or BestState({}), ()
    after = BestState({**known, _object(match): match.amount})
    points = tuple((currency, _gain(match.amount, before, most)) for currency, most in setting.rule.give[0].points)
    grant = replace(setting.rule.give[0], points=tuple((currency, gain) for currency, gain in points if gain))
    if not grant.points:
        return after, ()
    reason = f"{kind.of} {plain(match.amount)}, better than {plain(before)}"
    return after, (Earned(match.different or "none", grant, (match.statement,), reason),)


def noted(state: BestState | None, match: Match) -> BestState:
    """The state when an earlier version of the rule has given something at this match."""
    known = state.best if state else {}
    return BestState({**known, _object(match): max(match.amount or Decimal(0), so_far(state, match))})


def so_far(state: BestState | None, match: Match) -> Decimal:
    """The best score at the object of this match; nothing is below zero."""
    return state.best.get(_object(match), Decimal(0)) if state else Decimal(0)


def _object(match: Match) -> bytes:
    return hashlib.blake2b((match.different or "").encode(), digest_size=8).digest()


def _gain(score: Decimal, before: Decimal, points: int) -> int:
    return _worth(score, points) - _worth(before, points)


def _worth(score: Decimal, points: int) -> int:
    return int((score * points + Decimal("0.5")).to_integral_value(ROUND_FLOOR))


# --- first --------------------------------------------------------------------------------------------------------


class Entry(Struct, frozen=True, array_like=True, order=True):
    """With what a learner takes part in a race; of one statement the earlier named recipient comes first."""

    happened: datetime
    statement: UUID
    place: int


def enter(setting: Setting, state: Entry | None, match: Match) -> tuple[Entry | None, tuple[Earned, ...]]:
    """The learner's first match inside the life that came in early enough, as if it were among the first of all."""
    assert isinstance(setting.rule.kind, First)
    if state is not None or match.late or not setting.alive(match.happened):
        return state, ()
    entry = Entry(match.happened, match.statement, match.place)
    return entry, (Earned("learner", setting.rule.give[0], (match.statement,), told(setting.rule.kind)),)


def told(kind: First) -> str:
    """How a refusal and a reason speak of those who receive."""
    return f"among the first {kind.learners} learners" if kind.learners > 1 else "the first learner"


def race(kind: First, entries: Iterable[tuple[int, Entry]]) -> set[int]:
    """The learners who are among the first, of (learner, entry)."""
    return {learner for learner, _ in front(kind.learners, entries)}


def front(most: int, entries: Iterable[tuple[int, Entry]]) -> list[tuple[int, Entry]]:
    """The first so many, of (learner, entry)."""
    return nsmallest(most, entries, key=itemgetter(1))
