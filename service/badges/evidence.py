"""What the statements behind an award say that a credential tells: scores, and whether anything was assessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from service.core.achievement import Source
from service.core.statement import Fact


def latest(facts: Sequence[Fact], of: Source) -> float | None:
    """The score that the latest statement with such a score has."""
    for fact in sorted(facts, key=lambda fact: (fact.happened, fact.id), reverse=True):
        score = fact.statement.result.score if fact.statement.result else None
        found = None if score is None else score.scaled if of == "score" else score.raw
        if found is not None:
            return found
    return None


def assessed(facts: Iterable[Fact]) -> bool:
    """Whether somebody observed any of it, or it has a score, or says that it was a success or was none."""
    return any(fact.capture == "observed" or _judged(fact) for fact in facts)


def _judged(fact: Fact) -> bool:
    result = fact.statement.result
    return result is not None and (result.score is not None or result.success is not None)
