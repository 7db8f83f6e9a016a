"""What other rules would give a share of all learners, beside what the ledger has: the work of a preview.

Matches are made from the statements that can fulfil a rule, or taken as they are where its conditions stay. They go
through a temporary table that the database sorts by group, so memory does not grow with history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

import psycopg
from psycopg import sql

from service.core import traces
from service.core.attempts import Entry, front
from service.core.ledger import Line
from service.core.statement import Fact
from service.core.versions import Judged
from service.preview.changes import Change, boards
from service.preview.readers import ASIDE, Readers
from service.preview.sums import Lines, Sums
from service.store import history, identity, ledger, matches, swaps
from service.store.engine import OPTIONS, Driver
from service.store.matches import Group, Made
from service.store.rules import Ruleset
from service.store.share import Share
from service.world import Candidate, People, World, candidates, found, parts


@contextmanager
def reading(url: str, snapshot: str | None = None) -> Iterator[Driver]:
    """A transaction that cannot write and sees the database at one moment: now, or that of an exported snapshot.

    url: of the database, `postgresql://`. The temporary tables of an evaluation are there.
    """
    with psycopg.connect(url, autocommit=True, **OPTIONS) as connection:
        matches.temporary(connection, "fresh")
        connection.execute(ASIDE)
        connection.execute("CREATE INDEX ON aside (learner)")
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        with connection.transaction(force_rollback=True):
            if snapshot is not None:
                connection.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(snapshot))
            yield connection


class Front(NamedTuple):
    """Those who would be ahead in a race, of (learner, entry). most: how many receive."""

    most: int
    entrants: list[tuple[int, Entry]]


Fronts = dict[int, Front]
"""By rule."""


class Evaluation:
    """The evaluation of a share of all learners by changed rules, in one snapshot.

    now: whose periods are the current ones of the boards.
    progress: called with how much of all statements has been gone through, up to 1.
    agree: from who is ahead in this share to who is of all shares.
    """

    def __init__(
        self,
        connection: Driver,
        ruleset: Ruleset,
        changes: Sequence[Change],
        share: Share,
        now: datetime,
        progress: Callable[[float], None],
        agree: Callable[[Fronts], Fronts] = lambda own: own,
    ) -> None:
        self.connection = connection
        self.ruleset = ruleset
        self.changes = changes
        self.share = share
        self.now = now
        self.progress = progress
        self.agree = agree
        self.here = World(ruleset._replace(versions=tuple(change.after for change in changes if change.after)))
        self.people = People(self.here, identity.everybody(connection, share))

    def sums(self) -> Sums:
        """What the differences add up to."""
        self._match([one for one in self.changes if one.after and not one.conditions_stay])
        sums = Sums(list(boards(self.ruleset, self.changes)), self.now)
        readers = Readers(self.connection, self.ruleset, self.changes, self.people, self.share)
        among = self._among()
        for change in self.changes:
            if readers.takes(change):
                continue
            booked = ledger.standing(self.connection, [change.number], self.share)
            for group, lines, own in _joined(booked, self._groups(change)):
                have = dict(lines)
                wanted = self._wanted(change, group, have, own, among.get(change.number))
                sums.add(group, have, wanted)
                if not change.keeps:
                    readers.note(group, have, wanted)
        readers.add_to(sums)
        self.progress(1.0)
        return sums

    def _match(self, changes: Sequence[Change]) -> None:
        """Writes the matches of these rules into the temporary table."""
        counting = [self.here.counting[one.number] for one in changes]
        sought = traces.of_rules(one.rule for one in counting)
        if sought == []:
            return
        for one in counting:
            matches.take_over(self.connection, one.version.number, one.makings[:-1], table="fresh", share=self.share)
        self.here.ask([one.last for one in counting])
        for gone_through, chunk in history.holding(self.connection, sought, self.share):
            made = found(self._candidates([one.fact for one in chunk if not one.voided]), self.people)
            if made:
                matches.add(self.connection, made, table="fresh")
            self.progress(min(gone_through, 1.0))
        again = {one.version.number for one in counting}
        swapping = {number: swapped for number, swapped in self.here.swaps.items() if number in again}
        swaps.settle_all(self.connection, swapping, self.here.zones(self.people), "fresh")

    def _candidates(self, facts: Sequence[Fact]) -> Iterable[Candidate]:
        known = self.here.known.learners
        if strangers := {part.key for part in parts(facts)} - known.keys():
            known.update(identity.known(self.connection, list(strangers)))
        return (one for one in candidates(self.here, facts) if self.share.holds(one.learner))

    def _groups(self, change: Change) -> Iterator[tuple[Group, Made]]:
        if change.after is None:
            return iter(())
        return matches.grouped(
            self.connection, [change.number], "match" if change.conditions_stay else "fresh", self.share
        )

    def _among(self) -> dict[int, set[int]]:
        """The learners who would be among the first, by race."""
        races = self.here.races
        own = {one.number: self._front(one, races[one.number].learners) for one in self.changes if one.number in races}
        fronts = self.agree(own) if own else own
        return {number: {learner for learner, _ in one.entrants} for number, one in fronts.items()}

    def _front(self, change: Change, most: int) -> Front:
        entries = ((group[1], self._judged(group, own).state.kind) for group, own in self._groups(change))
        return Front(most, front(most, ((learner, one) for learner, one in entries if one is not None)))

    def _judged(self, group: Group, own: Made) -> Judged:
        return self.here.counting[group[0]].judged(self.people.zone(group[1]), own)

    def _wanted(self, change: Change, group: Group, have: Lines, own: Made, among: set[int] | None) -> Lines:
        """What the ledger would have of one group. among: who are among the first, where only they receive."""
        if change.after is None:
            return {} if change.wanted.takes_back else have
        given = Counter[Line]()
        pays = self.here.counting[group[0]].pays and (among is None or group[1] in among)
        awards = self._judged(group, own).awards if pays else ()
        for one in awards:
            given.update({Line(one.key, one.happened, unit): amount for unit, amount in one.amounts.items()})
        return given


def _joined(
    booked: Iterator[tuple[Group, list[tuple[Line, int]]]], own: Iterator[tuple[Group, Made]]
) -> Iterator[tuple[Group, list[tuple[Line, int]], Made]]:
    """Two streams in the order of groups as one."""
    line, match = next(booked, None), next(own, None)
    while line is not None or match is not None:
        if match is None or (line is not None and line[0] < match[0]):
            assert line is not None
            yield line[0], line[1], {}
            line = next(booked, None)
        elif line is None or match[0] < line[0]:
            yield match[0], [], match[1]
            match = next(own, None)
        else:
            yield match[0], line[1], match[1]
            line, match = next(booked, None), next(own, None)
