"""Learners that are one person, and taking that back: points, names and badges follow, and so does what was claimed."""

from uuid import uuid4

import pytest
from sqlalchemy import Engine

from service.merging import Decision, merge, unmerge
from service.store import people, profiles
from service.store.engine import driver
from tests.at_work import AtWork
from tests.written import agent, identified, moment, numbered, said, void

TEN = "{rule: ten, give: {points: 10, badge: keen}, limit: [{awards: 3, per: ever}]}"
FIRST = "{rule: first, count: {reach: 1}, give: {badge: keen}}"
TAUGHT = "{rule: taught, to: instructor, unless: [{same: [instructor, actor]}], give: {points: 5}}"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


def one_person(here: AtWork, gone: str, kept: str) -> int:
    with here.engine.begin() as connection:
        (number,), _ = merge(connection, [Decision(here.learner(gone), here.learner(kept), "tests")])
    return number


def two_people(here: AtWork, number: int) -> None:
    with here.engine.begin() as connection:
        assert unmerge(connection, number) is not None


def name(here: AtWork, who: str) -> str | None:
    return here.execute("SELECT name FROM learner WHERE id = %b", here.learner(who))[0][0]  # type: ignore[no-any-return]


def test_points_go_to_the_one_who_is_kept_and_come_back(here: AtWork) -> None:
    here.apply(TEN)
    here.take(said(1), said(2), said(3, who="bob"), said(4, who="bob"))
    number = one_person(here, "ann", "bob")
    assert here.learner("ann") == here.learner("bob")
    assert here.points("bob") == 30  # three awards at most
    here.take(said(5, "2026-01-09"))
    assert here.differences() == []
    two_people(here, number)
    assert (here.points("ann"), here.points("bob")) == (30, 20)
    assert here.differences() == []


def test_the_ledger_only_grows(here: AtWork) -> None:
    here.apply(TEN)
    here.take(said(1), said(2, who="bob"))
    before = here.execute("SELECT * FROM entry ORDER BY id")
    two_people(here, one_person(here, "ann", "bob"))
    assert here.execute("SELECT * FROM entry ORDER BY id")[: len(before)] == before


def test_to_teach_oneself_earns_nothing_once_it_is_known(here: AtWork) -> None:
    here.apply(TAUGHT)
    here.take(said(1, context={"instructor": agent("bob")}))
    assert here.points("bob") == 5
    number = one_person(here, "bob", "ann")
    assert here.points("ann") == 0
    two_people(here, number)
    assert here.points("bob") == 5
    assert here.differences() == []


def test_a_void_that_comes_after_a_merge_takes_back_from_the_one_who_is_kept(here: AtWork) -> None:
    here.apply(TEN)
    here.take(said(1), said(2, who="bob"))
    number = one_person(here, "ann", "bob")
    here.take(void(9, 1))
    assert here.points("bob") == 10
    two_people(here, number)
    assert (here.points("ann"), here.points("bob")) == (0, 10)


def claim(here: AtWork, who: str) -> str:
    """Claims the badge of this learner, as far as the engine is concerned."""
    ((award,),) = here.execute(
        "UPDATE badge_award SET state = 'claimed', decided = now() WHERE learner = %b RETURNING id", here.learner(who)
    )
    return str(award)


def held(here: AtWork, who: str) -> list[tuple[str, str]]:
    return [
        (str(award), state)
        for award, state in here.execute(
            "SELECT id, state FROM badge_award WHERE learner = %b AND undone IS NULL", here.learner(who)
        )
    ]


def test_a_claimed_badge_comes_along_and_goes_back(here: AtWork) -> None:
    here.apply(FIRST)
    here.take(said(1), said(2, "2026-01-02", who="bob"))
    mine, theirs = claim(here, "ann"), held(here, "bob")
    number = one_person(here, "ann", "bob")
    assert held(here, "bob") == [(mine, "claimed")]
    assert here.differences() == []
    two_people(here, number)
    assert held(here, "ann") == [(mine, "claimed")]
    assert held(here, "bob") == theirs
    assert here.differences() == []


def test_the_badge_that_speaks_says_when_it_was_earned_by_what_they_did_together(here: AtWork) -> None:
    here.apply(FIRST)
    here.take(said(1, "2026-01-02"), said(2, "2026-01-01", who="bob"))
    one_person(here, "ann", "bob")
    assert here.execute("SELECT happened, statements FROM badge_award WHERE learner = %b", here.learner("bob")) == [
        (moment("2026-01-01"), [numbered(2)])
    ]


def test_of_two_claimed_badges_one_speaks_and_neither_is_revoked(here: AtWork) -> None:
    here.apply(FIRST)
    here.take(said(1), said(2, "2026-01-02", who="bob"))
    claimed = [claim(here, "ann"), claim(here, "bob")]
    number = one_person(here, "ann", "bob")
    assert held(here, "bob") == [(claimed[0], "claimed")]
    assert here.execute("SELECT DISTINCT state FROM badge_award") == [("claimed",)]
    two_people(here, number)
    assert [held(here, who) for who in ("ann", "bob")] == [[(one, "claimed")] for one in claimed]
    assert here.execute("SELECT FROM badge_award WHERE review") == []


def test_the_name_is_that_of_the_newest_statement_in_whatever_order_they_come(here: AtWork) -> None:
    here.apply(TEN)
    old, new, newest = (
        said(number, f"2026-01-0{number}", who=agent("ann") | {"name": text})
        for number, text in ((1, "Ann"), (2, "Ann Lee"), (3, "Ann"))
    )
    for order in ((old, newest, new), (newest, new, old), (new, old, newest), (old, new, newest)):
        for table in ("part", "entry", "match", "fold", "badge_award", "statement", "identifier", "total", "learner"):
            here.execute(f"DELETE FROM {table}")
        here.take(*order)
        assert name(here, "ann") == "Ann", order


def test_a_merged_person_has_the_newest_name_of_all_and_gives_it_back(here: AtWork) -> None:
    here.take(said(1, "2026-01-01", who=agent("ann") | {"name": "Ann"}))
    here.take(said(2, "2026-01-02", who=agent("bob") | {"name": "Bob"}))
    number = one_person(here, "bob", "ann")
    assert name(here, "ann") == "Bob"
    two_people(here, number)
    assert (name(here, "ann"), name(here, "bob")) == ("Ann", "Bob")


def test_a_chosen_name_stays(here: AtWork) -> None:
    here.take(said(1), said(2, "2026-01-02", who=agent("bob") | {"name": "Bob"}))
    with here.engine.begin() as connection:
        profiles.change(connection, here.learner("ann"), {"name": "Chosen"})
    one_person(here, "bob", "ann")
    assert name(here, "ann") == "Chosen"


def test_two_identifiers_on_one_actor_are_a_hint_and_no_merge(here: AtWork) -> None:
    both = agent("ann") | {"account": {"homePage": "https://hr.example.com", "name": "17"}}
    here.take(said(1, who=both), said(2, who=both), said(3, who={"account": both["account"]}))
    with here.engine.begin() as connection:
        (hint,) = people.hints(driver(connection), 0, 10)
    assert {hint.one, hint.other} == {identified("ann"), "account:https://hr.example.com 17"}
    assert hint.learner != hint.other_learner
    with here.engine.begin() as connection:
        merge(connection, [Decision(hint.learner or 0, hint.other_learner or 0, "tests")])
        assert people.hints(driver(connection), 0, 10) == []
    with here.engine.begin() as connection:
        assert unmerge(connection, 1) is not None
        assert people.refuse_hint(driver(connection), hint.id)
        assert people.hints(driver(connection), 0, 10) == []


def test_who_goes_by_whom_is_verified(here: AtWork) -> None:
    here.apply(TEN)
    here.take(said(1), said(2, who="bob"))
    here.execute("INSERT INTO merge (gone, kept, by) VALUES (%b, %b, 'x')", here.learner("ann"), here.learner("bob"))
    assert here.differences() == [
        f"learner {here.learner('ann')}: goes by {here.learner('ann')}, merges say {here.learner('bob')}"
    ]
    here.execute("DELETE FROM merge")
    here.execute("INSERT INTO part VALUES (%b, now(), %b)", here.learner("ann"), uuid4())
    assert len(here.differences()) == 1
