"""Why, and why not: what each of a learner's statements came to by one rule, and which clause decided.

Awards and refusals are folded from the learner's matches, all of them, as the ledger's were. Statements that a
condition of `when` turned away left no match behind; they are looked for among those that the learner took part in,
newest first, a stretch at a time, and whoever asks is told how far the look went.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from service import needing
from service.core import evaluate, kinds, reasons, versions, windows
from service.core.derived import Line, clause
from service.core.evaluate import Award
from service.core.matching import Match, Roles
from service.core.needs import Met
from service.core.rule import Cap, Rule
from service.core.statement import Fact
from service.core.versions import Judged
from service.store import history, identity, inbox, ledger, matches, races, rules, swaps
from service.store.engine import Driver
from service.store.history import Moment
from service.store.rules import Ruleset, Version
from service.world import Counting, World, parts

STRETCH, AT_ONCE = 5000, 500
"""Statements of a learner that one look for near misses goes back, and how many are read at once."""


class Seen(NamedTuple):
    """A statement: when it happened, and what it says, as far as it is still there."""

    statement: UUID
    happened: datetime | None
    verb: str | None = None
    object: str | None = None


class Given(NamedTuple):
    """An award that stands. version: the version of the rule that gave it; None: it is about to be booked."""

    award: Award
    version: int | None
    clause: str
    statements: tuple[Seen, ...]


class Refused(NamedTuple):
    """A statement that gave nothing. found: what it has instead of what the clause asks for.

    earlier: the statement that used up what the clause allows once.
    """

    seen: Seen
    because: str
    found: str | None = None
    earlier: UUID | None = None


class Explanation(NamedTuple):
    """What a rule says of a learner's matches: the newest first, and how many there are.

    recounting: history is being counted again by this rule, so matches may still be missing. needs: what a rule with
    needs asks for, and since when it is there.
    """

    version: Version
    awards: list[Given]
    refusals: list[Refused]
    of_awards: int
    of_refusals: int
    matches: int
    progress: tuple[int, int] | None
    pending: int
    recounting: bool
    needs: Sequence[Met] = ()

    @property
    def rule(self) -> Rule:
        return self.version.rule


class NearMisses(NamedTuple):
    """Statements that one clause kept from counting, newest first.

    back_to: everything from then on has been looked at. before: where the next look begins; None: that was all.
    """

    refusals: list[Refused]
    back_to: datetime | None
    before: Moment | None


def version_of(ruleset: Ruleset, name: str) -> Version | None:
    """The version in force of the rule of this name."""
    return next((version for version in ruleset.versions if version.rule.name == name), None)


def explain(
    connection: Driver, learner: int, name: str, now: datetime, limit: int = 50, offset: int = 0
) -> Explanation | None:
    """Why this learner has what they have by the rule of this name; None if no such rule is in force.

    limit and offset: which of the awards and which of the refusals, newest first.
    """
    ruleset = rules.in_force(connection)
    version = version_of(ruleset, name)
    if version is None:
        return None
    counting, group = Counting(version), (version.number, learner)
    if counting.derived:
        return _of_awards(connection, ruleset, version, learner, now, limit, offset)
    made, zone = matches.of_groups(connection, [group])[group], _zone(connection, ruleset, learner)
    own = sorted(chain(*(made.get(making, ()) for making in counting.makings)), key=lambda match: match.happened)
    judged = counting.judged(zone, made)
    if counting.race and learner not in races.first(connection, version.number, counting.race.learners):
        judged = versions.outrun(counting.last.rule, judged)
    refused, given = _refused(counting, own, judged), (*judged.awards, *judged.tried)
    if counting.matcher.swapped:
        out = swaps.of_group(connection, group)
        refused += [Refused(Seen(statement, at), evaluate.swapped(counting.rule)) for statement, at in out]
        refused.sort(key=lambda one: one.seen.happened or now)
    awards, refusals = _newest(given, limit, offset), _page(refused, limit, offset)
    shown = {id_ for award in awards for id_ in award.statements} | {one.seen.statement for one in refusals}
    seen = _seen(connection, shown)
    booked = ledger.versions(connection, group)
    return Explanation(
        version,
        [_given(award, booked.get((award.key, award.happened)) or _tried(version, award), seen) for award in awards],
        [one._replace(seen=seen.get(one.seen.statement, one.seen)) for one in refusals],
        len(given),
        len(refused),
        len({match.statement for match in own}),
        kinds.progress(counting.last.setting(zone), judged.state.kind, now) if counting.lives else None,
        inbox.size(connection),
        version.phase != "done",
    )


def _of_awards(
    connection: Driver, ruleset: Ruleset, version: Version, learner: int, now: datetime, limit: int, offset: int
) -> Explanation:
    """Why, by a rule that reads what others give: what it has in the ledger, and of what it needs what is there."""
    here, group = World(ruleset), (version.number, learner)
    standing = needing.of_rule(connection, here, here.counting[version.number], learner, now)
    reasons_of = {one.key: one.reason for one in standing.course.given} if standing else {}
    reason = clause(version.rule.kind) if isinstance(version.rule.kind, Cap) else "has all that is needed"
    lines = [
        Line(
            version.rule.name, line.key, line.happened, line.unit, have.amount, have.statements,
            reasons_of.get(line.key, reason),
        )
        for line, have in ledger.booked(connection, [group])[group].items()
    ]  # fmt: skip
    booked = evaluate.awards_of(learner, lines)
    refused = [Refused(Seen(*one[:2]), one.because) for one in standing.course.refused] if standing else []
    awards, refusals = _newest(booked, limit, offset), _page(refused, limit, offset)
    shown = {id_ for award in awards for id_ in award.statements} | {one.seen.statement for one in refusals}
    seen = _seen(connection, shown)
    by_version = ledger.versions(connection, group)
    return Explanation(
        version,
        [_given(award, by_version.get((award.key, award.happened)), seen) for award in awards],
        [one._replace(seen=seen.get(one.seen.statement, one.seen)) for one in refusals],
        len(booked),
        len(refused),
        max(map(len, matches.of_groups(connection, [group])[group].values()), default=0),
        (standing.done, standing.of) if standing else None,
        inbox.size(connection),
        version.phase != "done",
        standing.needs if standing else (),
    )


def _zone(connection: Driver, ruleset: Ruleset, learner: int) -> ZoneInfo:
    name = identity.zone_name(connection, learner)
    return windows.zone(name) if name else ruleset.zone


def _newest(awards: Sequence[Award], limit: int, offset: int) -> list[Award]:
    return sorted(awards, key=lambda award: award.happened, reverse=True)[offset : offset + limit]


def _page(refusals: Sequence[Refused], limit: int, offset: int) -> list[Refused]:
    return list(reversed(refusals))[offset : offset + limit]


def _refused(counting: Counting, own: Iterable[Match], judged: Judged) -> list[Refused]:
    """The refusals in the order of time; of those by `once_per` the statement that was the first."""
    placed = {match.statement: match for match in own}
    first: dict[bytes, Match] = {}
    for match in placed.values():
        if match.once is not None:
            first.setdefault(match.once, match)
    once = evaluate.ONCE.format(" and ".join(counting.rule.once_per))
    found = []
    for refusal in judged.refusals:
        match = placed[refusal.statement]
        seen = Seen(match.statement, match.happened)
        if refusal.because == once and match.once is not None:
            earlier = first[match.once]
            because = f"once per {' and '.join(counting.rule.once_per)}: already counted on {earlier.happened:%Y-%m-%d}"
            found.append(Refused(seen, because, None, earlier.statement))
        else:
            found.append(Refused(seen, refusal.because))
    return found


def _seen(connection: Driver, ids: Iterable[UUID]) -> dict[UUID, Seen]:
    return {fact.id: _look(fact) for fact in history.facts(connection, sorted(ids))}


def _look(fact: Fact) -> Seen:
    return Seen(fact.id, fact.happened, fact.statement.verb_id, fact.statement.object_id)


def _tried(version: Version, award: Award) -> int | None:
    """The version on trial that would have given this; what others give has it in the ledger, once it is booked."""
    living = (one for one in version.lives if versions.Life(one.since, one.until).holds(award.happened))
    return next((one.version for one in living if one.rule.status == "trial"), None)


def _given(award: Award, version: int | None, seen: dict[UUID, Seen]) -> Given:
    statements = tuple(seen.get(id_, Seen(id_, None)) for id_ in award.statements)
    return Given(award, version, award.reason or "every match gives", statements)


# --- near misses --------------------------------------------------------------------------------------------------


def near_misses(
    connection: Driver, learner: int, name: str, limit: int = 50, before: Moment | None = None
) -> NearMisses | None:
    """Statements with the rule's verb that would count for this learner but for one clause; None: no such rule.

    before: only those before this (event time, statement).
    """
    version = version_of(rules.in_force(connection), name)
    if version is None:
        return None
    near, found = _Near(Counting(version), learner, rules.text_of(connection, version)), list[Refused]()
    for _ in range(STRETCH // AT_ONCE):
        moments = history.of_learner(connection, learner, before, AT_ONCE)
        facts = {fact.id: fact for fact in history.facts(connection, [statement for _, statement in moments])}
        near.known = identity.known(connection, [part.key for part in parts(facts.values())])
        for before in moments:
            missed = near.miss(facts[before[1]]) if before[1] in facts else None
            if missed is not None:
                found.append(missed)
            if len(found) == limit:
                return NearMisses(found, before[0], before)
        if len(moments) < AT_ONCE:
            return NearMisses(found, before and before[0], None)
    return NearMisses(found, before and before[0], before)


class _Near:
    """A rule that looks for what nearly counted for one learner."""

    def __init__(self, counting: Counting, learner: int, text: str) -> None:
        self.matcher = counting.matcher
        self.whose = learner
        self.clauses = reasons.written(text)
        self.known: Mapping[str, int] = {}

    def learner(self, key: str) -> int:
        return self.known[key]

    def zone(self, learner: int) -> ZoneInfo:
        raise AssertionError("nothing here depends on days")

    def miss(self, fact: Fact) -> Refused | None:
        """The clause that kept this statement, of the rule's verb and for this learner, from counting."""
        cast = Roles(fact.statement, self)
        if fact.statement.voids is not None or self.whose not in cast[self.matcher.rule.to]:
            return None
        away = reasons.turned_away(self.matcher, fact, self.clauses)
        if away is not None:
            return None if away.key == "verb" else Refused(_look(fact), f"when {away.clause}", away.found)
        clause = self.matcher.refusal(fact, cast, self.whose)
        return Refused(_look(fact), clause) if clause is not None else None
