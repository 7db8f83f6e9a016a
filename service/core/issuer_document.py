"""The `issuer:` document: who awards badges, where one service awards them in several names."""

from __future__ import annotations

import re

from msgspec import Struct

from service.core import scalars
from service.core.achievement_document import ADDRESS, COUNTRY, FILE
from service.core.forms import Key, Table, mapping
from service.core.places import Scalar
from service.core.rule import Text

MAIN = "main"
"""The issuer that every service has: what the settings say of it, or a document of this name."""


class Issuer(Struct, frozen=True):
    """Who awards badges (Open Badges 3.0, Profile)."""

    slug: str
    """What achievements call it, and the end of its DID, so that it never changes."""
    name: str
    url: str | None = None
    email: str | None = None
    description: Text = ""
    image: str | None = None
    """Path of the image file, relative to the file that names it."""
    country: str | None = None
    """ISO 3166, two letters."""
    default: bool = False
    """Whether it awards the achievements that name no issuer."""


def _email(node: Scalar) -> str | None:
    return node.text if re.fullmatch(r"[^@\s]+@[^@\s]+", node.text) else None


ISSUER: Table = {
    "issuer": Key(
        scalars.slug("safety-academy"),
        "what achievements call it; it stands in its DID, so it never changes. `main` is the issuer of the settings",
        required=True,
    ),
    "name": Key(scalars.text("a name", "Acme Safety Academy"), "what people read", required=True),
    "url": Key(ADDRESS, "its own site"),
    "email": Key(
        scalars.scalar(
            "an e-mail address", "badges@example.org", {"type": "string", "pattern": r"^[^@\s]+@[^@\s]+$"}, _email
        ),
        "where it is reached; it stands in every badge",
    ),
    "description": Key(scalars.localized("Trains people who lift things"), "who it is, for people"),
    "image": Key(FILE, "its logo"),
    "country": Key(COUNTRY, "where it is; it stands in every badge as its address"),
    "default": Key(scalars.TRUTH, "it awards the achievements that name no issuer; without one `main` does"),
}
ISSUER_FORM = mapping("an issuer", "{}", ISSUER, lambda found: Issuer(slug=found.pop("issuer"), **found))
