"""Where everybody is on a board, and would be."""

from datetime import UTC, datetime

import pytest

from service.core.ranks import Move, Score, Ties, moves, ranks


def score(points: int, minute: int = 0) -> Score:
    return Score(points, datetime(2026, 1, 1, 0, minute, tzinfo=UTC))


BOARD = {1: score(30), 2: score(20, 2), 3: score(20, 1), 4: score(10)}


@pytest.mark.parametrize(
    ("ties", "expected"),
    [
        ("shared", {1: 1, 2: 2, 3: 2, 4: 4}),
        ("dense", {1: 1, 2: 2, 3: 2, 4: 3}),
        ("first", {1: 1, 2: 3, 3: 2, 4: 4}),
    ],
)
def test_equal_scores_rank_as_the_board_says(ties: Ties, expected: dict[int, int]) -> None:
    assert ranks(BOARD, ties) == expected


def test_whoever_gains_passes_others_and_newcomers_and_leavers_move_furthest() -> None:
    found = moves(BOARD, {4: score(25, 5), 5: score(1, 9), 1: score(-30)}, "shared")
    assert found == [
        Move(4, 4, 1, 10, 35),
        Move(5, None, 4, 0, 1),
        Move(1, 1, None, 30, 0),
    ]
    assert [move.distance for move in found] == [3, 10**9, 10**9]


def test_points_that_change_nothing_about_ranks_are_told_all_the_same() -> None:
    assert moves(BOARD, {1: score(5)}, "shared") == [Move(1, 1, 1, 30, 35)]
    assert moves(BOARD, {1: score(0)}, "shared") == []
