"""Everything from nothing: rules and facts in, awards, refusals and progress out.

`advance` is the one step that the service takes for each match, whether it comes as news or is counted again;
`evaluate` takes it for all of history in memory, and is the reference for tests of rules and for whoever wants to know
what a rule would do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from service.core import derived, kinds, limits, needs, swaps, windows
from service.core.attempts import race, told
from service.core.derived import Line
from service.core.index import Index
from service.core.kinds import KINDS, REFUSALS, Setting
from service.core.limits import Used
from service.core.matching import Match, Matcher, People, Roles, in_words, matcher
from service.core.rule import Each, First, Rule, Swapped
from service.core.setting import OUTSIDE
from service.core.statement import Fact
from service.core.strata import Strata, reads_awards

ONCE = "once per {}: already counted for an earlier statement"
GIVEN = "given by an earlier version of the rule"


class State(Struct, frozen=True, array_like=True):
    """Where one (rule, learner) stands after a match: the kind's state and what the limits have let through.

    before: the keys of awards that earlier versions of the rule gave; of repeated ones only the highest number.
    """

    kind: Any = None
    used: tuple[Used, ...] = ()
    before: tuple[str, ...] = ()


class Award(Struct, frozen=True):
    """What a version of a rule says somebody earned. amounts: by unit, a currency or `badge:<achievement>`."""

    learner: int
    rule: str
    key: str
    happened: datetime
    amounts: Mapping[str, int]
    statements: tuple[UUID, ...]
    reason: str | None = None
    version: int = 1


class Refusal(Struct, frozen=True):
    """A match that gave nothing, and the first clause that refused it, in words."""

    learner: int
    rule: str
    statement: UUID
    because: str


class Step(NamedTuple):
    """What one match leads to."""

    state: State
    awards: tuple[Award, ...] = ()
    refusals: tuple[Refusal, ...] = ()


class Outcome(Struct, frozen=True):
    """What all of history comes to. progress: (learner, rule) -> (done, of)."""

    awards: list[Award]
    refusals: list[Refusal]
    progress: dict[tuple[int, str], tuple[int, int]]


FOREVER = datetime.max.replace(tzinfo=UTC)
DAWN = datetime.min.replace(tzinfo=UTC)


def setting(
    rule: Rule, zone: ZoneInfo, since: datetime | None = None, until: datetime | None = None, version: int = 1
) -> Setting:
    """The rule as it applies to a learner whose days are those of `zone`; since and until: the life of the version."""
    start = windows.start_of_day(rule.first_day, zone) if rule.first_day else DAWN
    end = windows.end_of_day(rule.last_day, zone) if rule.last_day else FOREVER
    if rule.status == "retired" and until is None:
        end = start
    return Setting(rule, zone, max(start, since or DAWN), min(end, until or FOREVER), version, since, until)


def remembers(rule: Rule) -> bool:
    """Whether what a match gives depends on other matches; if not, no state is kept and order is free."""
    return not reads_awards(rule) and not (isinstance(rule.kind, Each) and not rule.once_per and not rule.limits)


def advance(setting: Setting, state: State, match: Match, repeated: bool = False) -> Step:
    """One match further. repeated: an earlier match of this learner has the same `once_per` values."""
    rule = setting.rule
    if repeated:
        because = ONCE.format(" and ".join(rule.once_per))
        return Step(state, (), (Refusal(match.learner, rule.name, match.statement, because),))
    kind_state, earned = KINDS[type(rule.kind)][0](setting, state.kind, match)
    used, awards, refusals = state.used, [], []
    for one in earned:
        numbered = _after(rule, state.before, one)
        if numbered is None:
            refusals.append(Refusal(match.learner, rule.name, match.statement, GIVEN))
            continue
        used, paid, clause = limits.paid(setting, used, match, numbered)
        if paid is None:
            refusals.append(Refusal(match.learner, rule.name, match.statement, clause))
        else:
            awards.append(_award(setting, match, numbered, paid))
    refused = None if earned else _refused_by_kind(setting, state.kind, match)
    if refused:
        refusals.append(Refusal(match.learner, rule.name, match.statement, refused))
    return Step(State(kind_state, used, state.before), tuple(awards), tuple(refusals))


def _after(rule: Rule, before: tuple[str, ...], earned: kinds.Earned) -> kinds.Earned | None:
    """What comes after the awards of earlier versions: None if one of them gave it; repeated awards count on."""
    if not before:
        return earned
    if getattr(rule.kind, "repeat", False):
        return replace(earned, key=str(int(before[0]) + int(earned.key)))
    return None if earned.key in before else earned


def _refused_by_kind(setting: Setting, before: Any, match: Match) -> str | None:
    """Why a match earned nothing, where there is more to say than that it counts."""
    if not setting.alive(match.happened):
        return OUTSIDE
    refusal = REFUSALS.get(type(setting.rule.kind))
    return refusal(setting, before, match) if refusal else None


def _award(setting: Setting, match: Match, earned: kinds.Earned, paid: limits.Paid) -> Award:
    amounts = dict(paid.points)
    if achievement := earned.grant.badge or earned.grant.micro_credential:
        amounts[f"badge:{achievement}"] = 1
    reason = f"{earned.reason}; {paid.because}" if earned.reason and paid.because else earned.reason or paid.because
    rule, version = setting.rule.name, setting.version
    return Award(match.learner, rule, earned.key, match.happened, amounts, earned.statements, reason, version)


def fold(setting: Setting, matches: Sequence[Match]) -> Step:
    """All matches of one learner from the beginning, in any order; the last state, and all awards and refusals."""
    if len(matches) == 1:  # as of most rules and learners
        return advance(setting, State(), matches[0])
    state = State()
    seen: set[bytes | None] = set()
    awards: list[Award] = []
    refusals: list[Refusal] = []
    for match in sorted(matches, key=lambda match: (match.happened, match.statement.bytes)):
        step = advance(setting, state, match, match.once is not None and match.once in seen)
        seen.add(match.once)
        state = step.state
        awards += step.awards
        refusals += step.refusals
    return Step(state, tuple(awards), tuple(refusals))


def evaluate(rules: Sequence[Rule], facts: Iterable[Fact], people: People, now: datetime = FOREVER) -> Outcome:
    """Awards, refusals and progress of all rules over all facts.

    Of statements with one id the first counts, voided ones not at all.
    now: the moment for which progress is told; without it windows are not looked at from beyond the last match.
    """
    at_work = [rule for rule in rules if rule.status in ("live", "trial", "retired")]
    matchers = [matcher(rule) for rule in at_work]
    groups: dict[tuple[int, int], list[Match]] = {}
    outcome = Outcome([], [], {})
    index, places = Index(matchers), {id(matcher): place for place, matcher in enumerate(matchers)}
    for fact in standing(facts):
        cast = Roles(fact.statement, people)
        for matcher_ in index.fulfilled(fact):
            outcome.refusals.extend(_refused(matcher_, fact, cast))
            for match in matcher_.matches(fact, cast, people):
                groups.setdefault((places[id(matcher_)], match.learner), []).append(match)
    _take_out_swapped(outcome, matchers, groups, people)
    needing = {group: matches for group, matches in groups.items() if reads_awards(matchers[group[0]].rule)}
    steps = {
        (place, learner): fold(setting(matchers[place].rule, matchers[place].zone(people, learner)), matches)
        for (place, learner), matches in sorted(groups.items())
        if (place, learner) not in needing
    }
    for (place, learner), step in raced(steps, {place: one.rule for place, one in enumerate(matchers)}).items():
        _tell(outcome, matchers[place], learner, step, groups[place, learner], people, now)
    by_learner: dict[int, dict[str, list[Match]]] = {}
    for (place, learner), matches in needing.items():
        by_learner.setdefault(learner, {})[matchers[place].rule.name] = matches
    _derive_into(outcome, at_work, by_learner, people, now)
    return outcome


def _take_out_swapped(
    outcome: Outcome, matchers: Sequence[Matcher], groups: dict[tuple[int, int], list[Match]], people: People
) -> None:
    """Refuses the matches whose learners did it the other way round before."""
    for place, one in enumerate(matchers):
        if one.swapped is None:
            continue
        own = {learner: matches for (number, learner), matches in groups.items() if number == place}
        zones = {learner: one.zone(people, learner) for learner in own}
        for match in swaps.taken_out(one.swapped, own, zones):
            groups[place, match.learner].remove(match)
            outcome.refusals.append(Refusal(match.learner, one.rule.name, match.statement, swapped(one.rule)))
    for group in [group for group, matches in groups.items() if not matches]:
        del groups[group]


def swapped(rule: Rule) -> str:
    """The clause that refuses a match because of `swapped`."""
    conditions = next(some for some in rule.unless if any(isinstance(one, Swapped) for one in some))
    return "unless " + " and ".join(map(in_words, conditions))


def raced(steps: Mapping[tuple[int, int], Step], rules: Mapping[int, Rule]) -> dict[tuple[int, int], Step]:
    """What the steps of (rule, learner) come to where `first` lets only some of the learners receive."""
    among = {
        number: among_first(rule, ((group[1], step) for group, step in steps.items() if group[0] == number))
        for number, rule in rules.items()
        if isinstance(rule.kind, First)
    }
    return {
        group: step if group[0] not in among or group[1] in among[group[0]] else outrun(rules[group[0]], step)
        for group, step in steps.items()
    }


def among_first(rule: Rule, steps: Iterable[tuple[int, Step]]) -> set[int]:
    """Who is among the first by a rule with `first`, of (learner, the step that their own matches come to)."""
    assert isinstance(rule.kind, First)
    return race(rule.kind, ((learner, step.state.kind) for learner, step in steps if step.state.kind is not None))


def outrun(rule: Rule, step: Step) -> Step:
    """The step of a learner whom others were ahead of."""
    assert isinstance(rule.kind, First)
    because = f"not {told(rule.kind)}"
    lost = (Refusal(award.learner, rule.name, award.statements[-1], because) for award in step.awards)
    return Step(step.state, (), (*step.refusals, *lost))


def _tell(
    outcome: Outcome, matcher: Matcher, learner: int, step: Step, matches: list[Match], people: People, now: datetime
) -> None:
    group = setting(matcher.rule, matcher.zone(people, learner))
    outcome.awards.extend(step.awards if matcher.rule.status != "trial" else ())
    outcome.refusals.extend(step.refusals)
    latest = max(match.happened for match in matches)
    done = kinds.progress(group, step.state.kind, latest if now == FOREVER else now)
    if done is not None:
        outcome.progress[learner, matcher.rule.name] = done


def _derive_into(
    outcome: Outcome, rules: Sequence[Rule], needing: Mapping[int, Mapping[str, list[Match]]], people: People,
    now: datetime,
) -> None:  # fmt: skip
    """Adds what rules give that read awards, learner by learner."""
    strata = Strata(rules)
    earned: dict[int, list[Award]] = {learner: [] for learner in needing}
    for award in outcome.awards if strata.steps else ():
        earned.setdefault(award.learner, []).append(award)
    for learner, awards in sorted(earned.items()):
        settings = {rule.name: setting(rule, _zone(rule, people, learner)) for rule in rules if reads_awards(rule)}
        lines = [line for award in awards for line in lines_of(award)]
        found = derived.awards(strata, lambda rule: settings[rule.name], lines, needing.get(learner, {}))  # noqa: B023
        outcome.awards.extend(awards_of(learner, found.lines))
        for name, refused in found.refused.items():
            outcome.refusals.extend(Refusal(learner, name, one.statement, one.because) for one in refused)
        moments = [line.happened for line in (*lines, *found.lines)]
        moments += [match.happened for matches in needing.get(learner, {}).values() for match in matches]
        latest = max(moments, default=DAWN) if now == FOREVER else now
        for name, having in found.having.items():
            outcome.progress[learner, name] = needs.progress(settings[name], having, latest)[:2]


def _zone(rule: Rule, people: People, learner: int) -> ZoneInfo:
    return windows.zone(rule.time_zone) if rule.time_zone else people.zone(learner)


def lines_of(award: Award) -> Iterator[Line]:
    """An award, unit by unit."""
    for unit, amount in award.amounts.items():
        yield Line(award.rule, award.key, award.happened, unit, amount, award.statements, award.reason)


def awards_of(learner: int, lines: Iterable[Line]) -> list[Award]:
    """Lines as awards: those of one rule, key and moment together."""
    found: dict[tuple[str, str, datetime], Award] = {}
    for rule, key, happened, unit, amount, statements, reason in lines:
        before = found.get((rule, key, happened))
        amounts = {**(before.amounts if before else {}), unit: amount}
        found[rule, key, happened] = Award(learner, rule, key, happened, amounts, statements, reason)
    return list(found.values())


def standing(facts: Iterable[Fact]) -> list[Fact]:
    """The facts that count: of equal ids the first, without the voided. A voider cannot be voided (Data 2.3.2).

    Only a statement from the same source voids another. (A store knows of sources that may void for others, too.)
    """
    known: dict[UUID, Fact] = {}
    for fact in facts:
        known.setdefault(fact.id, fact)
    voided = {(target, fact.source) for fact in known.values() if (target := fact.statement.voids) is not None}
    return [fact for fact in known.values() if (fact.id, fact.source) not in voided or fact.statement.voids is not None]


def _refused(matcher: Matcher, fact: Fact, cast: Roles) -> Iterable[Refusal]:
    if matcher.unless:
        for learner in cast[matcher.rule.to]:
            clause = matcher.refusal(fact, cast, learner)
            if clause is not None:
                yield Refusal(learner, matcher.rule.name, fact.id, clause)
