"""Versions of a rule: how long each lives, and what a later one takes over from those before it.

A version is to the next what `from` and `until` are to a rule: it reads all of history by its own words, and gives for
what happens in its life. What earlier versions have given counts as given: no award comes twice, what a repeated award
has used is used, a tier that the running streak has earned is not earned by it again, and what was paid has drawn on
the limits. So whoever was on the way stays on the way, and nobody is paid twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec.structs import replace

from service.core import attempts, evaluate, kinds, limits, windows
from service.core.evaluate import DAWN, FOREVER, Award, Refusal, State, Step
from service.core.kinds import RenewedState, Setting, StreakState
from service.core.matching import Match
from service.core.rule import Best, Renewed, Rule, Streak


class Life(NamedTuple):
    """From which moment on a version gives, and from which no longer; None: from the first, to the last."""

    since: datetime | None
    until: datetime | None

    @property
    def empty(self) -> bool:
        return (self.since or DAWN) >= (self.until or FOREVER)

    def holds(self, moment: datetime) -> bool:
        return (self.since or DAWN) <= moment < (self.until or FOREVER)


def lives(begins: Sequence[datetime | None]) -> list[Life]:
    """The lives of versions by the moments from which they are in force, in the order of their numbers.

    A version ends where a later one begins; where that is before its own beginning nothing is left of it.
    """
    found: list[Life] = []
    until: datetime | None = None
    for since in reversed(begins):
        found.append(Life(since, until))
        until = min(since or DAWN, until or FOREVER)
    return found[::-1]


class Judged(NamedTuple):
    """What all versions of a rule make of one learner's matches.

    state: that of the last version. tried: what versions on trial would have given.
    """

    state: State
    awards: tuple[Award, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    tried: tuple[Award, ...] = ()


def outrun(rule: Rule, judged: Judged) -> Judged:
    """What is left to a learner whom others were ahead of by a rule with `first`."""
    given = (*judged.awards, *judged.tried)
    refusals = evaluate.outrun(rule, Step(judged.state, given, judged.refusals)).refusals
    return Judged(judged.state, (), refusals)


def judged(lived: Iterable[tuple[Setting, Sequence[Match]]]) -> Judged:
    """Awards and refusals by the versions of a rule: (version, the matches that it makes of all history), in order."""
    state = State()
    awards: list[Award] = []
    refusals: list[Refusal] = []
    tried: list[Award] = []
    for setting, matches in lived:
        step = fold(setting, matches, awards)
        state = step.state
        (tried if setting.rule.status == "trial" else awards).extend(step.awards)
        if step.refusals:
            own = {match.statement for match in matches if Life(setting.since, setting.until).holds(match.happened)}
            refusals += [refusal for refusal in step.refusals if refusal.statement in own]
    return Judged(state, tuple(awards), tuple(refusals), tuple(tried))


def fold(setting: Setting, matches: Sequence[Match], earlier: Sequence[Award] = ()) -> Step:
    """All matches of one learner by one version. earlier: what versions before it gave, all before its life."""
    if not earlier:
        return evaluate.fold(setting, matches)
    given: dict[UUID, list[Award]] = {}
    for award in earlier:
        given.setdefault(award.statements[-1], []).append(award)
    used = _used(setting, earlier)
    state, taken_over = State(), False
    seen: set[bytes | None] = set()
    awards: list[Award] = []
    refusals: list[Refusal] = []
    periods = deque(sorted(earlier, key=_place)) if isinstance(setting.rule.kind, Renewed) else deque()
    for match in sorted(matches, key=lambda match: (match.happened, match.statement.bytes)):
        while periods and _place(periods[0]) < (match.happened, match.statement.bytes):
            state = _begun(setting, state, periods.popleft())
        if not taken_over and match.happened >= (setting.since or DAWN):
            state, taken_over = _taken_over(setting, state, earlier), True
        if used is None or (match.happened, match.statement.bytes) > used:
            step = evaluate.advance(setting, state, match, match.once is not None and match.once in seen)
            state = step.state
            awards += step.awards
            refusals += step.refusals
        seen.add(match.once)
        for award in given.get(match.statement, ()):
            state = _noted(setting, state, match, award)
    for award in periods:
        state = _begun(setting, state, award)
    return Step(state if taken_over else _taken_over(setting, state, earlier), tuple(awards), tuple(refusals))


def _place(award: Award) -> tuple[datetime, bytes]:
    return award.happened, award.statements[-1].bytes


def _begun(setting: Setting, state: State, award: Award) -> State:
    """The state when an earlier version gave an award that this one can renew."""
    before: RenewedState = state.kind or RenewedState()
    given = int(award.key) if award.key.isdecimal() else 0
    return replace(state, kind=kinds.begun(setting, before.counted, award.happened, given))


def _noted(setting: Setting, state: State, match: Match, award: Award) -> State:
    """The state when an earlier version gave an award at this match."""
    kind = attempts.noted(state.kind, match) if isinstance(setting.rule.kind, Best) else state.kind
    return replace(state, kind=kind, used=limits.noted(setting, state.used, match, award.amounts))


def _used(setting: Setting, earlier: Sequence[Award]) -> tuple[datetime, bytes] | None:
    """The last match that earlier versions have used, where a version uses a match once."""
    if not getattr(setting.rule.kind, "repeat", False):
        return None
    return max(map(_place, earlier))


def _taken_over(setting: Setting, state: State, earlier: Sequence[Award]) -> State:
    """The state at the beginning of a version's life: what was given before counts as given."""
    keys = dict.fromkeys(award.key for award in earlier if award.key != str(award.statements[-1]))
    if getattr(setting.rule.kind, "repeat", False):
        return replace(state, before=(str(max((int(key) for key in keys if key.isdecimal()), default=0)),))
    if isinstance(setting.rule.kind, Best):
        return state
    if isinstance(setting.rule.kind, Streak):
        return replace(state, kind=_run_taken_over(setting, setting.rule.kind, state.kind, earlier))
    return replace(state, before=tuple(keys))


def _run_taken_over(setting: Setting, kind: Streak, state: StreakState | None, earlier: Sequence[Award]) -> StreakState:
    """The run as it stands, with the tiers that earlier versions gave in all, and in this run."""
    tiers = [str(grant.at or 1) for grant in setting.rule.give]
    of_tier = [[award for award in earlier if award.key.partition("#")[0] == tier] for tier in tiers]
    earned = tuple(map(len, of_tier))
    if state is None:
        long_ago = windows.index(kind.every, DAWN, setting.zone)
        return StreakState(long_ago, 0, long_ago, (), earned)
    in_run = [
        place
        for place, awards in enumerate(of_tier, 1)
        if any(windows.index(kind.every, award.happened, setting.zone) >= state.began for award in awards)
    ]
    return replace(state, earned=earned, in_run=max(in_run, default=0))
