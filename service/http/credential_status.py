"""What admins decide about badges that were taken: suspend, reinstate, issue anew, and the cases that wait for them.

A case comes up where an award loses its ground after the claim and its rule says `if_undone: ask`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response, jsonify
from marshmallow import Schema, fields, validate
from sqlalchemy import Connection

from service.badges import issuing, lists
from service.http.auth import bearer, requires
from service.http.badges import Badge, Revocation, badge_told
from service.http.issuers import issuers
from service.http.problems import Problem
from service.http.resources import PAGE, Blueprint
from service.http.services import services
from service.store import badges as store
from service.store import credentials, readdressed
from service.store.badges import Award
from service.store.engine import driver

blueprint = Blueprint(
    "credential_status", __name__, url_prefix="/api/v1/badges", description="Decisions about badges that were taken"
)

NOT_SUSPENDABLE = (
    "This badge can be revoked, not suspended: its credential says so. Write suspendable: true in its achievement, and "
    "what is awarded from then on can be."
)


class Verdict(Revocation):
    """What becomes of a badge that lost its ground, and why; the reason is shown with its status."""

    decision = fields.String(required=True, validate=validate.OneOf(["revoke", "keep", "suspend"]))


class Case(Badge):
    """A badge that lost its ground after it was taken."""

    learner = fields.Integer(required=True)
    undone = fields.AwareDateTime(required=True)


class Cases(Schema):
    """The cases that wait for a decision, the oldest first."""

    cases = fields.List(fields.Nested(Case), required=True)


@blueprint.route("/reviews")
@requires("admin")
@blueprint.response(200, Cases)
def waiting() -> Response:
    """The badges that lost their ground and wait for a decision"""
    with services().engine.connect() as connection:
        found = store.in_review(connection, datetime.now(UTC), PAGE)
    told = [{**badge_told(award), "learner": award.learner, "undone": undone} for award, undone in found]
    return jsonify(Cases().dump({"cases": told}))


@blueprint.route("/<uuid:award>/review", methods=["POST"])
@requires("admin")
@blueprint.arguments(Verdict)
@blueprint.response(200, Badge)
def review(verdict: Mapping[str, str], award: UUID) -> dict[str, Any]:
    """Decide what becomes of a badge that lost its ground"""
    now, because = datetime.now(UTC), verdict["because"]
    with services().engine.begin() as connection:
        found = _taken(connection, award, now)
        if not found.review:
            raise Problem(409, "Nothing is to be decided about this badge.")
        if verdict["decision"] == "revoke":
            credentials.revoke(connection, award, because, now)
        elif verdict["decision"] == "suspend":
            _suspend(connection, found, because, now)
        store.decided(connection, award)
        return _signed(connection, award, now)


@blueprint.route("/<uuid:award>/suspend", methods=["POST"])
@requires("admin")
@blueprint.arguments(Revocation)
@blueprint.response(200, Badge)
def suspend(why: Mapping[str, str], award: UUID) -> dict[str, Any]:
    """Suspend a badge for a while"""
    now = datetime.now(UTC)
    with services().engine.begin() as connection:
        _suspend(connection, _taken(connection, award, now), why["because"], now)
        return _signed(connection, award, now)


@blueprint.route("/<uuid:award>/reinstate", methods=["POST"])
@requires("admin")
@blueprint.response(200, Badge)
def reinstate(award: UUID) -> dict[str, Any]:
    """Let a suspended badge hold again"""
    now = datetime.now(UTC)
    with services().engine.begin() as connection:
        found = _taken(connection, award, now)
        _suspend(connection, found, None, now)
        readdressed.note(driver(connection), [found.learner])  # what changed about its holder meanwhile
        return _signed(connection, award, now)


@blueprint.route("/<uuid:award>/reissue", methods=["POST"])
@requires("admin", "learner")
@blueprint.arguments(Revocation)
@blueprint.response(200, Badge)
def reissue(why: Mapping[str, str], award: UUID) -> dict[str, Any]:
    """Issue a badge anew, as when its holder's e-mail address has changed; the old credential is superseded"""
    here, now = services(), datetime.now(UTC)
    with here.engine.begin() as connection:
        found = _taken(connection, award, now)
        if hindrance := issuing.hindrance(connection, found, now):
            raise Problem(409, f"Only a badge that holds can be issued anew. {hindrance}", state=found.state)
        issuing.reissue(connection, found, issuers(connection), here.settings.secret_key, now, why["because"])
        return _signed(connection, award, now)


def _suspend(connection: Connection, found: Award, because: str | None, now: datetime) -> None:
    assert found.credential is not None
    if not credentials.suspend(connection, found.credential, because, now):
        raise Problem(409, NOT_SUSPENDABLE)


def _taken(connection: Connection, id_: UUID, now: datetime) -> Award:
    """The award, locked, if it was taken and whoever asks may decide about it."""
    found, who = store.award(connection, id_, now, lock=True), bearer()
    if found is None or not (who.admin or who.learner == found.learner):
        raise Problem(404, f"No badge was awarded under the id {id_}.")
    if found.credential is None or found.state == "revoked":
        raise Problem(409, "This badge was not taken, or was revoked.", state=found.state)
    return found


def _signed(connection: Connection, id_: UUID, now: datetime) -> dict[str, Any]:
    """The award as it is now, its status list signed again."""
    lists.sign_dirty(connection, issuers(connection), services().settings.secret_key, now)
    found = store.award(connection, id_, now)
    assert found is not None
    return badge_told(found)
