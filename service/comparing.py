"""Counting again by versions that are in force: what history gives is compared with what is kept of it.

Learners are gone through in the order of their ids, as many at a time as have a fair number of statements. In one
transaction they are locked, everything in which they took part is read and evaluated anew, and where matches, folds or
ledger say otherwise, that is written. So nobody is ever half counted, where nothing is otherwise nothing is written,
and several processes can have learners of their own (`service.crew`).

Rules with `first` and `swapped` are not counted so: what one learner gets is decided by what others have done.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from service.core.statement import Fact
from service.recount import Changed, Recount
from service.store import folds, history, identity, ledger, matches, people
from service.store.engine import Driver, driver, look_up
from service.store.matches import Found, Group, Made
from service.world import Judge, Known, People, World, candidates, found, parts


class Learners(NamedTuple):
    """The learners after one up to `last`, in the order of their ids."""

    after: int
    last: int

    def hold(self, learner: int) -> bool:
        return self.after < learner <= self.last


class Compared(NamedTuple):
    """How many statements were read, and what was changed."""

    statements: int
    changed: Changed


class Comparison:
    """Compares what some rules give with what is kept. No other matches are made in the world meanwhile.

    since: matches of what happened before are taken as they are.
    """

    def __init__(self, here: World, rules: Iterable[int], since: datetime | None) -> None:
        self.here = here
        self.since = since
        self.rules = sorted(rules)
        self.derived = [number for number in self.rules if here.counting[number].derived]
        self.counted = {*self.rules} - {*self.derived}
        judges = [judge for number in self.rules for judge in here.counting[number].lives]
        self.makings = {(judge.version.number, judge.version.making) for judge in judges}
        self.others = any(here.counting[number].version.made for number in self.rules)
        here.ask(Judge(judge.version._replace(remaking=None)) for judge in judges)

    def __call__(self, connection: Connection, learners: Learners) -> Compared:
        """Compares what these learners have, and writes what is otherwise."""
        beneath = driver(connection)
        look_up(beneath)
        locked = identity.lock(beneath, identity.ids(beneath, *learners))
        self._forget_who_changed(beneath)
        people_ = People(self.here, locked)
        read, fresh = 0, list[Found]()
        for facts in history.of_learners(beneath, *learners, self.since):
            read += len(facts)
            fresh += self._found(beneath, facts, people_, learners)
        made = self._set_right(beneath, fresh, learners)
        booked = ledger.of_learners(beneath, self.rules, *learners)
        recount = Recount(connection, self.here, people_)
        recount.deriving.touched |= {(one, learner) for _, learner in {**made, **booked} for one in self.derived}
        recount.compare(
            {group: own for group, own in made.items() if group[0] in self.counted},
            folds.of_learners(beneath, sorted(self.counted), *learners),
            {group: lines for group, lines in booked.items() if group[0] in self.counted},
        )
        return Compared(read, recount.book())

    def _forget_who_changed(self, connection: Driver) -> None:
        of_people = people.generation(connection)
        if self.here.known.generation != of_people or self.here.known.crowded:
            self.here.known = Known(of_people)

    def _found(self, connection: Driver, facts: Sequence[Fact], people_: People, learners: Learners) -> list[Found]:
        """The matches that these learners have of these statements."""
        try:
            return found((one for one in candidates(self.here, facts) if learners.hold(one.learner)), people_)
        except KeyError:  # somebody has not been met yet
            known = self.here.known.learners
            known.update(identity.known(connection, list({part.key for part in parts(facts)} - known.keys())))
        return found((one for one in candidates(self.here, facts) if learners.hold(one.learner)), people_)

    def _set_right(self, connection: Driver, fresh: Sequence[Found], learners: Learners) -> dict[Group, Made]:
        """Lets `match` have these matches, and no others of these learners; answers all that there are, by group."""
        kept = matches.of_learners(connection, self.rules, *learners)
        if self.others:
            kept = {row for row in kept if (row[0], row[2]) in self.makings}
        if self.since is not None:
            fresh = [*(matches.of_row(row) for row in kept if row[3] < self.since), *fresh]
        rows = set(map(matches.row, fresh))
        if surplus := kept - rows:
            matches.remove(connection, list(map(matches.of_row, surplus)))
        if missing := rows - kept:
            matches.add(connection, list(map(matches.of_row, missing)))
        made: dict[Group, Made] = {}
        for rule, match, making in fresh:
            of_group = made.setdefault((rule, match.learner), {})
            of_group.setdefault(making, []).append(match)
        return made
