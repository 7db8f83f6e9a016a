"""What is in force counted again: what is kept otherwise than history gives is set right, and nothing else written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from service import crew
from service.core.limits import Paid
from service.recount import Changed
from service.replay import catch_up, replay
from service.store import tables
from service.store.engine import engine as connected
from service.store.matches import Made
from service.world import Counting
from tests.at_work import AtWork
from tests.test_merging import one_person
from tests.test_replay import at_transaction, of_count, stopped
from tests.written import SHARED, Json, agent, days, moment, said, void

OF_ONE = (
    "{rule: r, give: {points: 10}}",
    "{rule: count, count: {reach: 3}, give: {badge: keen, points: 30}}",
    "{rule: streak, streak: {every: day}, give: [{at: 2, points: 20}, {at: 4, points: 40}]}",
    "{rule: daily, once_per: [day], limit: [{points: 15, per: week}]}",
    "{rule: taught, to: instructor, give: {points: 7}}",
    "{rule: needing, needs: {all_of: [{badge: keen}, {points: 50}]}, give: {badge: steady}}",
    "{caps: much, points: 40, per: day, over: all}",
    "{board: all-time, period: ever}",
)
OF_MANY = (
    "{rule: quick, first: {learners: 2}, give: {points: 3}}",
    "{rule: swaps, to: instructor, unless: [{swapped: {between: [instructor, actor]}}], give: {points: 2}}",
)
LATE = [*days(6, 7), *days(2, 4, month=2, who="bob"), void(902, 102), void(903, 202)]


def history() -> list[Json]:
    """Four people, a void, a group, and two who teach each other."""
    return [
        *days(1, 2, 3, 4, 5),
        *days(1, 3, month=2, who="bob"),
        said(900, "2026-01-06", who={"objectType": "Group", "member": [{"mbox": "mailto:bob@example.com"}]}),
        void(901, 104),
        *(said(n, f"2026-01-1{n - 910}", verb=SHARED) for n in (911, 912, 913)),
        taught(914, "2026-01-12", "cleo", by="ann"),
        taught(915, "2026-01-13", "ann", by="cleo"),
        taught(916, "2026-01-14", "dan", by="ann"),
    ]


def taught(number: int, at: str, who: str, by: str) -> Json:
    return said(number, at, who) | {"context": {"instructor": agent(by)}}


@pytest.fixture
def here(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> AtWork:
    monkeypatch.setattr(crew, "STATEMENTS", 3)
    return AtWork(engine)


def begin(here: AtWork, *rest: Json) -> None:
    """All rules in force, and history evaluated by them."""
    forgotten = ", ".join(table for table in tables.metadata.tables if table != "source")
    here.execute(f"TRUNCATE {forgotten} RESTART IDENTITY CASCADE")
    here.apply(*OF_ONE, *OF_MANY)
    here.take(*history(), *rest)


def again(here: AtWork) -> None:
    replay(here.engine, None, "tests")
    here.count_again()
    assert here.execute("SELECT 1 FROM rule_version WHERE phase <> 'done'") == []


def everything(here: AtWork) -> dict[str, list[tuple[Any, ...]]]:
    """All that is derived, and the rows by which it is."""
    kept = {
        "matches": "SELECT rule, learner, happened, statement, once, detail, swapped FROM match ORDER BY 1, 2, 3, 4",
        "folds": "SELECT rule, learner, happened, statement, state FROM fold ORDER BY 1, 2",
    }
    return here.everything() | {name: here.execute(query) for name, query in kept.items()}


# --- what is right ----------------------------------------------------------------------------------------------------


def test_where_everything_is_right_nothing_is_written(here: AtWork) -> None:
    here.apply(*OF_ONE)
    here.take(*history())

    def rows() -> list[list[tuple[str, str]]]:
        kept = ("match", "fold", "entry", "total", "score", "badge_award", "purse")
        return [here.execute(f"SELECT xmin::text, ctid::text FROM {table} ORDER BY 2") for table in kept]

    before, shown = rows(), list[Changed]()
    assert all(before)
    replay(here.engine, None, "tests")
    catch_up(here.engine, shown.append)
    assert len(shown) > 1
    assert not any(changed.scores for changed in shown)
    assert rows() == before


# --- what is wrong ----------------------------------------------------------------------------------------------------


def no_matches(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("service.core.matching.Matcher.recipients", lambda *_: ())


def other_matches(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("service.core.matching._digest", lambda _: b"all the same")


def other_amounts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("service.core.limits.paid", lambda setting, used, match, earned: (used, Paid((("points", 1),)), ""))


def no_needs(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("service.core.derived.award", lambda *_: [])


@pytest.mark.parametrize("fault", [no_matches, other_matches, other_amounts, no_needs])
def test_what_faulty_code_has_counted_is_as_if_the_right_one_had(
    here: AtWork, monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None]
) -> None:
    begin(here)
    right = everything(here)
    with monkeypatch.context() as patch:
        fault(patch)
        begin(here)
    assert here.differences()
    again(here)
    assert everything(here) == right
    assert here.differences() == []


@pytest.mark.parametrize("processes", [1, 2])
def test_rows_that_somebody_has_broken_are_mended(
    here: AtWork, monkeypatch: pytest.MonkeyPatch, processes: int
) -> None:
    begin(here)
    right, nobody = everything(here), here.learner("admin")
    here.execute("DELETE FROM match WHERE extract(day FROM happened) = 3")
    here.execute("DELETE FROM fold WHERE learner %% 2 = 0")
    here.execute("UPDATE fold SET happened = happened + interval '1 day'")
    here.execute(
        "INSERT INTO match (rule, learner, happened, statement, making) "
        "SELECT DISTINCT rule, %b::bigint, timestamptz '2026-05-05', gen_random_uuid(), making FROM match",
        nobody,
    )
    here.execute("INSERT INTO fold SELECT rule, %b, now(), statement, state FROM fold WHERE learner = 1", nobody)
    assert here.differences()
    monkeypatch.setattr(crew, "_processes", lambda _: processes)
    again(here)
    assert everything(here) == right
    assert here.differences() == []


def test_since_a_moment_only_what_happened_then_is_read(here: AtWork) -> None:
    begin(here)
    right, counted = everything(here), of_count(here, True)
    assert counted
    here.execute("DELETE FROM match WHERE rule = 1 AND learner = 1")
    replay(here.engine, moment("2026-01-03"), "tests")
    here.count_again()
    assert sorted(at for (at,) in here.execute("SELECT happened FROM match WHERE rule = 1 AND learner = 1")) == [
        moment(f"2026-01-{day:02}") for day in (3, 5, 13)
    ]
    assert of_count(here, True) == counted
    again(here)
    assert everything(here) == right


def test_people_who_were_merged_are_counted_as_one(here: AtWork) -> None:
    begin(here)
    one_person(here, "ann", "dan")
    right = everything(here)
    here.execute("DELETE FROM match")
    again(here)
    assert everything(here) == right
    assert here.differences() == []


# --- meanwhile --------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What nobody catches."""


def kill() -> None:
    raise Killed


def test_a_crash_at_any_point_only_means_to_go_on(here: AtWork) -> None:
    begin(here)
    right = everything(here)
    here.execute("DELETE FROM match")
    replay(here.engine, None, "tests")
    crashes = 0
    while here.execute("SELECT 1 FROM rule_version WHERE phase <> 'done'"):
        with at_transaction(here.engine, 1 + crashes, kill), suppress(Killed):
            here.count_again()
        crashes += 1
        assert crashes < 100
    assert crashes > 10
    assert everything(here) == right


@pytest.mark.parametrize("number", [3, 5, 7, 9, 12])
def test_statements_that_come_meanwhile_count_once(here: AtWork, database_url: str, number: int) -> None:
    begin(here, *LATE)
    right = here.everything()
    begin(here)
    here.execute("DELETE FROM fold")
    other = AtWork.__new__(AtWork)
    other.engine = connected(database_url)
    replay(here.engine, None, "tests")
    with at_transaction(here.engine, number, lambda: other.take(*LATE)):
        here.count_again()
    other.engine.dispose()
    assert here.size("inbox") == 0
    assert here.everything() == right
    assert here.differences() == []


# --- what cannot be evaluated -----------------------------------------------------------------------------------------


def test_a_rule_that_raises_for_somebody_is_stopped_and_all_others_go_on(
    here: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(here)
    right, bob, judged = everything(here), here.learner("bob"), Counting.judged

    def raising(self: Counting, zone: ZoneInfo, made: Made) -> Any:
        if self.rule.name == "count" and any(match.learner == bob for some in made.values() for match in some):
            raise ArithmeticError("too much")
        return judged(self, zone, made)

    here.execute("DELETE FROM match")
    with monkeypatch.context() as patch:
        patch.setattr(Counting, "judged", raising)
        replay(here.engine, None, "tests")
        here.count_again()
    assert stopped(here) == [("count", "comparing", f"learner {bob}: ArithmeticError: too much")]
    assert everything(here) != right
    again(here)
    assert (stopped(here), everything(here)) == ([], right)


def test_rules_that_change_meanwhile_are_counted_as_they_are_then(here: AtWork, database_url: str) -> None:
    begin(here)
    other = AtWork.__new__(AtWork)
    other.engine = connected(database_url)
    changed = (OF_ONE[0].replace("10", "11"), *OF_ONE[1:], *OF_MANY)
    here.execute("DELETE FROM match WHERE rule = 2")
    replay(here.engine, None, "tests")
    with at_transaction(here.engine, 6, lambda: other.apply(*changed)):
        here.count_again()
    other.engine.dispose()
    assert here.execute("SELECT 1 FROM rule_version WHERE phase <> 'done'") == []
    assert here.differences() == []
    assert {line: amount for line, amount in here.awards("bob").items() if line.startswith("r ")} != {}
