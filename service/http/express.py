"""`POST /xapi/statements` without Flask, as long as nothing is wrong: the usual case, thousands of times a second.

Flask takes some 150 µs of a request, more than everything else here together. So a plain JSON body from a known source
is read and stored by the same functions that the view calls, and answered at once. Whatever is unusual (a stranger,
another kind of body, a statement of no use) is handed on to Flask untouched, whose view finds it again and says what is
wrong: every error is worded in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import BytesIO
from time import perf_counter
from typing import TYPE_CHECKING

from service.http.problems import Problem
from service.http.pushes import HEADERS, answer, rows_of
from service.http.services import Services
from service.http.xapi import NOT_STORED

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PATH = "/xapi/statements"
ENDPOINT = "xapi.post"


class Express:
    """The WSGI application `app` with the usual push answered before it."""

    def __init__(self, app: WSGIApplication, services: Services, headers: Sequence[tuple[str, str]]) -> None:
        self._app = app
        self._services = services
        self._headers = [("Content-Type", "application/json"), *HEADERS.items(), *headers]

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        began = perf_counter()
        stored = self._answer(environ) if _is_plain_push(environ) else None
        if stored is None:
            return self._app(environ, start_response)
        self._services.metrics.answered("POST", ENDPOINT, 200, perf_counter() - began)
        start_response("200 OK", [*self._headers, ("Content-Length", str(len(stored)))])
        return [stored]

    def _answer(self, environ: WSGIEnvironment) -> bytes | None:
        """What to answer once everything is stored; None to leave it to Flask."""
        length = environ.get("CONTENT_LENGTH") or ""
        if not length.isascii() or not length.isdigit() or int(length) > self._services.settings.max_bytes:
            return None
        body = environ["wsgi.input"].read(int(length))
        environ["wsgi.input"] = BytesIO(body)
        if len(body) < int(length):  # it was cut off
            return None
        try:
            return self._stored(body, environ)
        except Problem:
            return None
        except Exception as error:  # noqa: BLE001 - the view raises it again, where errors are answered
            environ[NOT_STORED] = error
            return None

    def _stored(self, body: bytes, environ: WSGIEnvironment) -> bytes | None:
        source = self._services.sources.source(environ.get("HTTP_AUTHORIZATION", ""))
        if source is None:
            return None
        version = environ.get("HTTP_X_EXPERIENCE_API_VERSION")
        rows = rows_of(body, source, self._services.settings.max_statements, version)
        self._services.intake.store(rows)
        return answer(row.id for row in rows)


def _is_plain_push(environ: WSGIEnvironment) -> bool:
    return (
        environ["PATH_INFO"] == PATH
        and environ["REQUEST_METHOD"] == "POST"
        and not environ.get("QUERY_STRING")
        and environ.get("CONTENT_TYPE", "").startswith("application/json")
        and "HTTP_CONTENT_ENCODING" not in environ
    )
