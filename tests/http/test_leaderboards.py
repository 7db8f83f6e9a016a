"""Leaderboards over HTTP: pages, periods, around a learner, ETags, and Redis lost."""

from datetime import UTC, datetime

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from service import boards
from service.app import create_app
from service.core import windows
from service.core.rule import Board
from service.settings import Settings
from service.store import scores, tables
from tests.http.conftest import Caller
from tests.http.people import board, learner, score

MONTH = windows.index_of_label("month", "2026-03")


@pytest.fixture
def march(engine: Engine, redis: Redis) -> dict[str, int]:
    """A board by month with three learners on it; their numbers by name."""
    people = {name: learner(engine, name) for name in ("Ann", "Bob", "Cy")}
    number = board(engine, Board(name="month", title={"en": "This month", "de": "Dieser Monat"}, period="month"))
    score(engine, number, MONTH, dict(zip(people.values(), (30, 50, 30), strict=True)))
    boards.rebuild(engine, redis)
    return people


def page(ranks: list[tuple[int, int, str]], people: dict[str, int]) -> list[dict[str, object]]:
    return [
        {"rank": rank, "score": points, "learner": {"id": str(people[name]), "name": name}}
        for rank, points, name in ranks
    ]


def test_a_page_tells_ranks_scores_and_names(reader: Caller, march: dict[str, int]) -> None:
    found = reader("/api/v1/leaderboards/month?period=2026-03").get_json()
    assert found == {
        "board": "month",
        "title": "This month",
        "period": "2026-03",
        "total": 3,
        "entries": page([(1, 50, "Bob"), (2, 30, "Ann"), (2, 30, "Cy")], march),
    }


def test_pages_link_to_each_other(reader: Caller, march: dict[str, int]) -> None:
    response = reader("/api/v1/leaderboards/month?period=2026-03&limit=1&offset=1")
    assert response.get_json()["entries"] == page([(2, 30, "Ann")], march)
    prev, _, next_ = response.headers["Link"].partition(", ")
    assert prev == '</api/v1/leaderboards/month?period=2026-03&limit=1&offset=0>; rel="prev"'
    assert next_ == '</api/v1/leaderboards/month?period=2026-03&limit=1&offset=2>; rel="next"'


def test_around_a_learner(reader: Caller, march: dict[str, int]) -> None:
    found = reader(f"/api/v1/leaderboards/month/around/{march['Cy']}?period=2026-03&n=1").get_json()
    assert found["entries"] == page([(2, 30, "Ann"), (2, 30, "Cy")], march)


def test_around_a_learner_who_is_not_on_the_board_is_404(reader: Caller, march: dict[str, int]) -> None:
    assert reader("/api/v1/leaderboards/month/around/99?period=2026-03").status_code == 404
    assert reader(f"/api/v1/leaderboards/month/around/{march['Cy']}?period=2026-04").status_code == 404


def test_the_boards_in_force_are_told_in_the_readers_language(reader: Caller, march: dict[str, int]) -> None:
    found = reader("/api/v1/leaderboards", headers={"Accept-Language": "de"}).get_json()["boards"]
    assert [one["title"] for one in found] == ["Dieser Monat"]
    assert found[0]["current"] == datetime.now(UTC).strftime("%Y-%m")


def test_an_unknown_board_is_404(reader: Caller) -> None:
    assert reader("/api/v1/leaderboards/nothing").status_code == 404


@pytest.mark.parametrize("period", ["2026-W10", "2026", "2026-03-01", "ever", "2026-13", "0000-01", "", "now"])
def test_a_period_of_another_form_is_400_and_says_what_is_right(
    reader: Caller, march: dict[str, int], period: str
) -> None:
    response = reader(f"/api/v1/leaderboards/month?period={period}")
    assert response.status_code == 400
    assert datetime.now(UTC).strftime("%Y-%m") in response.get_json()["detail"]


@pytest.mark.parametrize("period", ["current", "ever"])
def test_a_board_for_ever_has_one_period(reader: Caller, engine: Engine, period: str) -> None:
    board(engine, Board(name="all", title="All"))
    assert reader(f"/api/v1/leaderboards/all?period={period}").get_json()["period"] == "ever"


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "offset=-1", "offset=99999999999999999999"])
def test_a_page_that_cannot_be_is_400(reader: Caller, march: dict[str, int], query: str) -> None:
    assert reader(f"/api/v1/leaderboards/month?{query}").status_code == 400


@pytest.mark.parametrize("path", ["month", "month/around/1"])
def test_who_has_the_lines_is_told_304(reader: Caller, march: dict[str, int], redis: Redis, path: str) -> None:
    first = reader(f"/api/v1/leaderboards/{path}?period=2026-03")
    again = reader(f"/api/v1/leaderboards/{path}?period=2026-03", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.get_data()) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]


def test_a_change_of_scores_or_names_has_another_etag(
    reader: Caller, march: dict[str, int], redis: Redis, engine: Engine
) -> None:
    def etag() -> str:
        return reader("/api/v1/leaderboards/month?period=2026-03").headers["ETag"]

    seen = [etag()]
    with engine.connect() as connection:
        found, rows = boards.in_force(connection), scores.of_learners(connection, [march["Ann"]])
    boards.project(redis, found.boards, [row._replace(points=60, version=2) for row in rows])
    seen.append(etag())
    boards.renamed(redis)
    seen.append(etag())
    boards.rebuild(engine, redis, force=True)
    seen.append(etag())
    assert len(set(seen)) == 4


def test_names_are_remembered_until_somebody_is_renamed(
    reader: Caller, march: dict[str, int], redis: Redis, engine: Engine
) -> None:
    def first() -> str:
        found = reader("/api/v1/leaderboards/month?period=2026-03").get_json()["entries"]
        return str(found[0]["learner"]["name"])

    assert first() == "Bob"
    with engine.begin() as connection:
        connection.execute(tables.learner.update().where(tables.learner.c.id == march["Bob"]).values(name="Robert"))
    assert first() == "Bob"
    boards.renamed(redis)
    assert first() == "Robert"


def test_an_etag_from_before_redis_was_lost_is_no_longer_right(
    reader: Caller, march: dict[str, int], redis: Redis, engine: Engine
) -> None:
    first = reader("/api/v1/leaderboards/month?period=2026-03").headers["ETag"]
    redis.flushall()
    boards.rebuild(engine, redis)
    again = reader("/api/v1/leaderboards/month?period=2026-03", headers={"If-None-Match": first})
    assert again.status_code == 200


@pytest.mark.parametrize(
    "path", ["month?period=2026-03", "month?period=2026-03&limit=1&offset=2", "month/around/2?period=2026-03"]
)
def test_a_lost_redis_changes_no_answer(reader: Caller, march: dict[str, int], redis: Redis, path: str) -> None:
    before = reader(f"/api/v1/leaderboards/{path}").get_json()
    redis.flushall()
    after = reader(f"/api/v1/leaderboards/{path}")
    assert after.get_json() == before
    again = reader(f"/api/v1/leaderboards/{path}", headers={"If-None-Match": after.headers["ETag"]})
    assert again.status_code == 304


def test_a_redis_that_is_away_changes_no_answer(
    reader: Caller, march: dict[str, int], settings: Settings, engine: Engine
) -> None:
    away = create_app(settings, engine=engine, redis=boards.client("redis://127.0.0.1:1"))
    path = "/api/v1/leaderboards/month?period=2026-03"
    client: FlaskClient = away.test_client()
    assert Caller(client, reader.token)(path).get_json() == reader(path).get_json()
