"""What a learner has of what rules need, for whoever asks; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from service.core import needs
from service.core.needs import Met
from service.core.rule import Needs, Rule
from service.deriving import Deriving
from service.store import identity, rules
from service.store.engine import Driver
from service.world import Counting, People, World


class Standing(NamedTuple):
    """How far a learner is with a rule: so many of the needs on top hold, and each single one."""

    rule: str
    done: int
    of: int
    needs: Sequence[Met]


def of_learner(connection: Driver, learner: int, now: datetime) -> list[Standing]:
    """Every live rule with needs of which this learner has anything, in the order of their names."""
    if not rules.any_with_needs(connection):
        return []
    here = World(rules.in_force(connection))
    found = [_standing(connection, here, one, learner, now) for one in here.counting.values() if _is_open(one)]
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
    given = needs.given(setting, having[learner])
    moment = given.happened if given else now
    return Standing(counting.rule.name, *needs.progress(setting, having[learner], moment))
