"""The `achievement:`, `board:` and `vocabulary:` documents: their keys, and what must be true between them."""

from __future__ import annotations

import posixpath
import re
from typing import Any, NamedTuple

from service.core import forms, scalars
from service.core.forms import Form, Key, Reading, Table, either, expected, fields, list_of, mapping
from service.core.places import Node, Pairs, Scalar, shown
from service.core.rule import Achievement, Board
from service.core.rule_document import CURRENCY, PERIODS
from service.core.scalars import TIME_ZONE
from service.core.vocabulary import SECTIONS, Section, Word, is_iri, is_word

# --- achievement --------------------------------------------------------------------------------------------------

ACHIEVEMENT_TYPES = (
    "Achievement", "ApprenticeshipCertificate", "Assessment", "Assignment", "AssociateDegree", "Award", "Badge",
    "BachelorDegree", "Certificate", "CertificateOfCompletion", "Certification", "CommunityService", "Competency",
    "Course", "CoCurricular", "Degree", "Diploma", "DoctoralDegree", "Fieldwork", "GeneralEducationDevelopment",
    "JourneymanCertificate", "LearningProgram", "License", "Membership", "ProfessionalDoctorate",
    "QualityAssuranceCredential", "MasterCertificate", "MasterDegree", "MicroCredential", "ResearchDoctorate",
    "SecondarySchoolDiploma",
)  # fmt: skip
"""Open Badges 3.0, AchievementType."""

LARGEST_IMAGE = 1 << 20
MEDIA_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}
_PNG = b"\x89PNG\r\n\x1a\n"


class Image(NamedTuple):
    """The image of an achievement."""

    content: bytes
    media_type: str


def image_path(path: str, image: str) -> str:
    """The path of an image that the file `path` names."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), image))


def image(files: Any, path: str) -> Image:
    """The image at `path`; what it is tells its ending."""
    return Image(files[path], MEDIA_TYPES[posixpath.splitext(path)[1].lower()])


def _image(reading: Reading, node: Node, name: str) -> str | None:
    if not isinstance(node, Scalar) or posixpath.splitext(node.text)[1].lower() not in MEDIA_TYPES:
        expected(reading, node, name, IMAGE)
        return None
    path = image_path(node.place.path, node.text)
    content = reading.files.get(path)
    if content is None:
        images = [posixpath.relpath(file, posixpath.dirname(node.place.path) or ".") for file in reading.files]
        near = reading.nearest(node.text, sorted(images))
        reading.error(node, f'There is no image "{shown(path)}" among the rules.{near or " Put it beside this file."}')
    elif len(content) > LARGEST_IMAGE:
        reading.error(node, f'"{shown(path)}" is larger than 1 MiB: a badge needs an image of at most some 100 KB.')
    elif not _is_image(node.text, content):
        reading.error(node, f'"{shown(path)}" is not the image that its ending says: save it as PNG or SVG.')
    else:
        return node.text
    return None


def _is_image(name: str, content: bytes) -> bool:
    if name.lower().endswith(".png"):
        return content.startswith(_PNG)
    return re.search(rb"<svg[\s>]", content[:4096]) is not None


IMAGE: Form[str] = Form(
    "the path of a PNG or SVG file, from this file", "images/keen-learner.svg", {"type": "string"}, _image
)


def _achievement_type(node: Scalar) -> str | None:
    return node.text if node.text in ACHIEVEMENT_TYPES or re.fullmatch(r"ext:[\w.-]+", node.text) else None


_TYPE = scalars.scalar(
    "a type of achievement of Open Badges, or one of your own that starts with ext:",
    "Badge",
    {"anyOf": [{"enum": list(ACHIEVEMENT_TYPES)}, {"type": "string", "pattern": r"^ext:[\w.-]+$"}]},
    _achievement_type,
    "Often used are Badge, Course, Certificate, Competency, Award and MicroCredential.",
)
ACHIEVEMENT: Table = {
    "achievement": Key(scalars.slug("keen-learner"), "its name, unique among all achievements", required=True),
    "name": Key(scalars.localized("Keen learner"), "what people read on the badge (or `title`)"),
    "title": Key(scalars.localized("Keen learner"), "the same as `name`; write one of them"),
    "description": Key(
        scalars.localized("Finished five courses"), "what somebody who holds it has done", required=True
    ),
    "criteria": Key(scalars.localized("Complete five courses within 90 days"), "how it is earned", required=True),
    "image": Key(IMAGE, "the picture of the badge"),
    "type": Key(_TYPE, "AchievementType of Open Badges 3.0; default `Badge`"),
    "tags": Key(
        list_of(scalars.text("a tag", "safety"), or_one=True, example="[safety]"), "words about it, on the badge"
    ),
}


def _check_achievement(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    if not node.get("name") and not node.get("title"):
        reading.error(node, '"name" is missing: write what people read on the badge, like name: Keen learner.')
    if node.get("name") and (second := node.key("title")):
        reading.error(second, '"title" says the same as "name": keep one of them.')


def _make_achievement(found: dict[str, Any]) -> Achievement:
    title = found.pop("title", None) or found.pop("name")
    return Achievement(name=found.pop("achievement"), title=title, **found)


ACHIEVEMENT_FORM = mapping("an achievement", "{}", ACHIEVEMENT, _make_achievement, _check_achievement)


# --- board --------------------------------------------------------------------------------------------------------


class Chosen(NamedTuple):
    """Which rules a board counts."""

    rules: tuple[str, ...] | None = None
    tagged: str | None = None


def _mentioned(kind: str, form: Form[str], severity: Any = "error") -> Form[str]:
    def read(reading: Reading, node: Node, name: str) -> str | None:
        value = form.read(reading, node, name)
        if value is not None:
            reading.mention(kind, value, node, severity)
        return value

    return Form(form.words, form.example, form.schema, read)


_TAGGED: Table = {
    "tagged": Key(_mentioned("tag", scalars.slug("social"), "warning"), "rules with this tag", required=True)
}
_ALL: Form[Chosen] = Form("all", "all", {"const": "all"}, lambda _reading, _node, _name: Chosen())
_RULES = list_of(_mentioned("rule", scalars.slug("share-an-article")), or_one=True)
_NAMED: Form[Chosen] = Form(
    _RULES.words,
    _RULES.example,
    _RULES.schema,
    lambda *read: None if (names := _RULES.read(*read)) is None else Chosen(names),
)
_BY_TAG = mapping('"from_rules"', "{tagged: social}", _TAGGED, lambda found: Chosen(tagged=found["tagged"]))


def _choice(node: Node) -> Form[Chosen]:
    if isinstance(node, Pairs):
        return _BY_TAG
    return _ALL if isinstance(node, Scalar) and node.text == "all" else _NAMED


BOARD: Table = {
    "board": Key(scalars.slug("this-month"), "its name, unique among all boards", required=True),
    "title": Key(scalars.localized("This month"), "what people read", required=True),
    "points": Key(_mentioned("currency", CURRENCY, "warning"), "which currency; default `points`"),
    "period": Key(scalars.one_of(*PERIODS, example="month"), "the board starts anew in each of these; default `ever`"),
    "from_rules": Key(
        either("all, a list of rules, or {tagged: …}", "all", _choice, _ALL, _NAMED, _BY_TAG),
        "whose points count: `all` (the default), a list of rules, or `{tagged: …}`, the rules with this tag",
    ),
    "ties": Key(
        scalars.one_of("shared", "dense", "first"),
        "`shared` (1, 1, 3; the default), `dense` (1, 1, 2), `first` (who got there first)",
    ),
    "who": Key(scalars.one_of("everyone", "opted_in", example="opted_in"), "who is shown; default `opted_in`"),
    "time_zone": Key(TIME_ZONE, "for days, weeks and months; default the service's"),
}


def _make_board(found: dict[str, Any]) -> Board:
    chosen: Chosen = found.pop("from_rules", Chosen())
    return Board(name=found.pop("board"), from_rules=chosen.rules, tagged=chosen.tagged, **found)


BOARD_FORM = mapping("a board", "{}", BOARD, _make_board)


# --- vocabulary ---------------------------------------------------------------------------------------------------

Definition = tuple[Section, str, Word]


def _iri(node: Scalar) -> str | None:
    return node.text if is_iri(node.text) else None


IRI = scalars.scalar(
    "an IRI", "http://adlnet.gov/expapi/verbs/completed", {"type": "string", "pattern": "^[^:]+:.+"}, _iri
)
_IRIS = list_of(IRI, or_one=True)


def _section(section: Section) -> Form[tuple[Definition, ...]]:
    def read(reading: Reading, node: Node, name: str) -> tuple[Definition, ...] | None:
        if not isinstance(node, Pairs):
            expected(reading, node, name, form)
            return None
        found = []
        for key, value in node.pairs:
            if not is_word(key.text):
                reading.error(key, f'"{shown(key.text)}" cannot be a word: take the ":" and spaces at its ends out.')
            iris = _IRIS.read(reading, value, key.text) or ()
            found.append((section, key.text, Word(tuple(dict.fromkeys(iris)), key.place)))
        return tuple(found)

    schema = {"type": "object", "additionalProperties": _IRIS.schema}
    form = Form("words with their IRIs", "{completed: http://adlnet.gov/expapi/verbs/completed}", schema, read)
    return form


MEANINGS: dict[Section, str] = {
    "verbs": "words for verbs",
    "types": "words for types of activities",
    "objects": "words for activities themselves, for `object` and `part_of`",
    "tags": "words for tags",
}
VOCABULARY: Table = {
    "vocabulary": Key(scalars.slug("core"), "its name", required=True),
    **{section: Key(_section(section), MEANINGS[section]) for section in SECTIONS},
}


def _vocabulary(reading: Reading, node: Node, name: str) -> tuple[Definition, ...] | None:
    """All words, also those beside a mistake: they are not unknown because another line is wrong."""
    if not isinstance(node, Pairs):
        expected(reading, node, name, VOCABULARY_FORM)
        return None
    found = fields(reading, node, VOCABULARY, "a vocabulary")
    return tuple(one for section in SECTIONS for one in found.get(section, ()))


VOCABULARY_FORM: Form[tuple[Definition, ...]] = Form(
    "keys with values", "{}", forms.object_schema(VOCABULARY), _vocabulary, VOCABULARY
)
