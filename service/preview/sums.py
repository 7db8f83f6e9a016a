"""What the differences between what is given and what would be add up to: by rule, learner, badge and board."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from service.core import windows
from service.core.ledger import Line
from service.core.ranks import Score
from service.store.matches import Group
from service.store.scoring import Counted

BADGE = "badge:"
DAWN = datetime.min.replace(tzinfo=UTC)
Badge = tuple[int, int, str, str]
"""An award of a badge: (learner, rule, key, achievement)."""
Lines = Mapping[Line, int]


class Sums:
    """What is different so far.

    boards: each as it counts now, and as it would. learners: by unit. badges: +1 where one is given, -1 where one loses
    its ground. scores: by (board, period), what is added to the points of whom. given: by rule, what its awards come to
    before and after; `""` counts them. others: the rules by which anything is different.
    """

    def __init__(self, boards: Sequence[tuple[Counted, Counted]]) -> None:
        self.boards = boards
        self.learners: dict[int, Counter[str]] = {}
        self.badges: Counter[Badge] = Counter()
        self.scores: dict[tuple[int, int], dict[int, Score]] = {}
        self.given: dict[int, tuple[Counter[str], Counter[str]]] = {}
        self.others: set[int] = set()

    def add(self, group: Group, have: Lines, wanted: Lines) -> None:
        """One (rule, learner): what the ledger has, and what it would have."""
        for lines, given in zip((have, wanted), self.given.setdefault(group[0], (Counter(), Counter())), strict=True):
            given[""] += len({(line.key, line.happened) for line in lines})
            for line, amount in lines.items():
                given[line.unit] += amount
        added = [
            (line, amount)
            for line in (have.keys() | wanted.keys() if have and wanted else have or wanted)
            if (amount := wanted.get(line, 0) - have.get(line, 0))
        ]
        if added:
            self.others.add(group[0])
        for line, amount in added:
            self._count(group, line, amount)
        self._onto_boards(group, have, wanted, added)

    def _count(self, group: Group, line: Line, amount: int) -> None:
        self.learners.setdefault(group[1], Counter())[line.unit] += amount
        if line.unit.startswith(BADGE):
            self.badges[group[1], group[0], line.key, line.unit.removeprefix(BADGE)] += amount

    def _onto_boards(self, group: Group, have: Lines, wanted: Lines, added: Iterable[tuple[Line, int]]) -> None:
        """Adds to the scores; where a board would begin or end to count a rule, all that the rule gives or gave."""
        for was, becomes in self.boards:
            if _counts(was, group[0]):
                lines = added if _counts(becomes, group[0]) else [(line, -amount) for line, amount in have.items()]
            else:
                lines = wanted.items() if _counts(becomes, group[0]) else ()
            for line, amount in lines:
                if line.unit == becomes.board.points:
                    self._score(becomes, group[1], line.happened, amount)

    def _score(self, counted: Counted, learner: int, happened: datetime, amount: int) -> None:
        place = counted.number, windows.index(counted.board.period, happened, counted.zone)
        of_period = self.scores.setdefault(place, {})
        before = of_period.get(learner, Score(0, DAWN))
        of_period[learner] = Score(before.points + amount, max(before.reached, happened if amount > 0 else DAWN))


def _counts(counted: Counted, number: int) -> bool:
    return counted.rules is None or number in counted.rules
