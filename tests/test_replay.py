"""Counting again: a changed rule ends where it would be had it always been so, whatever comes in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, Engine, event, update

from service import replay
from service.core.matching import Matcher
from service.errors import Refusal
from service.moving import learner_moved
from service.recount import Changed
from service.replay import any_rules, apply_rules_directory, catch_up
from service.shipped import rules as shipped_rules
from service.store import tables
from service.store.engine import engine as connected
from service.store.matches import Made
from service.world import Counting
from tests.at_work import AtWork
from tests.written import SHARED, Json, days, moment, numbered, said, void

TEN = "{rule: r, give: {points: 10}}"
BOARD = "{board: all-time, period: ever}"
COUNT = "{rule: count, count: {reach: 3}, give: {badge: keen, points: 30}}"
STREAK = "{rule: streak, streak: {every: day}, give: [{at: 2, points: 20}, {at: 4, points: 40}]}"
DAILY = "{rule: daily, once_per: [day], limit: [{points: 15, per: week}]}"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


def history() -> list[Json]:
    """Two people, five days, a void, a group, and something that the old rules do not honour."""
    return [
        *days(1, 2, 3, 4, 5),
        *days(1, 3, month=2, who="bob"),
        said(900, "2026-01-06", who={"objectType": "Group", "member": [{"mbox": "mailto:bob@example.com"}]}),
        void(901, 104),
        *(said(n, f"2026-01-1{n - 910}", verb=SHARED) for n in (911, 912, 913)),
    ]


def phases(here: AtWork) -> list[str]:
    return [phase for (phase,) in here.execute("SELECT phase FROM rule_version WHERE phase <> 'done' ORDER BY rule")]


# --- rules change -----------------------------------------------------------------------------------------------------


def test_a_changed_rule_is_counted_again_over_all_history(here: AtWork) -> None:
    here.apply(TEN, BOARD)
    here.take(*days(1, 2, 3))
    assert here.apply("{rule: r, give: {points: 4}}", BOARD) == ["rule r: version 2"]
    assert here.count_again() == 1
    assert here.points("ann") == 12
    assert here.ledger("ann") == [("points", 10)] * 3 + [("points", -6)] * 3
    assert here.execute("SELECT points FROM score") == [(12,)]
    assert here.execute("SELECT version, sum(amount)::int FROM entry GROUP BY 1 ORDER BY 1") == [(1, 30), (2, -18)]
    assert here.differences() == []


def test_a_rule_that_honours_something_else_takes_back_what_it_gave(here: AtWork) -> None:
    here.apply(TEN, COUNT, BOARD)
    here.take(*history())
    here.apply("{rule: r, when: {verb: shared}}", COUNT.replace("{rule", "{when: {verb: shared}, rule"), BOARD)
    here.count_again()
    assert (here.points("ann"), here.badges("ann")) == (30 + 30, ["keen"])
    assert (here.points("bob"), here.badges("bob")) == (0, [])
    assert here.differences() == []


def test_an_unchanged_rule_is_not_counted_again(here: AtWork) -> None:
    here.apply(TEN, COUNT)
    here.take(*days(1, 2, 3))
    before = here.execute("SELECT * FROM entry")
    assert here.apply(COUNT, TEN) == []
    assert here.count_again() == 0
    assert here.execute("SELECT * FROM entry") == before


def test_a_new_rule_honours_old_history(here: AtWork) -> None:
    here.take(*history())
    assert here.size("learner") == 3
    here.apply(TEN, COUNT, STREAK, DAILY)
    assert here.count_again() == 4
    assert here.points("ann") == 40 + 30 + 20 + (10 + 5 + 0) + 10
    assert here.points("bob") == 30 + 30 + 0 + 10 + 10 + 10
    assert here.badges("ann") == here.badges("bob") == ["keen"]
    assert here.differences() == []


def test_a_rule_that_was_dated_back_gives_to_those_who_were_earlier(here: AtWork) -> None:
    here.apply("{rule: r, from: 2026-01-03}")
    here.take(*days(1, 2, 3))
    assert here.points("ann") == 10
    here.apply("{rule: r, from: 2026-01-02}")
    here.count_again()
    assert here.points("ann") == 20


def test_a_retired_rule_keeps_what_it_gave_and_gives_nothing_more(here: AtWork) -> None:
    here.apply(TEN)
    here.arrive(*days(1, 2), received=moment("2026-01-10"))
    here.drain()
    assert here.apply("{rule: r, status: retired}", now=moment("2026-01-10")) == ["rule r: retired, keeps what it gave"]
    assert here.count_again() == 1
    here.arrive(*days(20))
    here.drain()
    assert here.points("ann") == 20
    assert here.differences() == []


def test_a_statement_that_comes_late_to_a_retired_rule_counts_by_its_time(here: AtWork) -> None:
    here.apply(COUNT)
    here.take(*days(1, 2))
    here.apply("{rule: count, status: retired}", now=moment("2026-01-10"))
    here.take(*days(11))
    assert here.badges("ann") == []
    here.take(*days(3))
    assert here.badges("ann") == ["keen"]
    here.take(void(900, 101))
    assert here.badges("ann") == []
    here.count_again()
    assert here.differences() == []


def test_a_rule_that_was_taken_away_is_retired(here: AtWork) -> None:
    here.apply(TEN)
    here.take(*days(1))
    assert here.apply(now=moment("2026-01-10")) == ["rule r: retired, keeps what it gave"]
    here.take(*days(2, 11))
    assert here.points("ann") == 20
    assert here.apply(now=moment("2026-01-11")) == []


def test_a_rule_first_seen_as_retired_gives_nothing(here: AtWork) -> None:
    here.take(*days(1))
    here.apply("{rule: r, status: retired}")
    here.count_again()
    assert here.size("entry") == 0


def test_a_retired_rule_that_is_live_again_is_counted_again(here: AtWork) -> None:
    here.apply(TEN)
    here.take(*days(1))
    here.apply(now=moment("2026-01-02"))
    here.take(*days(3))
    assert here.points("ann") == 10
    here.apply(TEN)
    here.count_again()
    assert here.points("ann") == 20
    assert here.differences() == []


def test_a_rule_on_trial_takes_back_what_it_gave_when_it_was_live(here: AtWork) -> None:
    here.apply(TEN, COUNT)
    here.take(*days(1, 2, 3))
    here.apply("{rule: r, status: trial}", COUNT)
    here.count_again()
    assert here.points("ann") == 30
    here.apply(TEN, COUNT)
    here.count_again()
    assert here.points("ann") == 60
    assert here.differences() == []


def test_a_rule_may_begin_and_cease_to_remember(here: AtWork) -> None:
    here.apply(TEN)
    here.take(*days(1, 2, 3, thing="same"))
    for written, paid in (
        ("once_per: [object]", 10),
        ("limit: [{awards: 2, per: ever}]", 20),
        ("give: {points: 1}", 3),
    ):
        here.apply(f"{{rule: r, {written}}}")
        here.count_again()
        assert here.points("ann") == paid
        assert here.differences() == []


def test_only_the_title_changed_and_nobody_has_more_or_less(here: AtWork) -> None:
    here.apply(COUNT)
    here.take(*days(1, 2, 3))
    before = here.everything()
    here.apply(COUNT.replace("{rule", "{title: Another title, rule"))
    here.count_again()
    assert here.everything() == before
    assert here.ledger("ann") == [("points", 30), ("badge:keen", 1)]


def test_another_zone_of_the_service_counts_everything_again(here: AtWork) -> None:
    here.apply(DAILY, "{rule: old, once_per: [day], give: {points: 7}}", BOARD)
    here.take(said(1, "2026-01-05T22:00:00"), said(2, "2026-01-05T23:30:00"))
    here.apply(DAILY, BOARD, now=moment("2026-02-01"))
    assert here.points("ann") == 10 + 7
    assert "time zone Europe/Berlin: every rule is counted again" in here.apply(DAILY, BOARD, zone="Europe/Berlin")
    here.count_again()
    assert here.points("ann") == 15 + 14
    assert here.differences() == []


def test_a_board_counts_by_what_it_says_now(here: AtWork) -> None:
    here.apply(TEN, COUNT, BOARD)
    here.take(*days(1, 2, 3))
    assert here.execute("SELECT points FROM score WHERE points <> 0") == [(60,)]
    assert here.apply(TEN, COUNT, "{board: all-time, period: day, from_rules: [r]}") == ["board all-time"]
    assert here.execute("SELECT points FROM score WHERE points <> 0") == [(10,)] * 3
    assert here.apply(TEN, COUNT) == ["board all-time: removed"]
    assert here.apply(TEN, COUNT, BOARD) == ["board all-time"]
    assert here.execute("SELECT points FROM score WHERE points <> 0") == [(60,)]
    assert here.differences() == []


# --- meanwhile --------------------------------------------------------------------------------------------------------

OLD = (TEN, COUNT, STREAK, DAILY, BOARD)
NEW = (
    "{rule: r, when: {verb: {any_of: [completed, shared]}}, give: {points: 3}, once_per: [object]}",
    "{rule: count, count: {reach: 4}, give: {badge: keen, points: 33}}",
    "{rule: streak, streak: {every: day, forgive: {missed: 1, per: month}}, give: [{at: 3, points: 25}]}",
    "{rule: daily, limit: [{points: 35, per: week}]}",
    BOARD,
)
LATE = [*days(6, 7), *days(2, 4, month=2, who="bob"), void(902, 102), void(903, 202)]


def begun(here: AtWork) -> None:
    """Old rules with some history, and new ones that are to be counted."""
    here.apply(*OLD)
    here.take(*history())
    here.apply(*NEW)
    assert phases(here) == ["matching"] * 4


def straight(here: AtWork, *rest: Json) -> dict[str, list[tuple[Any, ...]]]:
    """What the new rules make of history and the rest in a quiet hour; nothing is left of it."""
    begun(here)
    here.count_again()
    here.take(*rest)
    assert here.differences() == []
    end = here.everything()
    forgotten = ", ".join(table for table in tables.metadata.tables if table != "source")
    here.execute(f"TRUNCATE {forgotten} RESTART IDENTITY CASCADE")
    return end


@contextmanager
def at_transaction(engine: Engine, number: int, act: Callable[[], object]) -> Iterator[None]:
    """Does something else just before the transaction of this number begins."""
    begun = 0

    def count(_: Connection) -> None:
        nonlocal begun
        begun += 1
        if begun == number:
            act()

    event.listen(engine, "begin", count)
    try:
        yield
    finally:
        event.remove(engine, "begin", count)


class Killed(Exception):
    pass


def kill() -> None:
    raise Killed


@pytest.fixture
def meanwhile(database_url: str, here: AtWork) -> Iterator[AtWork]:
    """The same database as another process has it."""
    other = AtWork.__new__(AtWork)
    other.engine = connected(database_url)
    yield other
    other.engine.dispose()


def test_a_crash_at_any_point_only_means_to_go_on(here: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "CHUNK", 3)
    monkeypatch.setattr(replay, "SEARCHED", 3)
    expected = straight(here)
    begun(here)
    crashes = 0
    while phases(here):
        with at_transaction(here.engine, 1 + crashes, kill), suppress(Killed):
            here.count_again()
        crashes += 1
        assert crashes < 100
    assert crashes >= 8
    assert here.everything() == expected
    assert here.differences() == []


@pytest.mark.parametrize("number", [3, 5, 8, 9, 12])
def test_statements_that_come_meanwhile_count_once(
    here: AtWork, meanwhile: AtWork, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(replay, "CHUNK", 3)
    monkeypatch.setattr(replay, "SEARCHED", 3)
    expected = straight(here, *LATE)
    begun(here)
    with at_transaction(here.engine, number, lambda: meanwhile.take(*LATE)):
        here.count_again()
    assert here.size("inbox") == 0
    assert here.everything() == expected
    assert here.differences() == []


@pytest.mark.parametrize("number", [3, 5, 8, 9, 12])
def test_rules_that_change_meanwhile_are_counted_from_the_first_statement(
    here: AtWork, meanwhile: AtWork, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(replay, "CHUNK", 3)
    monkeypatch.setattr(replay, "SEARCHED", 3)
    here.apply(*OLD)
    here.take(*history())
    expected = here.everything()
    here.apply(*NEW)
    with at_transaction(here.engine, number, lambda: meanwhile.apply(*OLD)):
        here.count_again()
    assert phases(here) == []
    assert here.everything() == expected
    assert here.differences() == []


@pytest.mark.parametrize("number", [3, 5])
def test_rules_that_are_applied_again_meanwhile_change_nothing(
    here: AtWork, meanwhile: AtWork, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(replay, "CHUNK", 3)
    monkeypatch.setattr(replay, "SEARCHED", 3)
    expected = straight(here)
    begun(here)
    with at_transaction(here.engine, number, lambda: meanwhile.apply(*NEW)):
        here.count_again()
    assert here.everything() == expected
    assert here.differences() == []


def test_what_is_touched_before_it_is_folded_is_right_at_once(here: AtWork, meanwhile: AtWork) -> None:
    begun(here)
    told: list[dict[str, int]] = []

    def touch() -> None:
        assert phases(meanwhile) == ["folding"] * 4
        meanwhile.take(*days(6))
        told.append(meanwhile.awards("ann"))

    with at_transaction(here.engine, 6, touch):
        here.count_again()
    assert {line: amount for line, amount in told[0].items() if line.startswith("count")} == {
        "count 1 01-05 points": 33,
        "count 1 01-05 badge:keen": 1,
    }


def test_nobody_counts_twice_at_the_same_time(here: AtWork) -> None:
    begun(here)
    with here.engine.begin() as other:
        other.exec_driver_sql(f"SELECT pg_advisory_xact_lock({replay.LOCK})")
        assert here.count_again() == 0
    assert here.count_again() == 4
    assert here.count_again() == 0


def test_what_changed_is_shown_as_it_comes(here: AtWork) -> None:
    here.take(*history())
    here.apply(TEN, BOARD)
    shown: list[Changed] = []
    catch_up(here.engine, shown.append)
    assert sorted(score.points for changed in shown for score in changed.scores) == [30, 40]


def test_learners_are_folded_so_many_in_one_transaction(here: AtWork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "LEARNERS", 1)
    here.take(*history())
    here.apply(TEN, BOARD)
    shown: list[Changed] = []
    catch_up(here.engine, shown.append)
    assert sorted(len(changed.scores) for changed in shown) == [1, 1]


# --- what cannot be evaluated -----------------------------------------------------------------------------------------


def stopped(here: AtWork) -> list[tuple[str, str, str]]:
    """The rules that history cannot be counted again by: (rule, phase, problem)."""
    return here.execute(
        "SELECT name, phase, problem FROM rule_version JOIN rule ON rule.id = rule WHERE problem IS NOT NULL ORDER BY 1"
    )


def of_count(here: AtWork, yes: bool) -> list[tuple[Any, ...]]:
    """What everybody has by the rule `count`, or by all others."""
    return here.execute(
        "SELECT learner, name, key, happened, unit, sum(amount)::bigint FROM entry JOIN rule ON rule.id = rule "
        f"WHERE (name = 'count') = {yes} GROUP BY 1, 2, 3, 4, 5 HAVING sum(amount) <> 0 ORDER BY 1, 2, 3, 4, 5"
    )


def test_a_statement_that_a_rule_cannot_be_matched_with_stops_that_rule_alone(
    here: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = straight(here)
    begun(here)
    here.count_again()
    others = of_count(here, False)
    here.execute(f"TRUNCATE {', '.join(table for table in tables.metadata.tables if table != 'source')} CASCADE")
    begun(here)
    before, match = of_count(here, True), Matcher.match

    def raising(self: Matcher, fact: Any, *rest: Any) -> Any:
        if self.rule.name == "count" and fact.id == numbered(103):
            raise ValueError("what is this?")
        return match(self, fact, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(Matcher, "match", raising)
        here.count_again()
        assert stopped(here) == [("count", "matching", f"statement {numbered(103)}: ValueError: what is this?")]
        assert here.count_again() == 0
    assert before
    assert of_count(here, True) == before
    assert [line[1:] for line in of_count(here, False)] == [line[1:] for line in others]
    assert here.differences() == [f"rule count: history cannot be counted again by it: {stopped(here)[0][2]}"]
    replay.try_again(here.engine)
    assert here.count_again() == 1
    assert (stopped(here), here.differences()) == ([], [])
    assert len(here.everything()["awards"]) == len(expected["awards"])


def test_a_learner_who_cannot_be_folded_stops_that_rule_and_nobody_else_waits(
    here: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = straight(here)
    begun(here)
    ann, judged = here.learner("ann"), Counting.judged

    def raising(self: Counting, zone: ZoneInfo, made: Made) -> Any:
        if self.rule.name == "count" and any(match.learner == ann for some in made.values() for match in some):
            raise ArithmeticError("too much")
        return judged(self, zone, made)

    with monkeypatch.context() as patch:
        patch.setattr(Counting, "judged", raising)
        before = of_count(here, True)
        here.count_again()
        assert stopped(here) == [("count", "folding", f"learner {ann}: ArithmeticError: too much")]
    whole = {tuple(line) for line in expected["awards"]}
    now = {tuple(line) for line in here.everything()["awards"]}
    assert {line[0] for line in whole ^ now} == {ann}
    assert [line for line in of_count(here, True) if line[0] == ann] == [line for line in before if line[0] == ann]
    assert f"rule count: history cannot be counted again by it: {stopped(here)[0][2]}" in here.differences()
    replay.try_again(here.engine)
    assert here.count_again() == 1
    assert here.everything() == expected
    assert (stopped(here), here.differences()) == ([], [])


def test_a_rule_that_was_stopped_is_counted_again_when_it_is_published_anew(here: AtWork) -> None:
    begun(here)
    here.execute("UPDATE rule_version SET problem = 'for some reason' WHERE phase <> 'done'")
    assert here.count_again() == 0
    here.apply(*OLD)
    here.count_again()
    assert (stopped(here), here.differences()) == ([], [])


# --- a learner moves --------------------------------------------------------------------------------------------------


def move(here: AtWork, name: str, zone: str | None) -> Changed:
    with here.engine.begin() as connection:
        number = here.learner(name)
        connection.execute(update(tables.learner).where(tables.learner.c.id == number).values(time_zone=zone))
        return learner_moved(connection, number)


NIGHTS = [
    said(1, "2026-01-05T22:00:00"),
    said(2, "2026-01-05T23:30:00", thing="b"),
    said(3, "2026-01-06T22:00:00", thing="c"),
    said(4, "2026-01-05T22:00:00", who="bob"),
]
OF_DAYS = (
    DAILY,
    STREAK,
    "{rule: two, count: {reach: 2, within: {calendar: day}}, give: {badge: steady}}",
    "{rule: three, count: {reach: 3, different: day}, give: {points: 9}}",
    "{rule: fixed, once_per: [day], time_zone: UTC, give: {points: 5}}",
    BOARD,
)


def of(here: AtWork, *rules: str) -> dict[str, int]:
    """What Ann has by these rules, statements by their last digit."""
    return {
        f"{line.split()[0]} {line.split()[1][-1]} {line.split()[2]}": amount
        for line, amount in here.awards("ann").items()
        if line.split()[0] in rules
    }


def test_whoever_moves_is_counted_by_the_days_of_the_new_zone(here: AtWork) -> None:
    here.apply(*OF_DAYS)
    here.take(*NIGHTS)
    bobs, fixed = here.awards("bob"), of(here, "fixed")
    assert of(here, "daily", "streak", "two") == {
        "daily 1 01-05": 10,
        "daily 3 01-06": 5,
        "streak 2 01-06": 20,
        "two 1 01-05": 1,
    }
    move(here, "ann", "Europe/Berlin")
    assert of(here, "daily", "streak", "two") == {
        "daily 1 01-05": 10,
        "daily 2 01-05": 5,
        "streak 2 01-05": 20,
        "two 1 01-06": 1,
    }
    assert of(here, "fixed") == fixed
    assert here.awards("bob") == bobs
    assert here.differences() == []


def test_whoever_moves_while_rules_are_counted_again_is_counted_by_the_new_zone(
    here: AtWork, meanwhile: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay, "CHUNK", 1)
    monkeypatch.setattr(replay, "SEARCHED", 1)
    here.take(*NIGHTS)
    here.apply(*OF_DAYS)
    with at_transaction(here.engine, 5, lambda: move(meanwhile, "ann", "Europe/Berlin")):
        here.count_again()
    assert of(here, "daily") == {"daily 1 01-05": 10, "daily 2 01-05": 5}
    assert here.differences() == []


def test_whoever_moves_away_and_back_has_what_they_had(here: AtWork) -> None:
    here.apply(*OF_DAYS)
    here.take(*NIGHTS)
    before = here.everything()
    changed = move(here, "ann", "Europe/Berlin")
    assert {score.points for score in changed.scores} == {45}
    assert here.everything() != before
    move(here, "ann", None)
    assert here.everything() == before
    assert here.differences() == []


# --- a rules directory ------------------------------------------------------------------------------------------------


def test_a_directory_with_an_error_is_refused_as_a_whole_and_what_was_in_force_stays(
    here: AtWork, tmp_path: Path
) -> None:
    assert not any_rules(here.engine)
    assert apply_rules_directory(here.engine, shipped_rules(), ZoneInfo("UTC"))
    assert any_rules(here.engine)
    before = here.execute("SELECT * FROM rule_version ORDER BY rule")
    (tmp_path / "good.yaml").write_text("vocabulary: v\nverbs: {did: https://example.com/did}\n")
    (tmp_path / "bad.yaml").write_text("rule: bad\nwhen: {verb: done}\ngive: {points: ten}\n")
    with pytest.raises(Refusal) as refused:
        apply_rules_directory(here.engine, tmp_path, ZoneInfo("UTC"))
    assert "bad.yaml:2:" in refused.value.sentence
    assert "bad.yaml:3:" in refused.value.sentence
    assert here.execute("SELECT * FROM rule_version ORDER BY rule") == before
