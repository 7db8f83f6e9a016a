"""Boards in Redis: what is applied, how ties rank, and that SQL tells the same as Redis."""

import threading
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal

import msgspec
import pytest
from redis import Redis
from sqlalchemy import Engine, insert

from service import boards
from service.core.rule import Board
from service.store import scores, tables
from service.store.scores import ScoreRow, Standing

Ties = Literal["shared", "dense", "first"]
MORNING = datetime(2026, 3, 1, 9, tzinfo=UTC)
TIES: tuple[Ties, ...] = ("shared", "dense", "first")


def board(ties: Ties = "shared", who: Literal["everyone", "opted_in"] = "everyone") -> Board:
    return Board(name=f"{ties}-{who}", title="Board", ties=ties, who=who)


def row(learner: int, points: int, minutes: float = 0, version: int = 1, opted_in: bool = True) -> ScoreRow:
    return ScoreRow(7, 0, learner, points, MORNING + timedelta(minutes=minutes), version, opted_in)


def shown(redis: Redis, of: Board, rows: Iterable[ScoreRow] = ()) -> Sequence[Standing]:
    boards.project(redis, {7: of}, rows)
    return boards.page(redis, 7, of, 0, 100, 0).page.standings


def changes(redis: Redis, of: Board) -> bytes | None:
    found = redis.get(boards.Place(7, 0, of.ties).key("changes"))
    assert not isinstance(found, str)
    return found


@pytest.mark.parametrize(
    ("ties", "ranks"), [("shared", [1, 1, 3, 4]), ("dense", [1, 1, 2, 3]), ("first", [1, 2, 3, 4])]
)
def test_equal_scores_rank_as_the_board_says(redis: Redis, ties: Ties, ranks: list[int]) -> None:
    found = shown(redis, board(ties), [row(1, 50, 5), row(2, 50, 3), row(3, 40), row(4, 10)])
    assert [one.rank for one in found] == ranks
    assert [one.learner for one in found] == [2, 1, 3, 4]


@pytest.mark.parametrize("ties", TIES)
def test_a_page_further_down_has_the_ranks_of_the_whole(redis: Redis, ties: Ties) -> None:
    whole = shown(redis, board(ties), [row(n, 100 - n // 3, n) for n in range(1, 30)])
    for offset in range(30):
        assert boards.page(redis, 7, board(ties), 0, 4, offset).page == (29, tuple(whole[offset : offset + 4]))


@pytest.mark.parametrize("ties", TIES)
def test_around_a_learner_are_the_lines_before_and_after(redis: Redis, ties: Ties) -> None:
    whole = shown(redis, board(ties), [row(n, 100 - n // 3, n) for n in range(1, 30)])
    for place, standing in enumerate(whole):
        found = boards.around(redis, 7, board(ties), 0, standing.learner, 2).page
        assert found == (29, tuple(whole[max(0, place - 2) : place + 3]))


def test_nobody_is_around_a_learner_who_is_not_on_the_board(redis: Redis) -> None:
    shown(redis, board(), [row(1, 10), row(2, 0)])
    assert boards.around(redis, 7, board(), 0, 2, 2).page.standings == ()
    assert boards.around(redis, 7, board(), 0, 99, 2).page.standings == ()


@pytest.mark.parametrize("ties", TIES)
def test_an_older_row_changes_nothing(redis: Redis, ties: Ties) -> None:
    now = shown(redis, board(ties), [row(1, 30, version=3)])
    assert shown(redis, board(ties), [row(1, 99, version=2)]) == now


def test_points_may_fall(redis: Redis) -> None:
    shown(redis, board(), [row(1, 30, version=1), row(2, 20)])
    assert [one.learner for one in shown(redis, board(), [row(1, 10, version=2)])] == [2, 1]


def test_a_score_of_nothing_leaves_the_board_and_does_not_come_back_by_an_older_row(redis: Redis) -> None:
    shown(redis, board(), [row(1, 30, version=1)])
    assert shown(redis, board(), [row(1, 0, version=2)]) == ()
    assert shown(redis, board(), [row(1, 30, version=1)]) == ()


def test_who_has_not_opted_in_is_not_shown_where_the_board_asks_for_consent(redis: Redis) -> None:
    rows = [row(1, 30, opted_in=False), row(2, 20)]
    assert [one.learner for one in shown(redis, board(who="opted_in"), rows)] == [2]


def test_who_has_not_opted_in_is_shown_on_a_board_for_everyone(redis: Redis) -> None:
    rows = [row(1, 30, opted_in=False), row(2, 20)]
    assert [one.learner for one in shown(redis, board(who="everyone"), rows)] == [1, 2]


def test_first_is_exact_for_large_scores_and_single_microseconds(redis: Redis) -> None:
    rows = [row(1, 2**40), row(2, 2**40), row(3, 2**40 + 1, 9), row(4, 2**40)]
    rows[0] = rows[0]._replace(reached=MORNING + timedelta(microseconds=1))
    found = shown(redis, board("first"), rows)
    assert [(one.learner, one.points) for one in found] == [(3, 2**40 + 1), (2, 2**40), (4, 2**40), (1, 2**40)]


def test_the_same_row_twice_changes_nothing_and_no_etag(redis: Redis) -> None:
    shown(redis, board(), [row(1, 30)])
    before = changes(redis, board())
    shown(redis, board(), [row(1, 30)])
    assert changes(redis, board()) == before == b"1"


def test_rows_of_boards_that_are_no_more_are_left_out(redis: Redis) -> None:
    boards.project(redis, {}, [row(1, 30)])
    assert redis.dbsize() == 0


def test_the_scripts_are_loaded_again_when_redis_has_forgotten_them(redis: Redis) -> None:
    shown(redis, board(), [row(1, 30)])
    redis.script_flush()
    assert len(shown(redis, board(), [row(2, 30)])) == 2


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("ties", TIES)
def test_any_order_of_rows_ends_in_the_same_board(redis: Redis, ties: Ties, seed: int) -> None:
    random = Random(seed)
    history = [
        row(learner, random.choice([0, -5, 10, 10, 20, 30]), random.randrange(5), version)
        for learner in range(12)
        for version in range(1, 6)
    ]
    expected = shown(redis, board(ties), history)
    kept = redis.zrange(boards.Place(7, 0, ties).key("distinct"), 0, -1, withscores=True)
    redis.flushall()
    for one in random.sample(history * 2, len(history) * 2):
        boards.project(redis, {7: board(ties)}, [one])
    assert shown(redis, board(ties)) == expected
    assert redis.zrange(boards.Place(7, 0, ties).key("distinct"), 0, -1, withscores=True) == kept


# --- with the database ------------------------------------------------------------------------------------------------


def in_force(engine: Engine, *named: Board) -> dict[str, int]:
    """Puts boards in force; their numbers by name."""
    with engine.begin() as connection:
        documents = [
            {"kind": "board", "name": one.name, "text": "", "resolved": msgspec.json.encode(one)} for one in named
        ]
        connection.execute(insert(tables.document), documents)
        connection.execute(insert(tables.board), [{"name": one.name} for one in named])
        return {
            name: number
            for number, name in connection.execute(
                tables.board.select().with_only_columns(tables.board.c.id, tables.board.c.name)
            )
        }


def learners(engine: Engine, opted_in: Sequence[bool]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(tables.learner), [{"opted_in": one} for one in opted_in])


def keep(engine: Engine, rows: Iterable[ScoreRow]) -> None:
    with engine.begin() as connection:
        connection.execute(
            insert(tables.score), [{k: v for k, v in one._asdict().items() if k != "opted_in"} for one in rows]
        )


@pytest.mark.parametrize("seed", range(4))
def test_sql_tells_the_same_as_redis(engine: Engine, redis: Redis, seed: int) -> None:
    random = Random(seed)
    kinds = [board(ties, who) for ties in TIES for who in ("everyone", "opted_in")]
    numbers = in_force(engine, *kinds)
    opted_in = [random.random() < 0.7 for _ in range(40)]
    learners(engine, opted_in)
    keep(
        engine,
        [
            row(n, random.choice([-3, 0, 5, 5, 10, 20]), random.randrange(4))._replace(
                board=numbers[kind.name], period=period
            )
            for kind in kinds
            for period in (0, 1)
            for n in random.sample(range(1, 41), 30)
        ],
    )
    assert boards.rebuild(engine, redis) == len(kinds) * 2 * 30
    with engine.connect() as connection:
        for kind in kinds:
            number, period = numbers[kind.name], random.randrange(2)
            for limit, offset in ((100, 0), (7, 0), (7, 13), (5, 1000)):
                here = boards.page(redis, number, kind, period, limit, offset).page
                assert scores.page(connection, number, kind, period, limit, offset) == here
            for learner in range(1, 41):
                there = boards.around(redis, number, kind, period, learner, 2).page
                assert scores.around(connection, number, kind, period, learner, 2) == there


def test_an_empty_redis_is_lost_until_it_is_rebuilt(engine: Engine, redis: Redis) -> None:
    number = in_force(engine, board())[board().name]
    learners(engine, [True, True])
    keep(engine, [row(1, 10)._replace(board=number), row(2, 20)._replace(board=number)])
    assert boards.lost(engine, redis)
    boards.rebuild(engine, redis)
    assert not boards.lost(engine, redis)
    redis.flushall()
    assert boards.lost(engine, redis)
    boards.rebuild(engine, redis)
    assert [one.learner for one in boards.page(redis, number, board(), 0, 10, 0).page.standings] == [2, 1]


def test_of_several_that_miss_the_boards_one_makes_them(engine: Engine, redis: Redis) -> None:
    number = in_force(engine, board())[board().name]
    learners(engine, [True])
    keep(engine, [row(1, 10)._replace(board=number)])
    with ThreadPoolExecutor(4) as pool:
        written = list(pool.map(lambda _: boards.rebuild(engine, redis), range(4)))
    assert sorted(written) == [0, 0, 0, 1]
    assert boards.rebuild(engine, redis, force=True) == 1


def test_boards_that_changed_are_lost(engine: Engine, redis: Redis) -> None:
    in_force(engine, board())
    boards.rebuild(engine, redis)
    with engine.begin() as connection:
        changed = msgspec.json.encode(msgspec.structs.replace(board(), ties="dense"))
        connection.execute(tables.document.update().values(resolved=changed))
    assert boards.lost(engine, redis)


def test_boards_of_another_database_are_lost(engine: Engine, redis: Redis) -> None:
    boards.rebuild(engine, redis)
    with engine.connect() as connection:
        ours = boards.in_force(connection).identity
    redis.set(boards._SENTINEL, f"1.1 {ours.split()[1]} {boards._life(redis)} 0")
    assert boards.lost(engine, redis)


def test_boards_from_before_redis_was_started_again_are_lost(engine: Engine, redis: Redis) -> None:
    boards.rebuild(engine, redis)
    with engine.connect() as connection:
        redis.set(boards._SENTINEL, f"{boards.in_force(connection).identity} another-life 0")
    assert boards.lost(engine, redis)


def test_rebuilding_removes_what_is_no_more_and_leaves_other_keys(engine: Engine, redis: Redis) -> None:
    redis.set("plaudit:wake", "1")
    redis.set("rq:queue", "1")
    boards.project(redis, {7: board()}, [row(1, 30)])
    boards.rebuild(engine, redis)
    assert sorted(redis.keys()) == [b"plaudit:wake", b"plaudit:{boards}:sentinel", b"rq:queue"]


def test_a_row_older_than_what_was_rebuilt_does_not_come_back(engine: Engine, redis: Redis) -> None:
    number = in_force(engine, board())[board().name]
    learners(engine, [True])
    keep(engine, [row(1, 0, version=6)._replace(board=number)])
    boards.rebuild(engine, redis)
    boards.project(redis, {number: board()}, [row(1, 30, version=5)._replace(board=number)])
    assert boards.page(redis, number, board(), 0, 10, 0).page.standings == ()


def test_consent_given_and_taken_back_shows_and_hides(engine: Engine, redis: Redis) -> None:
    kind = board(who="opted_in")
    number = in_force(engine, kind)[kind.name]
    learners(engine, [False])
    keep(engine, [row(1, 30, version=4)._replace(board=number)])
    boards.rebuild(engine, redis)
    for consent, total in ((True, 1), (False, 0)):
        with engine.begin() as connection:
            connection.execute(tables.learner.update().values(opted_in=consent))
            rows = scores.renew(connection, 1)
        boards.project(redis, {number: kind}, rows)
        assert boards.page(redis, number, kind, 0, 10, 0).page.total == total


def test_rebuilding_beside_a_running_drain_loses_nothing(engine: Engine, redis: Redis) -> None:
    number = in_force(engine, board())[board().name]
    learners(engine, [True] * 20)
    keep(engine, [row(n, n)._replace(board=number) for n in range(1, 21)])
    stop = threading.Event()

    def drain() -> None:
        random = Random(1)
        while not stop.is_set():
            with engine.begin() as connection:
                connection.execute(tables.score.update().values(points=random.randrange(100)))
                rows = [one for n in random.sample(range(1, 21), 5) for one in scores.renew(connection, n)]
            boards.project(redis, {number: board()}, rows)
            with engine.begin() as connection:
                rows = [one for n in range(1, 21) for one in scores.renew(connection, n)]
            boards.project(redis, {number: board()}, rows)

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        for _ in range(10):
            boards.rebuild(engine, redis, force=True)
    finally:
        stop.set()
        thread.join()
    with engine.connect() as connection:
        told = scores.page(connection, number, board(), 0, 100, 0)
    assert boards.page(redis, number, board(), 0, 100, 0).page == told
    assert not boards.lost(engine, redis)
