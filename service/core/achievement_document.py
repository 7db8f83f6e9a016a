"""The `achievement:` document: its keys, its picture, and what a micro-credential has to say."""

from __future__ import annotations

import posixpath
import re
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from service.core import scalars
from service.core.achievement import (
    COLOURS,
    ICONS,
    Achievement,
    Alignment,
    Creator,
    Drawing,
    Level,
    MicroCredential,
    Result,
)
from service.core.forms import Form, Key, Reading, Table, either, expected, list_of, mapping
from service.core.places import Node, Pairs, Scalar, beside, shown

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


def image(path: str, content: bytes) -> Image:
    """The image of this content; what it is tells the ending of its path."""
    return Image(content, MEDIA_TYPES[posixpath.splitext(path)[1].lower()])


def _image(reading: Reading, node: Node, name: str) -> str | None:
    ending = posixpath.splitext(node.text)[1].lower() if isinstance(node, Scalar) else ""
    if not isinstance(node, Scalar) or ending not in MEDIA_TYPES or posixpath.isabs(node.text):
        expected(reading, node, name, FILE)
        return None
    path = beside(node.place.path, node.text)
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


FILE: Form[str] = Form(
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

# --- drawn ----------------------------------------------------------------------------------------------------------

SHAPES = ("medal", "circle", "shield", "hexagon", "star", "diamond", "square")


def _colour(node: Scalar) -> str | None:
    given = node.text.lower()
    return given if given in COLOURS or re.fullmatch("#[0-9a-f]{6}", given) else None


DRAWING: Table = {
    "shape": Key(scalars.one_of(*SHAPES), "the outline; default `medal`"),
    "colour": Key(
        scalars.scalar(
            f"a colour: {', '.join(COLOURS)}, or one like '#1f6f54'",
            "indigo",
            {"anyOf": [{"enum": list(COLOURS)}, {"type": "string", "pattern": "^#[0-9a-fA-F]{6}$"}]},
            _colour,
        ),
        "its colour; by default one that follows from the achievement's name",
    ),
    "icon": Key(scalars.one_of(*ICONS, example="book-open"), "the picture in the middle; default `award`"),
    "label": Key(scalars.text("a few words", "Level 2"), "small below the icon; the title stands on the ribbon"),
}
DRAWN = mapping('"image"', "{shape: shield, icon: book-open}", DRAWING, lambda found: Drawing(**found))
IMAGE: Form[Any] = either(
    "the path of a PNG or SVG file, or what to draw, like {shape: shield, icon: book-open}",
    "images/keen-learner.svg",
    lambda node: DRAWN if isinstance(node, Pairs) else FILE,
    FILE,
    DRAWN,
)

# --- what it is about -----------------------------------------------------------------------------------------------


def _address(node: Scalar) -> str | None:
    try:
        parts = urlsplit(node.text)
        plain = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return None
    return node.text if plain and not re.search(r'[\x00-\x20<>"{}|^`\\\x7f]', node.text) else None


ADDRESS = scalars.scalar(
    "an address on the web", "https://example.org/skills/1", {"type": "string", "format": "uri"}, _address
)
TARGETS = ("CFItem", "CFRubric", "CFRubricCriterion", "CFRubricCriterionLevel", "CTDL", "Competency", "Credential")
SPELLED = {"Competency": "ceasn:Competency", "Credential": "ceterms:Credential"}
"""Open Badges 3.0, AlignmentTargetType."""

ALIGNMENT: Table = {
    "name": Key(scalars.text("the name of the skill", "Manage time"), "what people read", required=True),
    "url": Key(ADDRESS, "where it is defined: the URI of the CASE item or of the ESCO skill", required=True),
    "framework": Key(scalars.text("the name of a framework", "ESCO"), "the framework that it belongs to"),
    "code": Key(scalars.text("a code", "S1.8"), "its code in the framework (CASE: `humanCodingScheme`)"),
    "description": Key(scalars.text("text"), "what it means"),
    "type": Key(scalars.one_of(*TARGETS), "what the address names (Open Badges: AlignmentTargetType)"),
}


def _make_alignment(found: dict[str, Any]) -> Alignment:
    kind = found.pop("type", None)
    return Alignment(**found, type=SPELLED.get(kind, kind))


ALIGNMENT_FORM = mapping(
    "an alignment", "{name: Manage time, url: https://example.org/skills/1}", ALIGNMENT, _make_alignment
)

_SCORE = scalars.number(-1_000_000, 1_000_000, "a number", "0.8")
LEVEL: Table = {
    "name": Key(scalars.text("the name of a level", "Advanced"), "what people read", required=True),
    "at_least": Key(_SCORE, "the score from which on it is reached", required=True),
    "description": Key(scalars.text("text"), "what somebody at this level can do"),
}
LEVEL_FORM = mapping("a level", "{name: Advanced, at_least: 0.8}", LEVEL, lambda found: Level(**found))
RESULT: Table = {
    "name": Key(scalars.text("the name of a result", "Final score"), "what people read", required=True),
    "of": Key(
        scalars.one_of("score", "raw_score"),
        "what of the latest statement behind the award it tells: `score` in percent, or `raw_score`",
        required=True,
    ),
    "least": Key(_SCORE, "the least raw score there is"),
    "most": Key(_SCORE, "the highest raw score there is"),
    "required": Key(_SCORE, "the score that is needed"),
    "levels": Key(list_of(LEVEL_FORM), "names for scores, the lowest first"),
}


def _check_result(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    levels: tuple[Level, ...] = found.get("levels", ())
    if list(levels) != sorted(levels, key=lambda level: level.at_least):
        reading.error(node.get("levels") or node, '"levels" are not in order: write the lowest first.')
    if found.get("of") == "score":
        for name in ("least", "most"):
            if key := node.key(name):
                reading.error(key, f'"{name}" is known of a score: it goes from -1 to 1; take it out.')
    if found.get("least", -1e9) >= found.get("most", 1e9):
        reading.error(node, '"least" is not below "most": write the lower number as least.')


RESULT_FORM = mapping(
    "a result", "{name: Final score, of: score}", RESULT, lambda found: Result(**found), _check_result
)
CREATOR: Table = {
    "name": Key(scalars.text("a name", "Acme University"), "who made it", required=True),
    "url": Key(ADDRESS, "where they are found", required=True),
}
CREATOR_FORM = mapping(
    '"creator"', "{name: Acme University, url: https://example.org}", CREATOR, lambda found: Creator(**found)
)

# --- micro-credentials ----------------------------------------------------------------------------------------------

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?) (hours?|ECTS)")


def _workload(node: Scalar) -> tuple[str, float] | None:
    found = _AMOUNT.fullmatch(node.text)
    if not found or not 0 < float(found[1]) <= 100_000:
        return None
    return "ects" if found[2] == "ECTS" else "hours", float(found[1])


def _country(node: Scalar) -> str | None:
    return node.text if re.fullmatch("[A-Z]{2}", node.text) else None


COUNTRY = scalars.scalar(
    "a country in two letters (ISO 3166)", "DE", {"type": "string", "pattern": "^[A-Z]{2}$"}, _country
)

MICRO: Table = {
    "country": Key(COUNTRY, "country of the issuer", required=True),
    "awarding_body": Key(scalars.text("a name", "Acme Academy"), "who awards it", required=True),
    "learning_outcomes": Key(
        list_of(scalars.localized("Plans a project")), "what its holder knows, understands and can do", required=True
    ),
    "workload": Key(
        scalars.scalar(
            "hours or ECTS credits",
            "25 hours",
            {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? (hours?|ECTS)$"},
            _workload,
        ),
        "how much work it is for a learner",
        required=True,
    ),
    "level": Key(scalars.whole(1, 8, 5), "level in the European Qualifications Framework", required=True),
    "assessment": Key(scalars.localized("Written test and observed task"), "how it is assessed", required=True),
    "participation": Key(scalars.localized("Online, at one's own pace"), "the form of participation", required=True),
    "quality_assurance": Key(
        scalars.localized("Reviewed yearly by the training board"), "how its quality is assured", required=True
    ),
    "prerequisites": Key(scalars.localized("None"), "what is needed to enrol"),
    "supervision": Key(
        scalars.localized("Unsupervised with identity check"), "supervision and identity check while it is assessed"
    ),
    "stackable": Key(scalars.localized("Counts towards the diploma"), "what it can be combined to"),
    "not_assessed": Key(
        scalars.localized("It certifies taking part"),
        "why nothing in it is observed or assessed; without this at least one statement behind it has a score, "
        "says `success`, or was observed",
    ),
}


def _make_micro(found: dict[str, Any]) -> MicroCredential:
    unit, amount = found.pop("workload")
    return MicroCredential(**found, **{unit: amount})


MICRO_FORM = mapping('"micro_credential"', "{country: DE, …}", MICRO, _make_micro)

# --- the document ---------------------------------------------------------------------------------------------------


def _issuer(reading: Reading, node: Node, name: str) -> str | None:
    value = _SLUG.read(reading, node, name)
    if value is not None:
        reading.mention("issuer", value, node)
    return value


_SLUG = scalars.slug("safety-academy")
ISSUED_BY: Form[str] = Form("the name of an issuer", _SLUG.example, _SLUG.schema, _issuer)
ACHIEVEMENT: Table = {
    "achievement": Key(scalars.slug("keen-learner"), "its name, unique among all achievements", required=True),
    "name": Key(scalars.localized("Keen learner"), "what people read on the badge (or `title`)"),
    "title": Key(scalars.localized("Keen learner"), "the same as `name`; write one of them"),
    "description": Key(
        scalars.localized("Finished five courses"), "what somebody who holds it has done", required=True
    ),
    "criteria": Key(scalars.localized("Complete five courses within 90 days"), "how it is earned", required=True),
    "image": Key(IMAGE, "the picture of the badge; without it one is drawn"),
    "type": Key(_TYPE, "AchievementType of Open Badges 3.0; default `Badge`"),
    "tags": Key(
        list_of(scalars.text("a tag", "safety"), or_one=True, example="[safety]"), "words about it, on the badge"
    ),
    "alignment": Key(list_of(ALIGNMENT_FORM), "skills and competencies that it is about"),
    "results": Key(list_of(RESULT_FORM), "scores and levels that the credential tells"),
    "issuer": Key(ISSUED_BY, "the `issuer:` that awards it; without one the default issuer"),
    "creator": Key(CREATOR_FORM, "who made it, where that is not the issuer"),
    "version": Key(scalars.text("a version", "2026.1"), "told in the credential"),
    "code": Key(scalars.text("a code", "DE-101"), "the code that people know it by"),
    "field": Key(scalars.text("a field", "Safety at work"), "the field of study"),
    "credits": Key(scalars.number(0, 10_000, "a number", "2"), "credit points that it stands for"),
    "suspendable": Key(scalars.TRUTH, "credentials can be suspended and reinstated; otherwise only revoked, for good"),
    "micro_credential": Key(MICRO_FORM, "what a micro-credential has to say of itself; with type MicroCredential"),
}


def _check_achievement(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    if not node.get("name") and not node.get("title"):
        reading.error(node, '"name" is missing: write what people read on the badge, like name: Keen learner.')
    if node.get("name") and (second := node.key("title")):
        reading.error(second, '"title" says the same as "name": keep one of them.')
    if found.get("type") == "MicroCredential" and not node.get("micro_credential"):
        required = [name for name, key in MICRO.items() if key.required]
        reading.error(node, f'"micro_credential" is missing: a MicroCredential says {", ".join(required)} in it.')
    if (key := node.key("micro_credential")) and found.get("type", "MicroCredential") != "MicroCredential":
        reading.error(key, '"micro_credential" does not go with this type: write type: MicroCredential.')


def _make_achievement(found: dict[str, Any]) -> Achievement:
    title = found.pop("title", None) or found.pop("name")
    if "micro_credential" in found:
        found["type"] = "MicroCredential"
    renamed = {"achievement": "name", "code": "human_code", "field": "field_of_study"}
    return Achievement(title=title, **{renamed.get(key, key): value for key, value in found.items()})


ACHIEVEMENT_FORM = mapping("an achievement", "{}", ACHIEVEMENT, _make_achievement, _check_achievement)
