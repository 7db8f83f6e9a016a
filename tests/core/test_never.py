"""What one condition says of another: a warning that a rule can never match must be true."""

from itertools import product

from service.core.matching import Matcher
from service.core.never import implies
from tests.written import Json, agent, fact, rule, said

CONDITIONS = [
    *("type: course", "type: [course, article]", "object: 'https://example.com/a'"),
    *("object: {starts_with: 'https://example.com/'}", "object: {starts_with: 'https://example.com/a'}"),
    *("tagged: safety", "tagged: [safety, onboarding]", "tagged: {all_of: [safety, onboarding]}"),
    *("score: {at_least: 0.5}", "score: {more_than: 0.5}", "score: {at_least: 0.8}", "score: {less_than: 0.8}"),
    *("score: {at_most: 0.8}", "score: {at_least: 0.5, at_most: 0.8}", "success: true", "success: false"),
    *("platform: Moodle", "platform: present", "platform: absent", "platform: [Moodle, Canvas]"),
    *("instructor: present", "instructor: absent", "instructor: 'mailto:bob@example.com'"),
    *("response: present", "response: {length: {at_least: 3}}", "response: {length: {at_least: 5}}"),
    *("attachments: present", "attachments: 'http://a.example/usage'"),
]


def _statements() -> list[Json]:
    tags = ["https://example.com/tags/safety", "https://example.com/tags/onboarding"]
    results = [
        {"score": {"scaled": n}, "success": n > 0.5, "response": "x" * int(n * 10)} for n in (0.4, 0.5, 0.8, 0.9)
    ]
    contexts: list[Json] = [
        {},
        {"platform": "Moodle", "contextActivities": {"category": [{"id": tags[0]}]}},
        {
            "platform": "Canvas",
            "instructor": agent("bob"),
            "contextActivities": {"category": [{"id": t} for t in tags]},
        },
    ]
    attached = [[], [{"usageType": "http://a.example/usage"}]]
    things = [("a", {}), ("b", {"type": "http://activitystrea.ms/schema/1.0/article"})]
    return [
        said(1, thing=thing, result=result, context=context, attachments=files, **more)
        for (thing, more), result, context, files in product(things, results, contexts, attached)
    ]


def test_what_is_implied_holds_wherever_the_other_does() -> None:
    rules = [rule(f"when: {{verb: completed, {condition}}}") for condition in CONDITIONS]
    facts = [fact(one) for one in _statements()]
    fulfilled = [{n for n, one in enumerate(facts) if Matcher(a_rule).fulfilled_by(one)} for a_rule in rules]
    assert all(fulfilled)
    implied = {
        (CONDITIONS[a], CONDITIONS[b])
        for (a, one), (b, other) in product(enumerate(rules), enumerate(rules))
        if a != b and implies(one.when[1], other.when[1])
    }
    for one, other in implied:
        assert fulfilled[CONDITIONS.index(one)] <= fulfilled[CONDITIONS.index(other)], (one, other)
    assert ("score: {more_than: 0.5}", "score: {at_least: 0.5}") in implied
    assert ("tagged: {all_of: [safety, onboarding]}", "tagged: safety") in implied
    assert len(implied) > 15
