"""The sample company: the shipped file is what the story gives, and the shipped rules honour it as the story means."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from service import shipped
from service.core.agents import identifier, members
from service.core.evaluate import Outcome, evaluate
from service.core.language import load, read_directory
from service.core.statement import Fact, read
from service.samples import company, story

NOW = datetime(2026, 11, 20, tzinfo=UTC)
LINES = company.FILE.read_text(encoding="utf-8").splitlines()
STATEMENTS: list[dict[str, Any]] = [json.loads(line) for line in LINES]


class Staff:
    """The people of the sample by name."""

    def __init__(self, facts: list[Fact]) -> None:
        self.names: dict[int, str] = {}
        self.numbers: dict[str, int] = {}
        for fact in facts:
            for agent in members(fact.statement.actor):
                self.names[self.learner(identifier(agent) or "")] = agent.name or ""

    def learner(self, key: str) -> int:
        return self.numbers.setdefault(key, len(self.numbers) + 1)

    def zone(self, learner: int) -> ZoneInfo:
        return ZoneInfo("UTC")


class Told:
    """What the story comes to: points and badges by name, and how far everybody is."""

    def __init__(self, staff: Staff, outcome: Outcome) -> None:
        self.points: Counter[str] = Counter()
        self.badges: defaultdict[str, set[str]] = defaultdict(set)
        for award in outcome.awards:
            who = staff.names[award.learner]
            self.points[who] += award.amounts.get("points", 0)
            self.badges[who] |= {unit.removeprefix("badge:") for unit in award.amounts if unit.startswith("badge:")}
        self.progress = {(staff.names[who], rule): done for (who, rule), done in outcome.progress.items()}
        self.refused = Counter((refusal.rule, refusal.because) for refusal in outcome.refusals)


@pytest.fixture(scope="module")
def told() -> Told:
    documents, problems = load(read_directory(shipped.rules()))
    assert not [problem for problem in problems if problem.severity == "error"]
    facts = [read(line.encode(), NOW) for line in LINES]
    staff = Staff(facts)
    return Told(staff, evaluate(documents.rules, facts, staff))


def test_the_shipped_file_is_what_the_story_gives() -> None:
    assert company.FILE.read_text(encoding="utf-8") == company.text(), "run: python -m service.samples.company"


def test_a_few_hundred_statements_before_the_twentieth_of_november() -> None:
    assert 300 <= len(LINES) <= 500
    assert max(statement["stored"] for statement in STATEMENTS) < "2026-11-20"
    assert all(statement["timestamp"] <= statement["stored"] for statement in STATEMENTS)


def test_every_statement_is_as_an_lrs_forwards_it() -> None:
    assert all({"id", "timestamp", "stored", "authority", "version"} <= statement.keys() for statement in STATEMENTS)


def test_some_statements_come_twice_and_one_id_comes_with_other_content() -> None:
    copies = defaultdict(set)
    for line, statement in zip(LINES, STATEMENTS, strict=True):
        copies[statement["id"]].add(line)
    assert len(LINES) - len(set(LINES)) == 9
    assert [len(contents) for contents in copies.values() if len(contents) > 1] == [2]


def test_some_statements_come_a_day_late_and_more() -> None:
    delays = [datetime.fromisoformat(one["stored"]) - datetime.fromisoformat(one["timestamp"]) for one in STATEMENTS]
    assert sum(delay > timedelta(hours=19) for delay in delays) >= 20


def test_one_void_follows_its_target_and_one_comes_before_it() -> None:
    places = {statement["id"]: place for place, statement in reversed([*enumerate(STATEMENTS)])}
    voids = [one for one in STATEMENTS if one["object"]["objectType"] == "StatementRef"]
    assert sorted(places[one["id"]] < places[one["object"]["id"]] for one in voids) == [False, True]


def test_people_are_known_by_address_by_its_hash_and_by_account() -> None:
    actors = [agent for one in STATEMENTS for agent in one["actor"].get("member", [one["actor"]])]
    found = Counter(key for agent in actors for key in ("mbox", "mbox_sha1sum", "account") if key in agent)
    assert found.keys() == {"mbox", "mbox_sha1sum", "account"}
    assert any(one["actor"]["objectType"] == "Group" for one in STATEMENTS)


def test_everybody_earned_something_and_nobody_too_much(told: Told) -> None:
    assert len(told.points) == len(story.PEOPLE)
    assert max(told.points.values()) < 1000


def test_ines_is_one_learner_under_her_address_and_its_hash(told: Told) -> None:
    assert told.badges["Ines Albrecht"] == {"keen-learner", "week-after-week-bronze", "week-after-week-silver"}
    assert told.progress["Ines Albrecht", "knowledge-sharer"] == (5, 10)


def test_tomas_would_be_a_keen_learner_without_the_void(told: Told) -> None:
    assert told.progress["Tomas Varga", "keen-learner"] == (4, 5)
    assert "keen-learner" not in told.badges["Tomas Varga"]


def test_priya_shared_ten_things_although_one_was_voided_before_it_arrived(told: Told) -> None:
    assert "knowledge-sharer" in told.badges["Priya Raman"]
    assert told.refused["share-something-useful", "limit 30 points per day"] == 1


def test_jonas_helped_and_miriam_taught(told: Told) -> None:
    assert "helping-hand" in told.badges["Jonas Lindqvist"]
    assert "great-teacher" in told.badges["Miriam Okafor"]


def test_leo_is_not_honoured_for_teaching_himself(told: Told) -> None:
    assert told.refused["teach-a-colleague", "unless instructor and actor are the same"] == 1
