"""What `when` and `unless` may say: one line of `WHEN` for each condition, from its YAML to its value.

To add a condition is a form and a line here, and a predicate in predicates.py.
"""

from __future__ import annotations

from typing import Any

from service.core import scalars
from service.core.agents import Account, Agent, identifier
from service.core.forms import Form, Key, Reading, Schema, Table, either, expected, list_of, mapping, object_schema
from service.core.measured_form import RAW, RESPONSE, SCALED, SECONDS, VALUE_FORM, converted, measures, something
from service.core.places import Items, Node, Pairs, Scalar, shown
from service.core.rule import Among, Answers, Carries, Condition, Names, Present, Same, Swapped
from service.core.scalars import DURATION, TRUTH, text
from service.core.template_form import TEMPLATE, check_clashes
from service.core.templates import Template
from service.core.vocabulary import Section, is_iri

ROLES = ("actor", "instructor", "object", "team")
CAPTURES = ("xapi", "connector", "assumed", "self_report", "observed")


def _flat(groups: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(iri for group in groups for iri in group))


def _among(key: Any, word: Form[Any], extra: Table | None = None) -> Form[Among]:
    """One text of the statement: a word, a list of words, `{any_of: […]}` or what `extra` adds."""
    many = list_of(word, or_one=True, example=word.example)
    some = list_of(word, example=f"[{word.example}]")
    table: Table = {"any_of": Key(some, "one of these"), **(extra or {})}

    def make(found: dict[str, Any]) -> Among:
        return Among(key, _flat(found.get("any_of", ())), found.get("starts_with", ()))

    braces = mapping(f'"{key}"', f"{{any_of: {some.example}}}", table, make, something)
    plain = converted(many, lambda groups: Among(key, _flat(groups)))
    return _plain_or_braces(plain, braces, word)


def _carries(key: Any, section: Section, example: str) -> Form[Carries]:
    """A list of ids of the statement: a word, a list of words (any of them), `{any_of: …}` or `{all_of: …}`."""
    word = scalars.iris(section, example)
    some = list_of(word, example=f"[{example}]")
    table = {"any_of": Key(some, "at least one of these"), "all_of": Key(some, "every one of these")}

    def make(found: dict[str, Any]) -> Carries:
        return Carries(key, _flat(found.get("any_of", ())), found.get("all_of", ()))

    braces = mapping(f'"{key}"', f"{{any_of: [{example}]}}", table, make, something)
    plain = converted(list_of(word, or_one=True, example=example), lambda groups: Carries(key, _flat(groups)))
    return _plain_or_braces(plain, braces, word)


def _plain_or_braces(plain: Form[Any], braces: Form[Any], word: Form[Any]) -> Form[Any]:
    def choose(node: Node) -> Form[Any]:
        return braces if isinstance(node, Pairs) else plain

    form = either(plain.words, word.example, choose, plain, braces)
    return Form(form.words, form.example, form.schema, form.read, braces.table)


_PREFIX = list_of(
    scalars.scalar(
        "the beginning of an IRI",
        "https://lms.example.com/courses/",
        {"type": "string"},
        lambda node: node.text if is_iri(node.text) else None,
    ),
    or_one=True,
    example="https://lms.example.com/courses/",
)


_USAGE = scalars.iri("http://adlnet.gov/expapi/attachments/signature")


# --- people -------------------------------------------------------------------------------------------------------

_ACCOUNT: Table = {
    "home_page": Key(
        text("the address of the system", "https://lms.example.com"), "where the account is", required=True
    ),
    "name": Key(text("the name of the account", "a1234"), "its name there", required=True),
}


def _names(key: Any) -> Form[Names]:
    """`present`, `absent`, or one agent: an address, an OpenID or an account."""
    account = mapping(
        f'"{key}"',
        "{home_page: https://lms.example.com, name: a1234}",
        _ACCOUNT,
        lambda found: Names(key, identifier=identifier(Agent(account=Account(**found)))),
    )
    words = "present, absent, or somebody's identifier"

    def plain(reading: Reading, node: Node, name: str) -> Names | None:
        value = node.text if isinstance(node, Scalar) else ""
        if value in ("present", "absent"):
            return Names(key, present=value == "present")
        who = identifier(_agent(value))
        if who is None:
            expected(reading, node, name, form, "Somebody's identifier looks like mailto:ann@example.com.")
        return None if who is None else Names(key, identifier=who)

    form: Form[Names] = Form(words, "present", {"type": "string", "minLength": 1}, plain)
    return either(words, "present", lambda node: account if isinstance(node, Pairs) else form, form, account)


def _agent(iri: str) -> Agent:
    if iri[:7].lower() == "mailto:" and "@" in iri[7:]:
        return Agent(mbox=iri)
    return Agent(openid=iri) if iri.startswith(("http://", "https://")) and is_iri(iri) else Agent()


def _same(reading: Reading, node: Node, name: str) -> Same | None:
    words = [item.text for item in node.items if isinstance(item, Scalar)] if isinstance(node, Items) else []
    unknown = [word for word in words if word not in ROLES]
    if len(words) == 2 and not unknown and words[0] != words[1]:
        first, second = words
        roles: Any = (first, second)
        return Same(roles)
    if not isinstance(node, Items):
        expected(reading, node, name, SAME)
        return None
    hint = f' "{shown(unknown[0])}" is not a role.{reading.nearest(unknown[0], ROLES)}' if unknown else ""
    reading.error(node, f'"{name}" needs {SAME.words}, like {name}: {SAME.example}.{hint}')
    return None


SAME: Form[Same] = Form(
    "two different roles of actor, instructor, object and team",
    "[instructor, actor]",
    {"type": "array", "items": {"enum": list(ROLES)}, "minItems": 2, "maxItems": 2, "uniqueItems": True},
    _same,
)


# --- the table ----------------------------------------------------------------------------------------------------


def _answers(key: Any) -> Form[Answers]:
    return converted(TRUTH, lambda value: Answers(key, value))


def _value(words: str, example: str) -> Form[str]:
    """A text of the statement, exactly as sent."""

    def parse(node: Scalar) -> str | None:
        return node.text if node.text.strip() and node.text not in ("present", "absent") else None

    hint = "To ask whether it is there at all, write present or absent alone."
    return scalars.scalar(words, example, {"type": "string", "not": {"enum": ["present", "absent"]}}, parse, hint)


def _there(key: Any, form: Form[Any]) -> Form[Any]:
    """`present`, `absent`, or what this form says."""
    words: Form[Present] = Form(
        f"present, absent, or {form.words}",
        "present",
        {"enum": ["present", "absent"]},
        lambda _reading, node, _name: Present(key, isinstance(node, Scalar) and node.text == "present"),
    )

    def choose(node: Node) -> Form[Any]:
        return words if isinstance(node, Scalar) and node.text in ("present", "absent") else form

    chosen = either(words.words, form.example, choose, words, form)
    return Form(chosen.words, chosen.example, chosen.schema, chosen.read, form.table)


def _words(word: Form[str]) -> Form[tuple[str, ...]]:
    """A plain name where others have several IRIs."""
    return converted(word, lambda value: (value,))


WHEN: Table = {
    "verb": Key(
        _among("verb", scalars.iris("verbs", "completed")),
        "what was done: verb.id; required in `when`, unless a `template` says it",
    ),
    "type": Key(
        _among("type", scalars.iris("types", "course")), "what kind of thing it was done to: object.definition.type"
    ),
    "object": Key(
        _among(
            "object",
            scalars.iris("objects", "https://lms.example.com/courses/first-aid"),
            {"starts_with": Key(_PREFIX, "the beginning of the IRI, or a list of such")},
        ),
        "the thing itself: object.id",
    ),
    "tagged": Key(_carries("tagged", "tags", "safety"), "ids among context.contextActivities.category"),
    "part_of": Key(
        _carries("part_of", "objects", "https://lms.example.com/paths/induction"),
        "ids among context.contextActivities.parent and grouping",
    ),
    "score": Key(measures("score", SCALED), "result.score.scaled, from -1 to 1; a missing score never matches"),
    "raw_score": Key(measures("raw_score", RAW), "result.score.raw; a missing score never matches"),
    "success": Key(_answers("success"), "result.success; a missing one is neither true nor false"),
    "completion": Key(_answers("completion"), "result.completion; a missing one is neither true nor false"),
    "instructor": Key(_names("instructor"), "who taught: context.instructor"),
    "team": Key(_names("team"), "who took part together: context.team"),
    "platform": Key(
        _there("platform", _among("platform", _words(_value("the name of a platform", "Moodle")))),
        "context.platform, exactly as sent",
    ),
    "language": Key(
        _there("language", _among("language", _words(_value("a language tag", "en-GB")))),
        "context.language, exactly as sent",
    ),
    "registration": Key(
        _there(
            "registration",
            _among("registration", _words(_value("a registration", "ec531277-b57b-4c15-8d91-d292c5b2b8f7"))),
        ),
        "context.registration",
    ),
    "attachments": Key(
        _there("attachments", converted(list_of(_USAGE, or_one=True), lambda some: Carries("attachments", some))),
        "usageType among the attachments",
    ),
    "duration": Key(measures("duration", SECONDS), "result.duration; a missing one never matches"),
    "response": Key(_there("response", RESPONSE), "result.response, and how many characters it has"),
    "value": Key(VALUE_FORM, "anything else of the statement, by its path"),
    "source": Key(_among("source", _words(text("the name of a source", "lms"))), "which source pushed the statement"),
    "capture": Key(_among("capture", _words(scalars.one_of(*CAPTURES))), "how the source came to know it"),
    "template": Key(TEMPLATE, "an xAPI Profile's statement template, by its id: the statement matches it"),
    **dict.fromkeys(("same", "swapped"), Key(text(), "", refused='belongs in "unless": move it there.')),
}
"""The conditions of `when`."""

SWAPPED: Table = {
    "between": Key(SAME, "who receives, and who could be rewarded in return", required=True),
    "within": Key(DURATION, "only if the other way round was not longer ago; without it, ever"),
}
_SWAPPED = mapping(
    '"swapped"',
    "{between: [instructor, actor], within: 30 days}",
    SWAPPED,
    lambda found: Swapped(found["between"].roles, found.get("within")),
)
UNLESS: Table = {
    **WHEN,
    "same": Key(SAME, "two roles are one learner"),
    "swapped": Key(_SWAPPED, "the two learners did it the other way round before"),
}
"""The conditions of one item of `unless`."""


def _conditions(found: dict[str, Condition]) -> tuple[Condition, ...]:
    return tuple(found.values())


def check_when(reading: Reading, node: Pairs, found: dict[str, Condition]) -> None:
    """Notes a `when` that names no verb, and conditions that no statement fulfils together."""
    template, refused = found.get("template"), any(WHEN[key.text].refused for key, _ in node.pairs if key.text in WHEN)
    if not node.get("verb") and not refused and not (node.get("template") and template is None):
        if not isinstance(template, Template):
            reading.error(node, f'"verb" is missing: "when" needs it, like verb: {WHEN["verb"].form.example}.')
        elif not template.names("verb"):
            message = f'The template "{shown(template.any_of[0].name)}" names no verb: write one beside it'
            reading.error(node, f"{message}, like verb: {WHEN['verb'].form.example}.")
    check_clashes(reading, node, found)


def when_schema() -> Schema:
    """The JSON Schema of `when`: a verb, or a template that has one."""
    return object_schema(WHEN) | {"anyOf": [{"required": ["verb"]}, {"required": ["template"]}]}


_WHEN_FORM = mapping('"when"', "{verb: completed, type: course}", WHEN, _conditions, check_when)
WHEN_FORM = Form(_WHEN_FORM.words, _WHEN_FORM.example, when_schema(), _WHEN_FORM.read, WHEN)
UNLESS_FORM = list_of(
    mapping('an item of "unless"', "{same: [instructor, actor]}", UNLESS, _conditions, something),
    example="[{same: [instructor, actor]}]",
)
