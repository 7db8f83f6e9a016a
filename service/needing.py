"""What a learner has of what rules need, for whoever asks; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from service.core import needs
from service.core.needs import Course, Met
from service.core.rule import Needs, Rule
from service.deriving import Deriving
from service.store import identity, rules
from service.store.engine import Driver
from service.world import Counting, People, World


class Standing(NamedTuple):
    """How far a learner is with a rule: so many of the needs on top hold, and each single one; and what it gave."""

    rule: str
    done: int
    of: int
    needs: Sequence[Met]
    course: Course


class InForce:
    """The live rules with needs and all that they read, as long as they are in force; for processes that only read."""

    def __init__(self) -> None:
        self._loaded: tuple[World, list[Counting]] | None = None

    def __call__(self, connection: Driver) -> tuple[World, list[Counting]]:
        """The world and the rules with needs in it, loaded again when the generation is another."""
        found = self._loaded
        if found is None or found[0].ruleset.generation != rules.generation(connection):
            here = World(rules.in_force(connection))
            found = self._loaded = here, [one for one in here.counting.values() if _is_open(one)]
        return found


def of_learner(connection: Driver, in_force: InForce, learner: int, now: datetime) -> list[Standing]:
    """Every live rule with needs of which this learner has anything, in the order of their names."""
    here, needing = in_force(connection)
    found = [_standing(connection, here, one, learner, now) for one in needing]
    return sorted(one for one in found if any(need.since for need in one.needs))


def of_rule(connection: Driver, here: World, counting: Counting, learner: int, now: datetime) -> Standing | None:
    """How far a learner is with one rule; None for a rule without needs."""
    return _standing(connection, here, counting, learner, now) if isinstance(counting.rule.kind, Needs) else None


def _is_open(counting: Counting) -> bool:
    rule: Rule = counting.rule
    return isinstance(rule.kind, Needs) and rule.status == "live" and counting.version.gives and counting.folds


def _standing(connection: Driver, here: World, counting: Counting, learner: int, now: datetime) -> Standing:
    people = People(here, identity.unlocked(connection, [learner]))
    deriving = Deriving(connection, here, people, writes=False)
    having, _ = deriving.having(counting.rule, [learner], all_matches=True)
    setting = counting.setting(counting.matcher.zone(people, learner))
    course = needs.course(setting, having[learner])
    moment, since = _looked_at(course, now)
    return Standing(counting.rule.name, *needs.progress(setting, having[learner], moment, since), course)


def _looked_at(course: Course, now: datetime) -> tuple[datetime, datetime | None]:
    """The moment at which needs are told: of what stands when it was earned, else now; and what ended before it."""
    if course.last and course.last.ended(now):
        return now, course.last.until
    earned = [one for one in course.given if not one.renews]
    return (earned[-1].happened, earned[-1].since) if earned else (now, None)
