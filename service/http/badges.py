"""Badges of learners: what they were offered and hold, links to claim them, and an admin's revocation."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from flask import Response, jsonify, request
from marshmallow import Schema, fields, validate

from service import telling
from service.badges import lists
from service.badges.mail import Unsent
from service.http.auth import bearer, requires
from service.http.issuers import issuers, url
from service.http.problems import Problem
from service.http.resources import LARGEST, PAGE, Blueprint
from service.http.services import services
from service.store import badges as store
from service.store import credentials, offers, profiles
from service.store.badges import Award
from service.telling import Throttled

blueprint = Blueprint(
    "badges", __name__, url_prefix="/api/v1", description="Badges that learners were offered and hold"
)


class Badge(Schema):
    """A badge that a learner was offered, and what became of it."""

    award = fields.UUID(required=True)
    achievement = fields.String(required=True)
    rule = fields.String(required=True)
    earned = fields.AwareDateTime(required=True)
    state = fields.String(
        required=True, validate=validate.OneOf(["offered", "claimed", "declined", "revoked", "expired"])
    )
    credential = fields.Url(required=True, allow_none=True)
    expires = fields.AwareDateTime(required=True, allow_none=True)
    review = fields.Boolean(
        required=True, metadata={"description": "its ground was lost after the claim; an admin decides"}
    )
    shared = fields.Boolean(required=True, metadata={"description": "everybody who has its address sees it"})
    suspended = fields.Boolean(required=True, metadata={"description": "it does not hold till it is reinstated"})


class Badges(Schema):
    """A page of a learner's badges, newest first."""

    badges = fields.List(fields.Nested(Badge), required=True)
    total = fields.Integer(required=True)


class BadgePage(Schema):
    """Which page."""

    limit = fields.Integer(load_default=PAGE, validate=validate.Range(1, PAGE))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))


class ClaimLink(Schema):
    """A link by which its holder decides about one badge, once."""

    url = fields.Url(required=True)
    expires = fields.AwareDateTime(required=True)


class Sent(Schema):
    """Where a link was sent."""

    sent_to = fields.String(required=True, metadata={"description": "mostly hidden", "example": "a…@example.org"})


class Sharing(Schema):
    """Whether everybody who has the address of a badge sees it."""

    shared = fields.Boolean(required=True, truthy={True}, falsy={False})


class Revocation(Schema):
    """Why a badge is withdrawn; shown on its page."""

    because = fields.String(required=True, validate=validate.Length(1, 500))


@blueprint.route(f"/learners/<int(max={LARGEST}):learner>/badges")
@requires("read", own="learner")
@blueprint.arguments(BadgePage, location="query")
@blueprint.response(200, Badges)
def of_learner(page: Mapping[str, int], learner: int) -> Response:
    """The badges of a learner, newest first"""
    limit, offset = page["limit"], page["offset"]
    with services().engine.connect() as connection:
        if profiles.profile(connection, learner) is None:
            raise Problem(404, f"No learner has the id {learner}.")
        held = store.awards_of(connection, learner, datetime.now(UTC))
    told = [badge_told(award) for award in held[offset : offset + limit]]
    response = jsonify(Badges().dump({"badges": told, "total": len(held)}))
    if offset + limit < len(held):
        following = urlencode({"limit": limit, "offset": offset + limit})
        response.headers["Link"] = f'<{request.path}?{following}>; rel="next"'
    return response


@blueprint.route("/badges/<uuid:award>/claim-link", methods=["POST"])
@requires("admin", "learner")
@blueprint.response(201, ClaimLink)
def make_claim_link(award: UUID) -> dict[str, Any]:
    """Make a single-use link to claim a badge"""
    now = datetime.now(UTC)
    with services().engine.begin() as connection:
        found = own_award(store.award(connection, award, now), award)
        if found.credential and found.state != "revoked":
            raise Problem(409, "This badge has already been taken.", credential=credential_url(found))
        if found.state in ("revoked", "expired") or not found.standing:
            raise Problem(409, "This badge cannot be taken any more.", state=found.state)
        token, expires = store.make_link(connection, award, now)
    return {"url": url(f"claim/{token}"), "expires": expires}


@blueprint.route("/badges/<uuid:award>/send-link", methods=["POST"])
@requires("admin", "learner")
@blueprint.response(202, Sent)
def send_claim_link(award: UUID) -> dict[str, str]:
    """Send the learner a link to claim a badge, or to what they can do with it, by e-mail"""
    here, now = services(), datetime.now(UTC)
    try:
        with here.engine.begin() as connection:
            found = own_award(store.award(connection, award, now), award)
            if found.state in ("revoked", "expired") or not (found.standing or found.credential):
                raise Problem(409, "This badge cannot be taken any more.", state=found.state)
            return {"sent_to": telling.send_again(connection, here.settings, found, now)}
    except LookupError:
        raise Problem(409, "No e-mail address of this learner is known, or no mail server is set.") from None
    except Throttled as throttled:
        after = str(int(throttled.wait.total_seconds()) + 1)
        raise Problem(429, "Enough links were sent; send the next one later.", headers={"Retry-After": after}) from None
    except Unsent as error:
        raise Problem(503, f"The mail server does not take it: {error}", headers={"Retry-After": "60"}) from None


@blueprint.route("/badges/<uuid:award>/sharing", methods=["PUT"])
@requires("admin", "learner")
@blueprint.arguments(Sharing)
@blueprint.response(200, Badge)
def put_sharing(wanted: Mapping[str, bool], award: UUID) -> dict[str, Any]:
    """Make the page of a badge that was taken public, or private again

    What a micro-credential stands on goes with it.
    """
    now = datetime.now(UTC)
    with services().engine.begin() as connection:
        found = own_award(store.award(connection, award, now), award)
        if found.credential is None:
            raise Problem(409, "This badge has not been taken, so there is nothing to share.")
        offers.share(connection, [award, *offers.stands_on(connection, award)], now if wanted["shared"] else None)
        return badge_told(own_award(store.award(connection, award, now), award))


@blueprint.route("/badges/<uuid:award>/revoke", methods=["POST"])
@requires("admin")
@blueprint.arguments(Revocation)
@blueprint.response(200, Badge)
def revoke(why: Mapping[str, str], award: UUID) -> dict[str, Any]:
    """Withdraw a badge that was claimed"""
    here, now = services(), datetime.now(UTC)
    with here.engine.begin() as connection:
        if not credentials.revoke(connection, award, why["because"], now):
            raise Problem(409, "This award has no credential that could be withdrawn.")
        lists.sign_dirty(connection, issuers(connection), here.settings.secret_key, now)
        return badge_told(own_award(store.award(connection, award, now), award))


def credential_url(award: Award) -> str | None:
    return url(f"credentials/{award.credential}") if award.credential else None


def badge_told(award: Award) -> dict[str, Any]:
    return {
        "award": award.id,
        "achievement": award.achievement.name,
        "rule": award.said.name,
        "earned": award.happened,
        "state": award.state,
        "credential": credential_url(award),
        "expires": award.expires,
        "review": award.review,
        "shared": award.shared is not None,
        "suspended": award.suspended,
    }


def own_award(found: Award | None, id_: UUID) -> Award:
    """The award if there is one that this token may claim; a learner's token knows of its own only."""
    who = bearer()
    if found is None or not (who.admin or who.learner == found.learner):
        raise Problem(404, f"No badge was awarded under the id {id_}.")
    return found
