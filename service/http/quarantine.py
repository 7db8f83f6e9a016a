"""What could not be used: listed with its reason, mended, tried again or discarded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn
from urllib.parse import urlencode

import msgspec
from flask import jsonify, request
from flask.typing import ResponseReturnValue
from marshmallow import Schema, fields, validate

from service import jobs, mending
from service.core.statement import Unusable
from service.http import pushes
from service.http.auth import requires
from service.http.problems import Problem, problem
from service.http.resources import LARGEST, PAGE, Blueprint
from service.http.services import services
from service.mending import Settled
from service.store import quarantine
from service.store.quarantine import Kept

blueprint = Blueprint(
    "quarantine", __name__, url_prefix="/api/v1/quarantine", description="Statements that could not be used"
)
ONE = f"/<int(max={LARGEST}):number>"


class Quarantined(Schema):
    """A statement that could not be used, and why."""

    id = fields.String(required=True)
    kind = fields.String(required=True, metadata={"description": "unusable: not stored; failed: evaluating it raised"})
    state = fields.String(required=True, metadata={"description": "waiting, replayed or discarded"})
    source = fields.String(required=True, allow_none=True)
    statement = fields.String(required=True, metadata={"description": "the id that was answered for it"})
    received = fields.String(required=True, metadata={"description": "when it came first"})
    times = fields.Integer(required=True, metadata={"description": "how often it came"})
    path = fields.String(required=True, metadata={"description": "the property in the way"})
    reason = fields.String(required=True)
    edited = fields.Boolean(required=True)
    raw = fields.String(
        required=True,
        metadata={"description": "the statement as text: as it came, or as edited; empty once it is no longer kept"},
    )


class QuarantinedStatements(Schema):
    """Entries in the order in which they came."""

    entries = fields.List(fields.Nested(Quarantined), required=True)


class Sought(Schema):
    """Which entries."""

    state = fields.String(load_default="waiting", validate=validate.OneOf(("waiting", "replayed", "discarded", "all")))
    source = fields.String(load_default=None, metadata={"description": "the name of a source"})
    cursor = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))
    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE))


@blueprint.route("")
@requires("read")
@blueprint.arguments(Sought, location="query")
@blueprint.response(200, QuarantinedStatements)
def get(sought: dict[str, Any]) -> ResponseReturnValue:
    """What could not be used, and why; those that wait unless another state is asked for"""
    state, source = sought["state"], sought["source"]
    with services().engine.connect() as connection:
        found = quarantine.kept(
            connection, None if state == "all" else state, source, sought["cursor"], sought["limit"] + 1
        )
    response = jsonify({"entries": [_shown(one) for one in found[: sought["limit"]]]})
    if len(found) > sought["limit"]:
        following = {**request.args.to_dict(), "cursor": found[sought["limit"] - 1].id}
        response.headers["Link"] = f'<{request.path}?{urlencode(following)}>; rel="next"'
    return response


@blueprint.route(ONE)
@requires("read")
@blueprint.response(200, Quarantined)
def get_one(number: int) -> dict[str, Any]:
    """One statement that could not be used"""
    with services().engine.connect() as connection:
        found = quarantine.one(connection, number)
    if found is None:
        _missing(number)
    return _shown(found)


@blueprint.route(ONE, methods=["PUT"])
@requires("admin")
@blueprint.doc(requestBody={"required": True, "content": {"application/json": {"schema": {"type": "object"}}}})
@blueprint.response(200, Quarantined)
def put(number: int) -> dict[str, Any]:
    """Mend a statement: what is sent takes the place of what came, which is kept beside it"""
    raw = pushes.body()
    try:
        msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError) as error:
        problem(400, f"The body is no JSON object: {error}")
    return _done(number, lambda: mending.edit(services().engine, number, raw))


@blueprint.route(f"{ONE}/replay", methods=["POST"])
@requires("admin")
@blueprint.response(200, Quarantined)
def replay(number: int) -> dict[str, Any]:
    """Try a statement again: store it as if it had been usable when it came, or evaluate it again if it is stored"""
    done = _done(number, lambda: mending.replay(services().engine, number))
    jobs.wake(services().redis)
    return done


@blueprint.route(ONE, methods=["DELETE"])
@requires("admin")
@blueprint.response(200, Quarantined)
def delete(number: int) -> dict[str, Any]:
    """Discard a statement: it stays listed as discarded, and a repeat of it does not come up again"""
    return _done(number, lambda: mending.discard(services().engine, number))


def _done(number: int, act: Callable[[], Kept]) -> dict[str, Any]:
    try:
        return _shown(act())
    except LookupError:
        _missing(number)
    except Settled as settled:
        raise Problem(409, str(settled)) from None
    except Unusable as why:
        errors = [{"path": why.path, "message": why.message}]
        raise Problem(422, f"It still cannot be used: {why.path} {why.message}", errors=errors) from None


def _missing(number: int) -> NoReturn:
    raise Problem(404, f"There is no entry {number}.")


def _shown(entry: Kept) -> dict[str, Any]:
    told = entry._asdict() | {"id": str(entry.id), "statement": str(entry.statement)}
    return told | {"received": entry.received.isoformat(), "raw": entry.raw.decode(errors="replace")}
