"""What learning systems push to: `/xapi/statements` and `/xapi/about`, as an LRS has them (Communication 2.1).

Answered only when everything is stored for good, and before anything is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

import msgspec
from flask import Blueprint, Response, request

from service.capture.xapi import Malformed, statements
from service.core.statement import Fact, Unusable, has_id, read
from service.http.auth import Source, source_of
from service.http.problems import problem
from service.http.services import services
from service.store.intake import Row

VERSIONS = ("2.0.0", "1.0.3", "1.0.2", "1.0.1", "1.0.0")
HEADERS = {"X-Experience-API-Version": "1.0.3"}
NOT_STORED = "plaudit.not_stored"
"""Where the WSGI environment holds the error that kept statements from being stored before this was asked."""

blueprint = Blueprint("xapi", __name__, url_prefix="/xapi")


@blueprint.post("/statements")
def post() -> Response:
    """Stores one statement or an array of them; answers their ids in order."""
    if NOT_STORED in request.environ:
        raise request.environ[NOT_STORED]
    rows = rows_of(_body(), source_of(request), services().settings.max_statements)
    services().intake.store(rows)
    return Response(ids(rows), mimetype="application/json", headers=HEADERS)


@blueprint.put("/statements")
def put() -> Response:
    """Stores one statement under the id that the query names."""
    rows = rows_of(_body(), source_of(request), services().settings.max_statements)
    if len(rows) != 1:
        problem(400, "PUT takes one statement; send several with POST.")
    services().intake.store([_named(rows[0])])
    return Response(status=204, headers=HEADERS)


@blueprint.get("/about")
def about() -> Response:
    """The xAPI versions that are understood (Communication 2.8)."""
    return Response(msgspec.json.encode({"version": VERSIONS}), mimetype="application/json", headers=HEADERS)


def rows_of(body: bytes, source: Source, most: int) -> list[Row]:
    """The statements of a body, ready to be stored; a Problem where there are more than `most` or one is of no use."""
    raws, now = _statements(body, most), datetime.now(UTC)
    places = range(len(raws)) if body.lstrip()[:1] == b"[" else (None,)
    return [_row(raw, place, source, now) for place, raw in zip(places, raws, strict=True)]


def ids(rows: Iterable[Row]) -> bytes:
    """The answer to statements that are stored."""
    return msgspec.json.encode([row.id for row in rows])


def _body() -> bytes:
    most = services().settings.max_bytes
    if (request.content_length or 0) > most:
        _too_large(most)
    request.max_content_length = most + 1  # for a body of unknown length is cut off there, and nobody told
    body = request.get_data(cache=False)
    if len(body) > most:
        _too_large(most)
    return body


def _too_large(most: int) -> NoReturn:
    problem(413, f"The body is larger than {most} bytes; send fewer statements at once.")


def _statements(body: bytes, most: int) -> Sequence[bytes]:
    try:
        raws = statements(body)
    except Malformed as malformed:
        problem(400, str(malformed))
    if len(raws) > most:
        problem(413, f"The body holds {len(raws)} statements; send at most {most} at once.")
    return raws


def _row(raw: bytes, place: int | None, source: Source, now: datetime) -> Row:
    try:
        fact = read(raw, now, source.name, source.capture)
        if source.bounds is not None:
            source.bounds.check(fact, now)
    except Unusable as unusable:
        _refuse([(place, unusable)])
    return _stored(fact, raw, source, now)


def _stored(fact: Fact, raw: bytes, source: Source, now: datetime) -> Row:
    return Row(fact.id, source.id, fact.happened, now, raw, fact.statement.voids)


def _refuse(found: Iterable[tuple[int | None, Unusable]]) -> NoReturn:
    """400, naming each statement by its index and the property that is in the way."""
    errors = [
        {
            "path": f"${unusable.path[1:]}" if place is None else f"$[{place}]{unusable.path[1:]}",
            "message": unusable.message,
        }
        for place, unusable in found
    ]
    problem(400, f"A statement cannot be used: {errors[0]['path']} {errors[0]['message']}", errors=errors)


def _named(row: Row) -> Row:
    """The row under the id of the query, which a statement that has one must share."""
    text = request.args.get("statementId", "")
    try:
        wanted = UUID(text)
    except ValueError:
        problem(
            400,
            "Name the statement in the query: ?statementId=<UUID>.",
            errors=[{"path": "?statementId", "message": "is no UUID"}],
        )
    if has_id(row.raw) and row.id != wanted:
        problem(
            400,
            "The statement has another id than the query.",
            errors=[{"path": "$.id", "message": f"is not {wanted}"}],
        )
    return row._replace(id=wanted)
