"""Scores as rows: what the boards in Redis are made from, and the boards themselves read in SQL where Redis is away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, Engine, case, func, select, text, update

from service.core.rule import Board
from service.store.engine import Driver
from service.store.tables import learner, score


class ScoreRow(NamedTuple):
    """One learner's points on one board in one period.

    reached: event time of the latest award in it. version: grows with every change of the row.
    """

    board: int
    period: int
    learner: int
    points: int
    reached: datetime
    version: int
    opted_in: bool


class Standing(NamedTuple):
    """One line of a board."""

    rank: int
    points: int
    learner: int


class Page(NamedTuple):
    """Some lines of a board, and how many it has."""

    total: int
    standings: tuple[Standing, ...]


NOTHING = Page(0, ())
"""What is around a learner who is not on the board."""


_points = case((learner.c.erased.is_(None), score.c.points), else_=0)
"""What is shown: of a learner who was erased, nothing."""
_columns = (score.c.board, score.c.period, score.c.learner, _points, score.c.reached, score.c.version)
_rows = select(*_columns, learner.c.opted_in).join(learner, learner.c.id == score.c.learner)


def of_learners(connection: Connection, learners: Sequence[int]) -> list[ScoreRow]:
    """Every score of these learners."""
    found = connection.execute(_rows.where(score.c.learner.in_(learners)))
    return [ScoreRow(*row) for row in found]


def everything(engine: Engine, size: int = 5000) -> Iterator[list[ScoreRow]]:
    """Every score there is, in batches read by a cursor, board by board and period by period.

    Scores of nothing are among them: their versions keep older rows from coming back.
    """
    ordered = _rows.order_by(score.c.board, score.c.period, score.c.learner)
    with engine.connect().execution_options(yield_per=size) as connection:
        for rows in connection.execute(ordered).partitions():
            yield [ScoreRow(*row) for row in rows]


def renew(connection: Connection, number: int) -> list[ScoreRow]:
    """Gives every score of a learner a newer version, because who may see it has changed, and returns them."""
    connection.execute(update(score).where(score.c.learner == number).values(version=score.c.version + 1))
    return of_learners(connection, [number])


def names(connection: Connection, learners: Sequence[int]) -> Mapping[int, str | None]:
    """What these learners are called."""
    found = connection.execute(select(learner.c.id, learner.c.name).where(learner.c.id.in_(learners)))
    return {row.id: row.name for row in found}


# --- boards in SQL ----------------------------------------------------------------------------------------------------

_RANK = {"shared": "rank()", "dense": "dense_rank()", "first": "row_number()"}
_ORDER = {"shared": "points DESC", "dense": "points DESC", "first": "points DESC, reached, learner"}


def shown(connection: Driver, number: int, board: Board, period: int) -> dict[int, tuple[int, datetime]]:
    """Everybody on a board in one period: points, and when they were reached."""
    everyone = "l.erased IS NULL" if board.who == "everyone" else "l.opted_in"
    cursor = connection.execute(
        "SELECT learner, points, reached FROM score JOIN learner l ON l.id = score.learner "  # noqa: S608
        f"WHERE board = %b AND period = %b AND points <> 0 AND {everyone}",
        [number, period],
        binary=True,
    )
    return {learner: (points, reached) for learner, points, reached in cursor}


def _ranked(board: Board) -> str:
    """A query of the whole board. Of equal scores, whoever got there first is named first, then the lower learner."""
    everyone = "l.erased IS NULL" if board.who == "everyone" else "l.opted_in"
    return (
        f"SELECT {_RANK[board.ties]} OVER (ORDER BY {_ORDER[board.ties]}) AS rank, points, learner, "  # noqa: S608
        "row_number() OVER (ORDER BY points DESC, reached, learner) AS place, count(*) OVER () AS total "
        "FROM score JOIN learner l ON l.id = score.learner "
        f"WHERE board = :board AND period = :period AND points <> 0 AND {everyone}"
    )


def page(connection: Connection, number: int, board: Board, period: int, limit: int, offset: int) -> Page:
    """`limit` lines after the first `offset`."""
    query = text(
        f"WITH board AS MATERIALIZED ({_ranked(board)}) "  # noqa: S608
        "SELECT rank, points, learner, (SELECT count(*) FROM board) FROM board "
        "WHERE place > :offset ORDER BY place LIMIT :limit"
    )
    where = {"board": number, "period": period, "limit": limit, "offset": offset}
    rows = connection.execute(query, where).all()
    total = rows[0][3] if rows else _size(connection, number, board, period)
    return Page(total, tuple(Standing(*row[:3]) for row in rows))


def around(connection: Connection, number: int, board: Board, period: int, who: int, n: int) -> Page:
    """The line of a learner with `n` lines before and after it; none if the learner is not on the board."""
    query = text(
        f"WITH board AS MATERIALIZED ({_ranked(board)}), mine AS (SELECT place FROM board WHERE learner = :who) "  # noqa: S608
        "SELECT rank, points, board.learner, total FROM board, mine "
        "WHERE board.place BETWEEN mine.place - :n AND mine.place + :n ORDER BY board.place"
    )
    rows = connection.execute(query, {"board": number, "period": period, "who": who, "n": n}).all()
    return Page(rows[0].total, tuple(Standing(*row[:3]) for row in rows)) if rows else NOTHING


def _size(connection: Connection, number: int, board: Board, period: int) -> int:
    here = select(func.count()).select_from(score.join(learner, learner.c.id == score.c.learner))
    here = here.where(score.c.board == number, score.c.period == period, score.c.points != 0)
    here = here.where(learner.c.opted_in if board.who == "opted_in" else learner.c.erased.is_(None))
    return connection.scalar(here) or 0
