"""Claims for front ends: what a link is for, and the learner's decision about it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from marshmallow import Schema, fields, validate

from service.badges import issuing, pictures
from service.badges.documents import Issuer
from service.badges.issuing import Refused
from service.http.badges import credential_url
from service.http.issuers import issuers, url
from service.http.pages.reader import language, say
from service.http.problems import Problem
from service.http.resources import Blueprint, in_words
from service.http.services import services
from service.store import badges as store
from service.store import credentials, offers
from service.store.badges import Award, Link

blueprint = Blueprint("claims", __name__, url_prefix="/api/v1/claims", description="Links to claim badges")

STATUS = {"unknown": 404, "used": 409, "expired": 410, "withdrawn": 410, "incomplete": 409, "unfit": 409}


class About(Schema):
    """What the badge is about."""

    id = fields.Url(required=True)
    name = fields.String(required=True)
    description = fields.String(required=True)
    criteria = fields.String(required=True)
    image = fields.Url(required=True)


class Claim(Schema):
    """What a link offers: what was earned and why, and what others will see of it."""

    award = fields.UUID(required=True)
    state = fields.String(required=True)
    learner = fields.String(required=True, allow_none=True)
    issuer = fields.String(required=True)
    achievement = fields.Nested(About, required=True)
    reason = fields.String(required=True)
    earned = fields.AwareDateTime(required=True)
    statements = fields.List(fields.UUID(), required=True)
    valid_until = fields.AwareDateTime(required=True, allow_none=True)
    visible = fields.List(fields.String(), required=True)
    expires = fields.AwareDateTime(required=True, metadata={"description": "when the link ends"})
    credential = fields.Url(required=True, allow_none=True)


class Decision(Schema):
    """What the learner decides."""

    decision = fields.String(required=True, validate=validate.OneOf(["accept", "decline"]))
    share = fields.Boolean(
        load_default=False,
        truthy={True},
        falsy={False},
        metadata={
            "description": "with accept: make its page public at once; without it only the learner sees the page"
        },
    )


class Decided(Schema):
    """What became of it."""

    state = fields.String(required=True)
    credential = fields.Url(required=True, allow_none=True)


@blueprint.route("/<token>")
@blueprint.response(200, Claim, headers={"Cache-Control": {"schema": {"type": "string"}}})
def get(token: str) -> tuple[dict[str, Any], int, dict[str, str]]:
    """What a claim link is for"""
    try:
        link, award = open_claim(token)
    except Refused as refused:
        raise _problem(refused) from None
    return _claim(link, award), 200, {"Cache-Control": "no-store"}


@blueprint.route("/<token>", methods=["POST"])
@blueprint.arguments(Decision)
@blueprint.response(200, Decided)
def post(given: Mapping[str, Any], token: str) -> dict[str, str | None]:
    """Take the badge, or decline it"""
    try:
        credential = decide(token, given["decision"])
        if credential and given["share"]:
            share(token, True)
        return {"credential": credential, "state": STATES[given["decision"]]}
    except Refused as refused:
        raise _problem(refused) from None


STATES = {"accept": "claimed", "decline": "declined"}


def open_claim(token: str) -> tuple[Link, Award]:
    """A link and its award, open or decided; Refused if the link leads nowhere (any more)."""
    now = datetime.now(UTC)
    with services().engine.connect() as connection:
        link, award = issuing.look(connection, token, now)
    refused, decided = issuing.obstacle(link, award, now), award.credential or award.state == "declined"
    if refused and not (refused.why == "used" and decided):
        raise refused
    if link.expires <= now:
        raise Refused("expired", "This link has expired. Ask for a new one.")
    return link, award


def decide(token: str, decision: Literal["accept", "decline"]) -> str | None:
    """Carry out the learner's decision: the credential's address, or None; Refused if the link does not allow it."""
    here, now = services(), datetime.now(UTC)
    with here.engine.begin() as connection:
        if decision == "decline":
            issuing.decline(connection, token, now)
            return None
        id_ = issuing.accept(connection, token, issuers(connection), here.settings.secret_key, now)
        return url(f"credentials/{id_}")


def share(token: str, public: bool) -> None:
    """Make the page of a badge that was taken public, or private again; Refused if the link does not allow it."""
    now = datetime.now(UTC)
    _, award = open_claim(token)
    if award.credential is None:
        return
    with services().engine.begin() as connection:
        offers.share(connection, [award.id, *offers.stands_on(connection, award.id)], now if public else None)


def visible(award: Award) -> list[str]:
    """What others see of a badge that is taken, and what not, in sentences."""
    with services().engine.connect() as connection:
        by_address = any(mbox for _, mbox in store.identities(connection, award.learner))
    known = say("e-mail address") if by_address else say("identifier in the learning system")
    return [
        say("At first only you see it. Nobody else does, until you make its page public or give its file away."),
        say("Whoever you give it to sees what the badge is, who awarded it, when and why, and until when it is valid."),
        say("The numbers of the learning records behind it are in it, not what the records say."),
        say("Your name is not in it. Your {identifier} is, as a fingerprint.", identifier=known)
        + " "
        + say("Whoever knows it can check whose badge it is."),
        say("If the badge is ever withdrawn, everybody who checks it sees that."),
    ]


def awarding(award: Award) -> Issuer:
    """Who signs this award, or has signed it."""
    with services().engine.connect() as connection:
        here = issuers(connection)
        found = credentials.find_credential(connection, award.credential) if award.credential else None
    return here.of(found.issuer) if found else here.awarding(award.achievement.issuer)


def picture_of(award: Award) -> str:
    """The digest of the picture of what was awarded."""
    with services().engine.begin() as connection:
        return pictures.digest(connection, award.achievement, award.given)


def _claim(link: Link, award: Award) -> dict[str, Any]:
    about = award.achievement
    return {
        "award": award.id,
        "state": award.state,
        "learner": award.learner_name,
        "issuer": awarding(award).name,
        "achievement": {
            "id": url(f"achievements/{about.name}"),
            "name": in_words(about.title),
            "description": in_words(about.description),
            "criteria": in_words(about.criteria),
            "image": url(f"images/{picture_of(award)}.png"),
        },
        "reason": issuing.reason(award, language()),
        "earned": award.happened,
        "statements": award.statements,
        "valid_until": award.expires,
        "visible": visible(award),
        "expires": link.expires,
        "credential": credential_url(award),
    }


def _problem(refused: Refused) -> Problem:
    return Problem(STATUS[refused.why], str(refused), why=refused.why)
