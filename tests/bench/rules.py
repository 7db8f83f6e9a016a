"""What deciding costs: matching many rules, folding long histories, and general rule engines on the same rules."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import cel
import rule_engine  # type: ignore[import-untyped]

from service.core import evaluate
from service.core.evaluate import State
from service.core.index import Index
from service.core.kinds import Setting
from service.core.language import load
from service.core.matching import Match, Matcher
from service.core.rule import Rule
from service.core.statement import Fact, read
from tests.bench import workload

STATEMENTS = 5000
OTHERS_STATEMENTS = 20
"""Statements that the other engines are asked about; they look at every rule for each."""
KINDS = {
    "each, with a limit": "limit: [{points: 50, per: day}]\ngive: {points: 10}",
    "count, different": "count: {reach: 5, different: object, within: 90 days, repeat: true}\ngive: {points: 10}",
    "streak": "streak: {every: week, forgive: {missed: 1, per: quarter}}\ngive: [{at: 4, points: 20}]",
}
ZONE = ZoneInfo("Europe/Berlin")


class Matching(NamedTuple):
    """Microseconds a statement, with so many rules. hits: matches a statement."""

    rules: int
    ours: float
    hits: float
    cel: float
    rule_engine: float


class Folding(NamedTuple):
    """Advancing one match in microseconds, early and late; folding 10,000 matches again in milliseconds."""

    kind: str
    early: float
    late: float
    refold: float


def matching(number: int) -> Matching:
    """The same rules and statements through our index, and through engines that look at one rule after another."""
    rules = _rules(*(_rule(place) for place in range(number)))
    facts = [read(raw, datetime.now(UTC)) for raw in workload.statements(STATEMENTS, number)]
    index = Index(map(Matcher, rules))
    hits = [index.fulfilled(fact) for fact in facts]
    ours = _fastest(lambda: [index.fulfilled(fact) for fact in facts]) / STATEMENTS
    expressions = [_conditions(place) for place in range(number)]
    some = facts[:OTHERS_STATEMENTS]
    programs = [cel.compile(f'verb == "{verb}" && {key} == "{iri}"') for verb, key, iri in expressions]
    engine = [rule_engine.Rule(f'verb == "{verb}" and {key} == "{iri}"') for verb, key, iri in expressions]

    def by_cel() -> list[int]:
        contexts = [cel.Context(_flat(fact)) for fact in some]
        return [sum(bool(program.execute(context)) for program in programs) for context in contexts]

    def by_rule_engine() -> list[int]:
        return [sum(rule.matches(flat) for rule in engine) for flat in map(_flat, some)]

    expected = [len(found) for found in hits[:OTHERS_STATEMENTS]]
    assert by_cel() == by_rule_engine() == expected, "the engines do not agree"
    return Matching(
        number,
        ours,
        sum(map(len, hits)) / STATEMENTS,
        _fastest(by_cel) / OTHERS_STATEMENTS,
        _fastest(by_rule_engine) / OTHERS_STATEMENTS,
    )


def folding() -> Iterator[Folding]:
    """Each kind of fold over a long history of one learner."""
    history = [_match(place) for place in range(100_000)]
    for name, kind in KINDS.items():
        (rule,) = _rules(f"rule: r\ntitle: R\nhow_to_earn: R.\nstatus: live\nwhen: {{verb: completed}}\n{kind}\n")
        yield _folded(name, evaluate.setting(rule, ZONE), history)


def _folded(name: str, setting: Setting, history: Sequence[Match]) -> Folding:
    def again(state: State, match: Match) -> None:
        for _ in range(1000):
            evaluate.advance(setting, state, match)

    early = evaluate.fold(setting, history[:100]).state
    late = evaluate.fold(setting, history[:-1]).state
    return Folding(
        name,
        _fastest(lambda: again(early, history[100])) / 1000,
        _fastest(lambda: again(late, history[-1])) / 1000,
        _fastest(lambda: evaluate.fold(setting, history[:10_000])) / 1000,
    )


def _rules(*texts: str) -> Sequence[Rule]:
    files = [
        (f"{first:05}.yaml", "---\n".join(texts[first : first + workload.IN_A_FILE]).encode())
        for first in range(0, len(texts), workload.IN_A_FILE)
    ]
    documents, problems = load([("vocabulary.yaml", workload.VOCABULARY.encode()), *files])
    assert not [problem for problem in problems if problem.severity == "error"], problems[:3]
    return documents.rules


def _conditions(number: int) -> tuple[str, str, str]:
    """What rule `number` asks for: three of five name a course, the others a tag, which one in a hundred carries."""
    if number % 5 < 3:
        return workload.VERB, "object", workload.COURSE.format(number)
    return workload.VERB, "tag", f"https://bench.example.org/tags/{number}"


def _rule(number: int) -> str:
    verb, key, iri = _conditions(number)
    return (
        f"rule: rule-{number}\ntitle: Rule {number}\nhow_to_earn: Do it.\nstatus: live\n"
        f"when: {{verb: {verb}, {'object' if key == 'object' else 'tagged'}: {iri}}}\ngive: {{points: 10}}\n"
    )


def _flat(fact: Fact) -> dict[str, str]:
    """What the other engines are given: decoding is not what is measured."""
    context = fact.statement.context
    tags = context.activities.category if context and context.activities else ()
    first = tags[0] if isinstance(tags, tuple) and tags else None
    return {
        "verb": fact.statement.verb_id,
        "object": fact.statement.object_id or "",
        "tag": (first.id if first else "") or "",
    }


def _match(place: int) -> Match:
    happened = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(minutes=25 * place)
    return Match(1, happened, UUID(int=place), different=f"https://bench.example.org/{place % 7}")


def _fastest(work: Callable[[], object]) -> float:
    """Microseconds of CPU, the least of three times."""

    def once() -> float:
        before = time.process_time()
        work()
        return (time.process_time() - before) * 1e6

    return min(once() for _ in range(3))
