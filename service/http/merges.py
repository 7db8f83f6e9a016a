"""Who is one person: merges, hints at what might be one, erasure, and all that is held about a learner."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask import Response
from marshmallow import Schema, fields, validate

from service import jobs
from service.core.people import named
from service.erasure import erase
from service.export import held_about
from service.http.auth import bearer, requires
from service.http.problems import Problem
from service.http.resources import LARGEST, PAGE, Blueprint
from service.http.services import services
from service.merging import Decision, learner_of, merge, unmerge
from service.store import people
from service.store.engine import driver, snapshot

blueprint = Blueprint("merges", __name__, url_prefix="/api/v1", description="Who is one person")
LEARNER = f"/learners/<int(max={LARGEST}):learner>"
WHO = "a learner's id, an address, an OpenID, an account's homePage and name, or an xAPI agent as JSON"


class ToMerge(Schema):
    """That two learners are one person."""

    gone = fields.String(required=True, validate=validate.Length(1, 4000), metadata={"description": WHO})
    kept = fields.String(
        required=True,
        validate=validate.Length(1, 4000),
        metadata={"description": f"by whom the person goes from now on: {WHO}"},
    )
    reason = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 1000))


class Merge(Schema):
    """A decision that two learners are one person."""

    id = fields.String(required=True)
    gone = fields.String(required=True)
    kept = fields.String(required=True)
    made = fields.AwareDateTime(required=True)
    by = fields.String(required=True)
    reason = fields.String(required=True, allow_none=True)
    undone = fields.AwareDateTime(
        required=True, allow_none=True, metadata={"description": "when it was taken back; null: it is in force"}
    )


class Merges(Schema):
    """A page of merges, the latest first."""

    merges = fields.List(fields.Nested(Merge), required=True)
    next = fields.String(required=True, allow_none=True)


class Hint(Schema):
    """Two identifiers that one agent of a statement carried, and nobody has decided about yet."""

    id = fields.String(required=True)
    one = fields.String(required=True)
    other = fields.String(required=True)
    learner = fields.String(required=True, allow_none=True)
    other_learner = fields.String(required=True, allow_none=True)
    statement = fields.UUID(required=True)
    seen = fields.AwareDateTime(required=True)


class Hints(Schema):
    """A page of hints, the oldest first."""

    hints = fields.List(fields.Nested(Hint), required=True)
    next = fields.String(required=True, allow_none=True)


class Slice(Schema):
    """Which page."""

    limit = fields.Integer(load_default=50, validate=validate.Range(1, PAGE))
    cursor = fields.Integer(load_default=None, validate=validate.Range(1, LARGEST))


@blueprint.route("/merges", methods=["POST"])
@requires("admin")
@blueprint.arguments(ToMerge)
@blueprint.response(201, Merge)
def make(told: Mapping[str, Any]) -> dict[str, Any]:
    """Say that two learners are one person

    Everything is counted again as if that had always been known. Whoever has not been met yet is made a learner.
    """
    here = services()
    gone, kept = (_learner(told[name], name) for name in ("gone", "kept"))
    if gone == kept:
        raise Problem(422, "These are one person already.", errors=[{"path": "$.gone", "message": "is kept"}])
    with here.engine.begin() as connection:
        (number,), changed = merge(connection, [Decision(gone, kept, bearer().name, told["reason"])])
        made = people.merge(driver(connection), number)
    jobs.show(here.engine, here.redis, changed)
    assert made is not None
    return made._asdict()


def _learner(text: str, name: str) -> int:
    try:
        who = named(text)
    except ValueError as wrong:
        raise Problem(422, str(wrong), errors=[{"path": f"$.{name}", "message": str(wrong)}]) from None
    with services().engine.begin() as connection:
        found = learner_of(connection, who)
    if found is None:
        raise Problem(422, f"No learner has the id {text}.", errors=[{"path": f"$.{name}", "message": "is nobody"}])
    return found


@blueprint.route("/merges")
@requires("admin")
@blueprint.arguments(Slice, location="query")
@blueprint.response(200, Merges)
def listed(page: Mapping[str, Any]) -> dict[str, Any]:
    """The merges, the latest first, those that were taken back as well"""
    with services().engine.begin() as connection:
        found = people.merges(driver(connection), page["cursor"], page["limit"])
    return {
        "merges": [one._asdict() for one in found],
        "next": str(found[-1].id) if len(found) == page["limit"] else None,
    }


@blueprint.route(f"/merges/<int(max={LARGEST}):number>", methods=["DELETE"])
@requires("admin")
@blueprint.response(200, Merge)
def take_back(number: int) -> dict[str, Any]:
    """Take a merge back: the two are two again, each with what is theirs"""
    here = services()
    with here.engine.begin() as connection:
        changed = unmerge(connection, number)
        found = people.merge(driver(connection), number)
    if found is None or changed is None:
        raise Problem(404, f"No merge in force has the number {number}.")
    jobs.show(here.engine, here.redis, changed)
    return found._asdict()


@blueprint.route("/identity-hints")
@requires("admin")
@blueprint.arguments(Slice, location="query")
@blueprint.response(200, Hints)
def hints(page: Mapping[str, Any]) -> dict[str, Any]:
    """Identifiers that one agent carried together: perhaps one person

    Nothing is merged by itself. Merge the two with `POST /merges`, or decide that they are two with `DELETE`.
    """
    with services().engine.begin() as connection:
        found = people.hints(driver(connection), page["cursor"] or 0, page["limit"])
    return {
        "hints": [one._asdict() for one in found],
        "next": str(found[-1].id) if len(found) == page["limit"] else None,
    }


@blueprint.route(f"/identity-hints/<int(max={LARGEST}):number>", methods=["DELETE"])
@requires("admin")
@blueprint.doc(responses={"204": {"description": "It is decided"}})
def refuse(number: int) -> Response:
    """Decide that the two identifiers of a hint are two people"""
    with services().engine.begin() as connection:
        if not people.refuse_hint(driver(connection), number):
            raise Problem(404, f"There is no hint {number}.")
    return Response(status=204)


@blueprint.route(LEARNER, methods=["DELETE"])
@requires("admin")
@blueprint.doc(responses={"204": {"description": "It is done"}})
def forget(learner: int) -> Response:
    """Erase a learner

    Everything goes that says who it was: name, identifiers, addresses, tokens, credentials, agents in statements.
    What happened stays, said of nobody, so nobody else's result is another. It cannot be taken back.
    """
    here = services()
    with here.engine.begin() as connection:
        changed = erase(connection, learner)
    if changed is None:
        raise Problem(404, f"No learner has the id {learner}.")
    jobs.show(here.engine, here.redis, changed)
    return Response(status=204)


@blueprint.route(f"{LEARNER}/export")
@requires("admin", own="learner")
@blueprint.response(200, Schema, description="A JSON object with a list for each kind of thing")
def export(learner: int) -> Response:
    """All that is held about a learner, as JSON"""
    engine = services().engine
    with engine.begin() as connection:
        person = people.person(driver(connection), learner)
        if person is None:
            raise Problem(404, f"No learner has the id {learner}.")

    def pieces() -> Iterator[bytes]:
        with snapshot(engine) as connection:
            yield from held_about(driver(connection), person)

    response = Response(pieces(), mimetype="application/json")
    response.headers["Content-Disposition"] = f'attachment; filename="learner-{person}.json"'
    return response
