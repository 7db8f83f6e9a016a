"""The same work for everything that is measured: rules, boards and statements, about one match a statement."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

VERB = "http://adlnet.gov/expapi/verbs/completed"
TYPE = "http://adlnet.gov/expapi/activities/course"
NAME, ADDRESS = "Learner %d", "learner%d@example.org"
COURSE = "https://bench.example.org/courses/{}"

VOCABULARY = f"""vocabulary: bench
verbs: {{completed: {VERB}}}
types: {{course: {TYPE}}}
"""

KINDS = (
    "",
    "limit: [{points: 500, per: day}]\n",
    "once_per: [object, registration]\n",
    "count: {reach: 3, repeat: true}\n",
    "streak: {every: day}\n",
)
"""What the rules add to "when this course is completed, give points": the fifth of them has tiers."""


IN_A_FILE = 1000


def rule(number: int) -> str:
    """The YAML of one rule, about one course."""
    kind = KINDS[number % len(KINDS)]
    give = "give: [{at: 3, points: 10, again: true}]\n" if kind.startswith("streak") else "give: {points: 10}\n"
    return (
        f"rule: course-{number}\ntitle: Course {number}\nhow_to_earn: Complete course {number}.\nstatus: live\n"
        f"when: {{verb: completed, object: {COURSE.format(number)}}}\n{kind}{give}"
    )


def write_rules(directory: Path, rules: int) -> None:
    """A rules directory with so many rules, one about each course, and four boards."""
    directory.mkdir(parents=True, exist_ok=True)
    boards = "---\n".join(
        f"board: {period}\ntitle: {period}\npoints: points\nperiod: {period}\nwho: everyone\n"
        for period in ("ever", "month", "week", "day")
    )
    (directory / "vocabulary.yaml").write_text(VOCABULARY)
    (directory / "boards.yaml").write_text(boards)
    for first in range(0, rules, IN_A_FILE):
        some = map(rule, range(first, min(first + IN_A_FILE, rules)))
        (directory / f"rules-{first:05}.yaml").write_text("---\n".join(some))


def edit_a_rule(directory: Path) -> None:
    """Lets one of the rules of a directory, about one course, give something else for something else."""
    path = directory / "rules-00000.yaml"
    path.write_text(
        path.read_text().replace(rule(10), rule(10).replace("points: 10", "points: 12") + "count: {reach: 2}\n")
    )


class Told(NamedTuple):
    """A statement with what storing it needs: who did it, by number, and when."""

    id: UUID
    who: int
    happened: datetime
    raw: bytes


def statements(number: int, rules: int, learners: int = 1000, seed: int = 1) -> list[bytes]:
    """So many statements as an LRS forwards them, in the order of time: learners complete courses.

    Those of a greater seed happened later, all of them before now.
    """
    begin = datetime.now(UTC) - timedelta(hours=100 - seed)
    return [told.raw for told in _told(number, rules, learners, seed, begin, timedelta(milliseconds=1))]


def years(number: int, rules: int, learners: int, now: datetime) -> Iterator[Told]:
    """So many statements of the same sort, those of two years."""
    length = timedelta(days=730)
    return _told(number, rules, learners, 1, now - length, length / number)


def _told(number: int, rules: int, learners: int, seed: int, begin: datetime, gap: timedelta) -> Iterator[Told]:
    chance = random.Random(seed)
    for place in range(number):
        id_, registration = (UUID(int=chance.getrandbits(128), version=4) for _ in range(2))
        who, course, happened = chance.randrange(learners), chance.randrange(rules), _whole(begin + place * gap)
        stamp = happened.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        yield Told(
            id_, who, happened, (STATEMENT % (id_, who, who, course, course, registration, stamp, stamp)).encode()
        )


def _whole(moment: datetime) -> datetime:
    """A moment as statements tell it, in milliseconds."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


STATEMENT = json.dumps(
    {
        "id": "%s",
        "actor": {"objectType": "Agent", "name": NAME, "mbox": f"mailto:{ADDRESS}"},
        "verb": {"id": VERB, "display": {"en-US": "completed"}},
        "object": {
            "objectType": "Activity",
            "id": COURSE.format("%d"),
            "definition": {"type": TYPE, "name": {"en-US": "Course %d"}},
        },
        "result": {"completion": True, "success": True, "score": {"scaled": 0.9}, "duration": "PT20M"},
        "context": {
            "registration": "%s",
            "platform": "Bench LMS",
            "contextActivities": {"category": [{"id": "https://bench.example.org/profile"}]},
        },
        "timestamp": "%s",
        "stored": "%s",
        "version": "1.0.3",
    }
)
