"""The clause that turned a statement away, as the author of the rule wrote it."""

import pytest

from service.core import reasons
from service.core.matching import Matcher
from tests.written import SHARED, Json, fact, rule, said

RULE = """\
when:
  verb: completed
  type: course
  score: {at_least: 0.8}
  tagged: {any_of: [safety, onboarding]}
  instructor: present
"""
FINE: Json = {
    "result": {"score": {"scaled": 0.9}},
    "context": {
        "instructor": {"mbox": "mailto:ann@example.com"},
        "contextActivities": {"category": [{"id": "https://example.com/tags/safety"}]},
    },
}


@pytest.mark.parametrize(
    ("statement", "clause", "found"),
    [
        (said(1, verb="http://a.example/launched", **FINE), "verb completed", "http://a.example/launched"),
        (said(1, type="http://a.example/book", **FINE), "type course", "http://a.example/book"),
        (said(1, **FINE | {"result": {"score": {"scaled": 0.65}}}), "score at least 0.8", "0.65"),
        (said(1, **FINE | {"result": None}), "score at least 0.8", "none"),
        (said(1, **FINE | {"context": None}), "tagged any of safety or onboarding", "none"),
        (said(1, **FINE | {"context": {**FINE["context"], "instructor": None}}), "instructor present", "nobody"),
    ],
)
def test_the_first_clause_that_fails_is_named_with_what_there_is_instead(
    statement: Json, clause: str, found: str
) -> None:
    away = reasons.turned_away(Matcher(rule(RULE)), fact(statement), reasons.written(RULE))
    assert away is not None
    assert (away.clause, away.found) == (clause, found)


def test_nothing_turns_away_what_fulfils_all() -> None:
    assert reasons.turned_away(Matcher(rule(RULE)), fact(said(1, **FINE)), reasons.Written()) is None


def test_without_the_text_a_clause_is_named_by_its_key() -> None:
    away = reasons.turned_away(Matcher(rule(RULE)), fact(said(1)), reasons.written(""))
    assert away is not None
    assert away.clause == "score"


STEPS = """\
when: null
sequence:
  steps:
    - {verb: completed, type: course}
    - {verb: shared, score: {at_least: 0.5}}
"""


@pytest.mark.parametrize(
    ("statement", "key", "clause"),
    [
        (said(1, type="http://a.example/book"), "type", "step 1: type course"),
        (said(1, verb=SHARED), "score", "step 2: score at least 0.5"),
        (said(1, verb="http://a.example/launched"), "verb", "step 1: verb completed"),
    ],
)
def test_of_a_sequence_the_step_with_the_statements_verb_is_named(statement: Json, key: str, clause: str) -> None:
    away = reasons.turned_away(Matcher(rule(STEPS)), fact(statement), reasons.written(STEPS))
    assert away is not None
    assert (away.key, away.clause) == (key, clause)
    assert reasons.turned_away(Matcher(rule(STEPS)), fact(said(1)), reasons.written(STEPS)) is None
