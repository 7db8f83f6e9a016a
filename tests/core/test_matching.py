"""Which statements fulfil which rules, for whom, and what a match holds."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import windows
from service.core.index import Index
from service.core.matching import LONGEST_VALUE, Match, Matcher, Roles
from service.core.rule import Among, Carries, Condition, Grant, Rule
from tests.written import (
    ALSO_COMPLETED,
    SHARED,
    VOIDED,
    WORDS,
    Json,
    People,
    agent,
    fact,
    group,
    numbered,
    rule,
    said,
    void,
)

SAFETY, HEALTH = WORDS["tags"]["safety"]
ONBOARDING = WORDS["tags"]["onboarding"]


def fulfilled(when: str, statement: Json, **how: str) -> bool:
    return Matcher(rule(f"when: {{verb: completed, {when}}}")).fulfilled_by(fact(statement, **how))


def scored(scaled: Any = None, **more: Any) -> Json:
    return said(1, result={"score": {"scaled": scaled, **more}})


def within(**lists: Any) -> Json:
    """A statement with context activities."""
    activities = {name: [{"id": iri} for iri in iris] for name, iris in lists.items()}
    return said(1, context={"contextActivities": activities})


# --- conditions -------------------------------------------------------------------------------------------------------


def test_a_word_stands_for_each_of_its_iris() -> None:
    assert fulfilled("", said(1))
    assert fulfilled("", said(1, verb=ALSO_COMPLETED))
    assert not fulfilled("", said(1, verb=SHARED))
    assert not fulfilled("", said(1, verb=ALSO_COMPLETED.upper()))


def test_type_is_that_of_the_activity() -> None:
    assert fulfilled("type: course", said(1))
    assert fulfilled("type: {any_of: [course, article]}", said(1))
    assert not fulfilled("type: article", said(1))
    assert not fulfilled("type: course", said(1, object={"id": "https://example.com/a"}))


def test_object_is_an_iri_or_begins_with_one() -> None:
    assert fulfilled("object: 'https://example.com/a'", said(1))
    assert not fulfilled("object: 'https://example.com/a'", said(1, thing="ab"))
    assert fulfilled("object: {starts_with: 'https://example.com/a'}", said(1, thing="ab"))
    assert not fulfilled("object: {starts_with: 'https://example.com/b'}", said(1, thing="ab"))
    either = Rule("r", (Among("object", ("https://example.com/a",), ("https://example.com/b",)),), ())
    assert [Matcher(either).fulfilled_by(fact(said(1, thing=thing))) for thing in ("a", "ab", "b", "bc")] == [
        True, False, True, True,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("tags", "one", "other", "both"),
    [
        ((), False, False, False),
        ((SAFETY,), True, False, False),
        ((HEALTH,), True, False, False),
        ((ONBOARDING,), False, True, False),
        ((ONBOARDING, HEALTH), True, True, True),
        ((HEALTH, SAFETY), True, False, False),
    ],
)
def test_tags_are_categories(tags: Sequence[str], one: bool, other: bool, both: bool) -> None:
    statement = within(category=tags)
    assert fulfilled("tagged: safety", statement) is one
    assert fulfilled("tagged: onboarding", statement) is other
    assert fulfilled("tagged: {any_of: [safety, onboarding]}", statement) is (one or other)
    assert fulfilled("tagged: {all_of: [safety, onboarding]}", statement) is both
    assert not fulfilled("tagged: safety", within(grouping=tags, parent=tags))


def test_a_single_context_activity_stands_for_a_list_of_one() -> None:
    assert fulfilled("tagged: safety", said(1, context={"contextActivities": {"category": {"id": SAFETY}}}))


def test_part_of_looks_at_parents_and_groupings() -> None:
    programme = "part_of: 'https://example.com/programme'"
    assert fulfilled(programme, within(parent=["https://example.com/programme"]))
    assert fulfilled(programme, within(grouping=["https://example.com/x", "https://example.com/programme"]))
    assert not fulfilled(programme, within(category=["https://example.com/programme"]))
    assert not fulfilled(programme, said(1))


@pytest.mark.parametrize(
    ("bounds", "held"),
    [
        ("{at_least: 0.8}", [False, True, True]),
        ("{more_than: 0.8}", [False, False, True]),
        ("{at_most: 0.8}", [True, True, False]),
        ("{less_than: 0.8}", [True, False, False]),
        ("{more_than: 0.7, less_than: 0.9}", [False, True, False]),
    ],
)
def test_a_score_lies_within_bounds(bounds: str, held: list[bool]) -> None:
    assert [fulfilled(f"score: {bounds}", scored(scaled)) for scaled in (0.7, 0.8, 0.9)] == held
    assert [fulfilled(f"raw_score: {bounds}", scored(raw=raw)) for raw in (0.7, 0.8, 0.9)] == held


@pytest.mark.parametrize("bound", ["at_least", "more_than", "at_most", "less_than"])
def test_a_missing_score_never_matches(bound: str) -> None:
    missing = [said(1), said(1, result={}), said(1, result={"score": {}}), scored(None)]
    assert not any(fulfilled(f"score: {{{bound}: 0}}", one) for one in [*missing, scored(raw=0)])
    assert not any(fulfilled(f"raw_score: {{{bound}: 0}}", one) for one in [*missing, scored(0)])


@pytest.mark.parametrize("answer", ["success", "completion"])
def test_a_missing_answer_is_neither_true_nor_false(answer: str) -> None:
    yes, no, other = (said(1, result=result) for result in ({answer: True}, {answer: False}, {}))
    assert [fulfilled(f"{answer}: true", one) for one in (yes, no, other, said(1))] == [True, False, False, False]
    assert [fulfilled(f"{answer}: false", one) for one in (yes, no, other, said(1))] == [False, True, False, False]


def test_an_instructor_is_present_absent_or_somebody() -> None:
    alone, nobody = said(1), said(1, context={"instructor": {"name": "Somebody"}})
    taught, by_two = (said(1, context={"instructor": one}) for one in (agent("bob"), group("ann", "bob")))
    present, absent = (
        [fulfilled(f"instructor: {word}", one) for one in (alone, nobody, taught, by_two)]
        for word in ("present", "absent")
    )
    assert present == [False, False, True, True]
    assert absent == [True, True, False, False]


def test_who_pushed_it_and_how() -> None:
    assert fulfilled("source: form", said(1), source="form")
    assert not fulfilled("source: form", said(1))
    assert fulfilled("capture: {any_of: [observed, self_report]}", said(1), capture="observed")
    assert not fulfilled("capture: observed", said(1))


def test_all_conditions_must_hold() -> None:
    when = "type: course, score: {at_least: 0.8}, tagged: safety"
    whole = within(category=[SAFETY]) | {"result": {"score": {"scaled": 0.8}}}
    assert fulfilled(when, whole)
    for missing in ("result", "context"):
        assert not fulfilled(when, {key: part for key, part in whole.items() if key != missing})


# --- response, duration, what surrounds it ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration", "bounds", "held"),
    [
        ("PT10M", "{at_least: 10 minutes}", True),
        ("PT9M59.99S", "{at_least: 10 minutes}", False),
        ("PT600S", "{more_than: 10 minutes}", False),
        ("P1W", "{at_most: 7 days}", True),
        ("PT1H30M", "{more_than: 1 hour, less_than: 2 hours}", True),
        ("P1M", "{more_than: 29 days, less_than: 31 days}", True),
        ("ten minutes", "{at_most: 10 minutes}", False),
        (600, "{at_most: 10 minutes}", False),
        (None, "{at_most: 10 minutes}", False),
    ],
)
def test_a_duration_lies_within_bounds(duration: Any, bounds: str, held: bool) -> None:
    result = {} if duration is None else {"duration": duration}
    assert fulfilled(f"duration: {bounds}", said(1, result=result)) is held


@pytest.mark.parametrize(
    ("response", "there", "long"),
    [("A fair answer", True, True), ("Yes", True, False), ("   Yes   ", True, False), ("  ", False, False),
     (None, False, False), (["a"], False, False)],
)  # fmt: skip
def test_a_response_is_there_and_has_a_length_without_blanks_around_it(response: Any, there: bool, long: bool) -> None:
    statement = said(1, result={} if response is None else {"response": response})
    assert fulfilled("response: present", statement) is there
    assert fulfilled("response: absent", statement) is not there
    assert fulfilled("response: {length: {at_least: 5}}", statement) is long


@pytest.mark.parametrize("key", ["platform", "language", "registration"])
def test_what_surrounds_a_statement_is_there_or_is_not_or_has_a_value(key: str) -> None:
    having, missing = said(1, context={key: "one"}), said(1, context={"revision": "1"})
    assert [fulfilled(f"{key}: present", one) for one in (having, missing, said(1))] == [True, False, False]
    assert [fulfilled(f"{key}: absent", one) for one in (having, missing, said(1))] == [False, True, True]
    assert [fulfilled(f"{key}: [one, two]", one) for one in (having, missing)] == [True, False]


def test_attachments_are_there_or_are_of_a_use() -> None:
    having = said(1, attachments=[{"usageType": "https://example.com/photo", "length": 3}, {"display": {}}, "odd"])
    bare = [said(1), said(1, attachments=[]), said(1, attachments=[{"usageType": 3}]), said(1, attachments={"a": 1})]
    assert fulfilled("attachments: present", having)
    assert fulfilled("attachments: ['https://example.com/x', 'https://example.com/photo']", having)
    assert not fulfilled("attachments: 'https://example.com/x'", having)
    assert not any(fulfilled("attachments: present", one) for one in bare)
    assert all(fulfilled("attachments: absent", one) for one in bare)


LEVEL = "https://example.com/level"
DEEP = said(
    1,
    result={"extensions": {LEVEL: 3, "https://example.com/ok": True, "list": [{"n": "1"}, {"n": "two"}, 7]}},
    context={"contextActivities": {"grouping": [{"id": "https://example.com/g"}]}},
)


@pytest.mark.parametrize(
    ("value", "held"),
    [
        (f"path: result.extensions.'{LEVEL}', at_least: 3", True),
        (f"path: result.extensions.'{LEVEL}', more_than: 3", False),
        (f"path: \"$.result.extensions['{LEVEL}']\", is: 3.0", True),
        (f"path: result.extensions.'{LEVEL}', is: '3'", False),
        (f"path: result.extensions.'{LEVEL}', any_of: [1, 3]", True),
        ("path: result.extensions.'https://example.com/ok', is: true", True),
        ("path: result.extensions.'https://example.com/ok', is: 1", False),
        ("path: result.extensions.'https://example.com/ok', at_least: 0", False),
        ("path: 'result.extensions.list[*].n', is: two", True),
        ("path: 'result.extensions.list[0].n', is: two", False),
        ("path: 'result.extensions.list[2]', at_most: 7", True),
        ("path: 'result.extensions.list[3]', present: true", False),
        ("path: 'result.extensions.*', is: 3", True),
        ("path: 'context.contextActivities.grouping[*].id', any_of: ['https://example.com/g']", True),
        ("path: result.extensions.list.n, present: true", False),
        ("path: result.extensions, present: true", True),
        ("path: result.score.raw, present: false", True),
        ("path: result.extensions, present: false", False),
    ],
)
def test_a_value_is_found_by_its_path(value: str, held: bool) -> None:
    assert fulfilled(f"value: {{{value}}}", DEEP) is held


# --- for whom ---------------------------------------------------------------------------------------------------------


def matches(written: str, statement: Json, people: People | None = None) -> list[Match]:
    people = people or People()
    one = fact(statement)
    return list(Matcher(rule(written)).matches(one, Roles(one.statement, people), people))


def recipients(written: str, statement: Json) -> list[str]:
    people = People()
    names = {people.named(name): name for name in ("ann", "bob", "cy", "dee")}
    return [names[match.learner] for match in matches(written, statement, people)]


def test_the_actor_receives_and_each_member_of_a_group() -> None:
    assert recipients("{}", said(1)) == ["ann"]
    assert recipients("{}", said(1, who=group("bob", "cy", "bob"))) == ["bob", "cy"]
    assert recipients("{}", said(1, who={**group(), "mbox": "mailto:team@example.com"})) == []


def test_the_instructor_receives() -> None:
    taught = said(1, context={"instructor": group("bob", "cy")})
    assert recipients("to: instructor", taught) == ["bob", "cy"]
    assert recipients("to: instructor", said(1)) == []


def test_same_compares_the_recipient_alone_with_all_of_the_other_role() -> None:
    written = "{to: instructor, unless: [{same: [instructor, actor]}]}"
    assert recipients(written, said(1, context={"instructor": agent("ann")})) == []
    assert recipients(written, said(1, who=group("ann", "bob"), context={"instructor": group("bob", "cy")})) == ["cy"]


def test_an_exception_holds_when_all_its_conditions_do() -> None:
    written = "{to: instructor, unless: [{same: [instructor, actor], success: true}, {completion: false}]}"
    alone: Json = {"context": {"instructor": agent("ann")}}
    assert recipients(written, said(1, **alone)) == ["ann"]
    assert recipients(written, said(1, **alone, result={"success": True})) == []
    assert recipients(written, said(1, **alone, result={"completion": False})) == []


def test_an_exception_says_in_words_what_refuses() -> None:
    matcher, people = Matcher(rule("{to: instructor, unless: [{same: [instructor, actor]}]}")), People()
    one = fact(said(1, context={"instructor": agent("ann")}))
    cast = Roles(one.statement, people)
    assert matcher.refusal(one, cast, people.named("ann")) == "unless instructor and actor are the same"
    assert matcher.refusal(one, cast, people.named("bob")) is None


# --- what a match holds -----------------------------------------------------------------------------------------------


def test_once_per_tells_matches_apart_by_all_its_values() -> None:
    written = "{to: instructor, once_per: [actor, object]}"
    bob: Json = {"context": {"instructor": agent("bob")}}
    people = People()
    first, again, other_actor, other_thing = (
        matches(written, one, people)[0].once
        for one in (
            said(1, **bob),
            said(2, "2026-01-02", **bob),
            said(3, who="cy", **bob),
            said(4, thing="b", **bob),
        )
    )
    assert first == again
    assert len({first, other_actor, other_thing}) == 3
    assert matches("{}", said(1))[0].once is None


def test_values_that_are_missing_are_one_value() -> None:
    registered = {"registration": "00000000-0000-4000-8000-000000000001"}
    first, again, other = (
        matches("once_per: [registration]", said(1, context=context))[0].once for context in ({}, {}, registered)
    )
    assert first == again != other


def test_a_day_is_one_of_the_recipients_zone_or_of_the_rules() -> None:
    evening, morning = said(1, "2026-01-01T22:00:00"), said(2, "2026-01-01T23:30:00")
    berlin = People("Europe/Berlin")
    days = [matches("once_per: [day]", one, berlin)[0].once for one in (evening, morning)]
    assert days[0] != days[1]
    days = [matches("{once_per: [day], time_zone: UTC}", one, berlin)[0].once for one in (evening, morning)]
    assert days[0] == days[1]


def test_different_holds_the_value_that_counts() -> None:
    assert matches("count: {reach: 2, different: object}", said(1))[0].different == "https://example.com/a"
    people = People()
    match = matches("count: {reach: 2, different: instructor}", said(1, context={"instructor": agent("bob")}), people)[
        0
    ]
    assert match.different == str(people.named("bob"))
    day = matches("count: {reach: 2, different: day}", said(1))[0].different
    assert day == str(windows.index_of_label("day", "2026-01-01"))


def test_counterparts_hold_one_value_for_each_limit_that_counts_by_them() -> None:
    people = People()
    written = (
        "{to: instructor, limit: [{points: 9, per: day}, {points: 9, per: month, from_each: actor}, "
        "{awards: 9, per: week, from_each: actor}]}"
    )
    match = matches(written, said(1, context={"instructor": agent("bob")}), people)[0]
    assert match.counterparts == (str(people.named("ann")),) * 2


def test_what_a_match_holds_is_short_however_long_the_statement_is() -> None:
    long = ["https://example.com/" + letter * 100_000 for letter in "ab"]
    one, other = (matches("count: {reach: 2, different: object}", said(1, object={"id": iri}))[0] for iri in long)
    assert one.different != other.different
    written = "{to: instructor, limit: [{points: 9, per: month, from_each: actor}]}"
    crowd, people = group(*(f"p{n}" for n in range(500))), People()
    taught = said(1, who=crowd, context={"instructor": agent("bob")})
    (match,) = matches(written, taught, people)
    (fewer,) = matches(written, taught | {"actor": group(*(f"p{n}" for n in range(499)))}, people)
    assert match.counterparts != fewer.counterparts
    assert max(map(len, (one.different or "", *match.counterparts))) <= LONGEST_VALUE


def test_a_match_is_of_its_statement_and_its_time() -> None:
    match = matches("{}", said(7, "2026-01-01T09:30:00"))[0]
    assert (match.statement, match.happened.isoformat()) == (numbered(7), "2026-01-01T09:30:00+00:00")


# --- many rules -------------------------------------------------------------------------------------------------------


def test_a_voiding_statement_is_no_candidate_for_any_rule() -> None:
    index = Index([Matcher(rule(f"when: {{verb: '{VOIDED}'}}"))])
    assert index.fulfilled(fact(void(2, 1))) == []
    assert len(index.fulfilled(fact(said(1, verb=VOIDED)))) == 1


THINGS = [f"https://example.com/{name}" for name in ("a", "b", "ab")]
VERBS = ["https://example.com/verbs/1", "https://example.com/verbs/2"]

some = st.lists(st.sampled_from(THINGS), min_size=1, max_size=2).map(tuple)
few = st.lists(st.sampled_from(THINGS), max_size=2).map(tuple)
verbs = st.lists(st.sampled_from(VERBS), min_size=1, max_size=2).map(lambda any_of: Among("verb", tuple(any_of)))
others: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Among, st.sampled_from(["type", "object"]), some),
    st.builds(Among, st.sampled_from(["type", "object"]), few, some),
    st.builds(Carries, st.sampled_from(["tagged", "part_of"]), some),
    st.builds(Carries, st.sampled_from(["tagged", "part_of"]), few, st.lists(some, max_size=2).map(tuple)),
)
conditions = st.tuples(verbs, st.lists(others, max_size=3)).map(lambda both: (both[0], *both[1]))
ruleset = st.lists(conditions, min_size=1, max_size=8)
activities = st.none() | st.lists(st.sampled_from(THINGS).map(lambda iri: {"id": iri}), max_size=3)


@st.composite
def statements(draw: st.DrawFn) -> Json:
    """A statement about these things, which says now this of them and now that."""
    lists = {name: draw(activities) for name in ("parent", "grouping", "category")}
    thing = {"id": draw(st.sampled_from(THINGS)), "definition": {"type": draw(st.none() | st.sampled_from(THINGS))}}
    context = {"contextActivities": {name: found for name, found in lists.items() if found}}
    return said(1, verb=draw(st.sampled_from(VERBS)), object=thing, context=context)


@given(ruleset, st.lists(statements(), min_size=1, max_size=4))
def test_the_index_finds_exactly_the_rules_that_a_statement_fulfils(when: list[Any], pushed: list[Json]) -> None:
    matchers = [
        Matcher(Rule(str(number), conditions, (Grant((("points", 1),)),))) for number, conditions in enumerate(when)
    ]
    index = Index(matchers)
    for one in map(fact, pushed):
        found = sorted(matcher.rule.name for matcher in index.fulfilled(one))
        assert found == sorted(matcher.rule.name for matcher in matchers if matcher.fulfilled_by(one))


def test_a_word_that_names_an_iri_twice_finds_its_rule_once() -> None:
    twice = f"when: {{verb: {{any_of: [completed, '{ALSO_COMPLETED}']}}}}"
    assert len(Index([Matcher(rule(twice))]).fulfilled(fact(said(1, verb=ALSO_COMPLETED)))) == 1


def test_a_statement_asks_only_the_rules_of_what_it_is_about() -> None:
    keys = ("object", "part_of", "tagged", "type")
    about = {key: f"https://example.com/{place}" for place, key in enumerate(keys)}
    when = [f"when: {{verb: completed, {key}: 'https://example.com/{n}'}}" for key in keys for n in range(50)]
    index = Index(Matcher(rule(one)) for one in when)
    assert index.filed(fact(said(1)).statement) == []
    statement = within(parent=[about["part_of"]], grouping=[about["part_of"]], category=[about["tagged"]])
    statement["object"] = {"id": about["object"], "definition": {"type": about["type"]}}
    assert len({filed.matcher for filed in index.filed(fact(statement).statement)}) == 4
