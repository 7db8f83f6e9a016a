"""What would be others among the rules in force, and what boards would count then."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from msgspec.structs import replace

from service.core.evaluate import DAWN
from service.core.matching import matcher
from service.core.rule import First, Rule
from service.core.rule_document import BY_HAND
from service.core.strata import reads_awards
from service.store import rules
from service.store.rules import Ruleset, Version
from service.store.scoring import Counted


class Wanted(NamedTuple):
    """What is to become of a rule: the rule as it would be, None where it is to be retired.

    since: only what happens from then on goes by it. takes_back: a retired rule takes back what it gave.
    """

    rule: Rule | None
    since: datetime | None = None
    takes_back: bool = False


class Change(NamedTuple):
    """A rule that would be another: the version in force, and the one that would be.

    as_if_live: a draft, or a rule on trial that does not pay yet, is looked at as if it paid.
    """

    name: str
    before: Version | None
    after: Version | None
    wanted: Wanted
    as_if_live: bool = False

    @property
    def number(self) -> int:
        version = self.before or self.after
        assert version is not None
        return version.number

    @property
    def kind(self) -> str:
        if self.after is None:
            return "retired"
        return "new" if self.before is None else "changed"

    @property
    def keeps(self) -> bool:
        """Whether everything stays that has been given."""
        return self.after is None and not self.wanted.takes_back

    @property
    def conditions_stay(self) -> bool:
        """Whether the matches that are there are those that there would be."""
        before, after = self.before, self.after
        return bool(before and after and _alone(before) and _matched_by(before.rule) == _matched_by(after.rule))


def _alone(version: Version) -> bool:
    """Whether the matches of all history are those of this version."""
    return version.phase == "done" and [one[:2] for one in version.lives] == [version[:2]] and version.since is None


def _matched_by(rule: Rule) -> tuple[Any, ...]:
    """All that matches depend on."""
    return (
        *(rule.when, rule.unless, rule.to, rule.once_per, rule.time_zone, rule.kind),
        *(limit.from_each for limit in rule.limits if limit.from_each),
    )


def changes(ruleset: Ruleset, wanted: Mapping[str, Wanted]) -> list[Change]:
    """What would be others among the rules in force; new ones get numbers that no rule has."""
    known = {version.rule.name: version for version in ruleset.versions}
    found = []
    for place, (name, one) in enumerate(wanted.items(), 1):
        before, rule = known.get(name), one.rule
        if rule is None:
            if before is not None and (before.gives or one.takes_back):
                found.append(Change(name, before, None, one))
        elif before is None or before.rule != rule:
            pays = before is not None and before.rule.status == "live"
            as_if_live = rule.status == "draft" or (rule.status == "trial" and not pays)
            number, version = (before.number, before.version + 1) if before else (-place, 1)
            shown = replace(rule, status="live") if as_if_live else rule
            after = Version(number, version, shown, None if _undivided(before, rule) else one.since, None, "done")
            found.append(_beside(Change(name, before, after, one, as_if_live)))
    return found


def _undivided(before: Version | None, rule: Rule) -> bool:
    """Whether versions cannot take turns: one race of all history decides, or what others have given."""
    lives = [life.rule for life in before.lives] if before else []
    return any(isinstance(one.kind, First) or reads_awards(one) or matcher(one).swapped for one in (rule, *lives))


def _beside(change: Change) -> Change:
    """The change, its version with matches of its own and beside those that would go on to live before it."""
    before, after = change.before, change.after
    assert after is not None
    lives = before.lives if before and after.since else ()
    stay = tuple(life._replace(until=after.since) for life in lives if (life.since or DAWN) < (after.since or DAWN))
    making = before.making if before and change.conditions_stay else max([0, *(life.making or 0 for life in lives)]) + 1
    after = after._replace(making=making)
    return change._replace(after=after._replace(lives=(*stay, after)))


def others(ruleset: Ruleset, documents: Iterable[Rule], named: Collection[tuple[str, str]]) -> list[Rule]:
    """Of these rules the named ones, and those that are others than in force: by a vocabulary, say, beside them."""
    there = {version.rule.name: version.rule for version in ruleset.versions}
    return [one for one in documents if ("rule", one.name) in named or there.get(one.name) != one]


def of_directory(ruleset: Ruleset, documents: Iterable[Rule], since: datetime | None = None) -> dict[str, Wanted]:
    """What applying these rules as a whole would make of those in force; drafts and what is missing are retired.

    since: only what happens from then on would go by those that are others.
    """
    rules_there = {rule.name: rule for rule in documents if rule.status in ("live", "trial")}
    given = {version.rule.name for version in ruleset.versions if version.gives}
    gone = {name for name in given - rules_there.keys() if not name.startswith(BY_HAND)}  # no folder holds these
    return {name: Wanted(rules_there.get(name), since) for name in (*rules_there, *sorted(gone))}


def boards(ruleset: Ruleset, changes: Iterable[Change]) -> Iterator[tuple[Counted, Counted]]:
    """Each board as it counts now, and as it would."""
    others = {change.number: change.after for change in changes if change.after is not None}
    stay = [others.pop(version.number, version) for version in ruleset.versions]
    versions = [*stay, *others.values()]
    for counted in ruleset.boards:
        yield counted, counted._replace(rules=rules.rules_of(counted.board, versions))
