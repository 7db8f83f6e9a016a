"""The seam between what decides and what remembers: fold what a transaction touches, and book the difference.

For each (rule, learner) that is touched, the fold is advanced when the new matches come after all others; in any
other case, a late match or a void, it is folded again from its matches. Either way the ledger gets the difference
between what is wanted and what is booked, and nothing is ever changed in it. Everything a transaction touches of a
learner is guarded by the lock on the learner's row, taken in the order of ids, so transactions may run side by side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection

from service.core import evaluate
from service.core.attempts import Entry
from service.core.evaluate import Award, State
from service.core.kinds import Setting
from service.core.ledger import Booked, Line, Sums, differences, sums
from service.core.matching import Match
from service.core.rule import Board
from service.core.versions import Judged
from service.deriving import Deriving
from service.store import badges, folds, identity, ledger, matches, outbox, races, scoring, swaps, writeback
from service.store.engine import Driver, driver
from service.store.folds import Standing
from service.store.identity import Person
from service.store.matches import Found, Group, Made
from service.store.scores import ScoreRow
from service.store.swaps import Flip, Pair
from service.world import People, World

BADGE = "badge:"
"""What units of badges start with."""


class Changed(NamedTuple):
    """What a transaction changed that boards show.

    outbox: the row that says so until it is shown. boards: those in force, None if they are still to be looked up.
    renamed: whether somebody has another name now.
    """

    scores: Sequence[ScoreRow] = ()
    outbox: int | None = None
    boards: Mapping[int, Board] | None = None
    renamed: bool = False


def lock(connection: Driver, here: World, groups: Collection[Group], others: Iterable[int] = ()) -> dict[int, Person]:
    """Locks the learners of these groups and others, and before them the races that the groups take part in.

    In a race also those are locked whom the groups can overtake or let through.
    """
    many = Counter(rule for rule, _ in groups if rule in here.races) if here.races else {}
    races.lock(connection, many)
    learners = {learner for _, learner in groups}.union(others)
    for rule, changes in many.items():
        last = here.races[rule].learners
        learners.update(races.first(connection, rule, 2 * changes, max(0, last - changes)))
    return identity.lock(connection, learners)


class Recount:
    """Folds the groups that a transaction touches, and books the difference.

    The learners of all groups are locked by whoever makes one.
    """

    def __init__(self, connection: Connection, here: World, people: People) -> None:
        self.connection = connection
        self.beneath = driver(connection)
        self.here = here
        self.people = people
        self.entries: list[ledger.Entry] = []
        self.booked: list[ledger.Entry] = []
        self.standings: dict[Group, Standing] = {}
        self.entered: dict[Group, Entry | None] = {}
        self.deriving = Deriving(self.beneath, here, people)

    def add(self, found: Sequence[Found]) -> None:
        """New matches: advances the groups where they come last, folds the others again."""
        if not found:
            return
        repeated = matches.used_once(self.beneath, found)
        matches.add(self.beneath, found)
        found, others = self._swap(found)
        groups, late = self._grouped(found)
        late |= others
        known = folds.of_groups(
            self.beneath, [group for group in groups if self.here.counting[group[0]].last.remembers]
        )
        for group, new in groups.items():
            if group in late:
                continue
            if self._comes_last(group, known.get(group), new[0]):
                self._advance(group, known.get(group), new, repeated)
            else:
                late.add(group)
        self.fold_again(sorted(late))

    def remove(self, found: Sequence[Found]) -> None:
        """Matches that are void: takes them out and folds their groups again."""
        self._flush()
        gone = [one for one in matches.remove(self.beneath, found) if self.here.counting[one[0]].folds]
        self.deriving.touched |= {(rule, learner) for rule, learner, _ in gone if self.here.counting[rule].derived}
        gone = [one for one in gone if not self.here.counting[one[0]].derived]
        again = {(rule, learner) for rule, learner, _ in gone if self.here.counting[rule].remembers}
        self.fold_again(sorted(again | self._swap(found)[1]))
        alone = {(rule, learner) for rule, learner, _ in gone if not self.here.counting[rule].remembers}
        if alone:
            self._book(dict.fromkeys(alone, ()), keys=[str(statement) for _, _, statement in gone])

    def fold_again(self, groups: Sequence[Group]) -> None:
        """Folds these groups from their first match, and books what the ledger has too little or too much."""
        self.deriving.touched |= {group for group in groups if self.here.counting[group[0]].derived}
        groups = [group for group in groups if not self.here.counting[group[0]].derived]
        if not groups:
            return
        self._flush()
        self._settle_swaps([Pair(*group) for group in groups])
        found = matches.of_groups(self.beneath, groups)
        wanted: dict[Group, Sequence[Award]] = {}
        gone: list[Group] = []
        for group in groups:
            counting, judged = self.here.counting[group[0]], self._judged(group, found[group])
            if group[0] in self.here.races:
                self.entered[group] = judged.state.kind
            else:
                wanted[group] = judged.awards
            if last := found[group].get(counting.making, ()):
                if counting.last.remembers:
                    self._stand(group, last[-1], judged.state)
            else:
                gone.append(group)
        folds.remove(self.beneath, gone)
        self._book(wanted)

    def compare(self, made: Mapping[Group, Made], kept: Mapping[Group, Standing], booked: Mapping[Group, Sums]) -> None:
        """Folds these groups from all their matches, and writes where what is kept or booked of them is otherwise.

        kept, booked: of all groups, also of those that have no match any more.
        """
        wanted: dict[Group, Sequence[Award]] = {}
        gone: list[Group] = []
        for group in sorted({**made, **kept, **booked}):
            own, counting = made.get(group, {}), self.here.counting[group[0]]
            judged, have = self._judged(group, own), kept.get(group)
            if counting.last.remembers and counting.making in own:
                standing = _standing(_last(own[counting.making]), judged.state)
                if standing != have:
                    self.standings[group] = standing
            elif have is not None:
                gone.append(group)
            if sums(judged.awards) != booked.get(group, {}):
                wanted[group] = judged.awards
        folds.remove(self.beneath, gone)
        if wanted:
            self._book(wanted)

    def book(self) -> Changed:
        """Finishes: races, awards that come from awards, totals, scores, badges, and the row of the outbox that stands
        until the scores are projected."""
        self._race()
        self._flush()
        self.deriving(self._written)
        if not self.booked:
            return Changed()
        amounts: Counter[tuple[int, str]] = Counter()
        for entry in self.booked:
            if not entry.unit.startswith(BADGE):
                amounts[entry.learner, entry.unit] += entry.amount
        if amounts:
            ledger.add_to_totals(self.beneath, amounts)
        changes = [change for entry in self.booked if (change := self._badge_change(entry)) is not None]
        if changes:
            badges.settle(self.connection, changes)
        scores = scoring.add(self.beneath, self.here.ruleset.boards, self.booked, self.people.locked)
        number = outbox.add(self.beneath, {score.learner for score in scores}) if scores else None
        writeback.note(self.beneath, {entry.learner for entry in self.booked})
        return Changed(scores, number, {counted.number: counted.board for counted in self.here.ruleset.boards})

    def _swap(self, found: Sequence[Found]) -> tuple[Sequence[Found], set[Group]]:
        """Marks matches that are swapped now, or no longer; answers those of `found` that count, and other groups.

        While matches are still being made of history, nothing is marked: whoever folds first will do it.
        """
        if not self.here.swaps:
            return found, set()
        flips = self._settle_swaps(swaps.touched(one for one in found if self.here.counting[one.rule].folds))
        new = {((one.rule, one.match.learner), one.match.statement) for one in found}
        out = {(flip.group, flip.statement) for flip in flips if flip.swapped}
        counted = [one for one in found if ((one.rule, one.match.learner), one.match.statement) not in out]
        return counted, {flip.group for flip in flips if (flip.group, flip.statement) not in new}

    def _settle_swaps(self, pairs: Sequence[Pair]) -> list[Flip]:
        pairs = [pair for pair in pairs if pair.rule in self.here.swaps]
        if not pairs:
            return []
        flips = swaps.settle(self.beneath, pairs, self.here.swaps, self.here.zones(self.people))
        return [flip for flip in flips if flip.making == self.here.counting[flip.group[0]].making]

    def settle(self, rule: int, learners: Iterable[int] | None = None) -> None:
        """Books who is among the first by this rule now, and who no longer is.

        learners: whose entry is another now; None: what everybody is given may be another.
        """
        self._flush()
        learners_first = races.first(self.beneath, rule, self.here.races[rule].learners)
        among = set(learners_first) if self.here.counting[rule].pays else set()
        holders = races.holders(self.beneath, rule)
        changed = among | holders if learners is None else (among ^ holders).union(learners)
        self.people.meet(identity.lock(self.beneath, changed))
        groups = [(rule, learner) for learner in sorted(changed)]
        found = matches.of_groups(self.beneath, [group for group in groups if group[1] in among])
        self._book({group: self._judged(group, found[group]).awards if group in found else () for group in groups})

    def _race(self) -> None:
        """Brings the races up to date in which somebody's entry is another now.

        While history is counted again by a rule its race is not complete, and nothing is booked.
        """
        entered, self.entered = self.entered, {}
        if not entered:
            return
        races.lock(self.beneath, {rule for rule, _ in entered})
        races.put(self.beneath, entered)
        for rule in sorted({rule for rule, _ in entered}):
            if self.here.counting[rule].settled:
                self.settle(rule, (learner for number, learner in entered if number == rule))

    def _comes_last(self, group: Group, standing: Standing | None, match: Match) -> bool:
        """Whether a new match of the last version comes after all others, so that the state there is can be advanced.

        What earlier versions gave is in the state from the beginning of the version's life on.
        """
        counting = self.here.counting[group[0]]
        if not counting.last.remembers:
            return True
        if standing is None:
            return counting.settled and counting.alone
        since = counting.last.version.since
        taken_over = counting.alone or since is None or match.happened >= since
        return taken_over and (standing.happened, standing.statement) < (match.happened, match.statement)

    def _grouped(self, found: Sequence[Found]) -> tuple[dict[Group, list[Match]], set[Group]]:
        """The matches of the last versions by group, in order; and the groups that earlier versions have matches of."""
        groups: dict[Group, list[Match]] = {}
        earlier: set[Group] = set()
        for rule, match, making in found:
            counting = self.here.counting[rule]
            if counting.derived:
                self.deriving.touched.add((rule, match.learner))
            elif making == counting.making:
                groups.setdefault((rule, match.learner), []).append(match)
            elif making in counting.makings:
                earlier.add((rule, match.learner))
        for new in groups.values():
            new.sort(key=lambda match: (match.happened, match.statement))
        return groups, earlier

    def _setting(self, group: Group) -> Setting:
        return self.here.counting[group[0]].last.setting(self.people.zone(group[1]))

    def _judged(self, group: Group, made: Made) -> Judged:
        return self.here.counting[group[0]].judged(self.people.zone(group[1]), made)

    def _advance(
        self, group: Group, standing: Standing | None, new: Sequence[Match], repeated: set[tuple[int, int, int, bytes]]
    ) -> None:
        counting, setting = self.here.counting[group[0]], self._setting(group)
        state = folds.decode(type(setting.rule.kind), standing.state) if standing else State()
        for match in new:
            key = (*group, counting.making, match.once) if match.once is not None else None
            step = evaluate.advance(setting, state, match, key in repeated)
            if key is not None:
                repeated.add(key)
            state = step.state
            if group[0] in self.here.races:
                self.entered[group] = state.kind
            elif step.awards and counting.pays:
                self._give(group[0], step.awards)
        if counting.last.remembers:
            self._stand(group, new[-1], state)

    def _give(self, number: int, awards: Sequence[Award]) -> None:
        """Awards that are new, as lines."""
        for learner, _, key, happened, amounts, statements, reason, version in map(msgspec.structs.astuple, awards):
            for unit, amount in amounts.items():
                self.entries.append(
                    ledger.Entry(learner, number, version, key, unit, amount, happened, statements, reason)
                )

    def _stand(self, group: Group, match: Match, state: State) -> None:
        self.standings[group] = _standing(match, state)

    def _book(self, wanted: Mapping[Group, Sequence[Award]], keys: Sequence[str] | None = None) -> None:
        """The difference between these awards and what the ledger has of these groups (or of these keys in them)."""
        have = ledger.booked(self.beneath, wanted, keys)
        for group, awards in wanted.items():
            self._enter(group, have[group], awards)

    def _enter(self, group: Group, have: Mapping[Line, Booked], awards: Sequence[Award]) -> None:
        newest = self.here.counting[group[0]].version.version
        versions = {(award.key, award.happened): award.version for award in awards}
        for line, amount, statements, reason, corrects in differences(have, awards):
            key, happened, unit = line
            version = versions.get((key, happened), newest)
            self.entries.append(
                ledger.Entry(group[1], group[0], version, key, unit, amount, happened, statements, reason, corrects)
            )

    def _flush(self) -> None:
        """Writes the states and entries gathered so far, so that queries see them.

        What is taken away comes first, then what is given in the order in which it happened, so that a ledger reads so.
        """
        if self.standings:
            folds.put(self.beneath, self.standings)
            self.standings = {}
        if self.entries:
            self.entries.sort(key=lambda entry: (entry.amount > 0, entry.happened))
            ledger.add(self.beneath, self.entries)
            self.booked += self.entries
            self.entries = []

    def _written(self, entries: Sequence[ledger.Entry]) -> Sequence[ledger.Entry]:
        """Writes these entries and all before; answers everything that this transaction has booked."""
        self.entries += entries
        self._flush()
        return self.booked

    def _badge_change(self, entry: ledger.Entry) -> badges.BadgeChange | None:
        if not entry.unit.startswith(BADGE):
            return None
        rule = self.here.counting[entry.rule].of_version(entry.version)
        achievement = entry.unit.removeprefix(BADGE)
        stacked = any(grant.micro_credential == achievement for grant in rule.give)
        return badges.BadgeChange(
            entry.learner,
            entry.rule,
            entry.version,
            entry.key,
            achievement,
            entry.amount > 0,
            entry.happened,
            entry.statements,
            "micro_credential" if stacked else "badge",
            rule.if_undone,
        )


def _standing(match: Match, state: State) -> Standing:
    """Where a fold stands that has been advanced to this match."""
    return Standing(match.happened, match.statement, folds.encode(state))


def _last(matches: Sequence[Match]) -> Match:
    return matches[0] if len(matches) == 1 else max(matches, key=lambda match: (match.happened, match.statement))
