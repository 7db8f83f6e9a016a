"""What achievements are, as values: what the YAML says about a badge, its picture, and what a micro-credential owes."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from service.core.rule import Text

Shape = Literal["medal", "circle", "shield", "hexagon", "star", "diamond", "square"]
Source = Literal["score", "raw_score"]

COLOURS = {
    "indigo": "#4f56d6", "violet": "#7c4dd6", "plum": "#a23a8c", "crimson": "#c22a4a", "coral": "#e0573e",
    "amber": "#cf8208", "olive": "#7b8a1e", "green": "#2c9155", "teal": "#14897f", "blue": "#1f74c9",
    "slate": "#56657a", "bronze": "#a8683a", "silver": "#7f8b99", "gold": "#c9981f",
}  # fmt: skip
ICONS = (
    "award", "badge-check", "book-open", "brain", "briefcase", "calendar-check", "chart-line", "clipboard-check",
    "code", "compass", "cpu", "crown", "dna", "ear", "earth", "feather", "flag", "flame", "flask-conical", "gem",
    "gift", "globe", "graduation-cap", "hammer", "hand-heart", "handshake", "heart-pulse", "hourglass", "key",
    "landmark", "languages", "laptop", "leaf", "library", "lightbulb", "link", "lock-keyhole", "medal", "megaphone",
    "message-circle", "mic", "microscope", "mountain", "music", "notebook-pen", "pen-tool", "plane", "puzzle",
    "rocket", "ruler", "scale", "school", "search", "settings", "share-2", "shield-alert", "shield-check", "sprout",
    "star", "stethoscope", "target", "telescope", "tree-pine", "trophy", "truck", "users", "utensils", "wrench",
    "zap",
)  # fmt: skip
"""The pictures that can stand on a drawn badge, by their names in Lucide (https://lucide.dev)."""


class Drawing(Struct, frozen=True):
    """A picture to be drawn: the title stands on its ribbon, `label` small below the icon."""

    shape: Shape = "medal"
    colour: str = ""
    """A name of `COLOURS` or `#rrggbb`; empty: one that follows from the achievement's name."""
    icon: str = "award"
    label: str = ""


class Alignment(Struct, frozen=True):
    """A skill, competency or standard that the achievement is about (Open Badges 3.0, Alignment)."""

    name: str
    url: str
    code: str | None = None
    framework: str | None = None
    description: str | None = None
    type: str | None = None


class Level(Struct, frozen=True):
    """A level of a result, reached from `at_least` on."""

    name: str
    at_least: float
    description: str | None = None


class Result(Struct, frozen=True):
    """A result that a credential tells: `of` is where in the latest statement behind the award it stands.

    least and most: the range of a raw score; a scaled score is told in percent.
    """

    name: str
    of: Source
    least: float | None = None
    most: float | None = None
    required: float | None = None
    levels: tuple[Level, ...] = ()


class Creator(Struct, frozen=True):
    """Who made the achievement, where that is not the issuer."""

    name: str
    url: str


class MicroCredential(Struct, frozen=True):
    """What the EU Council Recommendation of 16 June 2022 (2022/C 243/02, Annex I) wants said of a micro-credential.

    The learner, the title, the date and the issuer are said by the credential anyway. `level` is that of the European
    Qualifications Framework. `not_assessed` says why nothing in it needs to be observed or assessed.
    """

    country: str
    awarding_body: str
    learning_outcomes: tuple[Text, ...]
    level: int
    assessment: Text
    participation: Text
    quality_assurance: Text
    hours: float | None = None
    ects: float | None = None
    prerequisites: Text = ""
    supervision: Text = ""
    stackable: Text = ""
    not_assessed: Text = ""


class Achievement(Struct, frozen=True):
    """What an award of a badge or micro-credential is about (Open Badges 3.0, Achievement)."""

    name: str
    """The slug that `give: {badge: …}` names."""
    title: Text
    description: Text
    criteria: Text
    image: str | Drawing = Drawing()
    """Path of the image file, relative to the file that names it, or what to draw."""
    type: str = "Badge"
    """Open Badges AchievementType: Badge, Course, Certificate, MicroCredential, …"""
    tags: tuple[str, ...] = ()
    alignment: tuple[Alignment, ...] = ()
    results: tuple[Result, ...] = ()
    creator: Creator | None = None
    issuer: str | None = None
    """The slug of who awards it; None: the default issuer."""
    version: str | None = None
    human_code: str | None = None
    field_of_study: str | None = None
    credits: float | None = None
    micro_credential: MicroCredential | None = None
    suspendable: bool = False
    """Whether credentials can be suspended and reinstated; others can be revoked, for good."""
