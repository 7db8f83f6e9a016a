"""The OpenAPI document: what flask-smorest knows of our views, and what it cannot know.

That is: errors are `application/problem+json`, who may call what, and intake, which msgspec reads and not marshmallow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import flask_smorest
import msgspec
from flask import Flask
from marshmallow import INCLUDE, Schema, fields

from service.core.statement import Statement
from service.http.problems import MEDIA_TYPE
from service.store.clients import CREDENTIALS, PROFILE

ABOUT = """Rewards for learning: xAPI statements come in; points, leaderboards and verifiable badges come out.

Learning systems push statements to `/xapi/statements` with the user name and password of a source.

Front ends read under `/api/v1` with a bearer token: `read` reads everything, `admin` may do everything, `learner` reads
leaderboards and the data of one learner.

Errors are problem documents (RFC 9457). Lists are pages with RFC 8288 `Link` headers."""

SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A token of scope read, admin or learner"},
    "source": {"type": "http", "scheme": "basic", "description": "User name and password of a source"},
    "wallet": {"type": "http", "scheme": "bearer", "description": "An access token of /wallet/token"},
    "openBadges": {
        "type": "oauth2",
        "description": "An access token that a learner gave a client leave for; clients register themselves",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": "/oauth2/authorize",
                "tokenUrl": "/oauth2/token",
                "refreshUrl": "/oauth2/token",
                "scopes": {CREDENTIALS: "Read the badges they have taken", PROFILE: "Read who they are"},
            }
        },
    },
    "sourceToken": {"type": "http", "scheme": "bearer", "description": "The password of a source as a bearer token"},
}


class ProblemCause(Schema):
    """One of several causes."""

    path = fields.String(required=True, metadata={"description": "$.time_zone in a body, ?limit in a query"})
    message = fields.String(required=True)


class ProblemSchema(Schema):
    """Why a request was refused (RFC 9457). Some problems have further members, which say more of themselves."""

    class Meta:
        """Further members are right (RFC 9457, section 3.2)."""

        unknown = INCLUDE

    type = fields.String(required=True, metadata={"example": "about:blank"})
    title = fields.String(required=True, metadata={"example": "Not Found"})
    status = fields.Integer(required=True, metadata={"example": 404})
    detail = fields.String(required=True)
    instance = fields.String(required=True, metadata={"description": "the path that was asked for"})
    errors = fields.List(fields.Nested(ProblemCause))
    request_id = fields.String(metadata={"description": "under which the log tells more"})


class Api(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest without its own errors: `problems` renders all of them."""

    ERROR_SCHEMA = ProblemSchema

    def _register_error_handlers(self) -> None:
        """Nothing: see `problems.register`."""


def config() -> dict[str, str]:
    return {"API_TITLE": "Plaudit", "API_VERSION": "1", "OPENAPI_VERSION": "3.1.0"}


def document(app: Flask, api: Api) -> dict[str, Any]:
    """The OpenAPI document of the application, in an order that stays the same."""
    found: dict[str, Any] = api.spec.to_dict()
    found["info"] |= {"description": ABOUT, "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}}
    found["servers"] = [{"url": "/"}]
    components = found.setdefault("components", {})
    for response in components.get("responses", {}).values():
        _as_problem(response)
    components["securitySchemes"] = SECURITY
    components.setdefault("schemas", {}).update(_statement_schemas())
    intake = {path: document for path, document in _intake().items() if _served(app, path)}
    found["paths"] = dict(sorted({**intake, **found["paths"]}.items()))
    found["tags"] = sorted(found.get("tags", []), key=lambda tag: str(tag["name"]))
    if intake:
        found["tags"].append({"name": "xapi", "description": "Where learning systems push statements"})
    for name in ("schemas", "responses"):
        components[name] = dict(sorted(components.get(name, {}).items()))
    ordered = {key: found[key] for key in ("openapi", "info", "servers", "tags", "paths", "components")}
    described: dict[str, Any] = _each(ordered, _typed)
    return described


def _as_problem(response: dict[str, Any]) -> None:
    content = response.get("content", {})
    if "application/json" in content:
        response["content"] = {MEDIA_TYPE: content["application/json"]}


def _served(app: Flask, path: str) -> bool:
    return any(rule.rule == path.replace("{", "<").replace("}", ">") for rule in app.url_map.iter_rules())


def _each(value: Any, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """The value with every mapping in it changed, innermost first."""
    if isinstance(value, Mapping):
        return change({str(key): _each(inner, change) for key, inner in value.items()})
    if isinstance(value, list | tuple):
        return [_each(inner, change) for inner in value]
    return value


def _typed(schema: dict[str, Any]) -> dict[str, Any]:
    """Without the bound of ids that only says that they are bigints."""
    if schema.get("maximum") == 2**63 - 1:
        return {key: value for key, value in schema.items() if key != "maximum"}
    return schema


BODIES = (
    'One statement, an array of them, or what senders put around them: `{"statements": […]}`, `{"statement": …}`, '
    '`{"type", "timestamp", "data"}`. `multipart/mixed` with attachments and forms with JSON in the field `payload` '
    "are taken as well, and each of them compressed with gzip."
)

# --- intake -----------------------------------------------------------------------------------------------------------


def _statement_schemas() -> dict[str, Any]:
    """What of a statement is read; everything else may stand beside it."""
    _, schemas = msgspec.json.schema_components([Statement], ref_template="#/components/schemas/Xapi{name}")
    return {f"Xapi{name}": schema for name, schema in schemas.items()}


def _intake() -> dict[str, Any]:
    statement = {"$ref": "#/components/schemas/XapiStatement"}
    many = {"anyOf": [statement, {"type": "array", "items": statement}]}
    ids = {"type": "array", "items": {"type": "string", "format": "uuid"}}
    id_parameter = {
        "name": "statementId", "in": "query", "required": True, "schema": {"type": "string", "format": "uuid"},
    }  # fmt: skip
    about = {"type": "object", "properties": {"version": {"type": "array", "items": {"type": "string"}}}}
    stored = {"204": {"description": "Stored, not yet evaluated"}}
    posted = {"description": "The ids in order, also of repeats; stored, not yet evaluated", **_json(ids)}
    name_parameter = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    unnamed = {**id_parameter, "required": False}
    replayed = {"403": "These are the credentials of another source", "409": "This signed request was taken before"}
    return {
        "/xapi/statements": {
            "post": _pushes("Push statements", many, {"200": posted}),
            "put": _pushes("Push one statement under its id", statement, stored, [id_parameter]),
        },
        "/hooks/{name}": {
            "post": _pushes(
                "Push statements to a source's own address, perhaps signed",
                many,
                {"200": posted},
                [name_parameter],
                replayed,
            ),
            "put": _pushes(
                "Push one statement to a source's own address",
                statement,
                stored,
                [name_parameter, unnamed],
                replayed,
            ),
        },
        "/xapi/about": {
            "get": {
                "tags": ["xapi"],
                "summary": "Which versions of xAPI are understood",
                "responses": {"200": {"description": "The versions", **_json(about)}},
            }
        },
    }


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _pushes(
    summary: str,
    body: dict[str, Any],
    answer: dict[str, Any],
    parameters: list[dict[str, Any]] | None = None,
    more: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    refusals = {
        **(more or {}),
        "400": "A statement that can never be used; `errors` names its index and property",
        "401": "The credentials of a source are missing or wrong",
        "413": "The body is too large, or has too many statements",
        "415": "The Content-Encoding is not understood",
        "503": "It could not be stored; send it again after Retry-After",
    }
    problem = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {
        "tags": ["xapi"],
        "summary": summary,
        "security": [{"source": []}, {"sourceToken": []}],
        **({"parameters": parameters} if parameters else {}),
        "requestBody": {"required": True, "description": BODIES, **_json(body)},
        "responses": answer | {status: {"description": text, "content": problem} for status, text in refusals.items()},
    }
