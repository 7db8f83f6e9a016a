"""Whatever spelling of JSON holds a text, its trace is found in the bytes; so a search by traces misses nothing."""

import json

import pytest

from service.core import traces
from service.core.matching import Matcher
from tests.written import SHARED, WORDS, fact, rule, said


def spelled(value: object) -> list[bytes]:
    """JSON as different systems write it."""
    plain = json.dumps(value, ensure_ascii=False)
    escaped = "".join(rf"\u{ord(letter):04x}" if letter in "&=<>'@" else letter for letter in plain)
    return [plain.encode(), json.dumps(value).encode(), plain.replace("/", "\\/").encode(), escaped.encode()]


def found(sought: list[bytes] | None, raw: bytes) -> bool:
    return sought is None or any(trace in raw for trace in sought)


def test_a_trace_is_the_longest_run_that_no_writer_escapes() -> None:
    assert traces.trace("http://example.com/verbs/completed") == b"example.com"
    assert traces.trace("/") is None


def test_a_rule_is_found_by_its_verbs() -> None:
    sought = traces.of_rule(rule())
    assert all(found(sought, raw) for verb in WORDS["verbs"]["completed"] for raw in spelled(said(1, verb=verb)))
    assert not found(sought, spelled(said(1, verb=SHARED))[0])


@pytest.mark.parametrize(
    "when",
    [
        "object: https://example.com/courses/lifting",
        "object: https://example.com/courses/lïfting",
        "object: {starts_with: https://example.com/courses/li}",
        "tagged: {any_of: [safety, onboarding]}",
        "tagged: {all_of: [onboarding, safety]}",
        "part_of: https://example.com/programmes/first",
        "type: course",
    ],
)
def test_a_rule_is_found_by_what_tells_most(when: str) -> None:
    activities = {
        "category": [{"id": iri} for iri in (WORDS["tags"]["safety"][1], WORDS["tags"]["onboarding"])],
        "grouping": [{"id": "https://example.com/programmes/first"}],
    }
    thing = "courses/lïfting" if "lï" in when else "courses/lifting"
    fulfils = said(1, thing=thing, context={"contextActivities": activities})
    asked = rule(f"when: {{verb: completed, {when}}}")
    assert Matcher(asked).fulfilled_by(fact(fulfils))
    assert all(found(traces.of_rule(asked), raw) for raw in spelled(fulfils))
    other = said(1, thing="books/other", **({"verb": SHARED} if "type" in when else {}))
    assert "lï" in when or not found(traces.of_rule(asked), spelled(other)[0])
