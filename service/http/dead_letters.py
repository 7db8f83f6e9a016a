"""The dead letters: jobs that could not be done, each with its reason."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from service.http.auth import requires
from service.http.resources import LARGEST, PAGE, Blueprint
from service.http.services import services
from service.store.dead_letters import dead_letters
from service.store.engine import driver

blueprint = Blueprint("jobs", __name__, url_prefix="/api/v1/jobs", description="Jobs that could not be done")


class DeadLetterOf(Schema):
    """A job that could not be done."""

    job = fields.String(required=True, metadata={"description": "evaluate, recount, read or tell"})
    subject = fields.String(required=True, metadata={"description": "the statement, rule or source"})
    problem = fields.String(required=True)
    since = fields.AwareDateTime(required=True, allow_none=True)
    retried = fields.Boolean(required=True, metadata={"description": "whether it is tried again by itself"})
    again = fields.String(required=True, metadata={"description": "the command that has it tried again"})


class DeadLetters(Schema):
    """By job, the latest first."""

    entries = fields.List(fields.Nested(DeadLetterOf), required=True)


class DeadLetterPage(Schema):
    """Which of them."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))


@blueprint.route("/dead-letters")
@requires("read")
@blueprint.arguments(DeadLetterPage, location="query")
@blueprint.response(200, DeadLetters)
def get(page: dict[str, Any]) -> dict[str, Any]:
    """What could not be done, why, and how to have it tried again"""
    with services().engine.begin() as connection:
        found = dead_letters(driver(connection), page["limit"], page["offset"])
    return {"entries": [one._asdict() for one in found]}
