"""What the differences between what is given and what would be add up to: by rule, learner, badge and board."""

from __future__ import annotations

import hashlib
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
NOTHING = Score(0, DAWN)
Badge = tuple[int, int, str, str]
"""An award of a badge: (learner, rule, key, achievement)."""
Lines = Mapping[Line, int]


class Sums:
    """What is different so far.

    boards: each as it counts now, and as it would. learners: by unit. badges: +1 where one is given, -1 where one loses
    its ground. scores: by board, what is added to whose points in the period of `now`. traces: what other periods of
    boards are told by, (board, period) -> the sum of what is added, each with a weight that is the learner's own; so it
    is nothing where everybody's points stay, and takes no more memory where there are many learners and days.
    given: by rule, what its awards come to before and after; `""` counts them. others: the rules by which anything is
    different.
    """

    def __init__(self, boards: Sequence[tuple[Counted, Counted]], now: datetime) -> None:
        self.boards = boards
        self.current = {one.number: windows.index(one.board.period, now, one.zone) for _, one in boards}
        self.learners: dict[int, Counter[str]] = {}
        self.badges: Counter[Badge] = Counter()
        self.scores: dict[int, dict[int, Score]] = {one.number: {} for _, one in boards}
        self.traces: Counter[tuple[int, int]] = Counter()
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

    def take_in(self, other: Sums) -> None:
        """Adds what is different for other learners."""
        self.learners |= other.learners
        self.badges.update(other.badges)
        self.others |= other.others
        self.traces.update(other.traces)
        for number, scores in other.scores.items():
            self.scores[number].update(scores)
        for number, (before, after) in other.given.items():
            own = self.given.setdefault(number, (Counter(), Counter()))
            own[0].update(before)
            own[1].update(after)

    def _count(self, group: Group, line: Line, amount: int) -> None:
        self.learners.setdefault(group[1], Counter())[line.unit] += amount
        if line.unit.startswith(BADGE):
            self.badges[group[1], group[0], line.key, line.unit.removeprefix(BADGE)] += amount

    def _onto_boards(self, group: Group, have: Lines, wanted: Lines, added: Iterable[tuple[Line, int]]) -> None:
        """Adds to the scores; where a board would begin or end to count a rule, all that the rule gives or gave."""
        weight = _weight(group[1])
        for was, becomes in self.boards:
            if _counts(was, group[0]):
                lines = added if _counts(becomes, group[0]) else [(line, -amount) for line, amount in have.items()]
            else:
                lines = wanted.items() if _counts(becomes, group[0]) else ()
            for line, amount in lines:
                if line.unit == becomes.board.points:
                    self._score(becomes, group[1], weight, line.happened, amount)

    def _score(self, counted: Counted, learner: int, weight: int, happened: datetime, amount: int) -> None:
        period = windows.index(counted.board.period, happened, counted.zone)
        if period != self.current[counted.number]:
            self.traces[counted.number, period] += amount * weight
            return
        scores = self.scores[counted.number]
        points, reached = scores.get(learner, NOTHING)
        scores[learner] = Score(points + amount, happened if amount > 0 and happened > reached else reached)

    def other_periods(self, board: int) -> int:
        """How many periods of a board, beside the current one, anything changes in."""
        return sum(number == board and total != 0 for (number, _), total in self.traces.items())


def _weight(learner: int) -> int:
    """A number that tells a learner from others: what comes to nothing with these weights does so for everybody."""
    return int.from_bytes(hashlib.blake2b(learner.to_bytes(8), digest_size=8).digest())


def _counts(counted: Counted, number: int) -> bool:
    return counted.rules is None or number in counted.rules
