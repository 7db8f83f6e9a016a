"""What `when` and `unless` may say: one line of `WHEN` for each condition, from its YAML to its value.

To add a condition is a form and a line here, and a predicate in predicates.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from service.core import paths, scalars
from service.core.agents import Account, Agent, identifier
from service.core.forms import Form, Key, Reading, Schema, Table, either, expected, list_of, mapping, object_schema
from service.core.paths import Path
from service.core.places import Items, Node, Pairs, Scalar, shown
from service.core.rule import Among, Answers, Carries, Condition, Holds, Measures, Names, Present, Same, Swapped
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

    braces = mapping(f'"{key}"', f"{{any_of: {some.example}}}", table, make, _something)
    plain = _converted(many, lambda groups: Among(key, _flat(groups)))
    return _plain_or_braces(plain, braces, word)


def _carries(key: Any, section: Section, example: str) -> Form[Carries]:
    """A list of ids of the statement: a word, a list of words (any of them), `{any_of: …}` or `{all_of: …}`."""
    word = scalars.iris(section, example)
    some = list_of(word, example=f"[{example}]")
    table = {"any_of": Key(some, "at least one of these"), "all_of": Key(some, "every one of these")}

    def make(found: dict[str, Any]) -> Carries:
        return Carries(key, _flat(found.get("any_of", ())), found.get("all_of", ()))

    braces = mapping(f'"{key}"', f"{{any_of: [{example}]}}", table, make, _something)
    plain = _converted(list_of(word, or_one=True, example=example), lambda groups: Carries(key, _flat(groups)))
    return _plain_or_braces(plain, braces, word)


def _plain_or_braces(plain: Form[Any], braces: Form[Any], word: Form[Any]) -> Form[Any]:
    def choose(node: Node) -> Form[Any]:
        return braces if isinstance(node, Pairs) else plain

    form = either(plain.words, word.example, choose, plain, braces)
    return Form(form.words, form.example, form.schema, form.read, braces.table)


def _converted(form: Form[Any], convert: Callable[[Any], Any]) -> Form[Any]:
    def read(reading: Reading, node: Node, name: str) -> Any:
        value = form.read(reading, node, name)
        return None if value is None else convert(value)

    return Form(form.words, form.example, form.schema, read, form.table)


def _something(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    if not node.pairs:
        reading.error(
            node, "Nothing stands between the braces, so this can never match: write what you want, or leave it out."
        )


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


# --- numbers ------------------------------------------------------------------------------------------------------


def _measures(key: Any, bound: Form[float]) -> Form[Measures]:
    table = {
        "at_least": Key(bound, "this or more"),
        "more_than": Key(bound, "more than this"),
        "at_most": Key(bound, "this or less"),
        "less_than": Key(bound, "less than this"),
    }
    example = f"{{at_least: {bound.example}}}"
    return mapping(f'"{key}"', example, table, lambda found: Measures(key, **found), _bounds)


def _bounds(reading: Reading, node: Pairs, found: dict[str, float]) -> None:
    _something(reading, node, found)
    for low, high, touching in (
        ("at_least", "at_most", True),
        ("at_least", "less_than", False),
        ("more_than", "at_most", False),
        ("more_than", "less_than", False),
    ):
        if low in found and high in found and not _meet(found[low], found[high], touching):
            reading.error(
                node.key(high) or node,
                f"This can never match: no number is {low.replace('_', ' ')} {found[low]:g} and"
                f" {high.replace('_', ' ')} {found[high]:g}. Change one of them.",
            )


def _meet(low: float, high: float, touching: bool) -> bool:
    return low <= high if touching else low < high


SCALED = scalars.number(
    -1, 1, "a number from -1 to 1", "0.8", "A scaled score of 80 % is 0.8; for points use raw_score."
)
RAW = scalars.number(-1e12, 1e12, "a number", "75")
_SECONDS = _converted(scalars.LENGTH, lambda duration: float(duration.seconds))
_CHARACTERS = _measures("response", _converted(scalars.whole(0, 1_000_000, 50), float))
_RESPONSE: Form[Measures] = mapping(
    '"response"',
    "{length: {at_least: 50}}",
    {"length": Key(_CHARACTERS, "how many characters it has, without blanks around it", required=True)},
    lambda found: found["length"],
)


# --- by path ------------------------------------------------------------------------------------------------------


def _plain(node: Scalar) -> Any:
    return scalars.typed(node)


_PATH: Form[Path] = scalars.scalar(
    "a path of keys with dots between them",
    "result.extensions.'https://example.com/level'",
    {"type": "string", "minLength": 1},
    lambda node: paths.parsed(node.text),
    "A key with dots in it stands in single quotes; [*] is every item of a list.",
)
_PLAIN: Form[Any] = scalars.scalar(
    "text, a number, true or false", "3", {"type": ["string", "number", "boolean"]}, _plain
)
_BOUND = scalars.number(-1e15, 1e15, "a number", "3")
VALUE: Table = {
    "path": Key(_PATH, "where it is in the statement; of several values one is enough", required=True),
    "is": Key(_PLAIN, "exactly this"),
    "any_of": Key(list_of(_PLAIN, example="[3, 4]"), "one of these"),
    "at_least": Key(_BOUND, "this or more"),
    "more_than": Key(_BOUND, "more than this"),
    "at_most": Key(_BOUND, "this or less"),
    "less_than": Key(_BOUND, "less than this"),
    "present": Key(TRUTH, "whether anything is there at all"),
}


def _check_value(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    _bounds(reading, node, found)
    asked = [key for key, _ in node.pairs if key.text in VALUE and key.text != "path"]
    if not asked and "path" in found:
        reading.error(node, "This does not say what is wanted there: add present: true, is: …, any_of: … or a bound.")
    if "present" in found and len(asked) > 1:
        reading.error(node.key("present") or node, '"present" stands alone beside "path": keep one of them.')
    if "is" in found and "any_of" in found:
        reading.error(node.key("any_of") or node, '"is" says it already: add its value to "any_of" and take "is" out.')


def _make_value(found: dict[str, Any]) -> Holds:
    any_of = (found.pop("is"),) if "is" in found else found.pop("any_of", ())
    return Holds(any_of=any_of, **found)


_VALUE = mapping(
    '"value"',
    "{path: result.extensions.'https://example.com/level', at_least: 3}",
    VALUE,
    _make_value,
    _check_value,
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
    return _converted(TRUTH, lambda value: Answers(key, value))


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
    return _converted(word, lambda value: (value,))


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
    "score": Key(_measures("score", SCALED), "result.score.scaled, from -1 to 1; a missing score never matches"),
    "raw_score": Key(_measures("raw_score", RAW), "result.score.raw; a missing score never matches"),
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
        _there("attachments", _converted(list_of(_USAGE, or_one=True), lambda some: Carries("attachments", some))),
        "usageType among the attachments",
    ),
    "duration": Key(_measures("duration", _SECONDS), "result.duration; a missing one never matches"),
    "response": Key(_there("response", _RESPONSE), "result.response, and how many characters it has"),
    "value": Key(_VALUE, "anything else of the statement, by its path"),
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
    mapping('an item of "unless"', "{same: [instructor, actor]}", UNLESS, _conditions, _something),
    example="[{same: [instructor, actor]}]",
)
