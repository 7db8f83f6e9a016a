"""What came in: how many statements were received, and what became of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

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


class Between(Schema):
    """Which days, and whose."""

    first = fields.Date(load_default=None, metadata={"description": "default: six days before the last"})
    last = fields.Date(load_default=None, metadata={"description": "default: today (UTC)"})
    source = fields.String(load_default=None, metadata={"description": "the name of a source"})


class IntakeDay(Schema):
    """What came from a source on a day (UTC)."""

    day = fields.Date(required=True)
    source = fields.String(required=True)
    received = fields.Integer(required=True)
    duplicates = fields.Integer(required=True)
    conflicts = fields.Integer(required=True)
    quarantined = fields.Integer(required=True)
    late = fields.Integer(required=True, metadata={"description": "new ones that had happened more than a day before"})
    voided = fields.Integer(required=True, metadata={"description": "statements of this source undone on this day"})


class IntakeDays(Schema):
    """The newest day first."""

    entries = fields.List(fields.Nested(IntakeDay), required=True)


@blueprint.route("/days")
@requires("read")
@blueprint.arguments(Between, location="query")
@blueprint.response(200, IntakeDays)
def by_day(asked: dict[str, Any]) -> dict[str, Any]:
    """What came by source and day, and what became of it; of at most 366 days"""
    last: date = asked["last"] or datetime.now(UTC).date()
    first: date = max(asked["first"] or _before(last, 6), _before(last, 365))
    with services().engine.connect() as connection:
        return {"entries": [day._asdict() for day in counts.days(connection, first, last, asked["source"])]}


def _before(day: date, days: int) -> date:
    return day - timedelta(days=min(days, day.toordinal() - 1))


@blueprint.route("")
@requires("read")
@blueprint.response(200, IntakeCounts)
def get() -> Intake:
    """How many statements came, and how many wait to be evaluated"""
    with services().engine.connect() as connection:
        return counts.intake(connection)
