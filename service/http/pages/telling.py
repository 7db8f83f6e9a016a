"""What pages tell of achievements and of the badges that a micro-credential stands on, in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from service.badges.elements import elements
from service.core.achievement import Achievement
from service.http.pages.reader import day, language, say
from service.http.resources import in_words
from service.http.services import services
from service.store import badges, offers
from service.store.badges import Award
from service.store.credentials import Credential


def achievement_words(about: Achievement) -> dict[str, Any]:
    """The skills, tags and elements of an achievement."""
    micro = about.micro_credential
    return {
        "elements": list(elements(micro, language())) if micro else [],
        "alignment": about.alignment,
        "tags": about.tags,
    }


@dataclass(frozen=True)
class Status:
    """Why a credential does not hold: `kind` is withdrawn, suspended or expired, `told` is a sentence about it."""

    kind: str
    told: str


def status_of(found: Credential) -> Status | None:
    """Why this credential does not hold today; None if it does."""
    ends = say("It no longer holds.")
    if found.revoked and found.revoked_because:
        because, when = found.revoked_because, day(found.revoked)
        told = say("This badge was withdrawn on {day}: {because}.", day=when, because=because)
        return Status("withdrawn", f"{told} {ends}")
    if found.revoked:
        told = say("This badge was withdrawn on {day}.", day=day(found.revoked))
        return Status("withdrawn", f"{told} {ends}")
    if found.suspended:
        because, when = found.suspended_because or "", day(found.suspended)
        told = say(
            "This badge was suspended on {day}: {because}. Until it is reinstated, it does not hold.",
            day=when,
            because=because,
        )
        return Status("suspended", told)
    if found.expires and found.expires <= datetime.now(UTC):
        told = say("This badge was valid until {day}. It shows what was achieved by then.", day=day(found.expires))
        return Status("expired", told)
    return None


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
