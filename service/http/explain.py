"""Why a learner has what they have by a rule, and why not more: awards, refusals, near misses, progress."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, jsonify, request
from marshmallow import Schema, ValidationError, fields, validate

from service.explain import Explanation, Given, NearMisses, Refused, explain, near_misses
from service.http.auth import requires
from service.http.problems import Problem
from service.http.resources import LARGEST, PAGE, Blueprint, in_words
from service.http.services import services
from service.store import profiles
from service.store.engine import driver, snapshot
from service.store.history import Moment

blueprint = Blueprint("explain", __name__, url_prefix="/api/v1/learners", description="Why, and why not")
ONE = f"/<int(max={LARGEST}):learner>/explain"
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
LINK = {"Link": {"description": "RFC 8288: rel=next", "schema": {"type": "string"}}}


class SeenStatement(Schema):
    """A statement, in short."""

    statement = fields.UUID(required=True)
    happened = fields.AwareDateTime(required=True, allow_none=True)
    verb = fields.String(required=True, allow_none=True)
    object = fields.String(required=True, allow_none=True)


class GivenAward(Schema):
    """An award, and what it stands on."""

    key = fields.String(required=True, metadata={"description": "stays the same when history changes around it"})
    happened = fields.AwareDateTime(required=True)
    amounts = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True, metadata={"example": {"points": 10}}
    )
    version = fields.Integer(
        required=True, allow_none=True, metadata={"description": "of the rule; null: not booked yet"}
    )
    clause = fields.String(required=True, metadata={"example": "5 of 5 with a different object within 90 days"})
    statements = fields.List(fields.Nested(SeenStatement), required=True)


class RefusedStatement(SeenStatement):
    """A statement that gave nothing, and the first clause that refused it."""

    because = fields.String(required=True, metadata={"example": "limit 50 points per day"})
    found = fields.String(
        required=True, allow_none=True, metadata={"description": "what the statement has instead", "example": "0.6"}
    )
    earlier = fields.UUID(
        required=True, allow_none=True, metadata={"description": "the statement that had used it up before"}
    )


class Towards(Schema):
    """How far it is to the next award."""

    done = fields.Integer(required=True)
    of = fields.Integer(required=True)
    text = fields.String(required=True, metadata={"example": "3 of 5"})


class NeededThing(Schema):
    """One thing that a rule needs."""

    need = fields.String(required=True, metadata={"example": "badge risk-assessment-theory"})
    since = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "null: it is missing"})


class ExplanationOf(Schema):
    """What a rule makes of a learner's statements, the newest first."""

    rule = fields.String(required=True)
    title = fields.String(required=True)
    how_to_earn = fields.String(required=True)
    status = fields.String(required=True, metadata={"description": "what a rule on trial would give is listed, too"})
    version = fields.Integer(required=True, metadata={"description": "the one in force"})
    matches = fields.Integer(required=True, metadata={"description": "statements that fulfil the conditions"})
    awards = fields.List(fields.Nested(GivenAward), required=True)
    refusals = fields.List(fields.Nested(RefusedStatement), required=True)
    total = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True,
        metadata={"description": "how many there are", "example": {"awards": 5, "refusals": 2}},
    )  # fmt: skip
    progress = fields.Nested(Towards, required=True, allow_none=True)
    pending = fields.Integer(required=True, metadata={"description": "statements that wait to be evaluated"})
    recounting = fields.Boolean(required=True, metadata={"description": "history is being counted again by this rule"})
    needs = fields.List(
        fields.Nested(NeededThing), required=True, metadata={"description": "of a rule with needs, each single one"}
    )


class Missed(Schema):
    """Statements with the rule's verb that one condition kept from counting, newest first."""

    near_misses = fields.List(fields.Nested(RefusedStatement), required=True)
    back_to = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "what happened since then was looked at"}
    )
    next = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the cursor that looks further back; null: that is all"},
    )


def _moment(text: Any) -> Moment:
    """A cursor as an event time and a statement."""
    microseconds, _, statement = str(text).partition("-")
    try:
        return BEGINNING + timedelta(microseconds=int(microseconds)), UUID(statement)
    except (ValueError, OverflowError):
        raise ValidationError("Write the cursor as `next` has it.") from None


def _cursor(moment: Moment) -> str:
    return f"{(moment[0] - BEGINNING) // timedelta(microseconds=1)}-{moment[1].hex}"


class Asked(Schema):
    """Which rule."""

    rule = fields.String(required=True, metadata={"example": "share-an-article"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE))


class AskedPage(Asked):
    """Which rule, and which of the awards and refusals."""

    offset = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))


class AskedFurther(Asked):
    """Which rule, and where to go on."""

    cursor = fields.Function(deserialize=_moment, metadata={"type": "string"})


@blueprint.route(ONE)
@requires("read", own="learner")
@blueprint.arguments(AskedPage, location="query")
@blueprint.response(200, ExplanationOf, headers=LINK)
def get(page: Mapping[str, Any], learner: int) -> Response:
    """Why a learner has what a rule gave, and why not more

    Every award with its statements and the version of the rule that gave it, every statement that fulfils the rule's
    conditions and gave nothing with the first clause that refused it, and how far the next award is.
    """
    name, limit, offset = page["rule"], page["limit"], page["offset"]
    with snapshot(services().engine) as connection:
        _known(connection, learner)
        found = explain(driver(connection), learner, name, datetime.now(UTC), limit, offset) or _no_rule(name)
    response = jsonify(ExplanationOf().dump(_told(found)))
    if max(found.of_awards, found.of_refusals) > offset + limit:
        _next(response, {"rule": name, "limit": limit, "offset": offset + limit})
    return response


@blueprint.route(f"{ONE}/near-misses")
@requires("read", own="learner")
@blueprint.arguments(AskedFurther, location="query")
@blueprint.response(200, Missed, headers=LINK)
def get_near_misses(page: Mapping[str, Any], learner: int) -> Response:
    """Statements that nearly counted: with the rule's verb, turned away by one condition

    Each request looks at a stretch of what the learner took part in, newest first, and says how far back it went;
    `next` looks further. A page may be empty and still have a next one.
    """
    name, limit = page["rule"], page["limit"]
    with snapshot(services().engine) as connection:
        _known(connection, learner)
        found = near_misses(driver(connection), learner, name, limit, page.get("cursor")) or _no_rule(name)
    response = jsonify(Missed().dump(_missed(found)))
    if found.before is not None:
        _next(response, {"rule": name, "limit": limit, "cursor": _cursor(found.before)})
    return response


def _known(connection: Any, learner: int) -> None:
    if profiles.profile(connection, learner) is None:
        raise Problem(404, f"No learner has the id {learner}.")


def _no_rule(name: str) -> Any:
    told = f'No rule "{name}" is in force.'
    raise Problem(404, told, errors=[{"path": "?rule", "message": told}])


def _next(response: Response, query: Mapping[str, Any]) -> None:
    response.headers["Link"] = f'<{request.path}?{urlencode(query)}>; rel="next"'


def _told(found: Explanation) -> dict[str, Any]:
    progress = found.progress
    return {
        "rule": found.rule.name,
        "title": in_words(found.rule.title) or found.rule.name,
        "how_to_earn": in_words(found.rule.how_to_earn),
        "status": found.rule.status,
        "version": found.version.version,
        "matches": found.matches,
        "awards": [_award(one) for one in found.awards],
        "refusals": [_refused(one) for one in found.refusals],
        "total": {"awards": found.of_awards, "refusals": found.of_refusals},
        "progress": progress and {"done": progress[0], "of": progress[1], "text": f"{progress[0]} of {progress[1]}"},
        "pending": found.pending,
        "recounting": found.recounting,
        "needs": [one._asdict() for one in found.needs],
    }


def _award(given: Given) -> dict[str, Any]:
    award = given.award
    return {
        "key": award.key,
        "happened": award.happened,
        "amounts": award.amounts,
        "version": given.version,
        "clause": given.clause,
        "statements": [one._asdict() for one in given.statements],
    }


def _refused(refused: Refused) -> dict[str, Any]:
    return {**refused.seen._asdict(), "because": refused.because, "found": refused.found, "earlier": refused.earlier}


def _missed(found: NearMisses) -> dict[str, Any]:
    return {
        "near_misses": [_refused(one) for one in found.refusals],
        "back_to": found.back_to,
        "next": None if found.before is None else _cursor(found.before),
    }
