"""The same work for everything that is measured: rules, boards and statements, about one match a statement."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

VERB = "http://adlnet.gov/expapi/verbs/completed"
TYPE = "http://adlnet.gov/expapi/activities/course"
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


def statements(number: int, rules: int, learners: int = 1000, seed: int = 1) -> list[bytes]:
    """So many statements as an LRS forwards them, in the order of time: learners complete courses.

    Those of a greater seed happened later, all of them before now.
    """
    chance = random.Random(seed)
    begin = datetime.now(UTC) - timedelta(hours=100 - seed)
    return [_statement(chance, begin + timedelta(milliseconds=place), rules, learners) for place in range(number)]


def _statement(chance: random.Random, happened: datetime, rules: int, learners: int) -> bytes:
    who, course = chance.randrange(learners), chance.randrange(rules)
    return json.dumps(
        {
            "id": str(UUID(int=chance.getrandbits(128), version=4)),
            "actor": {"objectType": "Agent", "name": f"Learner {who}", "mbox": f"mailto:learner{who}@example.org"},
            "verb": {"id": VERB, "display": {"en-US": "completed"}},
            "object": {
                "objectType": "Activity",
                "id": COURSE.format(course),
                "definition": {"type": TYPE, "name": {"en-US": f"Course {course}"}},
            },
            "result": {"completion": True, "success": True, "score": {"scaled": 0.9}, "duration": "PT20M"},
            "context": {
                "registration": str(UUID(int=chance.getrandbits(128), version=4)),
                "platform": "Bench LMS",
                "contextActivities": {"category": [{"id": "https://bench.example.org/profile"}]},
            },
            "timestamp": happened.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "stored": happened.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "version": "1.0.3",
        }
    ).encode()
