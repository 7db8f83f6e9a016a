"""Statement templates of xAPI Profiles: which statements match, what keeps them from it, and what authors are told."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import shipped
from service.core import paths, profiles, reasons, rulebook, templates, traces
from service.core.index import Index
from service.core.language import Documents, load
from service.core.matching import Matcher
from service.core.rule import Rule
from service.core.rulebook import Stored
from service.core.templates import StatementTemplate, Template, TemplateRule
from tests.written import COURSE, Json, fact, said

P = "https://example.com/profile"
DONE, PASSED = "http://adlnet.gov/expapi/verbs/completed", "http://adlnet.gov/expapi/verbs/passed"
CMI5: Mapping[str, Any] = profiles.templates((Path(shipped.rules()) / "profiles" / "cmi5.jsonld").read_bytes())
MOVE_ON = {"contextActivities": {"category": [{"id": "https://w3id.org/xapi/cmi5/context/categories/moveon"}]}}


def template(**written: Any) -> StatementTemplate:
    """The template that a profile says this of."""
    profile = {"type": "Profile", "templates": [{"id": f"{P}#t", "prefLabel": {"en": "T"}, **written}]}
    found = profiles.templates(json.dumps(profile).encode())[f"{P}#t"]
    assert isinstance(found, StatementTemplate), found
    return found


def matches(one: StatementTemplate, statement: Json) -> bool:
    return templates.holds(Template((one,)), fact(statement))


# --- matching ---------------------------------------------------------------------------------------------------------


def test_determining_properties_are_all_asked_for() -> None:
    wanted = template(
        verb=DONE,
        objectActivityType=COURSE,
        contextParentActivityType=["https://example.com/path"],
        contextCategoryActivityType=["https://example.com/one", "https://example.com/two"],
        attachmentUsageType=["https://example.com/certificate"],
    )

    def typed(*names: str) -> list[Json]:
        return [{"id": "https://example.com/x", "definition": {"type": f"https://example.com/{n}"}} for n in names]

    activities = {"parent": typed("path"), "category": typed("two", "three", "one")}
    attached = [{"usageType": "https://example.com/certificate"}]
    whole = said(1, context={"contextActivities": activities}, attachments=attached)
    assert matches(wanted, whole)
    assert not matches(wanted, said(1, verb=PASSED, context=whole["context"], attachments=attached))
    assert not matches(wanted, said(1, type="https://example.com/y", context=whole["context"], attachments=attached))
    assert not matches(wanted, said(1, context=whole["context"]))
    less = {"contextActivities": activities | {"category": typed("one")}}
    assert not matches(wanted, said(1, context=less, attachments=attached))


def test_a_single_context_activity_is_a_list_of_one() -> None:
    category = MOVE_ON["contextActivities"]["category"][0]
    result = {"success": True, "duration": "PT1M"}
    single = said(1, verb=PASSED, result=result, context={"contextActivities": {"category": category}})
    assert matches(CMI5["https://w3id.org/xapi/cmi5#passed"], single)


def test_a_reference_to_a_statement_is_asked_for_and_not_followed() -> None:
    wanted = template(verb=DONE, objectStatementRefTemplate=[f"{P}#other"])
    reference = {"objectType": "StatementRef", "id": "2a41c918-b88b-4220-20a5-a4c32391a240"}
    assert matches(wanted, said(1) | {"object": reference})
    assert not matches(wanted, said(1))
    within = template(verb=DONE, contextStatementRefTemplate=[f"{P}#other"])
    assert matches(within, said(1, context={"statement": reference}))
    assert not matches(within, said(1))


def test_the_cmi5_statement_of_the_specification_matches_its_template() -> None:
    lines = (Path(__file__).parents[1] / "data" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line)["statement"] for line in lines if "cmi5/context/categories/moveon" in line]
    assert [one["verb"]["id"].rpartition("/")[2] for one in found] == ["failed"]
    assert matches(CMI5["https://w3id.org/xapi/cmi5#failed"], found[0])
    assert not matches(CMI5["https://w3id.org/xapi/cmi5#passed"], found[0])
    found[0]["result"]["success"] = True
    assert not matches(CMI5["https://w3id.org/xapi/cmi5#failed"], found[0])


UNMATCHABLE = object()


def follows_rule(statement: Any, rule: Mapping[str, Any]) -> bool:
    """`follows_rule` of xAPI Profiles 1.0, part 3, 2.1, line by line."""
    strict = True
    values = at(statement, rule["location"])
    if rule.get("selector"):
        originals, values = values, []
        for value in originals:
            selection = at(value, rule["selector"])
            values = [*values, *selection] if selection else [*values, UNMATCHABLE]
    if rule.get("presence") == "included" and (UNMATCHABLE in values or not values):
        return False
    if rule.get("presence") == "excluded" and values and any(value is not UNMATCHABLE for value in values):
        return False
    if rule.get("presence") == "recommended":
        strict = False
    applies = strict or bool(values)
    if "any" in rule and applies and not any(same(value, one) for value in values for one in rule["any"]):
        return False
    if "all" in rule and applies:
        if UNMATCHABLE in values:
            return False
        if any(not any(same(value, one) for one in rule["all"]) for value in values):
            return False
    return not ("none" in rule and applies and any(same(value, one) for value in values for one in rule["none"]))


def same(value: Any, other: Any) -> bool:
    return value is not UNMATCHABLE and json.dumps(value, sort_keys=True) == json.dumps(other, sort_keys=True)


def at(document: Any, path: str) -> list[Any]:
    found = [document]
    for step in path.removeprefix("$.").replace("[*]", ".*").split("."):
        inside = [one.values() if isinstance(one, dict) else one for one in found if isinstance(one, dict | list)]
        if step == "*":
            found = [value for one in inside for value in one]
        else:
            found = [one[step] for one in found if isinstance(one, dict) and step in one]
    return found


VALUES = st.sampled_from([True, False, 1, 0, "a", "b", {"x": "a"}, ["a"]])
THINGS = st.dictionaries(st.sampled_from("xy"), VALUES, max_size=2)
EXTENSIONS = st.dictionaries(st.sampled_from("pq"), st.one_of(VALUES, THINGS, st.lists(THINGS, max_size=2)), max_size=2)
SOME = st.lists(VALUES, min_size=1, max_size=3)
RULES = st.fixed_dictionaries(
    {"location": st.sampled_from(["$.e.p", "$.e.q", "$.e.p[*]", "$.e.*", "$.e.p[*].x"])},
    optional={
        "selector": st.sampled_from(["$.x", "$.y", "$.*"]),
        "presence": st.sampled_from(["included", "excluded", "recommended"]),
        "any": SOME,
        "all": SOME,
        "none": SOME,
    },
).filter(lambda rule: bool(rule.keys() & {"presence", "any", "all", "none"}))


@given(EXTENSIONS, RULES)
def test_rules_hold_as_the_algorithm_of_the_specification_says(extensions: Json, rule: Json) -> None:
    one = template(rules=[rule])
    assert matches(one, said(1, e=extensions)) == follows_rule({"e": extensions}, rule)


def test_paths_have_quoted_keys_wildcards_positions_and_unions() -> None:
    document = {"a": {"b.c": [1, 2, 3], "https://x|y": 4, "d": {"e": 5, "f": 6}}, "g": 7}

    def found(path: str) -> list[Any]:
        return [value for one in paths.alternatives(path) or () for value in paths.find(document, one)]

    assert found("$.a['b.c'][*]") == [1, 2, 3]
    assert found('$.a["b.c"][0,2]') == [1, 3]
    assert found("a['https://x|y'] | $.g") == [4, 7]
    assert found("$.a.d['e','f']|$.nothing") == [5, 6]
    assert found("$['a']['d'].*") == [5, 6]


@pytest.mark.parametrize("number", ["1e400", "9" * 400, "9" * 5000], ids=["exponent", "400 digits", "5,000 digits"])
def test_a_number_of_any_size_is_one(number: str) -> None:
    assert paths.document(b'{"x": %s}' % number.encode())["x"] > 1e300


@pytest.mark.parametrize(
    "path", ["$", "", "|", "$.a |", "$..a", "$.a[?(@.b)]", "$.a[(@.length-1)]", "$.a[1:2]", "$.a[-1]", "$.a['b", "a b"]
)
def test_other_paths_are_none(path: str) -> None:
    assert paths.alternatives(path) is None


def test_a_path_that_stands_for_very_many_is_none() -> None:
    assert paths.alternatives("$.a" + "[0,1,2,3,4,5,6,7,8,9]" * 3) is not None
    assert paths.alternatives("$.a" + "[0,1,2,3,4,5,6,7,8,9]" * 9) is None


# --- rules that name a template ---------------------------------------------------------------------------------------

PROFILE = {
    "type": "Profile",
    "templates": [
        {
            "id": f"{P}#done",
            "prefLabel": {"de": "Fertig", "en-GB": "Done"},
            "verb": DONE,
            "objectActivityType": COURSE,
            "rules": [
                {"location": "$.result.score", "presence": "excluded"},
                {"location": "$.result.completion", "presence": "included", "all": [True]},
                {"location": "$.context.platform", "presence": "included", "any": ["Moodle", "Totara"]},
            ],
        },
        {"id": f"{P}#passed", "verb": PASSED, "rules": [{"location": "$.result.success", "all": [True]}]},
        {"id": f"{P}#anything", "prefLabel": {"en": "Anything"}, "rules": [{"location": "$.id", "none": ["x"]}]},
        {"id": f"{P}#strange", "verb": DONE, "rules": [{"location": "$..id", "presence": "included"}]},
        {"id": f"{P}#wrong", "verb": DONE, "rules": [{"location": "$.id", "presence": "needed"}]},
    ],
}
CONTENT = json.dumps(PROFILE).encode()
VOCABULARY = f"""\
vocabulary: words
verbs: {{completed: {DONE}}}
types: {{course: {COURSE}, book: http://id.tincanapi.com/activitytype/book}}
templates: {{well done: '{P}#done', passed: '{P}#passed'}}
profiles:
  - {{file: profiles/p.jsonld, sha256: {hashlib.sha256(CONTENT).hexdigest()}}}
"""
RULE = "rule: r\ntitle: R\nhow_to_earn: H\ngive: {points: 1}\n"


NEVER = 'This can never match: by the template "Done"'
CANNOT = "cannot be used: in its rule 1,"
PATHS = (
    "keys with dots between them or in quotes and brackets, positions like [0], [*], and unions of these with , or |."
)
PRESENCES = "is included, excluded or recommended."


def loaded(when: str, content: bytes = CONTENT, vocabulary: str = VOCABULARY) -> tuple[Documents, list[str]]:
    documents, problems = load([("v.yaml", f"{vocabulary}---\n{RULE}{when}".encode()), ("profiles/p.jsonld", content)])
    first = vocabulary.count("\n") + RULE.count("\n") + 1
    return documents, [f"{one.line - first}:{one.column}: {one.message}" for one in problems]


def read(when: str) -> Rule:
    documents, problems = loaded(when)
    assert problems == []
    return documents.rules[0]


def test_a_template_says_the_verb_and_files_the_rule_under_it_and_its_type() -> None:
    rule = read("when: {template: well done}")
    index = Index([Matcher(rule)])
    assert index.filed(fact(said(1)).statement) != []
    assert index.filed(fact(said(1, verb=PASSED)).statement) == []
    assert index.filed(fact(said(1, type="https://example.com/y")).statement) == []
    assert traces.of_rule(rule) == traces.of_rule(read(f"when: {{verb: '{DONE}'}}"))
    whole = said(1, result={"completion": True}, context={"platform": "Moodle"})
    assert index.fulfilled(fact(whole)) != []
    assert index.fulfilled(fact(said(1))) == []


def test_one_of_several_templates_is_enough() -> None:
    index = Index([Matcher(read("when: {template: {any_of: [well done, passed]}}"))])
    assert index.fulfilled(fact(said(1, verb=PASSED, result={"success": True})))
    assert index.fulfilled(fact(said(1, result={"completion": True}, context={"platform": "Totara"})))
    assert not index.fulfilled(fact(said(1, verb=PASSED, result={"success": False})))


def test_a_template_stands_also_in_exceptions_steps_and_needs() -> None:
    documents, problems = loaded(
        "sequence: {steps: [{template: passed}, {template: well done}]}\nunless: [{template: passed}]\n"
    )
    assert problems == []
    assert Index([Matcher(documents.rules[0])]).filed(fact(said(1, verb=PASSED)).statement)
    _, problems = loaded("needs: {all_of: [{statement: s, when: {template: passed}}]}\n")
    assert problems == []


def test_a_rule_that_was_kept_is_the_rule_that_was_read() -> None:
    rule = read("when: {template: passed, score: {at_least: 0.5}}")
    assert msgspec.json.decode(msgspec.json.encode(rule), type=Rule) == rule


@pytest.mark.parametrize(
    ("statement", "clause", "found"),
    [
        (said(1, result={"score": {"raw": 3}}), "result.score must not be there", '{"raw":3}'),
        (said(1), "result.completion must be there", "none"),
        (said(1, result={"completion": False}), "result.completion must be true", "false"),
        (
            said(1, result={"completion": True}, context={"platform": "X"}),
            "context.platform must have one of Moodle or Totara",
            "X",
        ),
        (said(1, type="https://example.com/y"), f"object.definition.type must be {COURSE}", "https://example.com/y"),
    ],
)
def test_near_misses_name_the_rule_of_the_template_that_refused(statement: Json, clause: str, found: str) -> None:
    when = "when: {template: well done}"
    away = reasons.turned_away(Matcher(read(when)), fact(statement), reasons.written(RULE + when))
    assert away == ("template", f"template well done: {clause}", found)


def test_a_statement_with_another_verb_is_no_near_miss() -> None:
    away = reasons.turned_away(
        Matcher(read("when: {template: well done}")), fact(said(1, verb=PASSED)), reasons.Written()
    )
    assert away is not None
    assert away.key == "verb"


@pytest.mark.parametrize(
    ("when", "said"),
    [
        ("{template: well dine}", '1:18: "well dine" is not a template of the vocabulary. Did you mean "well done"?'),
        (
            f"{{template: '{P}#dome'}}",
            f'1:18: No profile of the vocabulary has the template "{P}#dome". Did you mean "{P}#done"?',
        ),
        (
            f"{{template: '{P}#strange'}}",
            f'1:18: The template "{P}#strange" {CANNOT} "location" is $..id, and may have {PATHS}',
        ),
        (
            f"{{template: '{P}#wrong'}}",
            f'1:18: The template "{P}#wrong" {CANNOT} "presence" is "needed", and {PRESENCES}',
        ),
        (
            f"{{template: '{P}#anything'}}",
            '1:7: The template "Anything" names no verb: write one beside it, like verb: completed.',
        ),
        ("{type: course}", '1:7: "verb" is missing: "when" needs it, like verb: completed.'),
        (
            "{template: well done, verb: http://a.example/shared}",
            f"1:29: {NEVER} verb.id is {DONE}. Change one of them.",
        ),
        (
            "{template: well done, type: book}",
            f"1:29: {NEVER} object.definition.type is {COURSE}. Change one of them.",
        ),
        (
            "{score: {at_least: 0.5}, template: well done}",
            f"1:8: {NEVER} $.result.score must not be there. Change one of them.",
        ),
        (
            "{template: well done, completion: false}",
            f"1:29: {NEVER} $.result.completion must be true. Change one of them.",
        ),
        (
            "{template: well done, platform: absent}",
            f"1:29: {NEVER} $.context.platform must be there. Change one of them.",
        ),
        (
            "{template: well done, platform: Canvas}",
            f"1:29: {NEVER} $.context.platform must be Moodle or Totara. Change one of them.",
        ),
    ],
)
def test_mistakes_are_said_with_their_place(when: str, said: str) -> None:
    assert loaded(f"when: {when}")[1] == [said]


def test_what_one_of_several_templates_allows_is_no_contradiction() -> None:
    assert loaded("when: {template: [well done, passed], score: {at_least: 0.5}}")[1] == []
    assert loaded("when: {template: well done, completion: true, platform: Moodle, team: present}")[1] == []
    assert loaded(f"when: {{template: '{P}#anything', verb: completed}}")[1] == []


def test_the_file_must_be_the_one_that_was_meant() -> None:
    other = CONTENT.replace(b"Moodle", b"Canvas")
    _, problems = loaded("when: {template: well done}", other)
    digest = hashlib.sha256(other).hexdigest()
    message = f'"profiles/p.jsonld" is another file than meant: its SHA-256 is {digest}. Look at what has changed'
    assert problems == [f"-5:39: {message}, and write that if you want it so."]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "is no JSON: Input data was truncated."),
        (b'{"type": "Thing"}', 'is no xAPI Profile: its "type" has to be "Profile".'),
        (b'{"type": "Profile", "templates": []}', "has no statement templates, so no rule can name one."),
        (b'{"type": "Profile", "templates": 5}', 'has no list of objects under "templates".'),
    ],
)
def test_a_file_that_is_no_profile_is_refused(content: bytes, said: str) -> None:
    vocabulary = VOCABULARY.replace(hashlib.sha256(CONTENT).hexdigest(), hashlib.sha256(content).hexdigest())
    assert loaded("when: {template: well done}", content, vocabulary)[1] == [f'-5:12: "profiles/p.jsonld" {said}']


def test_a_file_that_is_not_there_has_a_nearest_one() -> None:
    vocabulary = VOCABULARY.replace("p.jsonld", "q.jsonld")
    _, problems = loaded("when: {template: well done}", vocabulary=vocabulary)
    assert problems == [
        '-5:12: There is no file "profiles/q.jsonld" among the rules. Did you mean "profiles/p.jsonld"?'
    ]


def test_two_profiles_cannot_define_one_template_differently() -> None:
    other = CONTENT.replace(b"Moodle", b"Canvas")
    second = f"vocabulary: two\nprofiles: [{{file: q.jsonld, sha256: {hashlib.sha256(other).hexdigest()}}}]\n"
    files = [("v.yaml", VOCABULARY.encode()), ("w.yaml", second.encode()), ("q.jsonld", other)]
    _, problems = load([*files, ("profiles/p.jsonld", CONTENT)])
    assert [str(one) for one in problems] == [
        f'w.yaml:2:19: The profile at v.yaml:6:12 defines "{P}#done" otherwise: name one of the two files.'
    ]


def test_a_vocabulary_is_kept_with_its_profiles() -> None:
    documents, _ = loaded("when: {template: well done}")
    kept = [Stored(*name, text, documents.files.get(name, ())) for name, text in documents.text.items()]
    assert [content for path, content in rulebook.files(kept) if path.endswith("/profiles/p.jsonld")] == [CONTENT]
    found, problems = rulebook.amended(kept, RULE + "when: {template: passed}\n")
    assert problems == []
    rules = (TemplateRule("$.result.success", all=("true",)),)
    assert found.rules[0].when == (Template((StatementTemplate(f"{P}#passed", f"{P}#passed", PASSED, rules=rules),)),)


def test_templates_are_compared_by_what_they_say() -> None:
    first = template(rules=[{"location": "$.e", "any": [{"a": 1, "b": 2}]}])
    assert first == template(rules=[{"location": "$.e", "any": [{"b": 2, "a": 1}]}])
    assert first.rules == (TemplateRule("$.e", any=('{"a":1,"b":2}',)),)
