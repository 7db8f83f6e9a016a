"""What pages tell of achievements and of the badges that a micro-credential stands on, in the reader's language."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from service.badges.elements import elements
from service.core.achievement import Achievement
from service.http.pages.reader import language
from service.http.resources import in_words
from service.http.services import services
from service.store import badges, offers
from service.store.badges import Award


def achievement_words(about: Achievement) -> dict[str, Any]:
    """The skills, tags and elements of an achievement."""
    micro = about.micro_credential
    return {
        "elements": list(elements(micro, language())) if micro else [],
        "alignment": about.alignment,
        "tags": about.tags,
    }


def standing(award: Award) -> list[dict[str, Any]]:
    """The badges that a micro-credential stands on: name, when it was earned, and its credential if it was taken."""
    if not award.micro:
        return []
    now = datetime.now(UTC)
    with services().engine.connect() as connection:
        found = [badges.award(connection, one, now) for one in offers.stands_on(connection, award.id)]
    return [
        {"name": in_words(one.achievement.title), "earned": one.happened, "credential": one.credential}
        for one in found
        if one is not None
    ]
