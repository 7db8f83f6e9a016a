"""What rules on trial would have given: to whom, how much, and since when. Nothing of it is in any ledger.

It is counted from the matches, as the rule would count them if it were live. Caps across rules are left aside, because
what is not paid uses nothing up: how totals and boards would change is what a preview of the rule tells.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec import Struct

from service.core import derived, versions
from service.core.evaluate import Award, awards_of
from service.core.rule import Needs, Text
from service.deriving import Deriving
from service.store import matches, races
from service.store.engine import Driver
from service.world import Counting, People, World

SHOWN = 100
"""Recipients that are listed; all are counted."""
AT_ONCE = 1000


class Recipient(Struct, frozen=True):
    """Somebody who would have got something. amounts: by unit, a currency or `badge:<achievement>`."""

    learner: int
    awards: int
    amounts: dict[str, int]
    first: datetime
    last: datetime


class Trial(Struct, frozen=True):
    """A rule on trial. since: what happened from then on counts; None: from the first statement on.

    recipients: those who would have got most, the most first; learners: how many there are.
    """

    rule: str
    title: Text
    version: int
    since: datetime | None
    awards: int
    learners: int
    amounts: dict[str, int]
    last: datetime | None
    recipients: list[Recipient]


def running(connection: Driver, here: World, people: People) -> list[Trial]:
    """Every rule on trial, by name. people: everybody."""
    return [
        _trial(counting, _tried(connection, here, people, counting))
        for _, counting in sorted(here.named.items())
        if not counting.pays and counting.lives
    ]


def _trial(counting: Counting, tried: Iterable[list[Award]]) -> Trial:
    everybody = [_recipient(awards) for awards in tried if awards]
    most = sorted(everybody, key=lambda one: (-sum(one.amounts.values()), one.first, one.learner))
    begins = [life.version.since for life in counting.lives if life.rule.status == "trial"]
    return Trial(
        counting.rule.name,
        counting.rule.title,
        counting.version.version,
        None if None in begins else min(one for one in begins if one),
        sum(one.awards for one in everybody),
        len(everybody),
        _sum(one.amounts for one in everybody),
        max((one.last for one in everybody), default=None),
        most[:SHOWN],
    )


def _recipient(awards: list[Award]) -> Recipient:
    times = [award.happened for award in awards]
    amounts = _sum(award.amounts for award in awards)
    return Recipient(awards[0].learner, len(awards), amounts, min(times), max(times))


def _sum(amounts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for some in amounts:
        total.update(some)
    return dict(sorted(total.items()))


def _tried(connection: Driver, here: World, people: People, counting: Counting) -> Iterator[list[Award]]:
    """For each learner what the rule would have given."""
    if isinstance(counting.rule.kind, Needs):
        yield from _needing(connection, here, people, counting)
        return
    number, race = counting.version.number, counting.race
    among = races.first(connection, number, race.learners) if race else None
    for (_, learner), own in matches.grouped(connection, [number]):
        judged = counting.judged(people.zone(learner), own)
        if among is not None and learner not in among:
            judged = versions.outrun(counting.rule, judged)
        yield list(judged.tried)


def _needing(connection: Driver, here: World, people: People, counting: Counting) -> Iterator[list[Award]]:
    """By a rule that reads what others give: everybody is looked at."""
    deriving = Deriving(connection, here, people, writes=False)
    learners = sorted(people.locked)
    for start in range(0, len(learners), AT_ONCE):
        having, _ = deriving.having(counting.rule, learners[start : start + AT_ONCE])
        for learner, has in having.items():
            setting = counting.setting(counting.matcher.zone(people, learner))
            yield awards_of(learner, derived.award(setting, has))
