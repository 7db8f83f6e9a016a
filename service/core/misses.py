"""What a case of tests expects, held against what the engine says: each expectation that is missed says so in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol
from uuid import UUID

from msgspec import Struct

from service.core.evaluate import Award, Outcome
from service.core.places import Place, listed
from service.core.rule import Levels

BADGE = "badge:"


class Result(Struct, frozen=True):
    """What came of a case, in the words of the test: people and statements by the names they have there."""

    outcome: Outcome
    learners: Mapping[str, int]
    labels: Mapping[UUID, str]

    def awards(self, person: str) -> list[Award]:
        """What this person earned, in the order of time."""
        mine = [award for award in self.outcome.awards if award.learner == self.learners[person]]
        return sorted(mine, key=lambda award: (award.happened, award.rule, award.key))

    def who(self, learner: int) -> str:
        return next((name for name, number in self.learners.items() if number == learner), f"learner {learner}")

    def key(self, award: Award) -> str:
        """The award's key, a statement's id by its label."""
        try:
            return self.labels.get(UUID(award.key), award.key)
        except ValueError:
            return award.key


class Miss(Struct, frozen=True):
    """An expectation that did not come true, in words."""

    place: Place
    person: str | None
    expected: str
    got: str
    awards: tuple[str, ...] = ()
    """The awards that make up what was got, one line each."""


class Expectation(Protocol):
    """One line of `expect`."""

    def missed(self, result: Result) -> Miss | None: ...


class Total(Struct, frozen=True):
    """So many points of one currency."""

    place: Place
    person: str
    currency: str
    amount: int

    def missed(self, result: Result) -> Miss | None:
        awards = [award for award in result.awards(self.person) if self.currency in award.amounts]
        got = sum(award.amounts[self.currency] for award in awards)
        if got == self.amount:
            return None
        lines = tuple(_line(result, award, self.currency) for award in awards)
        words = f"{self.amount} {self.currency}", f"{got} {self.currency}"
        return Miss(self.place, self.person, *words, lines)


def _line(result: Result, award: Award, unit: str) -> str:
    reason = f" ({award.reason})" if award.reason else ""
    return f"{award.amounts[unit]:+} {award.happened:%Y-%m-%d %H:%M}Z {award.rule}, {result.key(award)}{reason}"


class Badges(Struct, frozen=True):
    """Exactly these badges, in any order."""

    place: Place
    person: str
    names: tuple[str, ...]

    def missed(self, result: Result) -> Miss | None:
        awards = [
            (award, unit) for award in result.awards(self.person) for unit in award.amounts if unit.startswith(BADGE)
        ]
        got = sorted(unit.removeprefix(BADGE) for _, unit in awards)
        if got == sorted(self.names):
            return None
        lines = tuple(f"{_line(result, award, unit)}: {unit.removeprefix(BADGE)}" for award, unit in awards)
        return Miss(self.place, self.person, _badges(self.names), _badges(got), lines)


def _badges(names: Iterable[str]) -> str:
    found = sorted(names)
    return f"badges {listed(found, 'and')}" if found else "no badges"


class Level(Struct, frozen=True):
    """The level that somebody has reached."""

    place: Place
    person: str
    level: int
    levels: Levels

    def missed(self, result: Result) -> Miss | None:
        amounts = [award.amounts.get(self.levels.points, 0) for award in result.awards(self.person)]
        got = self.levels.level(sum(amounts))
        if got == self.level:
            return None
        return Miss(self.place, self.person, f"level {self.level}", f"level {got} with {sum(amounts)}")


class Refused(Struct, frozen=True):
    """A match that gave nothing, or less, because of this clause; the beginning of the clause is enough."""

    place: Place
    statement: UUID
    label: str
    because: str
    person: str | None = None

    def missed(self, result: Result) -> Miss | None:
        said = [
            (who, because)
            for who, statement, because in _refusals(result)
            if statement == self.statement and self.person in (None, who)
        ]
        if any(because.startswith(self.because) for _, because in said):
            return None
        got = listed([f'"{because}"' for _, because in said], "and") if said else "nothing refused it"
        return Miss(self.place, self.person, f'{self.label} refused because of "{self.because}"', got)


def _refusals(result: Result) -> Iterable[tuple[str, UUID, str]]:
    for refusal in result.outcome.refusals:
        yield result.who(refusal.learner), refusal.statement, refusal.because
    for award in result.outcome.awards:
        for reason in (award.reason or "").split("; "):
            if reason.startswith("limit ") and award.statements:
                yield result.who(award.learner), award.statements[-1], reason


class NothingRefused(Struct, frozen=True):
    """`refused: []`: every match gave what the rule says."""

    place: Place

    def missed(self, result: Result) -> Miss | None:
        said = [f"{result.labels.get(id_, str(id_))} ({because})" for _, id_, because in _refusals(result)]
        return Miss(self.place, None, "nothing refused", listed(said, "and")) if said else None


class Progress(Struct, frozen=True):
    """How far somebody is with a rule."""

    place: Place
    person: str
    rule: str
    done: int
    of: int

    def missed(self, result: Result) -> Miss | None:
        got = result.outcome.progress.get((result.learners[self.person], self.rule))
        if got == (self.done, self.of) or (got is None and self.done == 0):
            return None
        words = f"{self.done} of {self.of} for {self.rule}"
        return Miss(self.place, self.person, words, f"{got[0]} of {got[1]}" if got else "no progress")


class Ledger(Struct, frozen=True):
    """Everything somebody earned, line by line in the order of time: (award key, unit, amount)."""

    place: Place
    person: str
    lines: tuple[tuple[str, str, int], ...]

    def missed(self, result: Result) -> Miss | None:
        got = [
            (result.key(award), unit, amount)
            for award in result.awards(self.person)
            for unit, amount in sorted(award.amounts.items(), key=lambda pair: pair[0].startswith(BADGE))
        ]
        if got == list(self.lines):
            return None
        return Miss(self.place, self.person, _ledger(self.lines), _ledger(got))


def _ledger(lines: Iterable[tuple[str, str, int]]) -> str:
    words = [
        f"{key}: {amount} {unit}" if not unit.startswith(BADGE) else f"{key}: {unit}" for key, unit, amount in lines
    ]
    return "; ".join(words) or "an empty ledger"
