"""Awards by hand: an admin decides, for one learner or for thousands, tries it first, and can take it back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from marshmallow import Schema, fields, validate

from service import awarding, jobs
from service.awarding import NotAwardable, Wanted
from service.http.auth import bearer, requires
from service.http.problems import Problem
from service.http.resources import Blueprint
from service.http.services import services

blueprint = Blueprint("awards", __name__, url_prefix="/api/v1/awards", description="Badges awarded by hand")


class WantedAward(Schema):
    """One award to be made."""

    learner = fields.String(required=True, metadata={"description": "an e-mail address, or the id of a learner"})
    achievement = fields.String(required=True)
    happened = fields.String(load_default="", metadata={"description": "a day or a time; default now"})
    reason = fields.String(load_default="", metadata={"description": "shown to the learner, and in the badge"})


class WantedAwards(Schema):
    """Awards to be made, all or none."""

    awards = fields.List(fields.Nested(WantedAward), required=True, validate=validate.Length(1, awarding.MOST))
    dry_run = fields.Boolean(
        load_default=False, truthy={True}, falsy={False}, metadata={"description": "say what would be done"}
    )


class HandAward(Schema):
    """One award as it is decided."""

    id = fields.UUID(required=True, metadata={"description": "of the decision; with it, it can be taken back"})
    learner = fields.String(required=True)
    achievement = fields.String(required=True)
    happened = fields.AwareDateTime(required=True)
    known = fields.Boolean(required=True, metadata={"description": "it was decided before; nothing is done"})


class DecidedAwards(Schema):
    """What was decided."""

    awards = fields.List(fields.Nested(HandAward), required=True)
    dry_run = fields.Boolean(required=True)


class TakenBack(Schema):
    """Why an award is taken back."""

    because = fields.String(required=True, validate=validate.Length(1, 500))


@blueprint.route("", methods=["POST"])
@requires("admin")
@blueprint.arguments(WantedAwards)
@blueprint.response(200, DecidedAwards)
def post(given: Mapping[str, Any]) -> dict[str, Any]:
    """Award badges by hand, all of these or none

    Offers follow as soon as the decisions are evaluated, like everything else.
    """
    here = services()
    wanted = [Wanted(f"$.awards[{place}]", **one) for place, one in enumerate(given["awards"])]
    try:
        decided = awarding.award(here.engine, wanted, bearer().name, datetime.now(UTC), dry_run=bool(given["dry_run"]))
    except NotAwardable as wrong:
        errors = [{"path": place, "message": message} for place, message in wrong.problems]
        raise Problem(422, str(wrong), errors=errors) from None
    jobs.wake(here.redis)
    return {"awards": [one._asdict() for one in decided], "dry_run": given["dry_run"]}


@blueprint.route("/<uuid:decision>/take-back", methods=["POST"])
@requires("admin")
@blueprint.arguments(TakenBack)
@blueprint.response(204, Schema)
def take_back(why: Mapping[str, str], decision: UUID) -> None:
    """Take an award by hand back: a further decision, which the ledger shows"""
    here = services()
    if not awarding.take_back(here.engine, decision, bearer().name, why["because"], datetime.now(UTC)):
        raise Problem(404, f"Nothing was awarded by hand under the id {decision}.")
    jobs.wake(here.redis)
