"""Short statements of tests become real statements."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from service.core.agents import identifier, members
from service.core.cases import Case
from service.core.language import load
from service.core.persons import Person
from service.core.predicates import tags, wholes
from service.core.statement import VOIDED, Fact

BEFORE = """\
vocabulary: core
verbs: {shared: [http://a.example/shared, http://b.example/shared], taught: http://a.example/taught}
types: {article: http://a.example/article}
objects: {induction: http://a.example/induction}
tags: {safety: http://a.example/safety}
---
rule: r
status: draft
when: {verb: shared}
give: {points: 10}
---
tests: r
people: {ann: {time_zone: Asia/Tokyo}, bob: , carl: {account: {home_page: https://lms.example.com, name: 007}}}
cases:
  - name: one
    expect: {}
    statements:
"""


def case(*statements: str) -> tuple[Case, dict[str, Person]]:
    documents, problems = load([("t.yaml", (BEFORE + "".join(f"      - {one}\n" for one in statements)).encode())])
    assert problems == []
    (tests,) = documents.tests
    return tests.cases[0], dict(tests.people)


def facts(*statements: str) -> tuple[Fact, ...]:
    return case(*statements)[0].facts


def test_words_stand_for_their_first_iri_and_short_names_for_addresses() -> None:
    (fact,) = facts(
        "{id: s1, at: 2026-03-01T09:00:00+01:00, ann: shared, article: a 1, tags: safety, part_of: induction}"
    )
    assert fact.happened == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert (fact.source, fact.capture) == ("default", "xapi")
    statement = fact.statement
    assert statement.verb_id == "http://a.example/shared"
    assert statement.type == "http://a.example/article"
    assert statement.object_id == "https://example.com/article/a-1"
    assert tags(statement) == ["http://a.example/safety"]
    assert wholes(statement) == ["http://a.example/induction"]


def test_results_and_context() -> None:
    (fact,) = facts(
        "{at: 2026-03-01T09:00:00Z, ann: shared, object: http://x.example/1, score: 0.5, raw_score: 40, success: false,"
        " completion: true, platform: Moodle, language: no, registration: r1, source: forum, capture: self_report}"
    )
    statement = fact.statement
    assert statement.result
    assert statement.result.score
    assert (statement.result.score.scaled, statement.result.score.raw) == (0.5, 40)
    assert (statement.result.success, statement.result.completion) == (False, True)
    assert statement.context
    assert (statement.context.platform, statement.context.language) == ("Moodle", "no")
    assert UUID(statement.context.registration or "").version == 4
    assert (statement.object_id, statement.type) == ("http://x.example/1", None)
    assert (fact.source, fact.capture) == ("forum", "self_report")


def test_people_are_agents_and_several_are_a_group() -> None:
    one, people = case(
        "{at: 2026-03-01T09:00:00Z, actor: [ann, carl], verb: taught, type: article, object: a, instructor: bob}"
    )
    statement = one.facts[0].statement
    assert [identifier(agent) for agent in members(statement.actor)] == [people["ann"].key, people["carl"].key]
    assert people["carl"].key == "account:https://lms.example.com 007"
    assert statement.context
    assert statement.context.instructor
    assert identifier(statement.context.instructor) == people["bob"].key
    assert (people["ann"].time_zone, people["bob"].time_zone) == ("Asia/Tokyo", "UTC")


def test_equal_times_go_in_the_order_written() -> None:
    found = facts(
        *(f"{{id: {name}, at: 2026-03-01T09:00:00Z, ann: shared, article: a}}" for name in ("z", "b", "a", "z"))
    )
    assert [fact.id.bytes for fact in found[:3]] == sorted(fact.id.bytes for fact in found[:3])
    assert found[0].id == found[3].id


def test_a_void_names_a_statement_also_before_it() -> None:
    void, target = facts(
        "{at: 2026-03-02T09:00:00Z, void: s1}", "{id: s1, at: 2026-03-01T09:00:00Z, ann: shared, article: a}"
    )
    assert void.statement.verb_id == VOIDED
    assert void.statement.voids == target.id


def test_repeat_puts_numbers_in() -> None:
    one, _ = case(
        '{repeat: {from: 9, to: 11}, statement: {id: "s{n}", at: "2026-03-{n:02}T09:00:00Z", ann: shared,'
        ' article: "a{n}", score: "0.{n}"}}'
    )
    assert [one.labels[fact.id] for fact in one.facts] == ["s9", "s10", "s11"]
    assert [fact.happened.day for fact in one.facts] == [9, 10, 11]
    assert [fact.statement.object_id for fact in one.facts][1] == "https://example.com/article/a10"
    scores = [fact.statement.result.score for fact in one.facts if fact.statement.result]
    assert [score.scaled for score in scores if score] == [0.9, 0.10, 0.11]


def test_a_late_statement_happened_no_later_than_it_arrived() -> None:
    (fact,) = facts("{at: 2026-03-01T09:00:00Z, received: 2026-02-01T09:00:00Z, ann: shared, article: a}")
    assert fact.happened == datetime(2026, 2, 1, 9, tzinfo=UTC)


def test_a_full_statement_is_taken_as_it_is() -> None:
    (fact,) = facts(
        "{source: lms, statement: {id: 6690e6c9-3ef0-4ed3-8b37-7f3964730bee, actor: {mbox: mailto:ann@example.com},"
        " verb: {id: http://a.example/shared}, object: {id: http://x.example/1}, timestamp: 2026-03-01T09:00:00Z,"
        " result: {success: true, score: {raw: 5, scaled: 0.25}}}}"
    )
    assert fact.id == UUID("6690e6c9-3ef0-4ed3-8b37-7f3964730bee")
    assert fact.source == "lms"
    assert fact.happened == datetime(2026, 3, 1, 9, tzinfo=UTC)
    assert fact.statement.result
    assert fact.statement.result.success is True
    assert fact.statement.result.score
    assert fact.statement.result.score.scaled == 0.25


@pytest.mark.parametrize(
    ("key", "rules"), [("tests: r", ("r",)), ("tests: r\nrules: all", None), ("tests: x\nrules: [r]", ("r",))]
)
def test_which_rules_are_evaluated(key: str, rules: tuple[str, ...] | None) -> None:
    documents, problems = load([("t.yaml", BEFORE.replace("tests: r", key).encode() + b"      []\n")])
    assert problems == []
    assert documents.tests[0].rules == rules
