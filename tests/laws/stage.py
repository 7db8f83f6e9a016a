"""What random scenes are about: few words, people and things, and moments that fall on each other and on borders."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.laws.oracle import Json, identity

COMPLETED, FINISHED = "http://adlnet.gov/expapi/verbs/completed", "http://id.tincanapi.com/verb/completed"
SHARED, ASKED = "http://adlnet.gov/expapi/verbs/shared", "http://adlnet.gov/expapi/verbs/asked"
COURSE, MODULE = "http://adlnet.gov/expapi/activities/course", "https://example.com/types/module"
ARTICLE = "http://activitystrea.ms/schema/1.0/article"
SAFETY, HEALTH, ONBOARDING = (f"https://example.com/tags/{name}" for name in ("safety", "health", "onboarding"))
THINGS = [f"https://example.com/things/{name}" for name in ("one", "two", "two-and-a-half", "three")]
PARENTS = [f"https://example.com/programmes/{name}" for name in ("north", "south")]
REGISTRATIONS = [f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2)]

VERBS = {"completed": [COMPLETED, FINISHED], "shared": [SHARED], "asked": [ASKED]}
TYPES = {"course": [COURSE, MODULE], "article": [ARTICLE]}
TAGS = {"safety": [SAFETY, HEALTH], "onboarding": [ONBOARDING]}
BADGES = ["keen", "steady"]
STACKED = "deep"
CROWNS = ["crowned", "gilded"]
"""What only rules give that read the awards of others."""
BOARDS: list[Json] = [
    {"board": "all-time", "title": "All time", "period": "ever", "who": "everyone"},
    {"board": "weekly", "title": "This week", "period": "week", "time_zone": "Pacific/Auckland"},
    {"board": "daily", "title": "Today", "period": "day", "from_rules": ["rule-0"], "ties": "first"},
]
SOURCES = [("default", "xapi"), ("form", "self_report")]

# --- people ----------------------------------------------------------------------------------------------------------

ANN: Json = {"mbox": "mailto:ann@example.com", "name": "Ann"}
ANN_HASHED: Json = {"objectType": "Agent", "mbox_sha1sum": hashlib.sha1(b"mailto:ann@example.com").hexdigest()}
BOB: Json = {"account": {"homePage": "https://example.com", "name": "bob"}}
CY: Json = {"openid": "https://cy.example.com/"}
PEOPLE = [ANN, BOB, CY]
LEARNERS = [str(identity(person)) for person in PEOPLE]


def group(*members: Json) -> Json:
    return {"objectType": "Group", "member": list(members)}


ACTORS = [ANN] * 5 + [ANN_HASHED] * 2 + [BOB] * 3 + [CY, group(ANN, BOB), group(ANN_HASHED, ANN, CY)]
TEACHERS = [None, None, BOB, BOB, BOB, ANN_HASHED, ANN_HASHED, CY, group(BOB, CY), group(BOB, ANN)]

TEAMS = [None, None, None, group(ANN, BOB), BOB, group(CY, ANN_HASHED)]

# --- times -----------------------------------------------------------------------------------------------------------

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/Los_Angeles",
    "Pacific/Auckland",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Honolulu",
    "America/Havana",
]
ORIGINS = [
    datetime(2026, 7, 1),  # a quarter begins, a Wednesday
    datetime(2024, 2, 29),  # the leap day
    datetime(2024, 12, 30),  # Monday of 2025-W01
    datetime(2025, 12, 31, 23, 59, 59),  # a year ends
    datetime(2027, 1, 3, 12),  # Sunday of 2026-W53
    datetime(2026, 3, 7, 2, 30),  # the clock springs forward in Los Angeles a day later
    datetime(2026, 10, 25, 1, 30),  # the clock falls back in Berlin, and a week later in Los Angeles
    datetime(2026, 3, 28, 2, 30),  # the clock springs forward in Berlin a day later
    datetime(2026, 4, 4, 23),  # the clock falls back in Auckland four hours later
    datetime(2026, 1, 31, 12),  # a day that the next month has not
    datetime(2026, 3, 8),  # midnight does not exist in Havana, and comes twice in November
    datetime(2026, 11, 1, 0, 30),
]
STEPS = ["second", "hour", "12 hours", "day", "day", "week", "week", "month", "month", "year"]
DURATIONS = {
    "second": ["1 second", "2 seconds", "1 minute"],
    "hour": ["1 hour", "2 hours", "120 minutes", "1 day"],
    "12 hours": ["12 hours", "1 day", "24 hours", "36 hours"],
    "day": ["1 day", "2 days", "48 hours", "1 week"],
    "week": ["1 week", "2 weeks", "14 days", "1 month"],
    "month": ["1 month", "2 months", "30 days", "1 year"],
    "year": ["1 year", "12 months", "2 years", "366 days"],
}
PERIODS = {
    "second": ["day", "day", "ever"],
    "hour": ["day", "day", "week"],
    "12 hours": ["day", "day", "week"],
    "day": ["day", "week", "month"],
    "week": ["week", "week", "month", "quarter"],
    "month": ["month", "month", "quarter", "year"],
    "year": ["year", "year", "quarter", "ever"],
}
LATER = datetime(2040, 1, 1, tzinfo=UTC)
"""After every moment of every history: most statements were stored then, one after the other."""


@dataclass(frozen=True)
class Clock:
    """Where the moments of a history come from: steps on the wall clock of one zone, from a border of its calendar."""

    zone: str
    origin: datetime
    step: str

    def wall(self, steps: int) -> datetime:
        if self.step in ("month", "year"):
            return _months_later(self.origin, steps * (12 if self.step == "year" else 1))
        sizes = {"second": 1, "hour": 3600, "12 hours": 43200, "day": 86400, "week": 604800}
        return self.origin + timedelta(seconds=steps * sizes[self.step])

    def moment(self, steps: int, seconds: int) -> datetime:
        return self.wall(steps).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC) + timedelta(seconds=seconds)


def _months_later(origin: datetime, months: int) -> datetime:
    year, month = divmod(origin.year * 12 + origin.month - 1 + months, 12)
    for day in range(origin.day, 0, -1):
        try:
            return origin.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError
