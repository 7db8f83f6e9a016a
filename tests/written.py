"""Rules as authors write them, and statements as systems send them, for tests that need one or two of each."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import yaml

from service.core.agents import Agent, identifier
from service.core.evaluate import FOREVER, Outcome, evaluate
from service.core.language import Documents, load
from service.core.rule import Rule
from service.core.statement import Fact, read

Json = dict[str, Any]

WORDS: Json = {
    "vocabulary": "words",
    "verbs": {
        "completed": ["http://adlnet.gov/expapi/verbs/completed", "http://id.tincanapi.com/verb/completed"],
        "shared": "http://adlnet.gov/expapi/verbs/shared",
    },
    "types": {
        "course": "http://adlnet.gov/expapi/activities/course",
        "article": "http://activitystrea.ms/schema/1.0/article",
    },
    "tags": {
        "safety": ["https://example.com/tags/safety", "https://example.com/tags/health"],
        "onboarding": "https://example.com/tags/onboarding",
    },
}
COMPLETED, ALSO_COMPLETED = WORDS["verbs"]["completed"]
SHARED: str = WORDS["verbs"]["shared"]
VOIDED = "http://adlnet.gov/expapi/verbs/voided"
COURSE: str = WORDS["types"]["course"]
BADGES = ("keen", "steady")
MICRO: Json = {
    "country": "DE",
    "awarding_body": "A body",
    "learning_outcomes": ["To test"],
    "workload": "1 hour",
    "level": 4,
    "assessment": "A test",
    "participation": "Online",
    "quality_assurance": "Tests",
}

# --- rules ------------------------------------------------------------------------------------------------------------


def documents(*written: str) -> Documents:
    """Rules, and boards that see everybody, from YAML without what is the same in all of them."""
    said = [WORDS, *(_achievement(name) for name in BADGES), *(_completed(yaml.safe_load(one)) for one in written)]
    found, problems = load([("rules.yaml", yaml.safe_dump_all(said, sort_keys=False).encode())])
    assert not [str(problem) for problem in problems if problem.severity == "error"]
    return found


def _completed(said: Json) -> Json:
    if "board" in said:
        return {"title": "A board", "who": "everyone", **said}
    if "caps" in said or "levels" in said:
        return said
    if "needs" in said:
        said = {"when": None, **said}
    whole = {
        "rule": "r",
        "title": "A rule",
        "how_to_earn": "Complete something.",
        "status": "live",
        "when": {"verb": "completed"},
        "give": {"points": 10},
        **said,
    }
    return {key: value for key, value in whole.items() if value is not None}


def _achievement(name: str) -> Json:
    return {"achievement": name, "title": name, "description": "A test.", "criteria": "Complete something."}


def rule(written: str = "{}") -> Rule:
    """One rule: `completed` gives 10 points, with what is written instead or beside it."""
    return documents(written).rules[0]


# --- statements -------------------------------------------------------------------------------------------------------


def numbered(number: int) -> UUID:
    """The id of a statement of this number."""
    return UUID(int=number)


def agent(name: str) -> Json:
    return {"name": name.title(), "mbox": f"mailto:{name}@example.com"}


def identified(name: str) -> str:
    """The key of a learner."""
    return identifier(Agent(mbox=agent(name)["mbox"])) or ""


def group(*names: str) -> Json:
    return {"objectType": "Group", "member": [agent(name) for name in names]}


def said(number: int, at: str = "2026-01-01", who: str | Json = "ann", verb: str = COMPLETED, **more: Any) -> Json:
    """Statement `number`: who completed `thing` (or what `more` says) at this time; a day alone means noon."""
    statement: Json = {
        "id": str(numbered(number)),
        "actor": agent(who) if isinstance(who, str) else who,
        "verb": {"id": verb},
        "object": {
            "id": f"https://example.com/{more.pop('thing', 'a')}",
            "definition": {"type": more.pop("type", COURSE)},
        },
        "timestamp": moment(at).isoformat(),
    }
    return statement | more


def moment(at: str) -> datetime:
    """`2026-01-01` is noon of that day, `2026-01-01T09:30:00` is UTC."""
    read = datetime.fromisoformat(at if "T" in at else f"{at}T12:00:00")
    return read if read.tzinfo else read.replace(tzinfo=UTC)


def void(number: int, target: int, at: str = "2026-02-01") -> Json:
    """Statement `number` voids statement `target`."""
    reference = {"objectType": "StatementRef", "id": str(numbered(target))}
    return said(number, at, "admin", VOIDED) | {"object": reference}


def fact(statement: Json, source: str = "default", capture: str = "xapi") -> Fact:
    """A statement as it is read, long after it happened."""
    return read(msgspec.json.encode(statement), moment("2030-01-01"), source, capture)


class People:
    """Everybody in the order in which they are asked for, in one zone."""

    def __init__(self, zone: str = "UTC") -> None:
        self.numbers: dict[str, int] = {}
        self.own = ZoneInfo(zone)

    def learner(self, key: str) -> int:
        return self.numbers.setdefault(key, len(self.numbers) + 1)

    def named(self, name: str) -> int:
        return self.learner(identified(name))

    def zone(self, learner: int) -> ZoneInfo:
        return self.own


# --- what a rule makes of statements ----------------------------------------------------------------------------------


def days(*numbers: int, month: int = 1, **more: Any) -> list[Json]:
    """A statement on each of these days of a month of 2026, about a thing of its own."""
    return [said(month * 100 + n, f"2026-{month:02}-{n:02}", **({"thing": f"t{month}-{n}"} | more)) for n in numbers]


def evaluated(written: str, statements: Iterable[Json], zone: str = "UTC", now: str | None = None) -> Outcome:
    """What one rule makes of all statements, from nothing."""
    return evaluate([rule(written)], map(fact, statements), People(zone), moment(now) if now else FOREVER)


def awards(written: str, statements: Iterable[Json], zone: str = "UTC") -> list[str]:
    """The awards of one rule in the order of time: `<key> on <month>-<day>: <amounts>`."""
    found = evaluated(written, statements, zone).awards
    return [
        f"{_short(award.key)} on {award.happened:%m-%d}: "
        + " ".join(f"{n} {unit}" for unit, n in award.amounts.items())
        for award in sorted(found, key=lambda award: award.happened)
    ]


def _short(key: str) -> str:
    """The number of a statement instead of its id."""
    return str(UUID(key).int) if len(key) == 36 else key


def points(written: str, statements: Iterable[Json], zone: str = "UTC") -> int:
    """The points that one rule gives to everybody."""
    return sum(award.amounts.get("points", 0) for award in evaluated(written, statements, zone).awards)


def refusals(written: str, statements: Iterable[Json], zone: str = "UTC") -> dict[int, str]:
    """Why which statements gave nothing."""
    return {one.statement.int: one.because for one in evaluated(written, statements, zone).refusals}
