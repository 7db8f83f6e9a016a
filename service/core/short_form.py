"""The keys of short statements in tests: what authors may write, and what it becomes in a statement."""

from __future__ import annotations

from datetime import UTC, datetime

from service.core import scalars
from service.core.conditions import CAPTURES
from service.core.forms import Form, Key, Table, list_of, mapping
from service.core.measured_form import RAW, SCALED
from service.core.places import Node, Scalar
from service.core.scalars import TRUTH


def as_written(words: str, example: str) -> Form[Node]:
    """A value that is read later, when more is known."""
    return Form(words, example, {}, lambda _reading, node, _name: node)


def _moment(node: Scalar) -> tuple[str, datetime] | None:
    try:
        found = datetime.fromisoformat(node.text)
        return (node.text, found.astimezone(UTC)) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


MOMENT = scalars.scalar(
    "a time with its offset", "2026-03-01T09:00:00+01:00", {"type": "string"}, _moment, "For UTC write Z as the offset."
)
_NAMES = list_of(scalars.text("the name of a person", "ann"), or_one=True)
_LABEL = scalars.text("the id of a statement", "s1")
SHORT: Table = {
    "id": Key(_LABEL, "what the test calls the statement; a UUID is taken as it is"),
    "at": Key(MOMENT, "when it happened: timestamp"),
    "received": Key(MOMENT, "when it arrived; default: when it happened"),
    "actor": Key(_NAMES, "who did it, where it is a group: several people"),
    "verb": Key(scalars.iris("verbs", "shared"), "what was done, beside `actor`"),
    "type": Key(scalars.iris("types", "article"), "the type of the object, beside `object`"),
    "object": Key(scalars.text("a short name, a word or an IRI", "a1"), "what it was done to, where it has no type"),
    "tags": Key(list_of(scalars.iris("tags", "safety"), or_one=True), "category"),
    "part_of": Key(list_of(scalars.text("a short name, a word or an IRI", "path-1"), or_one=True), "parent"),
    "score": Key(SCALED, "result.score.scaled"),
    "raw_score": Key(RAW, "result.score.raw"),
    "duration": Key(scalars.LENGTH, "result.duration"),
    "response": Key(scalars.text("text", "What I learned"), "result.response"),
    "success": Key(TRUTH, "result.success"),
    "completion": Key(TRUTH, "result.completion"),
    "instructor": Key(_NAMES, "who taught"),
    "team": Key(_NAMES, "who took part together"),
    "platform": Key(scalars.text("a name", "Moodle"), "context.platform"),
    "language": Key(scalars.text("a language tag", "en"), "context.language"),
    "registration": Key(scalars.text("a short name or a UUID", "r1"), "context.registration"),
    "source": Key(scalars.text("the name of a source", "lms"), "which source pushed it; default `default`"),
    "capture": Key(scalars.one_of(*CAPTURES), "how the source knows; default `xapi`"),
    "void": Key(_LABEL, "the id of the statement that this one voids; only `id`, `at` and `received` stand beside it"),
    "statement": Key(
        as_written("a mapping", "{actor: …, verb: …, object: …}"), "a full xAPI statement, instead of the other keys"
    ),
    "repeat": Key(
        as_written("two numbers", "{from: 1, to: 6}"),
        "the `statement` beside it, once for each number; `{n}` in it stands for the number, `{n:02}` for two digits",
    ),
}
"""Beside these, a person's name has the verb as its value, and a word for a type has the object."""
UNKNOWN = 'People are defined under "people", and types of activity in a vocabulary document.'
EXPECTED_KEYS = ("refused", "progress", "ledger")
RESERVED = {*SHORT, *EXPECTED_KEYS}
REPEAT: Table = {
    "from": Key(scalars.whole(0, 1_000_000, 1), "the first number", required=True),
    "to": Key(scalars.whole(0, 1_000_000, 6), "the last number", required=True),
}
REPEAT_FORM = mapping('"repeat"', "{from: 1, to: 6}", REPEAT, lambda found: range(found["from"], found["to"] + 1))
