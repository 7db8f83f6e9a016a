"""Whom it concerns that history is counted again: learners, some at a time, and their groups."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from service.store import history
from service.store.engine import Driver
from service.store.matches import Group
from service.store.rules import Pending
from service.world import World

FEW = 10
"""Rules of each of which it is asked who has anything by it; of more, everybody is looked at."""


class Concern:
    """Whom versions of rules concern that are in force since history is being counted again by them.

    A rule that remembers nothing, and of which only a part of history was read, concerns whoever has something of then.
    at_once: how many learners come next; where more than a few rules are counted, fewer.
    """

    def __init__(self, here: World, versions: Sequence[Pending], at_once: int) -> None:
        of_rule: dict[int, list[datetime | None]] = {}
        for one in versions:
            of_rule.setdefault(one.number, []).append(one.remade_from)
        self.derived = [number for number in of_rule if here.counting[number].derived]
        self.since: dict[datetime | None, list[int]] = {}
        for number in of_rule.keys() - set(self.derived):
            begins = [begin for begin in of_rule[number] if begin is not None]
            whole = here.counting[number].remembers or len(begins) < len(of_rule[number])
            self.since.setdefault(None if whole else min(begins), []).append(number)
        self.few = len(of_rule) <= FEW
        self.at_once = at_once if self.few else max(1, at_once // FEW)

    def learners(self, connection: Driver, after: int) -> list[int]:
        """The next learners who may be concerned, in the order of their ids."""
        if self.derived or not self.few:
            return history.learners(connection, after, self.at_once)
        found = {
            learner
            for since, numbers in self.since.items()
            for number in numbers
            for learner in history.learners_of_rule(connection, number, after, self.at_once, since)
        }
        return sorted(found)[: self.at_once]

    def groups(self, connection: Driver, after: int, learners: Sequence[int]) -> list[Group]:
        """The groups of these learners, who come next after one, that are to be folded."""
        found = [(number, learner) for number in self.derived for learner in learners]
        for since, numbers in self.since.items():
            found += history.groups(connection, numbers, after, learners[-1], since)
        return sorted(found)
