"""A leaderboard as it changes, as server-sent events (WHATWG HTML, section 9.2).

A stream asks once a second whether the board has another ETag: one question to Redis, a quarter of a millisecond of
CPU. Being told by Redis (pub/sub) would put a message into every write of every drain, need a connection to Redis for
each stream, and still this question, for what was missed while a connection was broken. A stream holds a thread of the
server, so there are never so many that the questions would matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import BoundedSemaphore, Event
from time import monotonic
from typing import Any, NamedTuple

from flask import Response, copy_current_request_context, request
from marshmallow import Schema, fields, validate
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.http.auth import identified, requires
from service.http.leaderboards import Look, named, shown
from service.http.problems import MEDIA_TYPE, Problem, log
from service.http.resources import PAGE, Blueprint
from service.http.services import services

blueprint = Blueprint(
    "streams", __name__, url_prefix="/api/v1/leaderboards", description="Who has how many points, told as it changes"
)
SHARE = 4
"""Of so many threads one may be a stream."""
COME_BACK_SECONDS = 2
"""How long a client waits after the end of a stream, before it comes back."""
FULL_SECONDS = 15
"""How long a client waits that found no stream free."""


class Pace(NamedTuple):
    """When a stream does what, in seconds."""

    redis: float = 1.0
    """Between two looks at a board in Redis."""
    sql: float = 5.0
    """Between two looks at one that must be read in SQL."""
    heartbeat: float = 15.0
    """After which a silent stream says that it lives."""
    longest: float = 300.0
    """After which it ends."""


PACE = Pace()


class Streams:
    """The streams of one process: only so many at once, and all end when the server is told to stop."""

    def __init__(self, most: int) -> None:
        self._free = BoundedSemaphore(most) if most else None
        self.closing = Event()

    def enter(self) -> bool:
        """Takes a place; False if there is none."""
        return self._free is not None and not self.closing.is_set() and self._free.acquire(blocking=False)

    def leave(self) -> None:
        """Gives the place back."""
        assert self._free is not None
        self._free.release()


class WhichStream(Schema):
    """How many lines of a board."""

    limit = fields.Integer(load_default=20, validate=validate.Range(1, PAGE))


class Before(Schema):
    """What a client says that comes back."""

    last = fields.String(
        data_key="Last-Event-ID",
        load_default="",
        metadata={"description": "the id of the last event that the client has; it is not sent again"},
    )


ABOUT = (
    "Events `leaderboard`, with the page of the current period as data and its ETag as id: one at once and one after "
    "each change. A comment says every 15 seconds that the stream lives; after five minutes it ends, and `retry` says "
    "when to come back."
)
EXAMPLE = 'event: leaderboard\nid: 3f1c…\ndata: {"board": "month", "title": "This month", "period": "2026-11", …}\n\n'
FULL = "Every stream is taken: come again after Retry-After, or read pages with their ETag."
RESPONSES = {
    "200": {
        "description": ABOUT,
        "content": {"text/event-stream": {"schema": {"type": "string"}, "example": EXAMPLE}},
    },
    "503": {"description": FULL, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}},
}


@blueprint.route("/<board>/stream")
@requires("read", "learner")
@blueprint.doc(responses=RESPONSES)
@blueprint.arguments(WhichStream, location="query")
@blueprint.arguments(Before, location="headers")
def stream(arguments: Mapping[str, Any], before: Mapping[str, Any], board: str) -> Response:
    """The first page of a board, now and after each change"""
    named(board, "current")
    if request.method == "HEAD":
        return _response(())
    streams = services().streams
    if not streams.enter():
        raise Problem(503, FULL, headers={"Retry-After": str(FULL_SECONDS)})

    @copy_current_request_context
    def look(last: str) -> Look:
        identified()
        return shown(named(board, "current"), arguments["limit"], 0, last.__eq__)

    response = _response(events(look, before["last"], streams.closing))
    response.call_on_close(streams.leave)
    return response


def _response(told: Iterable[bytes]) -> Response:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # nginx would keep events back
    return Response(told, mimetype="text/event-stream", headers=headers)


def events(look: Callable[[str], Look], last: str, closing: Event, pace: Pace = PACE) -> Iterator[bytes]:
    """What a stream sends. `last`: the ETag that the client has; `look` answers what is shown unless it is under that.

    It ends when a look fails (the board or the token is gone, the database is away): who comes back is told why.
    """
    yield b"retry: %d\n\n" % (COME_BACK_SECONDS * 1000)
    began = spoke = monotonic()
    while monotonic() - began < pace.longest:
        try:
            seen = look(last)
        except (Problem, DBAPIError, PoolTimeout) as error:
            log.info("a stream ends early", because=str(error))
            return
        if seen.body is not None:
            last, spoke = seen.etag, monotonic()
            yield b"event: leaderboard\nid: %b\ndata: %b\n\n" % (seen.etag.encode(), seen.body)
        elif monotonic() - spoke >= pace.heartbeat:
            spoke = monotonic()
            yield b":\n\n"
        if closing.wait(pace.redis if seen.live else pace.sql):
            return
