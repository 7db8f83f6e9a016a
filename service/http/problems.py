"""Every error of the HTTP face in one shape: RFC 9457, `application/problem+json`.

Raise `Problem(404, "No rule is called …")`, or let werkzeug, the database or Python raise: `register` turns all of them
into a problem. A problem with several causes lists them in `errors`, each with the path of what is wrong:
`$.time_zone` in a body, `?limit` in a query.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any, NoReturn
from uuid import uuid4

import msgspec
import structlog
from flask import Flask, Response, g, request
from psycopg.errors import DataError as PsycopgDataError
from psycopg.errors import Error as PsycopgError
from psycopg.errors import InterfaceError as PsycopgInterfaceError
from psycopg.errors import OperationalError as PsycopgOperationalError
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as WerkzeugResponse

from service.http.pages import page
from service.http.pages.reader import say
from service.http.services import services

MEDIA_TYPE = "application/problem+json"
NOTHING = "Perhaps a part of the address got lost."
RETRY_SECONDS = 5
AWAY = (DBAPIError, PsycopgError, PoolTimeout, RedisError)
_REQUEST_ID = re.compile(r"[\w.-]{1,64}", re.ASCII)

log = structlog.get_logger(__name__)


class Problem(HTTPException):
    """An error with everything that its problem document says; `extra` becomes further members of it."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Iterable[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(detail)
        self.code = status
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.extra = extra


def problem(status: int, detail: str, **options: Any) -> NoReturn:
    """Ends the request with a Problem."""
    raise Problem(status, detail, **options)


def document(error: HTTPException) -> dict[str, Any]:
    """What the problem document of this error says (RFC 9457, section 3.1)."""
    status = HTTPStatus(error.code or 500)
    said: dict[str, Any] = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": error.description or status.description,
        "instance": request.path,
    }
    if isinstance(error, Problem):
        said |= error.extra
        if error.errors:
            said["errors"] = list(error.errors)
    return said


def rendered(error: HTTPException) -> Response:
    """The error as a response, with the headers that belong to it (Allow, WWW-Authenticate, Retry-After)."""
    response = Response(msgspec.json.encode(document(error)), error.code, mimetype=MEDIA_TYPE)
    for name, value in error.get_headers():
        if name.lower() not in ("content-type", "content-length"):
            response.headers[name] = value
    if isinstance(error, Problem):
        response.headers.update(error.headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def flattened(messages: object, path: str) -> Iterator[dict[str, str]]:
    """Marshmallow's nested messages as a flat list: `{"rows": {0: {"name": ["…"]}}}` -> `$.rows[0].name`."""
    if isinstance(messages, Mapping):
        for key, inner in messages.items():
            yield from flattened(inner, _below(path, key))
    elif isinstance(messages, list):
        for message in messages:
            yield from flattened(message, path)
    else:
        yield {"path": path, "message": str(messages)}


def _below(path: str, key: object) -> str:
    if key == "_schema":
        return path
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}{key}" if path == "?" else f"{path}.{key}"


def request_id() -> str:
    """What this request is called in the log: the caller's X-Request-Id where it is decent, else a new one."""
    if "request_id" not in g:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
    return str(g.request_id)


def register(app: Flask) -> None:
    """Makes every error of the application a problem."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unexpected)
    for away in AWAY:
        app.register_error_handler(away, _store)


def answered(error: Exception) -> Response:
    """The problem that any error becomes, for whoever says the same in another shape."""
    if isinstance(error, HTTPException):
        return rendered(error)
    return _store(error) if isinstance(error, AWAY) else _unexpected(error)


def _http(error: HTTPException) -> WerkzeugResponse | HTTPException:
    if error.response is not None or (error.code or 500) < 400:
        return error
    return _nothing_here(error) if error.code == 404 and _reads_pages() else rendered(error)


def _reads_pages() -> bool:
    """Whether somebody asks with a browser, and not a program for a document."""
    return request.accept_mimetypes.best_match((MEDIA_TYPE, "application/json", "text/html")) == "text/html"


def _nothing_here(error: HTTPException) -> Response:
    """A page for people who followed an address that leads to nothing, or to nothing that they may see."""
    return page(
        "refused.html",
        404,
        issuer=services().settings.issuer_name,
        title=say("There is nothing to see here"),
        message=say(NOTHING if error.description in (None, NotFound.description) else str(error.description)),
        can_send=False,
    )


def _store(error: Exception) -> Response:
    """The database or Redis is away: 503 and when to come again. Any other error of theirs is ours: 500.

    But for one: whatever text a caller sends may be on its way into a query, and PostgreSQL's cannot hold a NUL.
    """
    if _is_nul(error):
        return rendered(Problem(400, "The request holds the character U+0000, which no text of ours can hold."))
    if not _is_away(error):
        return _unexpected(error)
    log.warning("a store is away", request_id=request_id(), route=_route(), error=str(error))
    headers = {"Retry-After": str(RETRY_SECONDS), "X-Request-Id": request_id()}
    return rendered(Problem(503, "The store is away at the moment; send the same request again.", headers=headers))


def _route() -> str | None:
    """The rule of the URL, not the URL: there may be a claim's token in it."""
    return request.url_rule.rule if request.url_rule else None


def _is_away(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, PsycopgOperationalError | PsycopgInterfaceError | PoolTimeout | RedisError)


def _is_nul(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return isinstance(cause, PsycopgDataError) and "NUL" in str(cause)


def _unexpected(error: Exception) -> Response:
    log.error("unexpected error", request_id=request_id(), method=request.method, route=_route(), exc_info=error)
    detail = "Something went wrong that we did not foresee; the log tells more under this request id."
    return rendered(Problem(500, detail, headers={"X-Request-Id": request_id()}, request_id=request_id()))
