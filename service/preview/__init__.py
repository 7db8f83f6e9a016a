"""What other rules would do, on all of history and without doing it: who gains and loses, badges, boards.

One snapshot that cannot be written to; nothing is sampled. Only the rules that would be others are evaluated, and those
that read their awards: matches are made from the statements that can fulfil a rule, or taken as they are where its
conditions stay, and what folding them gives is compared with the ledger. Matches go through a temporary table that the
database sorts by group, so memory does not grow with history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import psycopg
from sqlalchemy import Engine

from service.core import traces
from service.core.attempts import race
from service.core.ledger import Line
from service.core.versions import Judged
from service.preview.changes import Change, Wanted, boards, changes
from service.preview.readers import ASIDE, Readers
from service.preview.report import reported
from service.preview.sums import Lines, Sums
from service.preview.told import Ground, Report
from service.store import history, identity, inbox, ledger, matches, rules, swaps
from service.store.engine import Driver, dedicated
from service.store.matches import Group, Made
from service.store.rules import Ruleset
from service.world import Counting, People, World, candidates, found, parts

__all__ = ["Progress", "Report", "Wanted", "preview"]

Progress = Callable[[int, int], None]
"""Called with (statements gone through, all statements); may raise to end the preview."""


def preview(
    engine: Engine, wanted: Mapping[str, Wanted], now: datetime, progress: Progress = lambda _done, _all: None
) -> Report:
    """What would be different with these rules in the place of their namesakes, by all that has been evaluated.

    now: whose periods are the current ones of the boards.
    """
    with dedicated(engine) as connection:
        matches.temporary(connection, "fresh")
        connection.execute(ASIDE)
        connection.execute("CREATE INDEX ON aside (learner)")
        connection.isolation_level, connection.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
        with connection.transaction(force_rollback=True):
            ruleset = rules.in_force(connection)
            at_work = _Preview(connection, ruleset, changes(ruleset, wanted), progress)
            return reported(connection, at_work.ground(), ruleset, at_work.changes, at_work.sums(), now)


class _Preview:
    """A preview at work in one snapshot."""

    def __init__(self, connection: Driver, ruleset: Ruleset, changes: Sequence[Change], progress: Progress) -> None:
        self.connection = connection
        self.ruleset = ruleset
        self.changes = changes
        self.progress = progress
        self.extent = history.extent(connection)
        self.here = World(ruleset._replace(versions=tuple(change.after for change in changes if change.after)))
        self.people = People(self.here, identity.everybody(connection))

    def ground(self) -> Ground:
        """What the answer stands on."""
        names = {version.number: version.rule.name for version in self.ruleset.versions}
        again = sorted({names[one.number] for one in rules.pending(self.connection)})
        return Ground(*self.extent, inbox.size(self.connection), again)

    def sums(self) -> Sums:
        """What the differences add up to."""
        self._match([one for one in self.changes if one.after and not one.conditions_stay])
        sums = Sums(list(boards(self.ruleset, self.changes)))
        readers = Readers(self.connection, self.ruleset, self.changes, self.people)
        for change in self.changes:
            if readers.takes(change):
                continue
            among = self._among(change) if change.number in self.here.races else None
            booked = ledger.standing(self.connection, [change.number])
            for group, lines, own in _joined(booked, self._groups(change)):
                have = dict(lines)
                wanted = self._wanted(change, group, have, own, among)
                sums.add(group, have, wanted)
                if not change.keeps:
                    readers.note(group, have, wanted)
        readers.add_to(sums)
        self.progress(self.extent.statements, self.extent.statements)
        return sums

    def _match(self, changes: Sequence[Change]) -> None:
        """Writes the matches of these rules into the temporary table."""
        counting, known = [self.here.counting[one.number] for one in changes], self.here.known.learners
        sought = _traces(counting)
        if sought == []:
            return
        for one in counting:
            matches.take_over(self.connection, one.version.number, one.makings[:-1], table="fresh")
        self.here.ask([one.last for one in counting])
        for share, chunk in history.holding(self.connection, sought):
            facts = [one.fact for one in chunk if not one.voided]
            if strangers := {part.key for part in parts(facts)} - known.keys():
                known.update(identity.known(self.connection, list(strangers)))
            made = found(candidates(self.here, facts), self.people)
            if made:
                matches.add(self.connection, made, table="fresh")
            self.progress(min(int(share * self.extent.statements), self.extent.statements), self.extent.statements)
        again = {one.version.number for one in counting}
        swapping = {number: swapped for number, swapped in self.here.swaps.items() if number in again}
        swaps.settle_all(self.connection, swapping, self.here.zones(self.people), "fresh")

    def _groups(self, change: Change) -> Iterator[tuple[Group, Made]]:
        if change.after is None:
            return iter(())
        return matches.grouped(self.connection, [change.number], "match" if change.conditions_stay else "fresh")

    def _among(self, change: Change) -> set[int]:
        """The learners who would be among the first."""
        entries = ((group[1], self._judged(group, own).state.kind) for group, own in self._groups(change))
        return race(self.here.races[change.number], ((learner, one) for learner, one in entries if one is not None))

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


def _traces(counting: Iterable[Counting]) -> list[bytes] | None:
    """What statements that any of these rules look at hold one of; None where a rule may look at any statement.

    Nothing where none of them looks at statements.
    """
    sought = [traces.of_rule(one.rule) for one in counting]
    if None in sought:
        return None
    return list(dict.fromkeys(trace for some in sought for trace in some or ()))


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
