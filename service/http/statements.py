"""The inspector: one statement with what it breaks, whom and which rules it touched, and what came of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from flask import Response
from marshmallow import Schema, fields

from service.http.auth import requires
from service.http.problems import Problem
from service.http.resources import Blueprint
from service.http.services import services
from service.inspection import Inspected, inspect
from service.store.engine import driver, snapshot

blueprint = Blueprint(
    "statements", __name__, url_prefix="/api/v1/statements", description="Statements, and what came of them"
)


class FindingOf(Schema):
    """A sentence of the xAPI specification that the statement breaks."""

    path = fields.String(required=True)
    requirement = fields.String(required=True, allow_none=True, metadata={"example": "XAPI-00039"})
    message = fields.String(required=True)


class TouchedLearner(Schema):
    """Somebody who takes part in the statement."""

    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)


class MatchedRule(Schema):
    """A rule whose conditions the statement fulfils, for a learner."""

    rule = fields.String(required=True)
    learner = fields.String(required=True)


class LedgerLine(Schema):
    """A line of the ledger that names the statement."""

    learner = fields.String(required=True)
    rule = fields.String(required=True)
    unit = fields.String(required=True)
    amount = fields.Integer(required=True)
    happened = fields.String(required=True)
    booked = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)


class ConflictingContent(Schema):
    """Other content that came under the same id, and was not used."""

    source = fields.String(required=True, allow_none=True)
    received = fields.String(required=True)
    raw = fields.String(required=True, metadata={"description": "empty once it is no longer kept"})


class InspectedStatement(Schema):
    """A stored statement, and all that is known of it."""

    id = fields.String(required=True)
    source = fields.String(required=True, allow_none=True)
    received = fields.String(required=True)
    happened = fields.String(required=True, metadata={"description": "event time, never later than it was received"})
    state = fields.String(required=True, metadata={"description": "evaluated, pending or failed (see quarantine)"})
    statement = fields.Dict(required=True)
    findings = fields.List(fields.Nested(FindingOf), required=True)
    voids = fields.String(required=True, allow_none=True)
    voided_by = fields.List(fields.String(), required=True)
    conflicts = fields.List(fields.Nested(ConflictingContent), required=True)
    learners = fields.List(fields.Nested(TouchedLearner), required=True)
    matches = fields.List(fields.Nested(MatchedRule), required=True)
    entries = fields.List(fields.Nested(LedgerLine), required=True)


@blueprint.route("/<uuid:number>")
@requires("read")
@blueprint.response(200, InspectedStatement)
def get(number: UUID) -> Response:
    """A statement with what it breaks, whom and which rules it touched, and what came of it"""
    with snapshot(services().engine) as connection:
        found = inspect(driver(connection), number)
    if found is None:
        raise Problem(404, f"No statement {number} is stored; one that could not be used is in quarantine.")
    return Response(msgspec.json.encode(_told(found)), mimetype="application/json")


def _told(found: Inspected) -> dict[str, Any]:
    return {
        **{name: value for name, value in found._asdict().items() if name != "raw"},
        "statement": msgspec.Raw(found.raw),
        "findings": [one._asdict() for one in found.findings],
        "conflicts": [one._asdict() | {"raw": one.raw.decode(errors="replace")} for one in found.conflicts],
        "learners": [{"id": str(one.learner), "name": one.name} for one in found.learners],
        "matches": [one._asdict() | {"learner": str(one.learner)} for one in found.matches],
        "entries": [one._asdict() | {"learner": str(one.learner)} for one in found.entries],
    }
