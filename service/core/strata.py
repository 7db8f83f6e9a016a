"""The order in which rules that read awards are evaluated: each after everything that it reads.

A rule with `needs` reads the rules that give its badges, and what learners have of the currencies it needs points of; a
currency with `caps:` documents reads all rules that give it. Where such a chain comes back to where it began there is
no order, and `circles` names the rules in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from service.core.rule import Cap, NeedBadge, NeedPoints, Needs, Rule, leaves

PERIODS = ("day", "week", "month", "quarter", "year", "ever")
BADGE = "badge:"


class Currency(NamedTuple):
    """A currency as a step of its own: its caps and marks are evaluated there."""

    name: str


Step = Currency | str
"""A rule with `needs`, by its name, or a currency."""


def reads_awards(rule: Rule) -> bool:
    """Whether what a rule gives is evaluated from the awards of others."""
    return isinstance(rule.kind, Needs | Cap)


def gives(rule: Rule) -> set[str]:
    """The units that awards of a rule may have: currencies, and `badge:<achievement>`."""
    if isinstance(rule.kind, Cap):
        return {rule.kind.currency}
    achievements = {grant.badge or grant.micro_credential for grant in rule.give} - {None}
    return {currency for grant in rule.give for currency, _ in grant.points} | {f"{BADGE}{one}" for one in achievements}


def needed(rule: Rule) -> set[str]:
    """The units that a rule with `needs` reads."""
    return {
        need.currency if isinstance(need, NeedPoints) else f"{BADGE}{need.badge}"
        for need in leaves(rule)
        if isinstance(need, NeedPoints | NeedBadge)
    }


def badges_of(rule: Rule) -> list[str]:
    """The achievements that a rule with `needs` names."""
    return [need.badge for need in leaves(rule) if isinstance(need, NeedBadge)]


class Strata:
    """The rules of one set that read awards, in order.

    caps: of each currency, those of shorter periods first. readers: for each unit, the rules with needs that read it.
    needing: the names of the rules with needs.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules: Mapping[str, Rule] = {rule.name: rule for rule in rules}
        self.caps: dict[str, list[Rule]] = {}
        self.readers: dict[str, list[Rule]] = {}
        for rule in rules:
            if isinstance(rule.kind, Cap):
                self.caps.setdefault(rule.kind.currency, []).append(rule)
            for unit in needed(rule):
                self.readers.setdefault(unit, []).append(rule)
        self.needing = {rule.name for rule in rules if isinstance(rule.kind, Needs)}
        for caps in self.caps.values():
            caps.sort(key=_shorter_first)

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """Everything that is evaluated from awards, each after what it reads; CycleError where there is a circle."""
        return tuple(step for step in TopologicalSorter(self.graph()).static_order() if self._is_step(step))

    def _is_step(self, step: Step) -> bool:
        return isinstance(step, Currency) or reads_awards(self.rules[step])

    @property
    def watched(self) -> set[str]:
        """The currencies with caps or marks."""
        return {*self.caps, *(unit for unit in self.readers if not unit.startswith(BADGE))}

    def graph(self) -> dict[Step, list[Step]]:
        """What each step reads."""
        givers: dict[str, list[Step]] = {}
        for rule in self.rules.values():
            for unit in gives(rule) if not isinstance(rule.kind, Cap) else ():
                givers.setdefault(unit, []).append(rule.name)
        graph: dict[Step, list[Step]] = {Currency(unit): givers.get(unit, []) for unit in sorted(self.watched)}
        for rule in self.rules.values():
            if isinstance(rule.kind, Needs):
                units = sorted(needed(rule))
                graph[rule.name] = [step for unit in units for step in _read(unit, givers)]
        return graph

    def covered(self, cap: Rule) -> frozenset[str] | None:
        """The names of the rules that a cap covers; None for all."""
        assert isinstance(cap.kind, Cap)
        if cap.kind.tagged is not None:
            return frozenset(rule.name for rule in self.rules.values() if cap.kind.tagged in rule.tags)
        return None if cap.kind.over is None else frozenset(cap.kind.over)

    def reading(self, changed: Iterable[str]) -> set[str]:
        """The names of the rules that read, directly or through others, what these rules give."""
        found: set[str] = set()
        waiting = [self.rules[name] for name in changed if name in self.rules]
        while waiting:
            for unit in gives(waiting.pop()):
                new = [one for one in (*self.readers.get(unit, ()), *self.caps.get(unit, ())) if one.name not in found]
                found |= {one.name for one in new}
                waiting += new
        return found


def _read(unit: str, givers: Mapping[str, list[Step]]) -> list[Step]:
    return givers.get(unit, []) if unit.startswith(BADGE) else [Currency(unit)]


def _shorter_first(rule: Rule) -> tuple[int, str]:
    assert isinstance(rule.kind, Cap)
    return PERIODS.index(rule.kind.per), rule.name


def circles(rules: Sequence[Rule]) -> list[list[str]]:
    """The circles among these rules: the names in each, beginning with the first; no rule is in two of them."""
    left, found = list(rules), list[list[str]]()
    order = [rule.name for rule in rules]
    while True:
        try:
            Strata(left).steps  # noqa: B018 - it is asked for the circle that it raises
        except CycleError as error:
            circle = [step for step in error.args[1][1:] if not isinstance(step, Currency)]
            first = min(range(len(circle)), key=lambda place: order.index(circle[place]))
            found.append(circle[first:] + circle[:first])
            left = [rule for rule in left if rule.name not in circle]
        else:
            return found
