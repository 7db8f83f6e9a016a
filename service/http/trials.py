"""What rules on trial would have given: to whom, how much, and since when."""

from __future__ import annotations

from typing import Any

import msgspec
from marshmallow import Schema, fields

from service.http.auth import requires
from service.http.previews import PreviewedLearner, amounts
from service.http.resources import Blueprint, in_words
from service.http.rule_health import kept
from service.http.services import services
from service.store import identity
from service.store.engine import driver

blueprint = Blueprint(
    "trials", __name__, url_prefix="/api/v1/rules/trials", description="Rules on trial, and what of it"
)


class Recipient(Schema):
    """Somebody who would have got something."""

    learner = fields.Nested(PreviewedLearner, required=True)
    awards = fields.Integer(required=True)
    amounts = amounts("what these come to")
    first = fields.AwareDateTime(required=True, metadata={"description": "when the first award would have been earned"})
    last = fields.AwareDateTime(required=True)


class Trial(Schema):
    """A rule on trial: what it would have given, if it were live."""

    rule = fields.String(required=True)
    title = fields.String(required=True)
    version = fields.Integer(required=True)
    since = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "what happened from then on counts; null: everything"}
    )
    awards = fields.Integer(required=True)
    learners = fields.Integer(required=True, metadata={"description": "how many would have got something"})
    amounts = amounts("what all awards come to")
    last = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "when the last award was"})
    recipients = fields.List(
        fields.Nested(Recipient), required=True, metadata={"description": "the 100 who would have got most"}
    )


class Trials(Schema):
    """What rules on trial would have given."""

    made = fields.AwareDateTime(required=True, metadata={"description": "when this was counted"})
    statements = fields.Integer(required=True, metadata={"description": "by how many, all that were evaluated"})
    pending = fields.Integer(required=True, metadata={"description": "how many waited then"})
    trials = fields.List(fields.Nested(Trial), required=True)


@blueprint.route("")
@requires("read")
@blueprint.response(200, Trials)
def get() -> dict[str, Any]:
    """What rules on trial would have given, to whom and since when; they pay nothing

    A worker counts it again every ten minutes, on long histories less often; `made` says when. Caps across rules are
    left aside: a preview of the rule says what would become of totals and boards.
    """
    found = kept()
    learners = {one.learner for trial in found.trials for one in trial.recipients}
    with services().engine.begin() as connection:
        names = identity.names(driver(connection), learners)
    told = [
        {
            **msgspec.structs.asdict(trial),
            "title": in_words(trial.title) or trial.rule,
            "recipients": [
                {**msgspec.structs.asdict(one), "learner": {"id": str(one.learner), "name": names.get(one.learner)}}
                for one in trial.recipients
            ],
        }
        for trial in found.trials
    ]
    return {**msgspec.structs.asdict(found), "trials": told}
