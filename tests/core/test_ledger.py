"""What the ledger still needs so that it says what the awards say: the difference, and nothing else."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from service.core.evaluate import Award
from service.core.ledger import Booked, Difference, Line, differences
from tests.written import moment, numbered

NOON = moment("2026-01-01")


def award(key: str = "1", happened: datetime = NOON, **amounts: int) -> Award:
    return Award(1, "r", key, happened, amounts, (numbered(1),), None)


def book(booked: dict[Line, Booked], new: Iterable[Difference]) -> dict[Line, Booked]:
    """The sums as they are when these entries have been added."""
    sums = dict(booked)
    for one in new:
        before = sums.get(one.line)
        entry = max((one.entry for one in sums.values()), default=0) + 1
        sums[one.line] = Booked(one.amount + (before.amount if before else 0), entry, one.statements)
    return {line: one for line, one in sums.items() if one.amount}


def added(booked: dict[Line, Booked], *awards: Award) -> list[tuple[int, str, str | None, int | None]]:
    return [(one.amount, one.line.unit, one.reason, one.corrects) for one in differences(booked, awards)]


def test_a_first_award_is_booked_as_it_is() -> None:
    assert added({}, award(points=10)) == [(10, "points", None, None)]


def test_a_badge_beside_points_is_a_line_of_its_own() -> None:
    both = Award(1, "r", "1", NOON, {"points": 10, "badge:keen": 1}, (numbered(1),))
    assert {line[:2] for line in added({}, both)} == {(10, "points"), (1, "badge:keen")}


def test_what_is_booked_already_needs_nothing() -> None:
    assert added(book({}, differences({}, [award(points=10)])), award(points=10)) == []


def test_what_is_no_longer_earned_is_taken_back() -> None:
    booked = book({}, differences({}, [award(points=10)]))
    assert added(booked) == [(-10, "points", "counted again: no longer earned", 1)]
    (back,) = differences(booked, [])
    assert back.statements == (numbered(1),)
    assert differences(book(booked, [back]), []) == []


def test_an_award_of_another_amount_is_mended_by_the_difference() -> None:
    booked = book({}, differences({}, [award(points=10)]))
    assert added(booked, award(points=4)) == [(-6, "points", "counted again", 1)]
    limited = Award(1, "r", "1", NOON, {"points": 12}, (numbered(1),), "limit 50 points per day: 12 of 20 paid")
    assert added(booked, limited) == [(2, "points", "counted again; limit 50 points per day: 12 of 20 paid", 1)]


def test_an_award_that_moved_in_time_is_taken_back_where_it_was_first() -> None:
    booked = book({}, differences({}, [award(points=10)]))
    later = award(happened=NOON + timedelta(days=1), points=10)
    assert [(one.amount, one.line.happened) for one in differences(booked, [later])] == [
        (-10, NOON),
        (10, NOON + timedelta(days=1)),
    ]


def test_an_award_that_comes_back_is_booked_anew() -> None:
    booked = {Line("1", NOON, "points"): Booked(0, 2, ())}
    assert added(booked, award(points=10)) == [(10, "points", "counted again", None)]


def test_entries_are_in_the_order_of_time_after_what_is_taken_back() -> None:
    awards = [award(str(day), NOON + timedelta(days=day), points=10) for day in (3, 1, 2)]
    booked = book({}, differences({}, [award("9", NOON + timedelta(days=9), points=10)]))
    assert [(one.amount, one.line.key) for one in differences(booked, awards)] == [
        (-10, "9"),
        (10, "1"),
        (10, "2"),
        (10, "3"),
    ]


some = st.lists(
    st.builds(
        lambda key, days, points, badge: Award(
            1, "r", key, NOON + timedelta(days=days), {"points": points} | ({"badge:keen": 1} if badge else {}), ()
        ),
        st.sampled_from("123"),
        st.integers(0, 2),
        st.integers(1, 50),
        st.booleans(),
    ),
    max_size=4,
    unique_by=lambda award: award.key,
)


@given(st.lists(some, min_size=1, max_size=5))
def test_whatever_was_booked_before_the_ledger_says_what_is_wanted_in_the_end(history: Sequence[list[Award]]) -> None:
    booked: dict[Line, Booked] = {}
    for awards in history:
        new = differences(booked, awards)
        assert all(one.amount for one in new)
        assert all((one.corrects is not None) == (one.line in booked) for one in new)
        booked = book(booked, new)
        wanted = Counter(
            {Line(one.key, one.happened, unit): amount for one in awards for unit, amount in one.amounts.items()}
        )
        assert {line: one.amount for line, one in booked.items()} == wanted
        assert differences(booked, awards) == []
