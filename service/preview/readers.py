"""Rules that read awards (needs, caps), evaluated anew for those whose awards would be others.

What changed rules would give is put aside in a temporary table, and read again learner by learner, beside what those
rules have given that stay as they are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from service.core import derived
from service.core.derived import Line as Read
from service.core.ledger import Line
from service.core.matching import Match
from service.core.rule import Cap, Rule
from service.core.strata import Strata, reads_awards
from service.preview.changes import Change
from service.preview.sums import Lines, Sums
from service.store import ledger, matches
from service.store.engine import Driver
from service.store.matches import Group
from service.store.rules import Ruleset
from service.store.share import Share
from service.world import Counting, People

ASIDE = """
CREATE TEMPORARY TABLE aside (learner bigint, rule text, key text, happened timestamptz, unit text, amount bigint)
"""
AT_ONCE = 500
"""Learners evaluated at once."""
MOST_WAITING = 10_000
"""Lines that are put aside together."""


class Readers:
    """The rules that read awards, as they would be."""

    def __init__(
        self, connection: Driver, ruleset: Ruleset, changes: Sequence[Change], people: People, share: Share
    ) -> None:
        self.connection, self.people, self.share = connection, people, share
        self.changes = {change.number: change for change in changes}
        versions = {version.number: version for version in ruleset.versions}
        versions |= {change.number: change.after for change in changes if change.after}
        for change in changes:
            if change.after is None and change.wanted.takes_back:
                del versions[change.number]
        self.rules = {number: version.rule for number, version in versions.items()}
        self.strata = Strata(list(self.rules.values()))
        self.reading = {number: Counting(one) for number, one in versions.items() if reads_awards(one.rule)}
        self.aside: list[tuple[object, ...]] = []
        self.concerned: set[int] = set()

    def takes(self, change: Change) -> bool:
        """Whether what a changed rule would give is evaluated here."""
        if change.after is None:
            return change.before is not None and reads_awards(change.before.rule)
        return reads_awards(change.after.rule)

    def note(self, group: Group, have: Lines, wanted: Lines) -> None:
        """What a rule would give that reads no awards."""
        if self.reading:
            self.aside += [(group[1], self.rules[group[0]].name, *line, amount) for line, amount in wanted.items()]
            if len(self.aside) > MOST_WAITING:
                self._put_aside()
            if have != wanted:
                self.concerned.add(group[1])

    def add_to(self, sums: Sums) -> None:
        """Adds what these rules would give to all who are concerned."""
        self._put_aside()
        learners = sorted(self._everybody() if self._concern_everybody() else self.concerned)
        for first in range(0, len(learners), AT_ONCE) if self.reading or self._taken_back() else ():
            self._add(sums, learners[first : first + AT_ONCE])

    def _put_aside(self) -> None:
        if self.aside:
            self.connection.execute(
                "INSERT INTO aside SELECT * FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::timestamptz[], "
                "%b::text[], %b::bigint[])",
                [list(column) for column in zip(*self.aside, strict=True)],
            )
            self.aside = []

    # --- who is concerned ---

    def _concern_everybody(self) -> bool:
        """Whether a rule that reads awards is itself another, or is one about other rules than before."""
        if any(self.takes(change) and not change.keeps for change in self.changes.values()):
            return True
        tagged = any(isinstance(one.rule.kind, Cap) and one.rule.kind.tagged for one in self.reading.values())
        return tagged and any(_tags(change.before) != _tags(change.after) for change in self.changes.values())

    def _everybody(self) -> Iterator[int]:
        """All who have anything, or a match of a rule that reads awards."""
        cursor = self.connection.execute(
            "SELECT learner FROM (SELECT learner FROM entry UNION SELECT learner FROM aside UNION "
            "SELECT learner FROM match WHERE rule = ANY(%b) UNION SELECT learner FROM fresh WHERE rule = ANY(%b)) "
            "AS anything WHERE learner %% %b = %b",
            [list(self.reading), list(self.reading), *self.share.asked],
        )
        yield from (learner for (learner,) in cursor)

    def _taken_back(self) -> set[int]:
        return {number for number, one in self.changes.items() if self.takes(one) and number not in self.rules}

    # --- what they would give ---

    def _add(self, sums: Sums, learners: Sequence[int]) -> None:
        numbers = sorted(self.reading.keys() | self._taken_back())
        groups = [(number, learner) for number in numbers for learner in learners]
        booked = ledger.booked(self.connection, groups)
        own = self._matches(learners)
        earned = self._earned(learners, numbers)
        for learner in learners:
            settings = {
                one.rule.name: one.setting(one.matcher.zone(self.people, learner)) for one in self.reading.values()
            }
            needed = {one.rule.name: own[number, learner] for number, one in self.reading.items()}
            found = derived.awards(self.strata, lambda rule: settings[rule.name], earned[learner], needed)  # noqa: B023
            for number in numbers:
                have = {line: one.amount for line, one in booked[number, learner].items()}
                wanted = self._wanted(number, have, found.lines)
                if have or wanted:
                    sums.add((number, learner), have, wanted)

    def _wanted(self, number: int, have: Lines, lines: Sequence[Read]) -> Lines:
        change, rule = self.changes.get(number), self.rules.get(number)
        since = change.after.since if change and change.after else None
        wanted = Counter({line: amount for line, amount in have.items() if since and line.happened < since})
        for line in lines:
            if rule is not None and line.rule == rule.name:
                wanted[Line(line.key, line.happened, line.unit)] += line.amount
        return wanted

    def _matches(self, learners: Sequence[int]) -> dict[Group, list[Match]]:
        """The statements of rules with needs, made anew where their conditions are others."""
        found: dict[Group, list[Match]] = {}
        for number in self.reading:
            change = self.changes.get(number)
            fresh = change is not None and change.after is not None and not change.conditions_stay
            groups = [(number, learner) for learner in learners]
            made = matches.of_groups(self.connection, groups, "fresh" if fresh else "match")
            found |= {group: of_group.get(self.reading[number].making, []) for group, of_group in made.items()}
        return found

    def _earned(self, learners: Sequence[int], reading: Sequence[int]) -> dict[int, list[Read]]:
        """What all other rules give these learners: as booked where they stay, as put aside where they would not."""
        others = [*reading, *(number for number, one in self.changes.items() if not one.keeps)]
        found: dict[int, list[Read]] = {learner: [] for learner in learners}
        rows = self.connection.execute(
            "SELECT learner, rule, key, happened, unit, sum(amount)::bigint FROM entry "
            "WHERE learner = ANY(%b) AND rule <> ALL(%b) GROUP BY 1, 2, 3, 4, 5 HAVING sum(amount) <> 0",
            [list(learners), others],
        )
        for learner, number, *line in rows:
            found[learner].append(Read(self.rules[number].name, *line))
        for learner, *line in self.connection.execute("SELECT * FROM aside WHERE learner = ANY(%b)", [list(learners)]):
            found[learner].append(Read(*line))
        return found


def _tags(version: object) -> tuple[str, ...]:
    rule = getattr(version, "rule", None)
    return rule.tags if isinstance(rule, Rule) else ()
