"""Awards that come from awards, in the transaction that changed what they come from: caps and rules with `needs`.

After everything else is in the ledger, the strata are gone through in their order, and of each only what is new for the
learners of this transaction. A purse is advanced where new awards come after all others and is folded again in any
other case, as folds are. A rule with needs looks at the few badges and marks it names, and at its statements only where
nothing else is missing. The learners are locked by the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from service.core import derived, needs, purses
from service.core.derived import Line
from service.core.evaluate import awards_of
from service.core.kinds import Setting
from service.core.ledger import differences
from service.core.needs import Having, Held
from service.core.purses import Cut, Gain, Mark, Purse, PurseState, Reached
from service.core.rule import Cap, Rule, statements
from service.core.strata import BADGE, Currency, badges_of, needed
from service.store import ledger, matches
from service.store import purses as store
from service.store.engine import Driver
from service.store.ledger import Entry
from service.store.matches import Group
from service.store.purses import Kept, Ready
from service.world import Counting, People, World

Book = Callable[[Sequence[Entry]], Sequence[Entry]]


class Deriving:
    """Evaluates what reads awards, for the learners that a transaction touches.

    touched: the groups for whose statements something has changed, and those that are to be evaluated whatever has.
    writes: whether purses are kept; without, `having` may be asked in a transaction that only reads.
    """

    def __init__(self, connection: Driver, here: World, people: People, writes: bool = True) -> None:
        self.writes = writes
        self.connection, self.here, self.people = connection, here, people
        self.strata = here.strata
        self.touched: set[Group] = set()
        self._learners: dict[str, set[int]] = {}
        self._reached: dict[str, dict[int, Mapping[Mark, Reached]]] = {}

    def __call__(self, book: Book) -> None:
        """Evaluates stratum by stratum. book: writes these entries, and answers all of the transaction so far."""
        for rule, learner in self.touched:
            self._look(self._counting(rule).rule, learner)
        entries, read = dict[str, list[Entry]](), 0
        for step in self.strata.steps:
            booked = book(())
            for entry in booked[read:]:
                entries.setdefault(entry.unit, []).append(entry)
            read = len(booked)
            if isinstance(step, Currency):
                book(self._currency(step.name, entries.get(step.name, ())))
            elif step in self.strata.needing:
                book(self._needing(self.here.named[step], entries))

    def _look(self, rule: Rule, learner: int) -> None:
        self._learners.setdefault(rule.name, set()).add(learner)

    def _counting(self, rule: int) -> Counting:
        return self.here.counting[rule]

    def _setting(self, rule: Rule, learner: int) -> Setting:
        counting = self.here.named[rule.name]
        return counting.setting(counting.matcher.zone(self.people, learner))

    # --- a currency ---

    def _currency(self, currency: str, entries: Iterable[Entry]) -> list[Entry]:
        """Brings the purses of those up to date who got or lost some; answers what caps correct."""
        caps = self.strata.caps.get(currency, ())
        again = {learner for cap in caps for learner in self._learners.get(cap.name, ())}
        new: dict[int, list[Entry]] = {learner: [] for learner in again}
        for entry in entries:
            if not isinstance(self._counting(entry.rule).rule.kind, Cap):
                new.setdefault(entry.learner, []).append(entry)
        return self._brought(currency, new, again)

    def _brought(self, currency: str, new: Mapping[int, list[Entry]], again: set[int]) -> list[Entry]:
        """Advances or folds these learners' purses. again: those that are folded again whatever is new."""
        if not new:
            return []
        kept = store.of_learners(self.connection, currency, new)
        ready = {learner: self._ready(currency, learner) for learner in new}
        late = {
            learner: ready[learner].purse
            for learner, gained in new.items()
            if learner in again or not _goes_on(kept.get(learner), ready[learner], gained)
        }
        states, corrections = self._folded(currency, late)
        for learner, gained in new.items():
            if learner not in late:
                states[learner], cuts = self._advanced(ready[learner].purse, kept[learner].state, gained)
                corrections += [self._cut(learner, line) for line in derived.correcting(self.strata, cuts)]
        now = {learner: Kept(ready[learner].by, state) for learner, state in states.items()}
        changed = {learner: one for learner, one in now.items() if one != kept.get(learner)}
        if changed and self.writes:
            store.put(self.connection, currency, changed)
        for learner, one in now.items():
            self._tell(currency, learner, ready[learner].purse, kept.get(learner), one)
        return corrections

    def _ready(self, currency: str, learner: int) -> Ready:
        """The purse of this learner, made once for all whose days are those of the same zone."""
        place = currency, self.people.zone(learner).key
        if place not in self.here.purses:
            purse = derived.purse_of(self.strata, currency, lambda rule: self._setting(rule, learner))
            self.here.purses[place] = Ready(purse, store.digest(purse))
        return self.here.purses[place]

    def _tell(self, currency: str, learner: int, purse: Purse, before: Kept | None, now: Kept) -> None:
        """Lets rules that need this currency look at the learner, if a mark was reached or lost."""
        self._reached.setdefault(currency, {})[learner] = derived.reached_marks(purse, now.state)
        if before is None or before.by != now.by or before.state.reached != now.state.reached:
            for rule in self.strata.readers.get(currency, ()):
                self._look(rule, learner)

    def _advanced(self, purse: Purse, state: PurseState, gained: Iterable[Entry]) -> tuple[PurseState, list[Cut]]:
        cuts: list[Cut] = []
        gains = [
            Gain(one.happened, self._counting(one.rule).rule.name, one.key, one.amount, one.statements)
            for one in gained
        ]  # fmt: skip
        for gain in sorted(gains, key=lambda gain: gain[:3]):
            state, more = purses.advance(purse, state, gain)
            cuts += more
        return state, cuts

    def _cut(self, learner: int, line: Line) -> Entry:
        """More of the same correction, as it comes: nothing is taken back by it."""
        number, version = self.here.named[line.rule].last.version[:2]
        _, key, happened, unit, amount, ids, reason = line
        return Entry(learner, number, version, key, unit, amount, happened, ids, reason)

    def _folded(self, currency: str, purse: Mapping[int, Purse]) -> tuple[dict[int, PurseState], list[Entry]]:
        """These purses from the first award, and the difference to what caps have corrected so far."""
        if not purse:
            return {}, []
        caps = [self.here.named[rule.name] for rule in self.strata.caps.get(currency, ())]
        gains: dict[int, list[Gain]] = {learner: [] for learner in purse}
        for one in store.standing(self.connection, currency, purse):
            name = self._counting(one.rule).rule.name
            gains[one.learner].append(Gain(one.happened, name, one.key, one.amount, one.statements))
        folded = {learner: purses.fold(own, gains[learner]) for learner, own in purse.items()}
        wanted = {learner: derived.correcting(self.strata, cuts) for learner, (_, cuts) in folded.items()}
        entries = [entry for cap in caps for entry in self._difference(cap, wanted)]
        return {learner: state for learner, (state, _) in folded.items()}, entries

    def _difference(self, counting: Counting, wanted: Mapping[int, Iterable[Line]]) -> list[Entry]:
        """What the ledgers of these learners lack of the lines of this rule, or have too much."""
        number, version = counting.last.version[:2]
        have = ledger.booked(self.connection, [(number, learner) for learner in wanted])
        return [
            Entry(learner, number, version, line.key, line.unit, amount, line.happened, ids, reason, corrects)
            for learner, lines in wanted.items()
            for line, amount, ids, reason, corrects in differences(
                have[number, learner], awards_of(learner, [one for one in lines if one.rule == counting.rule.name])
            )
        ]

    # --- a rule with needs ---

    def _needing(self, counting: Counting, entries: Mapping[str, Sequence[Entry]]) -> list[Entry]:
        """The difference that this rule makes to the ledgers of those for whom something that it reads has changed."""
        rule = counting.rule
        badges = {one.learner for name in badges_of(rule) for one in entries.get(f"{BADGE}{name}", ())}
        learners = sorted(self._learners.get(rule.name, set()) | badges)
        if not learners:
            return []
        having, corrections = self.having(rule, learners)
        wanted = {
            learner: derived.award(self._setting(rule, learner), own) if counting.pays else []
            for learner, own in having.items()
        }
        return corrections + self._difference(counting, wanted)

    def having(
        self, rule: Rule, learners: Sequence[int], all_matches: bool = False
    ) -> tuple[dict[int, Having], list[Entry]]:
        """What these learners have of what a rule needs; and corrections, where purses had to be folded for it.

        all_matches: also the statements of those who lack something else.
        """
        badges: dict[int, dict[str, list[Held]]] = {learner: {} for learner in learners}
        for one in store.badges(self.connection, badges_of(rule), learners):
            line = Line(self._counting(one.rule).rule.name, one.key, one.happened, one.unit, 1, one.statements)
            held = badges[one.learner].setdefault(one.unit.removeprefix(BADGE), [])
            held.append(derived.held(self.strata, line))
        corrections: list[Entry] = []
        currencies = sorted(unit for unit in needed(rule) if not unit.startswith(BADGE))
        for currency in currencies:
            unread = [one for one in learners if one not in self._reached.get(currency, {})]
            corrections += self._brought(currency, {learner: [] for learner in unread}, set())
        found = {
            learner: Having(badges[learner], {one: self._reached[one][learner] for one in currencies}, None)
            for learner in learners
        }
        return self._with_matches(rule, found, all_matches), corrections

    def _with_matches(self, rule: Rule, found: Mapping[int, Having], everybody: bool) -> dict[int, Having]:
        if not statements(rule):
            return {learner: one._replace(matches=()) for learner, one in found.items()}
        number = self.here.named[rule.name].version.number
        near = [
            (number, learner)
            for learner, one in found.items()
            if everybody or needs.possible(self._setting(rule, learner), one)
        ]
        own, making = matches.of_groups(self.connection, near), self.here.named[rule.name].making
        return {
            learner: one._replace(matches=own.get((number, learner), {}).get(making, ()))
            for learner, one in found.items()
        }


def _goes_on(kept: Kept | None, ready: Ready, gained: Iterable[Entry]) -> bool:
    """Whether these entries are new awards that all come after those in the purse."""
    if kept is None or kept.by != ready.by:
        return False
    return all(one.amount > 0 and one.corrects is None and one.happened > kept.state.happened for one in gained)
