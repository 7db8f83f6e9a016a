"""How rules are doing: when each last gave something, what refused, and what comes that no rule uses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from marshmallow import Schema, fields, validate

from service import rule_health
from service.http.auth import requires
from service.http.problems import Problem
from service.http.resources import Blueprint, in_words
from service.http.services import services
from service.rule_health import RESTING_DAYS, Health

blueprint = Blueprint("rule-health", __name__, url_prefix="/api/v1/rules/health", description="How rules are doing")


class HealthOfRule(Schema):
    """One rule in force."""

    rule = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.String(required=True)
    version = fields.Integer(required=True)
    applied = fields.AwareDateTime(required=True, metadata={"description": "when its first version was"})
    ended = fields.Boolean(required=True, metadata={"description": "its last day is over"})
    rests = fields.Boolean(required=True, metadata={"description": "it has given nothing for so many days"})
    matches = fields.Integer(required=True)
    learners = fields.Integer(required=True, metadata={"description": "who have a match"})
    last_match = fields.AwareDateTime(required=True, allow_none=True)
    awards = fields.Integer(required=True)
    last_award = fields.AwareDateTime(required=True, allow_none=True)
    refusals = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True,
        metadata={"description": "what gave nothing, by clause", "example": {"limit 50 points per day": 12}},
    )  # fmt: skip


class UnusedKind(Schema):
    """Statements of one verb and type that no rule looks at."""

    verb = fields.String(required=True)
    type = fields.String(required=True, allow_none=True)
    statements = fields.Integer(required=True)
    last = fields.AwareDateTime(required=True, metadata={"description": "when the last of them happened"})


class HealthOfRules(Schema):
    """How all rules in force are doing."""

    made = fields.AwareDateTime(required=True, metadata={"description": "when this was counted"})
    statements = fields.Integer(required=True, metadata={"description": "by how many, all that were evaluated"})
    pending = fields.Integer(required=True, metadata={"description": "how many waited then"})
    resting = fields.Integer(required=True, metadata={"description": "how many rules rest"})
    rules = fields.List(fields.Nested(HealthOfRule), required=True)
    unused = fields.List(fields.Nested(UnusedKind), required=True, metadata={"description": "the 200 most frequent"})
    kinds = fields.Integer(required=True, metadata={"description": "how many kinds no rule looks at"})


class Patience(Schema):
    """How long a rule may give nothing."""

    resting_days = fields.Integer(load_default=RESTING_DAYS, validate=validate.Range(1, 3660))


def kept() -> Health:
    """The last count; 503 where there is none yet."""
    found = rule_health.kept(services().redis)
    if found is None:
        raise Problem(503, "No worker has counted this yet; ask again in a moment.", headers={"Retry-After": "5"})
    return found


@blueprint.route("")
@requires("read")
@blueprint.arguments(Patience, location="query")
@blueprint.response(200, HealthOfRules)
def get(patience: Mapping[str, int]) -> dict[str, Any]:
    """How rules are doing, and which statements come that no rule uses

    A worker counts it again every ten minutes, on long histories less often; `made` says when.
    """
    found = kept()
    now = datetime.now(UTC)
    told = [
        {
            **msgspec.structs.asdict(one),
            "title": in_words(one.title) or one.rule,
            "rests": one.rests(now, patience["resting_days"]),
        }
        for one in found.rules
    ]
    return {**msgspec.structs.asdict(found), "rules": told, "resting": sum(one["rests"] for one in told)}
