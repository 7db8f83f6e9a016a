"""What came in: how many statements were received, and what became of them."""

from __future__ import annotations

from marshmallow import Schema, fields

from service.http.auth import requires
from service.http.resources import Blueprint
from service.http.services import services
from service.store import counts
from service.store.counts import Intake

blueprint = Blueprint("intake", __name__, url_prefix="/api/v1/intake", description="What came in")


class IntakeCounts(Schema):
    """How many statements came since the beginning."""

    received = fields.Integer(required=True, metadata={"description": "all that were accepted, repeats included"})
    duplicates = fields.Integer(required=True, metadata={"description": "repeats of known statements"})
    conflicts = fields.Integer(required=True, metadata={"description": "other content under a known id"})
    quarantined = fields.Integer(required=True)
    voided = fields.Integer(required=True, metadata={"description": "statements that a voiding statement has undone"})
    pending = fields.Integer(required=True, metadata={"description": "stored and not yet evaluated"})


@blueprint.route("")
@requires("read")
@blueprint.response(200, IntakeCounts)
def get() -> Intake:
    """How many statements came, and how many wait to be evaluated"""
    with services().engine.connect() as connection:
        return counts.intake(connection)
