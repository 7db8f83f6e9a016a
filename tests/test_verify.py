"""`plaudit verify`: finds nothing where all is well, and each thing that is not as evaluating from nothing has it."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from service import verify as verifying
from service.errors import Refusal
from service.store import scoring
from service.verify import verify
from tests.at_work import AtWork
from tests.written import agent, days, group, numbered, said, void

RULES = (
    "{limit: [{points: 20, per: week}]}",
    "{rule: count, count: {reach: 3, different: object}, give: {badge: keen, points: 30}}",
    "{rule: taught, to: instructor, unless: [{same: [instructor, actor]}], once_per: [actor], give: {points: 25}}",
    "{rule: trial, status: trial}",
    "{board: all-time, period: ever}",
    "{board: weekly, period: week}",
)


@pytest.fixture
def here(engine: Engine) -> AtWork:
    """A database with some of everything in it."""
    made = AtWork(engine)
    made.apply("{rule: old, give: {points: 7}}", *RULES)
    made.take(
        *days(5, 6, 7, 8),
        said(1, "2026-01-05", who=group("ann", "bob"), context={"instructor": agent("cy")}),
        said(2, "2026-01-09", who="bob", thing="b", context={"instructor": agent("bob")}),
        void(900, 106),
        void(901, 999),
    )
    made.take(said(4, who="dee"))
    made.take(void(902, 4))
    made.apply(*RULES)
    made.count_again()
    made.arrive(said(3, "2026-01-10"))  # not evaluated yet
    return made


def test_a_good_database_has_no_differences(here: AtWork) -> None:
    report = verify(here.engine)
    assert report.differences == []
    assert report.statements == 10
    assert report.matches > report.awards > 5


def test_an_empty_database_has_no_differences(engine: Engine) -> None:
    report = verify(engine)
    assert (report.statements, report.matches, report.awards, report.differences) == (0, 0, 0, [])


def test_it_tells_how_far_it_is(here: AtWork) -> None:
    told: list[int] = []
    verify(here.engine, told.append)
    assert told == [10]


def test_it_compares_in_batches_of_any_size(here: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "GROUPS", 1)
    assert verify(here.engine).differences == []
    here.execute("DELETE FROM entry WHERE key = '1'")
    assert len(verify(here.engine).differences) > 1


COUNT = "rule = (SELECT id FROM rule WHERE name = 'count')"
POINTS = f"{COUNT} AND unit = 'points'"
LINE = "INSERT INTO entry (learner, rule, version, key, unit, amount, happened, statements) "
FIRST = "rule count, learner 1, award 1 of 2026-01-07 12:00:00: "

TAMPERED = {
    "a line of points is gone": (f"DELETE FROM entry WHERE {POINTS}", [FIRST + "+30 points to be booked"]),
    "a line of a badge is gone": (
        f"DELETE FROM entry WHERE {COUNT} AND unit = 'badge:keen'",
        [FIRST + "+1 badge:keen to be booked"],
    ),
    "a line says more": (f"UPDATE entry SET amount = 31 WHERE {POINTS}", [FIRST + "-1 points to be booked"]),
    "a line is of another moment": (
        f"UPDATE entry SET happened = happened + interval '1 second' WHERE {POINTS}",
        ["of 2026-01-07 12:00:01: -30 points", "of 2026-01-07 12:00:00: +30 points"],
    ),
    "a line has another key": (
        f"UPDATE entry SET key = '2' WHERE {POINTS}",
        ["award 2 of 2026-01-07 12:00:00: -30 points", "award 1 of 2026-01-07 12:00:00: +30 points"],
    ),
    "a line is there twice": (
        f"{LINE} SELECT learner, rule, version, key, unit, amount, happened, statements FROM entry WHERE {POINTS}",
        [FIRST + "-30 points to be booked"],
    ),
    "a line for somebody who did nothing": (
        f"{LINE} SELECT 4, id, 1, 'x', 'points', 5, '2026-01-01', '{{}}' FROM rule WHERE name = 'count'",
        ["rule count, learner 4: 5 points booked without any match"],
    ),
    "a line of a rule on trial": (
        f"{LINE} SELECT 1, id, 1, 'x', 'points', 5, '2026-01-01', '{{}}' FROM rule WHERE name = 'trial'",
        ["rule trial, learner 1, award x of 2026-01-01 00:00:00: -5 points to be booked"],
    ),
    "a total says more": (
        "UPDATE total SET amount = amount + 1 WHERE learner = 1",
        ["learner 1: total says 79 points, the ledger 78"],
    ),
    "a total is gone": ("DELETE FROM total WHERE learner = 1", ["learner 1: total says 0 points, the ledger 78"]),
    "a total of nothing": (
        "INSERT INTO total (learner, unit, amount) VALUES (1, 'coins', 3)",
        ["learner 1: total says 3 coins, the ledger 0"],
    ),
    "a score says more": (
        "UPDATE score SET points = points + 1 WHERE board = 1 AND learner = 1",
        ["board all-time, ever, learner 1: score says 79, the ledger 78"],
    ),
    "a score is gone": (
        "DELETE FROM score WHERE board = 1 AND learner = 1",
        ["board all-time, ever, learner 1: score says 0, the ledger 78"],
    ),
    "a score in another week": (
        "UPDATE score SET period = period + 1 WHERE board = 2 AND learner = 1",
        [
            "board weekly, 2026-W02, learner 1: score says 0, the ledger 78",
            "board weekly, 2026-W03, learner 1: score says 78, the ledger 0",
        ],
    ),
    "an offer is gone": (
        "DELETE FROM badge_award",
        ["rule count, learner 1: badge keen is not offered as the ledger says"],
    ),
    "an offer is undone": (
        "UPDATE badge_award SET undone = now()",
        ["rule count, learner 1: badge keen is not offered as the ledger says"],
    ),
    "an offer that nobody earned": (
        "UPDATE badge_award SET achievement = 'steady'",
        ["badge keen is not offered as the ledger says", "badge steady is not offered as the ledger says"],
    ),
    "a match is gone": (
        f"DELETE FROM match WHERE {COUNT} AND statement = '{numbered(107)}'",
        [f"rule count, learner 1: match of {numbered(107)} is not kept"],
    ),
    "a match says something else": (
        f"UPDATE match SET once = 'x' WHERE {COUNT} AND statement = '{numbered(107)}'",
        [f"match of {numbered(107)} is not kept", f"match of {numbered(107)} is kept, and there is none"],
    ),
    "a match that nothing made": (
        f"UPDATE match SET learner = 4 WHERE {COUNT} AND statement = '{numbered(107)}'",
        [f"rule count, learner 4: match of {numbered(107)} is kept, and there is none"],
    ),
    "a fold is gone": (f"DELETE FROM fold WHERE {COUNT}", ["rule count, learner 1: the fold is not kept"]),
    "a fold stands elsewhere": (
        f"UPDATE fold SET happened = happened + interval '1 second' WHERE {COUNT}",
        ["rule count, learner 1: the fold is another"],
    ),
    "a fold of somebody who did nothing": (
        f"UPDATE fold SET learner = 4 WHERE {COUNT} AND learner = 1",
        ["rule count, learner 4: a fold is kept without any match"],
    ),
    "a statement is gone": (f"DELETE FROM statement WHERE id = '{numbered(105)}'", [FIRST + "-30 points"]),
    "a void is gone": ("DELETE FROM void", ["award 1 of 2026-01-06 12:00:00: +30 points to be booked"]),
    "a statement says something else": (
        "UPDATE statement SET raw = convert_to(replace(convert_from(raw, 'UTF8'), 'completed', 'failed'), 'UTF8')",
        ["booked without any match"],
    ),
}


@pytest.mark.parametrize(("query", "told"), TAMPERED.values(), ids=TAMPERED)
def test_what_was_tampered_with_is_found_and_named(here: AtWork, query: str, told: list[str]) -> None:
    here.execute(query)
    found = "\n".join(here.differences())
    assert [sentence for sentence in told if sentence not in found] == []


def test_it_writes_nothing(here: AtWork) -> None:
    here.execute("DELETE FROM entry WHERE key = '1'")
    before = {table: here.execute(f"SELECT * FROM {table}") for table in ("entry", "match", "fold", "total", "score")}
    assert here.differences()
    assert {table: here.execute(f"SELECT * FROM {table}") for table in before} == before


def test_it_waits_for_rules_that_are_counted_again(here: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    here.apply("{give: {points: 3}}", *RULES[1:])
    monkeypatch.setattr(verifying, "TRIES", 1)
    with pytest.raises(Refusal, match="Rules are being counted again: r"):
        verify(here.engine)
    monkeypatch.setattr(verifying, "TRIES", 2)
    monkeypatch.setattr("time.sleep", lambda _: here.count_again())
    assert verify(here.engine).differences == []


def test_it_reads_awards_so_many_at_once(here: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "AT_ONCE", 2)
    assert here.differences() == []


def test_it_looks_at_one_moment_while_the_service_works(here: AtWork) -> None:
    def work(_: int) -> None:
        here.drain()
        here.take(*days(20, 21, 22))

    assert verify(here.engine, work).differences == []
    assert verify(here.engine).statements == 10 + 1 + 3
