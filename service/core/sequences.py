"""The fold of `sequence`: the last of several steps gives, when the others came before it in their order.

For each step the state keeps the chain of matches that leads to it and began latest: if that one no longer lies in the
window, none does. So a state is never longer than the steps are many, squared.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from service.core import windows
from service.core.matching import Match
from service.core.rule import Steps
from service.core.setting import Earned, Setting


class Chain(Struct, frozen=True, array_like=True):
    """Matches that fulfil the first steps in their order, and when the first of them happened."""

    began: datetime
    statements: tuple[UUID, ...]


class SequenceState(Struct, frozen=True, array_like=True):
    """For the steps in order the chain that leads to each, None where there is none. given: how many awards."""

    chains: tuple[Chain | None, ...]
    given: int = 0


def sequence(setting: Setting, state: SequenceState | None, match: Match) -> tuple[SequenceState, tuple[Earned, ...]]:
    """A match inside the life that is the last step gives; what completes before the life gives nothing."""
    kind = setting.rule.kind
    assert isinstance(kind, Steps)
    state = state or SequenceState((None,) * len(kind.steps))
    if state.given and not kind.repeat:
        return state, ()
    chains, began = list(state.chains), match.happened
    for step in sorted(match.steps, reverse=True):
        before = chains[step - 1] if step else Chain(began, ())
        if before is not None:
            chains[step] = Chain(before.began, (*before.statements, match.statement))
    last = chains[-1]
    chains[-1] = None  # what has come to its end leads nowhere
    if last is None or not _inside(setting, kind, last, match.happened) or not setting.alive(match.happened):
        return SequenceState(tuple(chains), state.given), ()
    within = f" within {kind.within}" if kind.within else ""
    reason = f"{len(kind.steps)} steps in order{within}"
    earned = Earned(str(state.given + 1), setting.rule.give[0], last.statements, reason)
    return SequenceState((None,) * len(kind.steps), state.given + 1), (earned,)


def progress(setting: Setting, state: SequenceState | None, now: datetime) -> tuple[int, int]:
    """How many of the steps have been done."""
    kind = setting.rule.kind
    assert isinstance(kind, Steps)
    steps = len(kind.steps)
    if state is None:
        return 0, steps
    if state.given and not kind.repeat:
        return steps, steps
    done = (place for place, chain in enumerate(state.chains, 1) if chain and _inside(setting, kind, chain, now))
    return max(done, default=0), steps


def _inside(setting: Setting, kind: Steps, chain: Chain, now: datetime) -> bool:
    return kind.within is None or chain.began >= windows.before(now, kind.within, setting.zone)
