"""Learners: who they are, what they have, the lines of their ledger with reasons, and how far they are."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import msgspec
from flask import Response, jsonify, request
from marshmallow import Schema, ValidationError, fields, validate, validates
from redis.exceptions import RedisError
from sqlalchemy import Connection

from service import boards, jobs, needing
from service.core.agents import Agent, identifier
from service.core.windows import zone
from service.http.auth import permit, requires
from service.http.problems import Problem, log
from service.http.resources import LARGEST, PAGE, Blueprint, in_words
from service.http.services import services
from service.moving import learner_moved
from service.recount import Changed
from service.store import outbox, profiles, progress, rules, scores
from service.store.badges import awards_of
from service.store.engine import driver
from service.store.profiles import Line, Profile

blueprint = Blueprint("learners", __name__, url_prefix="/api/v1/learners", description="Learners and what they earned")
ONE = f"/<int(max={LARGEST}):learner>"


class HeldBadge(Schema):
    """A badge of a learner, in short."""

    award = fields.String(required=True)
    achievement = fields.String(required=True)
    state = fields.String(required=True, metadata={"description": "offered, claimed, declined, revoked or expired"})


class Learner(Schema):
    """A learner and what they have."""

    id = fields.String(required=True)
    name = fields.String(required=True, allow_none=True)
    points = fields.Dict(
        keys=fields.String(), values=fields.Integer(), required=True, metadata={"example": {"points": 120}}
    )
    time_zone = fields.String(required=True, allow_none=True, metadata={"description": "null: that of the service"})
    opted_in = fields.Boolean(
        required=True, metadata={"description": "shows on boards that need the learner's consent"}
    )
    level = fields.Integer(
        required=True, allow_none=True, metadata={"description": "by the levels called default, or the only ones"}
    )
    levels = fields.Dict(
        keys=fields.String(), values=fields.Integer(allow_none=True), required=True,
        metadata={"description": "the level by each `levels:` document", "example": {"default": 3}},
    )  # fmt: skip
    badges = fields.List(fields.Nested(HeldBadge), required=True)


class Sought(Schema):
    """Which learner."""

    agent = fields.String(
        required=True,
        metadata={"description": "an xAPI agent as JSON", "example": '{"mbox": "mailto:ann@example.com"}'},
    )


class Changes(Schema):
    """What may be changed of a learner; what is left out stays."""

    time_zone = fields.String(allow_none=True, metadata={"description": "an IANA name; null: that of the service"})
    opted_in = fields.Boolean(truthy={True}, falsy={False})
    name = fields.String(
        allow_none=True,
        validate=[
            validate.Length(1, 200),
            validate.Predicate("isprintable", error="Write it without control characters."),
        ],
        metadata={"description": "null: what statements say"},
    )

    @validates("time_zone")
    def _known_zone(self, value: str | None, **_: object) -> None:
        try:
            value is None or zone(value)
        except (ValueError, OSError, LookupError):
            raise ValidationError("Write a name of the IANA time zone database, like Europe/Berlin.") from None


class Entry(Schema):
    """A line of the ledger."""

    id = fields.String(required=True)
    rule = fields.String(required=True)
    title = fields.String(required=True)
    version = fields.Integer(required=True)
    unit = fields.String(
        required=True, metadata={"description": "a currency, or badge:<achievement>", "example": "points"}
    )
    amount = fields.Integer(required=True)
    happened = fields.AwareDateTime(required=True)
    booked = fields.AwareDateTime(required=True)
    reason = fields.String(required=True)
    statements = fields.List(fields.UUID(), required=True)
    corrects = fields.String(required=True, allow_none=True, metadata={"description": "the line that this one mends"})


class Ledger(Schema):
    """A page of the ledger, newest first."""

    entries = fields.List(fields.Nested(Entry), required=True)
    next = fields.String(allow_none=True, required=True, metadata={"description": "the cursor of the next page"})


class LedgerPage(Schema):
    """Which page of the ledger."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE))
    cursor = fields.Integer(load_default=None, validate=validate.Range(1, LARGEST))


class Need(Schema):
    """One thing that a rule needs."""

    need = fields.String(required=True, metadata={"example": "badge risk-assessment-theory"})
    since = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "null: it is missing"})


class Progress(Schema):
    """How far a learner is on the way to a rule's next award."""

    rule = fields.String(required=True)
    done = fields.Integer(required=True)
    of = fields.Integer(required=True)
    period = fields.String(required=True, allow_none=True)
    text = fields.String(required=True, metadata={"example": "3 of 5"})
    needs = fields.List(fields.Nested(Need), metadata={"description": "of a rule with needs, each single one"})


class Level(Schema):
    """How far a learner is on the way to the next level."""

    levels = fields.String(required=True, metadata={"example": "default"})
    currency = fields.String(required=True, metadata={"example": "points"})
    level = fields.Integer(required=True, allow_none=True)
    points = fields.Integer(required=True)
    next = fields.Integer(required=True, allow_none=True, metadata={"description": "null: this is the highest"})
    at = fields.Integer(required=True, allow_none=True, metadata={"description": "where the next level begins"})


class ProgressList(Schema):
    """Every rule a learner is on the way with, and every level."""

    progress = fields.List(fields.Nested(Progress), required=True)
    levels = fields.List(fields.Nested(Level), required=True)


@blueprint.route("")
@requires("read", "learner")
@blueprint.arguments(Sought, location="query")
@blueprint.response(200, Learner)
def find(arguments: Mapping[str, str]) -> Response:
    """The learner that an xAPI agent identifies"""
    key = _identifier(arguments["agent"])
    with services().engine.connect() as connection:
        number = profiles.by_identifier(connection, key)
        permit(number)
        found = _told(connection, number)
    response = jsonify(found)
    response.headers["Content-Location"] = f"{request.path}/{found['id']}"
    return response


@blueprint.route(ONE)
@requires("read", own="learner")
@blueprint.response(200, Learner)
def get(learner: int) -> dict[str, Any]:
    """A learner with points and badges"""
    with services().engine.connect() as connection:
        return _told(connection, learner)


@blueprint.route(ONE, methods=["PATCH"])
@requires("admin", own="learner")
@blueprint.arguments(Changes)
@blueprint.response(200, Learner)
def change(changes: Mapping[str, Any], learner: int) -> dict[str, Any]:
    """Change time zone, consent to be shown on boards, or name

    Days and weeks are those of the learner's time zone, so another zone means that awards are counted again.
    """
    here = services()
    with here.engine.begin() as connection:
        rules.share(driver(connection))
        before = profiles.lock(connection, learner) or _nobody(learner)
        changed = {name for name, value in changes.items() if getattr(before, name) != value}
        if changes:
            profiles.change(connection, learner, changes)
        shown = list(_recounted(connection, learner, changed))
    for one in shown:
        jobs.show(here.engine, here.redis, one)
    if "name" in changed:
        _renamed()
    with here.engine.connect() as connection:
        return _told(connection, learner)


def _recounted(connection: Connection, learner: int, changed: Container[str]) -> Iterator[Changed]:
    """What boards have to show after a change: other scores, or whether a learner is on them at all."""
    if "time_zone" in changed:
        yield learner_moved(connection, learner)
    if "opted_in" in changed:
        yield Changed(scores.renew(connection, learner), outbox.add(driver(connection), [learner]))


def _renamed() -> None:
    try:
        boards.renamed(services().redis)
    except RedisError as error:
        log.warning("boards may be told with an old name for a while", error=str(error))


@blueprint.route(f"{ONE}/ledger")
@requires("read", own="learner")
@blueprint.arguments(LedgerPage, location="query")
@blueprint.response(200, Ledger, headers={"Link": {"description": "RFC 8288: rel=next", "schema": {"type": "string"}}})
def ledger(page: Mapping[str, Any], learner: int) -> Response:
    """The lines of a learner's ledger, newest first, each with its reason"""
    limit = page["limit"]
    with services().engine.connect() as connection:
        profiles.profile(connection, learner) or _nobody(learner)
        lines = profiles.ledger(connection, learner, limit + 1, page["cursor"])
    more = str(lines[limit - 1].id) if len(lines) > limit else None
    response = jsonify(Ledger().dump({"entries": [_line(line) for line in lines[:limit]], "next": more}))
    if more:
        response.headers["Link"] = f'<{request.path}?{urlencode({"limit": limit, "cursor": more})}>; rel="next"'
    return response


@blueprint.route(f"{ONE}/progress")
@requires("read", own="learner")
@blueprint.response(200, ProgressList)
def get_progress(learner: int) -> dict[str, Any]:
    """How far a learner is with each rule"""
    with services().engine.begin() as connection:
        found = profiles.profile(connection, learner) or _nobody(learner)
        levels = profiles.levels(connection, found.points)
        lines = progress.of_learner(driver(connection), learner, datetime.now(UTC))
        standings = needing.of_learner(driver(connection), services().needing, learner, datetime.now(UTC))
    told = [
        *({**line._asdict(), "text": f"{line.done} of {line.of}"} for line in lines),
        *({**one._asdict(), "period": None, "text": f"{one.done} of {one.of}"} for one in standings),
    ]
    return {"progress": sorted(told, key=lambda line: line["rule"]), "levels": levels}


def _identifier(agent: str) -> str:
    """The identifier key of an agent as JSON; 400 if it is none."""
    try:
        key = identifier(msgspec.json.decode(agent.encode(), type=Agent))
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        wrong = f"is no xAPI agent as JSON: {error}"
    else:
        if key is not None and "\0" not in key:
            return key
        wrong = "has no identifier; give mbox, mbox_sha1sum, openid or account with homePage and name"
    raise Problem(400, f"?agent {wrong}", errors=[{"path": "?agent", "message": wrong}])


def _told(connection: Connection, number: int | None) -> dict[str, Any]:
    found = None if number is None else profiles.profile(connection, number)
    return _learner(connection, found or _nobody(number))


def _learner(connection: Connection, found: Profile) -> dict[str, Any]:
    held = [
        {"award": award.id, "achievement": award.achievement.name, "state": award.state}
        for award in awards_of(connection, found.id, datetime.now(UTC))
    ]
    levels = {reached.levels: reached.level for reached in profiles.levels(connection, found.points)}
    level = next(iter(levels.values()), None) if len(levels) == 1 or "default" in levels else None
    return dict(Learner().dump({**found._asdict(), "level": level, "levels": levels, "badges": held}))


def _nobody(number: int | None) -> Any:
    raise Problem(404, "No learner has this identifier." if number is None else f"No learner has the id {number}.")


def _line(line: Line) -> dict[str, Any]:
    title = in_words(line.title) or line.rule
    return {**line._asdict(), "title": title, "reason": line.reason or title}
