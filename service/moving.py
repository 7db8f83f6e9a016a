"""Counting a learner's awards again when their days are those of another zone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from service.core.rule import Rule
from service.core.windows import WINDOWS
from service.recount import Changed, Recount, lock
from service.store import history, identity, matches, rules
from service.store.engine import Driver, driver
from service.world import Judge, People, World, candidates, found, parts, world


def learner_moved(connection: Connection, learner: int) -> Changed:
    """Counts a learner's awards again by the days of the zone that their row has now, in the caller's transaction."""
    beneath = driver(connection)
    rules.share(beneath)
    here = world(beneath)
    concerned = {
        number: [judge for judge in counting.judges if not judge.rule.time_zone]
        for number, counting in here.counting.items()
    }
    groups = [(number, learner) for number, judges in concerned.items() if judges]
    people = People(here, lock(beneath, here, groups, [learner]))
    naming = [judge for judges in concerned.values() for judge in judges if _names_days(judge.rule)]
    _match_again(beneath, here, people, learner, naming)
    recount = Recount(connection, here, people)
    recount.fold_again([group for group in groups if here.counting[group[0]].folds])
    return recount.book()


def _names_days(rule: Rule) -> bool:
    """Whether what a rule's matches hold depends on the zone."""
    return any(name in WINDOWS for name in (*rule.once_per, getattr(rule.kind, "different", None)))


def _match_again(connection: Driver, here: World, people: People, learner: int, judges: Sequence[Judge]) -> None:
    """Makes the matches again that these versions have of this learner."""
    groups = sorted({(judge.version.number, learner) for judge in judges})
    own = {(judge.version.number, making) for judge in judges for making in judge.makings}
    old = [
        matches.Found(number, match, making)
        for (number, _), made in matches.of_groups(connection, groups).items()
        for making, those in made.items()
        if (number, making) in own
        for match in those
    ]
    facts = history.facts(connection, list({one.match.statement for one in old}))
    here.known.learners.update(identity.known(connection, [part.key for part in parts(facts)]))
    matches.remove(connection, old)
    here.ask(judge for number, _ in groups for judge in here.counting[number].judges)
    new = (candidate for candidate in candidates(here, facts) if candidate.learner == learner)
    matches.add(connection, found(new, people))
