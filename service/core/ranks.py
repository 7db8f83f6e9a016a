"""How a board would move: everybody's rank before and after some scores change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, NamedTuple

Ties = Literal["shared", "dense", "first"]


class Score(NamedTuple):
    """Points, and the event time of the latest award in them."""

    points: int
    reached: datetime


class Move(NamedTuple):
    """Where somebody was on a board, and where they would be; None: not on it."""

    learner: int
    before: int | None
    after: int | None
    points_before: int
    points_after: int

    @property
    def distance(self) -> int:
        """How many places; whoever comes or goes has moved further than anybody who stays."""
        if self.before is None or self.after is None:
            return 10**9
        return abs(self.before - self.after)


def ranks(scores: Mapping[int, Score], ties: Ties) -> dict[int, int]:
    """The rank of each learner, the first first: `shared` is 1, 1, 3, `dense` 1, 1, 2; with `first` nobody shares."""
    found: dict[int, int] = {}
    rank, points = 0, None
    ordered = sorted(scores.items(), key=lambda item: (-item[1].points, item[1].reached, item[0]))
    for place, (learner, score) in enumerate(ordered, 1):
        if ties == "first" or score.points != points:
            rank = rank + 1 if ties == "dense" else place
        found[learner], points = rank, score.points
    return found


def moves(before: Mapping[int, Score], changes: Mapping[int, Score], ties: Ties) -> list[Move]:
    """Everybody whose rank or points change, in the order of their new ranks; whoever leaves comes last.

    changes: what is added to the points of whom. A score of nothing is on no board.
    """
    after = dict(before)
    for learner, change in changes.items():
        had = before.get(learner, Score(0, change.reached))
        after[learner] = Score(had.points + change.points, max(had.reached, change.reached))
    after = {learner: score for learner, score in after.items() if score.points}
    was, becomes = ranks(before, ties), ranks(after, ties)
    found = [
        Move(learner, was.get(learner), becomes.get(learner), *_points(before, after, learner))
        for learner in before.keys() | after.keys()
    ]
    moved = [move for move in found if move.before != move.after or move.points_before != move.points_after]
    return sorted(moved, key=lambda move: (move.after is None, move.after, move.before or 0, move.learner))


def _points(before: Mapping[int, Score], after: Mapping[int, Score], learner: int) -> tuple[int, int]:
    return tuple(scores[learner].points if learner in scores else 0 for scores in (before, after))  # type: ignore[return-value]
