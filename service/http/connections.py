"""Whom learners gave leave to read their badges, for front ends; and the links by which a front end signs them in.

A learning platform that knows who sits before it can sign a learner in here. Where a program asks (`consent`), the page
sends the learner to `PLAUDIT_SIGN_IN_URL?request=…`; the platform makes a link for this request and sends them there.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Response, jsonify
from marshmallow import Schema, fields

from service.http.auth import requires
from service.http.badges import ClaimLink
from service.http.problems import Problem
from service.http.resources import LARGEST, Blueprint
from service.http.services import services
from service.store import grants, profiles, sign_ins

blueprint = Blueprint(
    "connections", __name__, url_prefix="/api/v1/learners", description="Who may read the badges of learners"
)

OWN = f"/<int(max={LARGEST}):learner>"


class Connection(Schema):
    """A program that a learner gave leave to. Its name is what it calls itself."""

    id = fields.UUID(required=True)
    name = fields.String(required=True)
    host = fields.String(required=True, metadata={"description": "where all its addresses are"})
    scopes = fields.List(fields.String(), required=True)
    since = fields.AwareDateTime(required=True)


class Connections(Schema):
    """Those that a learner has not taken back, the newest first."""

    connections = fields.List(fields.Nested(Connection), required=True)


class Asking(Schema):
    """For which request of a program a learner signs in; without: to see and take back what they gave."""

    request = fields.UUID(load_default=None, metadata={"description": "as it came to PLAUDIT_SIGN_IN_URL"})


@blueprint.route(f"{OWN}/connections")
@requires("read", own="learner")
@blueprint.response(200, Connections)
def of_learner(learner: int) -> Response:
    """Which programs may read a learner's badges"""
    with services().engine.connect() as connection:
        if profiles.profile(connection, learner) is None:
            raise Problem(404, f"No learner has the id {learner}.")
        given = grants.given(connection, learner)
    told = [
        {"id": one.id, "name": one.client.name, "host": one.client.host, "scopes": one.scopes, "since": one.since}
        for one in given
    ]
    return jsonify(Connections().dump({"connections": told}))


@blueprint.route(f"{OWN}/connections/<uuid:connection>", methods=["DELETE"])
@requires("admin", own="learner")
@blueprint.response(204, Schema)
def take_back(learner: int, connection: UUID) -> None:
    """Take back a program's leave to read a learner's badges, at once"""
    with services().engine.begin() as to:
        if not grants.take_back(to, learner, connection, datetime.now(UTC)):
            raise Problem(404, f"This learner has no connection {connection}.")


@blueprint.route(f"{OWN}/sign-in-link", methods=["POST"])
@requires("admin", own="learner")
@blueprint.arguments(Asking)
@blueprint.response(201, ClaimLink)
def make_sign_in_link(asking: Mapping[str, Any], learner: int) -> dict[str, Any]:
    """Make a link that signs a learner in, whom your platform knows, to decide who may read their badges"""
    now, request = datetime.now(UTC), asking["request"]
    with services().engine.begin() as connection:
        if profiles.profile(connection, learner) is None:
            raise Problem(404, f"No learner has the id {learner}.")
        made = (
            sign_ins.link(connection, request, learner, now)
            if request
            else sign_ins.handed_over(connection, learner, services().settings.language, now)
        )
    if made is None:
        raise Problem(404, "There is no such request, or not any more. Let the learner begin again.")
    return {"url": f"{services().settings.public_url}/sign-in/{made}", "expires": now + sign_ins.LIFE}
