"""Leaderboards: pages of a board and the lines around a learner, from Redis, or in SQL while Redis is away or empty."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from time import monotonic
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from flask import Response, request
from marshmallow import Schema, fields, validate
from redis.exceptions import RedisError
from sqlalchemy import Connection, Engine

from service import boards
from service.boards import InForce, Lines, Mark
from service.core import windows
from service.core.rule import Board
from service.http.auth import requires
from service.http.problems import Problem, log
from service.http.resources import LARGEST, PAGE, Blueprint, in_words
from service.http.services import services
from service.store import scores
from service.store.scores import Page

blueprint = Blueprint(
    "leaderboards", __name__, url_prefix="/api/v1/leaderboards", description="Who has how many points"
)
FRESH_SECONDS = 1.0
NAMED_SECONDS = 10.0
"""How long a name is remembered at most; it is asked for again as soon as Redis says that any has changed."""
NAMED_MOST = 100_000


class BoardsInForce:
    """The boards in force, looked up again when they are a second old."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: tuple[float, InForce] | None = None

    def now(self, fresh: bool = False) -> InForce:
        known = self._known
        if fresh or known is None or known[0] < monotonic():
            with self._engine.connect() as connection:
                known = (monotonic() + FRESH_SECONDS, boards.in_force(connection))
            self._known = known
        return known[1]


class Names:
    """What learners are called, remembered as long as nobody is given another name."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: tuple[bytes, float, dict[int, str | None]] = b"", 0.0, {}

    def of(self, learners: Sequence[int], counter: bytes | None = None) -> Mapping[int, str | None]:
        """The names of these learners, and maybe of others.

        counter: grows with every new name, and was read before names are asked for, so that what is remembered under it
        is never older; None: they are asked for in any case.
        """
        if counter is None:
            return self._asked(learners)
        remembered, until, names = self._known
        if remembered != counter or until < monotonic() or len(names) > NAMED_MOST:
            names = {}
            self._known = counter, monotonic() + NAMED_SECONDS, names
        if strangers := [learner for learner in learners if learner not in names]:
            names.update(self._asked(strangers))
        return names

    def _asked(self, learners: Sequence[int]) -> Mapping[int, str | None]:
        with self._engine.connect() as connection:
            return scores.names(connection, learners)


class Seen(NamedTuple):
    """A board in one period, as a request names it."""

    number: int
    board: Board
    period: int
    identity: str

    @property
    def label(self) -> str:
        return windows.label(self.board.period, self.period)


class Which(Schema):
    """Which period."""

    period = fields.String(
        load_default="current",
        metadata={
            "description": "current, or a label like the board's own: 2026-11-22, 2026-W47, 2026-11, 2026-Q4, ever"
        },
    )


class WhichPage(Which):
    """Which lines of a board."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, PAGE))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, 2**31))


class WhichAround(Which):
    """How many lines around a learner."""

    n = fields.Integer(load_default=2, validate=validate.Range(0, PAGE // 2))


class BoardInfo(Schema):
    """A board."""

    board = fields.String(required=True)
    title = fields.String(required=True)
    points = fields.String(required=True, metadata={"description": "which currency it counts"})
    period = fields.String(required=True, metadata={"description": "day, week, month, quarter, year or ever"})
    current = fields.String(required=True, metadata={"description": "the label of the current period"})
    ties = fields.String(required=True, metadata={"description": "shared (1, 1, 3), dense (1, 1, 2) or first come"})
    who = fields.String(required=True, metadata={"description": "everyone or opted_in"})


class BoardList(Schema):
    """Every board in force."""

    boards = fields.List(fields.Nested(BoardInfo), required=True)


class Ranked(Schema):
    """Whose line it is."""

    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)


class StandingLine(Schema):
    """A line of a board."""

    rank = fields.Integer(required=True)
    score = fields.Integer(required=True)
    learner = fields.Nested(Ranked, required=True)


class Leaderboard(Schema):
    """Some lines of a board in one period."""

    board = fields.String(required=True)
    title = fields.String(required=True)
    period = fields.String(required=True, metadata={"description": "the label of the period"})
    total = fields.Integer(required=True, metadata={"description": "how many lines the board has"})
    entries = fields.List(fields.Nested(StandingLine), required=True)


ETAG_HEADERS = {"ETag": {"description": "for If-None-Match", "schema": {"type": "string"}}}
LINK_HEADERS = {"Link": {"description": "RFC 8288: rel=prev and rel=next", "schema": {"type": "string"}}}
UNCHANGED = {"responses": {"304": {"description": "Nothing has changed since the ETag in If-None-Match"}}}


@blueprint.route("")
@requires("read", "learner")
@blueprint.response(200, BoardList)
def every_board() -> dict[str, Any]:
    """The boards in force"""
    return {"boards": [_info(board) for board in services().boards.now().boards.values()]}


@blueprint.route("/<board>")
@requires("read", "learner")
@blueprint.doc(**UNCHANGED)
@blueprint.arguments(WhichPage, location="query")
@blueprint.response(200, Leaderboard, headers=ETAG_HEADERS | LINK_HEADERS)
def page(arguments: Mapping[str, Any], board: str) -> Response:
    """A page of a board"""
    seen, limit, offset = named(board, arguments["period"]), arguments["limit"], arguments["offset"]
    look = shown(seen, limit, offset, request.if_none_match.contains_weak)
    response = _answered(look)
    if look.found is not None and (links := _links(seen, limit, offset, look.found.total)):
        response.headers["Link"] = links
    return response


@blueprint.route(f"/<board>/around/<int(max={LARGEST}):learner>")
@requires("read", "learner")
@blueprint.doc(**UNCHANGED)
@blueprint.arguments(WhichAround, location="query")
@blueprint.response(200, Leaderboard, headers=ETAG_HEADERS)
def around(arguments: Mapping[str, Any], board: str, learner: int) -> Response:
    """A learner's line with the lines before and after it"""
    seen = named(board, arguments["period"])
    key = (seen.number, seen.board, seen.period, learner, arguments["n"])

    def in_redis() -> Lines:
        return boards.around(services().redis, *key)

    def in_sql(connection: Connection) -> Page:
        return scores.around(connection, *key)

    look = _looked(seen, in_redis, in_sql, request.if_none_match.contains_weak)
    if look.found is not None and not look.found.standings:
        raise Problem(404, f"Learner {learner} is not on the board {board!r} in {seen.label}.")
    return _answered(look)


# --- from names to boards ---------------------------------------------------------------------------------------------


def named(name: str, period: str) -> Seen:
    """The board of this name in the period of this label; 404 or 400 if there is none."""
    for fresh in (False, True):
        known = services().boards.now(fresh)
        for number, board in known.boards.items():
            if board.name == name:
                return Seen(number, board, _period(board, period), known.identity)
    raise Problem(404, f"No board is called {name!r}.")


def _period(board: Board, label: str) -> int:
    """The number of the period; 400 that says what is right for this board."""
    current = _current(board)
    if label == "current":
        return current
    try:
        return windows.index_of_label(board.period, label)
    except ValueError:
        right = windows.label(board.period, current) + ("" if board.period == "ever" else ", or current")
        wrong = f"the board {board.name!r} counts by {board.period}: write {right}"
        raise Problem(400, f"?period: {wrong}.", errors=[{"path": "?period", "message": wrong}]) from None


def _current(board: Board) -> int:
    zone = windows.zone(board.time_zone) if board.time_zone else services().boards.now().zone
    return windows.index(board.period, datetime.now(UTC), zone)


def _info(board: Board) -> dict[str, str]:
    return {
        "board": board.name,
        "title": in_words(board.title) or board.name,
        "points": board.points,
        "period": board.period,
        "current": windows.label(board.period, _current(board)),
        "ties": board.ties,
        "who": board.who,
    }


# --- answers ----------------------------------------------------------------------------------------------------------


class Look(NamedTuple):
    """What a board shows now: its lines, also written as JSON, unless the caller has them already. live: from Redis."""

    etag: str
    live: bool
    found: Page | None = None
    body: bytes | None = None


Known = Callable[[str], bool]
"""Whether the caller has what is under this ETag."""


def shown(seen: Seen, limit: int, offset: int, known: Known) -> Look:
    """A page of a board."""
    key = (seen.number, seen.board, seen.period, limit, offset)

    def in_redis() -> Lines:
        return boards.page(services().redis, *key)

    def in_sql(connection: Connection) -> Page:
        return scores.page(connection, *key)

    return _looked(seen, in_redis, in_sql, known)


def _looked(seen: Seen, in_redis: Callable[[], Lines], in_sql: Callable[[Connection], Page], known: Known) -> Look:
    """The lines that Redis has, or that SQL has with the same ranks where Redis does not hold them.

    The ETag is never newer than the lines: if they changed meanwhile it is too old, and the caller asks once more.
    """
    try:
        mark, found = in_redis()
        if mark.is_of(seen.identity):
            etag = _etag(mark, seen)
            if known(etag):
                return Look(etag, live=True)
            return Look(etag, live=True, found=found, body=_written(seen, found, mark.names))
    except RedisError as error:
        log.warning("Redis is away; the board is read in SQL", error=str(error))
    with services().engine.connect() as connection:
        found = in_sql(connection)
    body = _written(seen, found)
    etag = hashlib.sha256(body).hexdigest()[:24]
    return Look(etag, live=False, found=found, body=None if known(etag) else body)


def _written(seen: Seen, found: Page, renamed: bytes | None = None) -> bytes:
    names = services().names.of([standing.learner for standing in found.standings], renamed)
    lines = [
        {"rank": rank, "score": points, "learner": {"id": str(learner), "name": names.get(learner)}}
        for rank, points, learner in found.standings
    ]
    title = in_words(seen.board.title) or seen.board.name
    said = {"board": seen.board.name, "title": title, "period": seen.label, "total": found.total, "entries": lines}
    return msgspec.json.encode(said)


def _answered(look: Look) -> Response:
    """The lines as a response; 304 where the caller has them."""
    response = Response(status=304) if look.body is None else Response(look.body, mimetype="application/json")
    response.set_etag(look.etag, weak=False)
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(("Authorization", "Accept-Language"))
    return response


def _etag(mark: Mark, seen: Seen) -> str:
    said = f"{seen.number} {seen.period} {in_words(seen.board.title)}".encode()
    return hashlib.sha256(b" ".join((*mark, said))).hexdigest()[:24]


def _links(seen: Seen, limit: int, offset: int, total: int) -> str:
    """The pages beside this one (RFC 8288)."""
    beside = {}
    if offset > 0:
        beside["prev"] = max(0, offset - limit)
    if offset + limit < total:
        beside["next"] = offset + limit
    query = {rel: urlencode({"period": seen.label, "limit": limit, "offset": at}) for rel, at in beside.items()}
    return ", ".join(f'<{request.path}?{text}>; rel="{rel}"' for rel, text in query.items())
