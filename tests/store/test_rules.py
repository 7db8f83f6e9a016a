"""Putting rules, achievements and boards in force: what becomes a new version, and what is counted again."""

import hashlib
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from redis import Redis
from sqlalchemy import Engine

from service import boards
from service.core.language import Documents, load
from service.store import publishing, rules
from service.store.engine import driver
from tests.at_work import AtWork
from tests.written import days

RULE = "{rule: r}"
RETIRED = "{rule: r, status: retired}"
DRAFT = "{rule: r, status: draft, give: {points: 7}}"
BOARD = "{board: all}"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


def versions(here: AtWork) -> list[tuple[int, str, str]]:
    """Of each version of the rule: its number, its status, and its phase."""
    return here.execute(
        "SELECT version, convert_from(resolved, 'UTF8')::jsonb ->> 'status', phase FROM rule_version ORDER BY version"
    )


def scores(here: AtWork) -> list[int]:
    """The points on all boards."""
    return [points for (points,) in here.execute("SELECT points FROM score WHERE points <> 0 ORDER BY board, period")]


# --- rules ------------------------------------------------------------------------------------------------------------


def test_applying_the_same_again_changes_nothing(here: AtWork) -> None:
    assert here.apply(RULE, BOARD) == [
        "rule r: version 1",
        "achievement keen",
        "achievement steady",
        "board all",
        "vocabulary words",
    ]
    before = here.execute("SELECT generation FROM ruleset")
    assert here.apply(RULE, BOARD) == []
    assert here.execute("SELECT generation FROM ruleset") == before


def test_a_changed_rule_is_a_new_version_and_is_counted_again(here: AtWork) -> None:
    here.apply(RULE)
    here.take(*days(1, 2))
    assert here.apply("{rule: r, give: {points: 7}}") == ["rule r: version 2"]
    assert versions(here) == [(1, "live", "done"), (2, "live", "matching")]
    here.count_again()
    assert (here.points("ann"), here.differences()) == (14, [])


def test_without_history_there_is_nothing_to_count_again(here: AtWork) -> None:
    here.apply(RULE)
    here.apply("{rule: r, give: {points: 7}}")
    assert versions(here) == [(1, "live", "done"), (2, "live", "done")]


def rewritten(change: Callable[[str], str]) -> Documents:
    """The rule with its text changed by its author."""
    text = (
        "vocabulary: v\nverbs:\n  completed: http://adlnet.gov/expapi/verbs/completed\n---\n"
        "rule: r\ntitle: T\nhow_to_earn: H\nwhen: {verb: completed}\ngive: {points: 10}\n"
    )
    found, problems = load([("rules.yaml", change(text).encode())])
    assert not problems
    return found


def test_text_that_means_the_same_is_kept_and_no_new_version(here: AtWork, engine: Engine) -> None:
    def apply(change: Callable[[str], str]) -> list[str]:
        with engine.begin() as connection:
            return publishing.apply(driver(connection), rewritten(change), ZoneInfo("UTC"))

    apply(str)
    here.take(*days(1))
    assert apply(lambda text: text.replace("{points: 10}", "{points:   10}  # as many as ever")) == []
    assert versions(here) == [(1, "live", "done")]
    assert "as many as ever" in here.execute("SELECT text FROM rule_version")[0][0]
    assert apply(lambda text: text.replace("verbs/completed", "verbs/passed")) == ["rule r: version 2", "vocabulary v"]


def test_a_draft_is_written_down_and_gives_nothing(here: AtWork) -> None:
    assert "rule r: version 1" in here.apply(DRAFT)
    here.take(*days(1))
    here.apply(RULE)
    here.apply(DRAFT)
    assert versions(here) == [(1, "draft", "done"), (2, "live", "matching"), (3, "draft", "folding")]
    here.count_again()
    assert (here.points("ann"), here.differences()) == (10, [])


@pytest.mark.parametrize("written", [(RETIRED,), (DRAFT,), ("{rule: other}",)], ids=["retired", "draft", "missing"])
def test_a_rule_that_is_retired_keeps_what_it_gave_and_gives_no_more(here: AtWork, written: tuple[str]) -> None:
    here.apply(RULE)
    here.take(*days(1))
    said = "rule r: retired, keeps what it gave"
    assert said in here.apply(*written, now=datetime(2026, 1, 2, tzinfo=UTC))
    assert said not in here.apply(*written)
    here.take(*days(3))
    here.count_again()
    assert "r" not in {award.split()[0] for award in here.awards("ann") if "01-03" in award}
    assert any(award.startswith("r ") for award in here.awards("ann"))
    assert here.differences() == []


def test_what_a_retired_rule_gave_for_what_happened_after_its_end_is_taken_back(here: AtWork) -> None:
    here.apply(RULE)
    here.take(*days(1, 3))
    here.apply(now=datetime(2026, 1, 2, tzinfo=UTC))
    assert versions(here) == [(1, "live", "done"), (2, "retired", "folding")]
    here.count_again()
    assert (here.points("ann"), here.differences()) == (10, [])


def test_a_rule_ends_when_no_drain_is_at_work_any_more_by_the_clock_of_the_database(
    here: AtWork, engine: Engine
) -> None:
    here.apply(RULE)

    def retire() -> None:
        with engine.begin() as connection:
            publishing.apply(driver(connection), Documents(), None)

    with ThreadPoolExecutor(1) as threads:
        with engine.begin() as drain:
            rules.share(driver(drain))
            done = threads.submit(retire)
            while not here.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
                assert not done.done()
            ((let,),) = here.execute("SELECT clock_timestamp()")
        done.result(30)
    assert here.execute("SELECT since > %b FROM rule_version WHERE version = 2", let) == [(True,)]


def test_a_rule_first_seen_retired_gives_nothing(here: AtWork) -> None:
    here.take(*days(1))
    here.apply(RETIRED)
    here.count_again()
    assert (versions(here), here.size("entry")) == ([(1, "retired", "done")], 0)


def test_a_retired_rule_that_lives_again_is_a_new_version_for_all_of_history(here: AtWork) -> None:
    here.apply(RULE)
    here.take(*days(1))
    here.apply(RETIRED, now=datetime(2026, 1, 2, tzinfo=UTC))
    here.take(*days(3))
    assert here.points("ann") == 10
    assert here.apply(RULE) == ["rule r: version 3"]
    assert versions(here) == [(1, "live", "done"), (2, "retired", "folding"), (3, "live", "matching")]
    here.count_again()
    assert (here.points("ann"), here.differences()) == (20, [])


def test_another_time_zone_counts_every_rule_again_by_its_newest_version(here: AtWork) -> None:
    def written(status: str, points: int) -> str:
        return f"{{rule: r, status: {status}, once_per: [day], give: {{points: {points}}}}}"

    here.apply(written("live", 10), BOARD)
    here.take(*days(1, 2))
    here.apply(written("live", 7), BOARD)
    here.count_again()
    here.apply(written("retired", 7), BOARD)
    assert here.apply(written("retired", 7), BOARD, zone="Asia/Tokyo") == [
        "time zone Asia/Tokyo: every rule is counted again"
    ]
    assert versions(here) == [(1, "live", "done"), (2, "live", "comparing"), (3, "retired", "folding")]
    assert here.count_again() == 1
    assert (here.points("ann"), here.differences()) == (14, [])


# --- what documents name ----------------------------------------------------------------------------------------------


def test_another_profile_under_the_same_name_is_another_rule(here: AtWork, engine: Engine) -> None:
    def apply(presence: str) -> list[str]:
        template = {"id": "https://a.example/t", "verb": "https://a.example/v"}
        rule = {"location": "$.result.score", "presence": presence}
        content = json.dumps({"type": "Profile", "templates": [template | {"rules": [rule]}]}).encode()
        named = f"{{file: p.jsonld, sha256: {hashlib.sha256(content).hexdigest()}}}"
        text = (
            f"vocabulary: v\nprofiles: [{named}]\n---\nrule: r\ntitle: T\nhow_to_earn: H\n"
            "when: {template: 'https://a.example/t'}\ngive: {points: 1}\n"
        )
        found, problems = load([("r.yaml", text.encode()), ("p.jsonld", content)])
        assert not problems
        with engine.begin() as connection:
            changed = publishing.apply(driver(connection), found, ZoneInfo("UTC"))
            stored = {one.name: one.files for one in rules.stored(driver(connection))}
        assert stored == {"r": (), "v": (("p.jsonld", content),)}
        return changed

    assert apply("included") == ["rule r: version 1", "vocabulary v"]
    assert apply("included") == []
    assert apply("excluded") == ["rule r: version 2", "vocabulary v"]


def test_another_image_under_the_same_name_is_a_change(here: AtWork, engine: Engine) -> None:
    text = b"achievement: a\ntitle: T\ndescription: D\ncriteria: C\nimage: a.png\n"

    def apply(image: bytes) -> list[str]:
        found, problems = load([("a.yaml", text), ("a.png", PNG + image)])
        assert not [problem for problem in problems if problem.severity == "error"]
        with engine.begin() as connection:
            return publishing.apply(driver(connection), found, ZoneInfo("UTC"))

    assert [apply(b"one"), apply(b"one"), apply(b"two")] == [["achievement a"], [], ["achievement a"]]
    with engine.begin() as connection:
        assert [one.files for one in rules.stored(driver(connection))] == [(("a.png", PNG + b"two"),)]


def test_an_achievement_that_is_missing_stays_for_those_who_hold_it(here: AtWork, engine: Engine) -> None:
    here.apply(RULE)
    with engine.begin() as connection:
        publishing.apply(driver(connection), Documents(), ZoneInfo("UTC"))
    assert here.execute("SELECT name FROM document WHERE kind = 'achievement' ORDER BY 1") == [("keen",), ("steady",)]


# --- boards -----------------------------------------------------------------------------------------------------------


def test_a_new_board_begins_with_all_that_is_booked(here: AtWork) -> None:
    here.apply(RULE)
    here.take(*days(1, 2))
    here.apply(RULE, BOARD)
    assert (scores(here), here.differences()) == ([20], [])


def test_a_board_that_comes_back_has_what_was_booked_while_it_was_away(here: AtWork) -> None:
    here.apply(RULE, BOARD)
    here.take(*days(1))
    assert here.apply(RULE) == ["board all: removed"]
    here.take(*days(2, 3))
    assert here.apply(RULE, BOARD) == ["board all"]
    assert (scores(here), here.differences()) == ([30], [])


@pytest.mark.parametrize(
    ("other", "counted"),
    [
        ("{board: all, period: month}", [10, 20]),
        ("{board: all, from_rules: [s]}", []),
        ("{board: all, points: stars}", []),
    ],
)
def test_a_board_that_counts_by_something_else_is_counted_again(here: AtWork, other: str, counted: list[int]) -> None:
    both = (RULE, "{rule: s, when: {verb: shared}, give: {points: 1}}")
    here.apply(*both, BOARD)
    here.take(*days(1), *days(1, 2, month=2))
    here.apply(*both, other)
    assert (scores(here), here.differences()) == (counted, [])
    here.apply(*both, BOARD)
    assert (scores(here), here.differences()) == ([30], [])


@pytest.mark.parametrize(
    "other", [(), ("{board: all, period: month}",), ("{board: all, ties: dense}",), ("{board: all, who: opted_in}",)]
)
def test_boards_in_redis_are_old_when_a_board_was_another_meanwhile(
    here: AtWork, engine: Engine, redis: Redis, other: tuple[str, ...]
) -> None:
    here.apply(RULE, BOARD)
    boards.rebuild(engine, redis)
    here.apply(RULE, BOARD)
    assert not boards.lost(engine, redis)
    here.apply(RULE, *other)
    here.take(*days(1))
    here.apply(RULE, BOARD)
    assert boards.lost(engine, redis)


def test_a_new_title_leaves_boards_in_redis_as_they_are(here: AtWork, engine: Engine, redis: Redis) -> None:
    here.apply(RULE, BOARD)
    boards.rebuild(engine, redis)
    assert here.apply(RULE, "{board: all, title: Another}") == ["board all"]
    assert not boards.lost(engine, redis)
