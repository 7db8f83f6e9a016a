"""`swapped`: of two learners who reward each other by turns, who does it first is rewarded."""

from __future__ import annotations

from typing import Any

from service.core.evaluate import evaluate
from tests.written import Json, People, agent, fact, group, rule, said, void

TAUGHT = "{to: instructor, unless: [{swapped: {between: [instructor, actor]%s}%s}]}"


def taught(number: int, teacher: str, *learners: str, **more: Any) -> Json:
    """On this day of January 2026 these people completed something that the teacher taught them."""
    who = group(*learners) if len(learners) > 1 else learners[0]
    return said(100 + number, f"2026-01-{number:02}", who, context={"instructor": agent(teacher)}, **more)


def rewarded(statements: list[Json], within: str = "", more: str = "") -> list[tuple[str, int]]:
    """Who was rewarded for which statement."""
    people = People()
    names = {people.named(name): name for name in ("ann", "bob", "cy")}
    outcome = evaluate([rule(TAUGHT % (within, more))], map(fact, statements), people)
    assert {one.because for one in outcome.refusals} <= {
        "unless instructor and actor did it the other way round within 30 days",
        "unless instructor and actor did it the other way round",
        "unless instructor and actor did it the other way round and success",
    }
    awards = sorted(outcome.awards, key=lambda award: award.happened)
    return [(names[award.learner], award.statements[0].int - 100) for award in awards]


MONTH = ", within: 30 days"


def test_who_teaches_first_is_rewarded_and_the_other_is_not() -> None:
    assert rewarded([taught(1, "ann", "bob"), taught(5, "bob", "ann"), taught(6, "bob", "cy")], MONTH) == [
        ("ann", 1),
        ("bob", 6),
    ]


def test_the_window_includes_its_bound() -> None:
    late = said(9, "2026-01-31T12:00:01", "ann", context={"instructor": agent("bob")})
    on_time = taught(31, "bob", "ann")
    assert rewarded([taught(1, "ann", "bob"), on_time], MONTH) == [("ann", 1)]
    assert len(rewarded([taught(1, "ann", "bob"), late], MONTH)) == 2
    assert len(rewarded([taught(1, "ann", "bob"), late])) == 1


def test_the_order_of_arrival_does_not_matter_and_a_void_lets_it_count_again() -> None:
    both = [taught(1, "ann", "bob"), taught(5, "bob", "ann")]
    assert rewarded(both[::-1], MONTH) == rewarded(both, MONTH)
    assert rewarded([*both, void(7, 101)], MONTH) == [("bob", 5)]


def test_by_turns_everybody_waits_for_the_other() -> None:
    """What did not count itself is the other way round all the same."""
    assert rewarded([taught(1, "ann", "bob"), taught(5, "bob", "ann"), taught(9, "ann", "bob")], MONTH) == [("ann", 1)]


def test_in_a_group_one_who_did_it_is_enough() -> None:
    assert rewarded([taught(1, "ann", "bob", "cy"), taught(5, "cy", "ann")]) == [("ann", 1)]
    assert rewarded([taught(1, "cy", "ann"), taught(5, "ann", "bob", "cy")]) == [("cy", 1)]


def test_to_teach_oneself_is_not_the_other_way_round() -> None:
    assert rewarded([taught(1, "ann", "ann"), taught(5, "ann", "ann")]) == [("ann", 1), ("ann", 5)]


def test_what_stands_beside_it_must_hold_too() -> None:
    history = [taught(1, "ann", "bob"), taught(5, "bob", "ann"), taught(6, "bob", "ann", result={"success": False})]
    assert rewarded(history, "", ", success: false") == [("ann", 1), ("bob", 5)]
