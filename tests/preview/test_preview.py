"""A preview says what would be different; what it says is what happens when the rules are put in force."""

from __future__ import annotations

from collections import Counter
from multiprocessing import active_children
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine

from service import merging
from service.core.windows import index
from service.preview import Report, Wanted, preview
from service.store import scores
from service.store.engine import driver, snapshot
from service.store.rules import in_force
from tests.at_work import NOW, AtWork
from tests.written import agent, documents, moment, rule, said, void

PEOPLE = ("ann", "bob", "cy", "dee")
BOARDS = (
    "{board: ever}",
    "{board: week, period: week}",
    "{board: social, from_rules: {tagged: social}, ties: first}",
)
OTHER = "{rule: other, give: {points: 3}}"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


def history() -> list[dict[str, Any]]:
    """Four people over five weeks: things done again, tags, scores, an instructor, a void."""
    found = []
    for number in range(60):
        who = PEOPLE[number * number % 7 % 4]
        more: dict[str, Any] = {"result": {"score": {"scaled": number % 10 / 10}}}
        if number % 3 == 0:
            more["context"] = {"instructor": agent(PEOPLE[number % 4])}
        found.append(said(number + 1, f"2026-01-{number % 31 + 1:02}", who, thing=f"t{number % 9}", **more))
    return [*found, void(100, 5), void(101, 17)]


EDITS = {
    "points": ("{}", "{give: {points: 25}}"),
    "less": ("{}", "{give: {points: 1}}"),
    "a cap": ("{}", "{limit: [{points: 10, per: day}, {points: 40, per: week}]}"),
    "a condition": ("{}", "{when: {verb: completed, score: {at_least: 0.5}}}"),
    "once": ("{}", "{once_per: [object]}"),
    "a count": ("{}", "{count: {reach: 3, different: object, within: 20 days, repeat: true}}"),
    "a lower count": (
        "{count: {reach: 9}, give: {badge: keen}}",
        "{count: {reach: 4}, give: {badge: keen, points: 7}}",
    ),
    "a higher count": ("{count: {reach: 4}, give: {badge: keen}}", "{count: {reach: 25}, give: {badge: keen}}"),
    "another badge": ("{count: {reach: 4}, give: {badge: keen}}", "{count: {reach: 4}, give: {badge: steady}}"),
    "a streak": (
        "{}",
        "{streak: {every: week}, give: [{at: 2, points: 5, badge: keen}, {at: 4, points: 9, again: true}]}",
    ),
    "a race": ("{first: {learners: 2}}", "{first: {learners: 1}, give: {points: 7}}"),
    "recipients": ("{}", "{when: {verb: completed, instructor: present}, to: instructor}"),
    "dates": ("{}", "{from: 2026-01-10, until: 2026-01-20}"),
    "a zone": ("{limit: [{points: 20, per: week}]}", "{limit: [{points: 20, per: week}], time_zone: Pacific/Auckland}"),
    "a currency": ("{}", "{give: {points: {points: 4, stars: 2}}}"),
    "a tag": ("{}", "{tags: [social]}"),
    "no tag": ("{tags: [social]}", "{give: {points: 11}}"),
    "a title": ("{}", "{title: Another}"),
}


def holdings(here: AtWork) -> dict[tuple[str, str], int]:
    """What everybody has: points by currency, and badges."""
    found: Counter[tuple[str, str]] = Counter()
    for learner, unit, amount in here.execute(
        "SELECT learner::text, unit, sum(amount)::bigint FROM entry GROUP BY 1, 2"
    ):
        found[learner, unit] = amount
    return {key: amount for key, amount in found.items() if amount}


def boards(here: AtWork) -> dict[str, dict[int, tuple[int, int]]]:
    """The first ten of the current period of every board: learner -> (rank, points)."""
    with snapshot(here.engine) as connection:
        return {
            one.board.name: {
                line.learner: (line.rank, line.points)
                for line in scores.page(
                    connection, one.number, one.board, index(one.board.period, TODAY, one.zone), 10, 0
                ).standings
            }
            for one in in_force(driver(connection)).boards
        }


TODAY = moment("2026-01-25")


def foreseen(here: AtWork, wanted: Wanted, name: str = "r") -> Report:
    return preview(here.engine, {name: wanted}, TODAY)


def assert_it_happens(here: AtWork, report: Report, *written: str) -> None:
    """Puts these rules in force and holds what changes against the report."""
    before, before_boards = holdings(here), boards(here)
    here.apply(*written, *BOARDS)
    here.count_again()
    after, after_boards = holdings(here), boards(here)
    happened = {key: after.get(key, 0) - before.get(key, 0) for key in before.keys() | after.keys()}
    told = {
        (one.learner.id, unit): amount
        for one in (*report.gains, *report.losses)
        for unit, amount in one.amounts.items()
    }
    assert told == {key: amount for key, amount in happened.items() if amount}
    badges: Counter[tuple[str, str]] = Counter()
    for one in report.badges:
        badges[one.learner.id, f"badge:{one.achievement}"] += 1 if one.given else -1
    assert +badges == +Counter({key: n for key, n in told.items() if key[1].startswith("badge:")})
    for name, lines in after_boards.items():
        found = next((one for one in report.boards if one.board == name), None)
        moved = {int(one.learner.id): one for one in (*found.movers, *found.leaders)} if found else {}
        for learner in lines.keys() | before_boards[name].keys():
            was, becomes = before_boards[name].get(learner), lines.get(learner)
            if was != becomes:
                move = moved[learner]
                told_before = None if move.before is None else (move.before, move.points_before)
                told_after = None if move.after is None else (move.after, move.points_after)
                assert (told_before, told_after) == (was, becomes), name
            else:
                assert learner not in moved


def named(written: str, edit: str) -> str:
    return f"{{rule: {edit.replace(' ', '-')}, {written.strip()[1:]}"


def test_what_changed_rules_would_do_is_what_they_do(here: AtWork) -> None:
    old, new = ([named(pair[place], edit) for edit, pair in EDITS.items()] for place in (0, 1))
    some = "{board: some, from_rules: [points, a-cap], ties: dense}"
    here.apply(*old, OTHER, some, *BOARDS)
    here.take(*history())
    before = given(here)
    wanted = [rule(written) for written in new]
    report = preview(here.engine, {one.name: Wanted(one) for one in wanted}, TODAY)
    assert {one.rule: one.before for one in report.rules} == before
    assert {one.rule for one in report.rules if one.before == one.after} == {"a-title", "a-tag"}
    assert_it_happens(here, report, *new, OTHER, some)
    assert {one.rule: one.after for one in report.rules} == given(here)


def given(here: AtWork) -> dict[str, dict[str, int]]:
    """What each rule but one has given in all, by unit."""
    found: dict[str, dict[str, int]] = {edit.replace(" ", "-"): {} for edit in EDITS}
    for name, unit, amount in here.execute(
        "SELECT name, unit, sum(amount)::bigint FROM entry JOIN rule ON rule.id = entry.rule GROUP BY 1, 2 "
        "HAVING sum(amount) <> 0"
    ):
        found.setdefault(name, {})[unit] = amount
    found.pop("other")
    return found


def test_what_a_new_rule_would_do_is_what_it_does(here: AtWork) -> None:
    new = "{rule: r, tags: [social], count: {reach: 2, repeat: true}, give: {points: 5, badge: keen}}"
    here.apply(OTHER, *BOARDS)
    here.take(*history())
    report = foreseen(here, Wanted(rule(new)))
    (change,) = report.rules
    assert (change.change, change.version, change.awards_before) == ("new", None, 0)
    assert change.after["points"] == 5 * change.awards_after
    assert_it_happens(here, report, OTHER, new)


def test_a_retired_rule_keeps_what_it_gave_or_takes_it_back(here: AtWork) -> None:
    here.apply("{give: {points: 10, badge: keen}, count: {reach: 5}}", OTHER, *BOARDS)
    here.take(*history())
    kept = foreseen(here, Wanted(None))
    (change,) = kept.rules
    assert (change.change, change.before == change.after != {}) == ("retired", True)
    assert (kept.gains, kept.losses, kept.boards) == ([], [], [])
    taken = foreseen(here, Wanted(None, takes_back=True))
    assert taken.lost == {unit: -amount for unit, amount in change.before.items()}
    assert (taken.gain, taken.rules[0].after) == (0, {})


def test_from_a_date_on_what_was_given_before_stays(here: AtWork) -> None:
    here.apply("{}", *BOARDS)
    here.take(said(1, "2026-01-01"), said(2, "2026-01-02"), said(3, "2026-01-03"))
    report = foreseen(here, Wanted(rule("{give: {points: 15}}"), since=moment("2026-01-02")))
    assert report.gained == {"points": 10}
    assert report.rules[0].after == {"points": 40}


def test_what_cannot_be_divided_is_shown_from_the_beginning(here: AtWork) -> None:
    taught = "{to: instructor, unless: [{swapped: {between: [instructor, actor]}}], give: {points: %d}}"
    here.apply(taught % 10, *BOARDS)
    here.take(*(said(n, f"2026-01-0{n}", context={"instructor": agent("bob")}) for n in (1, 2, 3)))
    report = foreseen(here, Wanted(rule(taught % 15), since=moment("2026-01-03")))
    assert (report.gained, report.rules[0].after) == ({"points": 15}, {"points": 45})
    written = taught % 15
    assert here.apply(written, *BOARDS, since=moment("2026-01-03")) == [
        "rule r: version 2, from the beginning: what it gives is decided by all of history"
    ]


def test_drafts_and_trials_are_shown_as_if_they_paid(here: AtWork) -> None:
    here.apply(OTHER, "{status: trial}", *BOARDS)
    here.take(said(1))
    report = foreseen(here, Wanted(rule("{status: trial, give: {points: 20}}")))
    assert report.rules[0].as_if_live
    assert report.gained == {"points": 20}


def test_a_live_rule_that_goes_on_trial_pays_nothing_any_more(here: AtWork) -> None:
    here.apply("{}", *BOARDS)
    here.take(said(1))
    report = foreseen(here, Wanted(rule("{status: trial}")))
    assert not report.rules[0].as_if_live
    assert report.lost == {"points": -10}


def test_a_badge_that_loses_its_ground_says_what_becomes_of_it(here: AtWork) -> None:
    counted = "{{count: {{reach: {}}}, give: {{badge: keen}}, if_undone: {}}}"
    here.apply(counted.format(1, "ask"), *BOARDS)
    here.take(said(1), said(2, who="bob"))
    here.execute("UPDATE badge_award SET state = 'claimed' WHERE learner = %b", here.learner("bob"))
    then = [one.then for one in foreseen(here, Wanted(rule(counted.format(2, "revoke")))).badges]
    assert then == ["withdrawn", "revoked"]


def test_who_is_not_shown_on_a_board_does_not_move_on_it(here: AtWork) -> None:
    here.apply("{}", "{board: all, who: opted_in}")
    here.take(said(1), said(2, who="bob"), said(3, who="bob", thing="b"))
    here.execute("UPDATE learner SET opted_in = true WHERE id = %b", here.learner("ann"))
    (board,) = foreseen(here, Wanted(rule("{give: {points: 20}}"))).boards
    assert [one.learner.name for one in board.leaders] == ["Ann"]


def test_it_stands_on_all_that_was_evaluated_and_says_what_waits(here: AtWork) -> None:
    here.apply("{}", OTHER)
    here.take(said(1, "2026-01-05"), said(2, "2026-03-01"))
    here.apply("{}", "{rule: other, give: {points: 4}}")
    here.arrive(said(3, "2026-04-01"))
    ground = foreseen(here, Wanted(rule("{give: {points: 20}}"))).ground
    assert (ground.statements, ground.first, ground.last) == (2, moment("2026-01-05"), moment("2026-03-01"))
    assert (ground.pending, ground.recounting) == (1, ["other"])


def test_while_history_is_counted_again_by_the_rule_itself_its_matches_are_made_anew(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1), said(2, "2026-01-02"))
    here.apply("{give: {points: 11}}")
    assert foreseen(here, Wanted(rule("{give: {points: 12}}"))).gained == {"points": 4}


def test_it_writes_nothing_and_can_be_ended(here: AtWork) -> None:
    here.apply("{}")
    here.take(*history())
    before = [here.size(table) for table in ("match", "fold", "entry", "score", "rule_version", "outbox")]

    class Enough(Exception):
        pass

    def stop(done: int, of: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        preview(here.engine, {"r": Wanted(rule("{once_per: [object]}"))}, NOW, stop)
    seen = list[tuple[int, int]]()
    preview(here.engine, {"r": Wanted(rule("{once_per: [object]}"))}, NOW, lambda done, of: seen.append((done, of)))
    assert seen[-1] == (62, 62)
    assert [here.size(table) for table in ("match", "fold", "entry", "score", "rule_version", "outbox")] == before


def test_processes_that_divide_the_learners_say_what_one_says(here: AtWork) -> None:
    here.apply(*GIVERS, *READERS, OTHER, "{rule: race, first: {learners: 3}}", *BOARDS)
    here.take(*history())
    with here.engine.begin() as connection:
        merging.merge(connection, [merging.Decision(here.learner("dee"), here.learner("bob"), "a test")])
    changed = "{tags: [social], give: {points: 44}, count: {reach: 2, repeat: true}}"
    wanted = {"r": Wanted(rule(changed)), "six": Wanted(None, takes_back=True), "daily": Wanted(None, takes_back=True)}
    race = "{rule: race, first: {learners: 2}, when: {verb: completed, score: {at_least: 0.5}}, give: {points: 9}}"
    wanted |= {"race": Wanted(rule(race)), "new": Wanted(rule("{rule: new, first: {learners: 1}}"))}
    seen = list[tuple[int, int]]()
    alone = preview(here.engine, wanted, TODAY, processes=1)
    divided = preview(here.engine, wanted, TODAY, lambda *told: seen.append(told), processes=3)
    assert divided == alone
    assert [one.awards_after for one in alone.rules if one.rule in ("race", "new")] == [2, 1]
    assert seen[-1] == (62, 62)
    assert alone.gain
    assert alone.lose
    assert alone.badges_lost
    assert [one.other_periods for one in alone.boards if one.board == "week"] == [4]


def test_processes_end_when_nobody_waits_for_them(here: AtWork) -> None:
    here.apply("{}")
    here.take(*history())

    def stop(done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        preview(here.engine, {"r": Wanted(rule("{once_per: [object]}"))}, NOW, stop, processes=2)
    assert active_children() == []


# --- rules that read awards -------------------------------------------------------------------------------------------

READERS = (
    "{rule: twice, when: null, needs: {all_of: [{badge: keen}, {points: 40}]}, give: {points: {stars: 3}}}",
    """{rule: seen, when: null, give: {points: {stars: 5}}, needs: {all_of: [{badge: steady},
    {statement: seen, when: {verb: completed, score: {at_least: 0.8}}, after: last badge}]}}""",
    "{caps: daily, points: 15, per: day, over: all}",
)
GIVERS = (
    "{rule: r}",
    "{rule: five, count: {reach: 5}, give: {badge: keen}}",
    "{rule: six, count: {reach: 3}, give: {badge: steady}}",
)
OTHERS: dict[str, dict[str, str | None]] = {
    "more": {"r": "{rule: r, give: {points: 14}}"},
    "a later badge": {"five": "{rule: five, count: {reach: 11}, give: {badge: keen}}"},
    "no badge": {"six": None},
    "other needs": {"twice": "{rule: twice, when: null, needs: {all_of: [{points: 60}]}, give: {points: {stars: 4}}}"},
    "another cap": {"daily": "{caps: daily, points: 9, per: day, over: [r]}"},
    "an earlier statement": {"seen": READERS[1].replace("0.8", "0.3")},
    "no cap": {"daily": None},
    "several": {"r": "{rule: r, give: {points: 4}}", "five": "{rule: five, count: {reach: 2}, give: {badge: keen}}"},
}


@pytest.mark.parametrize("edit", OTHERS)
def test_rules_that_read_awards_are_foreseen_too(here: AtWork, edit: str) -> None:
    old: dict[str, str | None] = {yaml.safe_load(one).get("rule", "daily"): one for one in (*GIVERS, *READERS)}
    here.apply(*GIVERS, *READERS, *BOARDS)
    here.take(*history())
    assert here.differences() == []
    new = old | OTHERS[edit]
    said = documents(*(one for one in new.values() if one is not None)).rules
    wanted = {name: Wanted(next((one for one in said if one.name == name), None)) for name in OTHERS[edit]}
    report = preview(here.engine, wanted, TODAY)
    assert not set(report.follow) & wanted.keys()
    if edit in ("more", "a later badge", "several"):
        assert report.follow
    assert_it_happens(here, report, *(one for one in new.values() if one is not None))


def test_what_a_rule_takes_back_is_missed_by_those_that_need_it(here: AtWork) -> None:
    here.apply(*GIVERS, *READERS, *BOARDS)
    here.take(*history())
    report = preview(here.engine, {"six": Wanted(None, takes_back=True)}, TODAY)
    assert report.follow == ["seen"]
    assert report.lost["badge:steady"] < 0
    assert report.lost["stars"] < 0
