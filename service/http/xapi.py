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
from service.core.statement import Fact, Unusable, read
from service.http.auth import Source, source_of
from service.http.problems import problem
from service.http.services import services
from service.store.intake import Row

VERSIONS = ("2.0.0", "1.0.3", "1.0.2", "1.0.1", "1.0.0")
HEADERS = {"X-Experience-API-Version": "1.0.3"}

blueprint = Blueprint("xapi", __name__, url_prefix="/xapi")


@blueprint.post("/statements")
def post() -> Response:
    """Stores one statement or an array of them; answers their ids in order."""
    source, now = source_of(request), datetime.now(UTC)
    body = _body()
    raws = _statements(body)
    places = range(len(raws)) if body.lstrip()[:1] == b"[" else (None,)
    rows = [_row(raw, place, source, now) for place, raw in zip(places, raws, strict=True)]
    services().intake.store(rows)
    return _json([str(row.id) for row in rows])


@blueprint.put("/statements")
def put() -> Response:
    """Stores one statement under the id that the query names."""
    source, now = source_of(request), datetime.now(UTC)
    raws = _statements(_body())
    if len(raws) != 1:
        problem(400, "PUT takes one statement; send several with POST.")
    row = _named(_row(raws[0], None, source, now), raws[0])
    services().intake.store([row])
    return Response(status=204, headers=HEADERS)


@blueprint.get("/about")
def about() -> Response:
    """The xAPI versions that are understood (Communication 2.8)."""
    return _json({"version": list(VERSIONS)})


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


def _statements(body: bytes) -> Sequence[bytes]:
    try:
        raws = statements(body)
    except Malformed as malformed:
        problem(400, str(malformed))
    most = services().settings.max_statements
    if len(raws) > most:
        problem(413, f"The body holds {len(raws)} statements; send at most {most} at once.")
    return raws


def _row(raw: bytes, place: int | None, source: Source, now: datetime) -> Row:
    try:
        fact = read(raw, now, source.name, source.capture)
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


def _named(row: Row, raw: bytes) -> Row:
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
    own = msgspec.json.decode(raw, type=_Id).id
    if own is not None and own != wanted:
        problem(
            400,
            "The statement has another id than the query.",
            errors=[{"path": "$.id", "message": f"is not {wanted}"}],
        )
    return row._replace(id=wanted)


class _Id(msgspec.Struct):
    id: UUID | None = None


def _json(value: object) -> Response:
    return Response(msgspec.json.encode(value), mimetype="application/json", headers=HEADERS)
