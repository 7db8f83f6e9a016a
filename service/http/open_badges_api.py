"""The service API of Open Badges 3.0: what a learner has taken, and who they are, for clients that they gave leave to.

It reads only. Credentials are issued here and nowhere else, so nothing can be stored: the operations that would change
something are answered 405. Errors have the shape of the specification, Imsx_StatusInfo, whatever goes wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import urlencode

import msgspec
from flask import Response, request
from marshmallow import Schema, fields
from sqlalchemy import Connection
from werkzeug.wrappers import Response as WerkzeugResponse

from service.badges import issuing, vendored
from service.http import problems
from service.http.issuers import Published, issuer, issuers, published
from service.http.problems import Problem
from service.http.resources import LARGEST, PAGE, Blueprint
from service.http.service_description import BASE, description
from service.http.services import services
from service.store import badges, grants, profiles
from service.store import credentials as store
from service.store.clients import CREDENTIALS, PROFILE
from service.store.grants import Reader

blueprint = Blueprint("open_badges_api", __name__, url_prefix=BASE, description="The Open Badges 3.0 service API")

MINOR = {
    400: "invalid_query_parameter",
    401: "unauthorizedrequest",
    403: "forbidden",
    404: "not_found",
    405: "not_allowed",
    429: "server_busy",
    503: "server_busy",
}
"""The code of Imsx_CodeMinorFieldValue for each status."""
NOTHING_TO_CHANGE = "Badges are issued here and can only be read. Send them to a host that keeps badges of all issuers."


class CodeMinorField(Schema):
    """What failed, of the codes of the specification."""

    imsx_codeMinorFieldName = fields.String(required=True)  # noqa: N815 - the specification's name
    imsx_codeMinorFieldValue = fields.String(required=True)  # noqa: N815


class CodeMinor(Schema):
    """What failed."""

    imsx_codeMinorField = fields.List(fields.Nested(CodeMinorField), required=True)  # noqa: N815


class StatusInfo(Schema):
    """Why a request failed (Open Badges 3.0, Imsx_StatusInfo)."""

    imsx_codeMajor = fields.String(required=True)  # noqa: N815
    imsx_severity = fields.String(required=True)
    imsx_description = fields.String()
    imsx_codeMinor = fields.Nested(CodeMinor)  # noqa: N815


def _failing(*statuses: int) -> dict[str, Any]:
    """What the OpenAPI document says of these statuses."""
    content = {"application/json": {"schema": StatusInfo}}
    return {str(status): {"description": MINOR[status], "content": content} for status in statuses}


def _asking(scope: str) -> dict[str, Any]:
    return {"security": [{"openBadges": [scope]}], "responses": _failing(400, 401, 403)}


LINKS = {name: {"schema": {"type": "string"}} for name in ("X-Total-Count", "Link")}
QUERY = [
    {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "default": PAGE}},
    {"name": "offset", "in": "query", "schema": {"type": "integer", "minimum": 0, "default": 0}},
    {"name": "since", "in": "query", "schema": {"type": "string", "format": "date-time"}},
]


@blueprint.route("/discovery")
@blueprint.response(200, Published, description="A Service Description Document: OpenAPI 3.0 with `x-imssf-…` members")
def discovery() -> Response:
    """What this service offers by the Open Badges 3.0 API, and where clients register"""
    return published(description(services().settings, issuer().name), "application/json", "public, max-age=3600")


@blueprint.route("/credentials")
@blueprint.doc(parameters=QUERY, **_asking(CREDENTIALS))
@blueprint.response(200, Published, headers=LINKS, description="GetOpenBadgeCredentialsResponse")
def credentials() -> Response:
    """The badges that a learner has taken, as JSON and as compact JWS"""
    limit, offset, since = _number("limit", PAGE, 1), _number("offset", 0, 0), _since()
    limit, now = min(limit, PAGE), datetime.now(UTC)
    with services().engine.begin() as connection:
        who = _reader(connection, CREDENTIALS, now)
        total, found = store.taken_by(connection, who.learner, since, limit, offset)
        known, secret = issuers(connection), services().settings.secret_key
        signed = [issuing.as_jws(connection, one, known.of(one.issuer), secret, now) for one in found]
    told = {"credential": [msgspec.Raw(one.body) for one in found], "compactJwsString": signed}
    response = _private(told)
    response.headers["X-Total-Count"] = str(total)
    response.headers["Link"] = ", ".join(
        f'<{services().settings.public_url}{BASE}/credentials?{query}>; rel="{relation}"'
        for relation, query in _links(limit, offset, total).items()
    )
    return response


@blueprint.route("/profile")
@blueprint.doc(**_asking(PROFILE))
@blueprint.response(200, Published, description="Profile")
def profile() -> Response:
    """Who the learner is"""
    with services().engine.connect() as connection:
        who = _reader(connection, PROFILE, datetime.now(UTC))
        found, known = profiles.profile(connection, who.learner), badges.identities(connection, who.learner)
    addresses = [mbox.removeprefix("mailto:") for _, mbox in known if mbox]
    accounts = [key.removeprefix("account:") for key, _ in known if key.startswith("account:")]
    others = [("emailAddress", one) for one in addresses[1:]] + [("accountId", one) for one in accounts]
    told = {
        "@context": [vendored.CREDENTIALS_V2, vendored.OPEN_BADGES],
        "id": f"{services().settings.public_url}/api/v1/learners/{who.learner}",
        "type": ["Profile"],
        "name": found and found.name,
        "email": addresses[0] if addresses else None,
        "otherIdentifier": [
            {"type": "IdentifierEntry", "identifier": value, "identifierType": kind} for kind, value in others
        ],
    }
    return _private({name: value for name, value in told.items() if value})


@blueprint.route("/credentials", methods=["POST", "PUT", "PATCH", "DELETE"])
@blueprint.route("/profile", methods=["POST", "PUT", "PATCH", "DELETE"])
@blueprint.route("/discovery", methods=["POST", "PUT", "PATCH", "DELETE"])
@blueprint.doc(responses=_failing(405))
def change(**_: object) -> NoReturn:
    """Refused: there is nothing here that a client could change"""
    raise Problem(405, NOTHING_TO_CHANGE, headers={"Allow": "GET"})


@blueprint.errorhandler(Exception)  # type: ignore[untyped-decorator]
def failed(error: Exception) -> WerkzeugResponse:
    """Any error as Imsx_StatusInfo, with the status and the headers that it has everywhere else."""
    response = problems.answered(error)
    said = {
        "imsx_codeMajor": "unsupported" if response.status_code == 405 else "failure",
        "imsx_severity": "error",
        "imsx_description": msgspec.json.decode(response.get_data())["detail"],
        "imsx_codeMinor": {
            "imsx_codeMinorField": [
                {
                    "imsx_codeMinorFieldName": "plaudit",
                    "imsx_codeMinorFieldValue": MINOR.get(response.status_code, "internal_server_error"),
                }
            ]
        },
    }
    response.set_data(msgspec.json.encode(said))
    response.mimetype = "application/json"
    return response


def _reader(connection: Connection, scope: str, now: datetime) -> Reader:
    """Whose badges are asked for, by a token with this scope (RFC 6750)."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    found = grants.reader(connection, token.strip(), now) if kind.lower() == "bearer" and token.strip() else None
    if found is None:
        error = ', error="invalid_token"' if token else ""
        headers = {"WWW-Authenticate": f'Bearer realm="plaudit"{error}'}
        raise Problem(401, "Send an access token that has not expired: Authorization: Bearer …", headers=headers)
    if scope not in found.scopes:
        challenge = f'Bearer realm="plaudit", error="insufficient_scope", scope="{scope}"'
        raise Problem(403, f"This needs the scope {scope}.", headers={"WWW-Authenticate": challenge})
    return found


def _private(said: Mapping[str, Any]) -> Response:
    """What only this client may see."""
    return Response(msgspec.json.encode(said), mimetype="application/json", headers={"Cache-Control": "no-store"})


def _links(limit: int, offset: int, total: int) -> dict[str, str]:
    """The queries of other pages (Open Badges 3.0, "Paging"): first and last always, next and prev where they are."""
    offsets = {"first": 0, "last": max(total - 1, 0) // limit * limit}
    if offset + limit < total:
        offsets["next"] = offset + limit
    if offset > 0:
        offsets["prev"] = max(offset - limit, 0)
    since = {"since": request.args["since"]} if request.args.get("since") else {}
    return {relation: urlencode({"limit": limit, "offset": start, **since}) for relation, start in offsets.items()}


def _number(name: str, default: int, least: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and least <= int(text[:20]) <= LARGEST and len(text) <= 20):
        raise Problem(400, f"?{name} is a whole number from {least}.")
    return int(text)


def _since() -> datetime | None:
    """After when the credentials were issued; a time without a zone is UTC."""
    text = request.args.get("since", "")
    try:
        moment = datetime.fromisoformat(text.strip().replace(" ", "+")) if text else None
    except ValueError:
        raise Problem(400, "?since is a time, like 2026-11-22T09:00:00Z.") from None
    return moment.replace(tzinfo=moment.tzinfo or UTC) if moment else None
