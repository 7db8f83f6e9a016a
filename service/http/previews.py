"""Previews of rules: what a change would do, as a job that front ends start, watch and cancel."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Response, jsonify, request
from marshmallow import Schema, fields, validate

from service import previews
from service.core import rulebook
from service.core.rule import Rule
from service.http.auth import requires
from service.http.editing import YAML, mistake, moment
from service.http.problems import Problem
from service.http.resources import Blueprint, in_words
from service.http.services import services
from service.preview import Wanted
from service.preview.changes import others
from service.previews import Job
from service.store import publishing, rules
from service.store.engine import Driver, driver, snapshot

blueprint = Blueprint("previews", __name__, url_prefix="/api/v1/rules", description="What a change of rules would do")
LONGEST_WAIT_SECONDS = 10
_WAIT = re.compile(r"\bwait=(\d{1,4})\b", re.ASCII)


# --- what is told -------------------------------------------------------------------------------------------------


def amounts(description: str) -> fields.Dict:
    """Amounts by unit: a currency, or badge:<achievement>."""
    told = {"description": description, "example": {"points": 120, "badge:keen-learner": 3}}
    return fields.Dict(keys=fields.String(), values=fields.Integer(), required=True, metadata=told)


class PreviewGround(Schema):
    """What a preview stands on: every statement evaluated so far. Nothing is sampled."""

    statements = fields.Integer(required=True)
    first = fields.AwareDateTime(required=True, allow_none=True)
    last = fields.AwareDateTime(required=True, allow_none=True)
    pending = fields.Integer(required=True, metadata={"description": "wait to be evaluated, and are not among them"})
    recounting = fields.List(
        fields.String(), required=True, metadata={"description": "rules whose awards are being counted again just now"}
    )
    exact = fields.Boolean(required=True, metadata={"description": "nothing is pending or being counted again"})


class PreviewedRule(Schema):
    """What would become of a rule's awards."""

    rule = fields.String(required=True)
    change = fields.String(required=True, validate=validate.OneOf(["new", "changed", "retired"]))
    version = fields.Integer(required=True, allow_none=True, metadata={"description": "the one in force"})
    as_if_live = fields.Boolean(required=True, metadata={"description": "a draft or trial, shown as if it paid"})
    awards_before = fields.Integer(required=True)
    awards_after = fields.Integer(required=True)
    before = amounts("what its awards come to")
    after = amounts("what they would come to")


class PreviewedLearner(Schema):
    """A learner, by id and name."""

    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)


class PreviewedDifference(Schema):
    """What somebody would have more or less."""

    learner = fields.Nested(PreviewedLearner, required=True)
    amounts = amounts("more, or less where negative")


class PreviewedBadge(Schema):
    """A badge that would be given, or would lose its ground."""

    learner = fields.Nested(PreviewedLearner, required=True)
    rule = fields.String(required=True)
    achievement = fields.String(required=True)
    given = fields.Boolean(required=True, metadata={"description": "false: it would lose its ground"})
    then = fields.String(
        required=True,
        validate=validate.OneOf(["offered", "withdrawn", "revoked", "kept", "reviewed"]),
        metadata={"description": "reviewed: an admin decides"},
    )


class PreviewedMove(Schema):
    """Where somebody is on a board, and would be; null: not on it."""

    learner = fields.Nested(PreviewedLearner, required=True)
    before = fields.Integer(required=True, allow_none=True)
    after = fields.Integer(required=True, allow_none=True)
    points_before = fields.Integer(required=True)
    points_after = fields.Integer(required=True)


class PreviewedBoard(Schema):
    """How a board would move in its current period."""

    board = fields.String(required=True)
    title = fields.Function(lambda board: in_words(board.title), required=True, metadata={"type": "string"})
    period = fields.String(required=True, metadata={"example": "2026-11"})
    learners = fields.Integer(required=True, metadata={"description": "whose rank or points would change"})
    movers = fields.List(fields.Nested(PreviewedMove), required=True, metadata={"description": "who moves furthest"})
    leaders = fields.List(
        fields.Nested(PreviewedMove), required=True, metadata={"description": "of those, who would be among the first"}
    )
    other_periods = fields.Integer(required=True, metadata={"description": "how many of the past would change, too"})


class PreviewReport(Schema):
    """What would be different. Lists hold the 100 largest; the counts beside them count all."""

    ground = fields.Nested(PreviewGround, required=True)
    rules = fields.List(fields.Nested(PreviewedRule), required=True)
    follow = fields.List(
        fields.String(),
        required=True,
        metadata={"description": "rules that read what these give, and would give otherwise for it"},
    )
    gain = fields.Integer(required=True, metadata={"description": "how many learners would gain"})
    lose = fields.Integer(required=True)
    gained = amounts("in all")
    lost = amounts("in all")
    gains = fields.List(fields.Nested(PreviewedDifference), required=True)
    losses = fields.List(fields.Nested(PreviewedDifference), required=True)
    badges_given = fields.Integer(required=True)
    badges_lost = fields.Integer(required=True)
    badges = fields.List(fields.Nested(PreviewedBadge), required=True)
    boards = fields.List(fields.Nested(PreviewedBoard), required=True)


class PreviewProgress(Schema):
    """Statements gone through, and all of them."""

    done = fields.Integer(required=True)
    of = fields.Integer(required=True)


class Preview(Schema):
    """A preview: how far it is, and what it found when it is done."""

    id = fields.String(required=True)
    rule = fields.String(required=True)
    asked = fields.AwareDateTime(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["waiting", "running", "done", "failed"]))
    progress = fields.Nested(PreviewProgress, required=True)
    report = fields.Nested(PreviewReport, required=True, allow_none=True)


# --- what is asked ------------------------------------------------------------------------------------------------


class Asked(Schema):
    """What is to be previewed beside the document."""

    since = fields.String(
        load_default="beginning",
        metadata={"description": "from when on it would count, as when it is published", "example": "2026-03-01"},
    )
    take_back = fields.Boolean(
        load_default=False, metadata={"description": "without a document: retired, the rule takes back what it gave"}
    )


BODY = {
    "requestBody": {
        "description": "The rule as it would be, as a YAML document, with others that would be put in force with it, "
        "like a vocabulary. None: the rule would be retired.",
        "content": {"application/yaml": {"schema": {"type": "string"}}},
    },
    "parameters": [
        {
            "name": "Prefer",
            "in": "header",
            "schema": {"type": "string", "example": "wait=10"},
            "description": f"RFC 7240: wait so many seconds, at most {LONGEST_WAIT_SECONDS}, for the report",
        }
    ],
}
ACCEPTED = {"Location": {"description": "where the preview can be watched", "schema": {"type": "string"}}}


@blueprint.route("/<rule>/preview", methods=["POST"])
@requires("admin")
@blueprint.arguments(Asked, location="query")
@blueprint.response(202, Preview, headers=ACCEPTED)
@blueprint.doc(responses={"200": {"description": "It was done within the time that Prefer allows"}}, **BODY)
def ask(asked: Mapping[str, Any], rule: str) -> Response:
    """What a changed, new or retired rule would do on all of history, without doing it

    A job: 202, and Location says where to watch it, cancel it, and read who would gain and lose how much, which badges
    would be given or lose their ground, and how boards would move. With `Prefer: wait=10` a small history is answered
    at once. A rule in the document that is a draft or on trial is shown as if it paid.
    """
    here = services()
    with snapshot(here.engine) as connection:
        wanted = _wanted(driver(connection), rule, asked)
    job = _waited(previews.ask(here.redis, rule, wanted))
    response = _told(job)
    response.headers["Location"] = f"/api/v1/rules/{rule}/previews/{job.id}"
    if job.state in ("waiting", "running"):
        response.status_code = 202
    return response


@blueprint.route("/<rule>/previews/<id_>")
@requires("admin")
@blueprint.response(200, Preview)
def get(rule: str, id_: str) -> Response:
    """How far a preview is, and what it found when it is done"""
    job = previews.look(services().redis, id_)
    return _told(job if job is not None and job.rule == rule else _gone(id_))


@blueprint.route("/<rule>/previews/<id_>", methods=["DELETE"])
@requires("admin")
@blueprint.doc(responses={"204": {"description": "It is gone"}})
def cancel(rule: str, id_: str) -> Response:
    """Cancel a preview, or forget one that is done"""
    job = previews.look(services().redis, id_)
    if job is None or job.rule != rule or not previews.cancel(services().redis, id_):
        _gone(id_)
    return Response(status=204)


def _gone(id_: str) -> Any:
    raise Problem(404, f"There is no preview {id_}: it was cancelled, or is older than a day. Ask for it again.")


def _waited(job: Job) -> Job:
    """The job once it is done, or when the caller does not want to wait any longer."""
    found = _WAIT.search(request.headers.get("Prefer", ""))
    end = time.monotonic() + min(int(found[1]) if found else 0, LONGEST_WAIT_SECONDS)
    while job.state in ("waiting", "running") and time.monotonic() < end:
        time.sleep(0.05)
        job = previews.look(services().redis, job.id) or _gone(job.id)
    return job


def _told(job: Job) -> Response:
    told = Preview().dump(
        {
            **{name: getattr(job, name) for name in ("id", "rule", "asked", "state")},
            "progress": {"done": job.done, "of": job.of},
            "report": job.report and _report(job),
        }
    )
    response = jsonify(told)
    if job.state in ("waiting", "running"):
        response.headers["Retry-After"] = "1"
    return response


def _report(job: Job) -> dict[str, Any]:
    assert job.report is not None
    found = msgspec.structs.asdict(job.report)
    ground = job.report.ground
    exact = not ground.pending and not ground.recounting
    return {**found, "ground": {**msgspec.structs.asdict(ground), "exact": exact}}


# --- from the document to what is wanted --------------------------------------------------------------------------


def _wanted(connection: Driver, name: str, asked: Mapping[str, Any]) -> dict[str, Wanted]:
    """What the request asks for; 404, 415 or 422 where that cannot be."""
    body = request.get_data()
    ruleset = rules.in_force(connection)
    if not body.strip():
        if not any(version.rule.name == name for version in ruleset.versions):
            raise Problem(404, f'No rule "{name}" is in force; send the document of a new one.')
        return {name: Wanted(None, takes_back=asked["take_back"])}
    if request.mimetype not in YAML:
        raise Problem(415, "Send the rule as application/yaml.", headers={"Accept": "application/yaml"})
    changed, since = _read(connection, body, name), moment(connection, asked["since"])
    return {rule.name: Wanted(rule, publishing.moment(since, datetime.now(UTC))) for rule in changed}


def _read(connection: Driver, body: bytes, name: str) -> list[Rule]:
    """The rules that would be others with this document, that of the address first."""
    try:
        documents, problems = rulebook.amended(rules.stored(connection), body.decode())
    except UnicodeDecodeError as error:
        raise Problem(422, f"The document is no UTF-8: {error}") from None
    mistakes = [one for one in problems if one.severity == "error"]
    if mistakes:
        raise Problem(422, str(mistakes[0]), errors=[mistake(one) for one in mistakes])
    named = rulebook.named(body.decode())
    if ("rule", name) not in named:
        raise Problem(422, f'The document is not the rule of this address: start it with "rule: {name}".')
    return others(rules.in_force(connection), documents.rules, named)
