"""Tokens by OAuth 2.0: for sources that insist on it, and for clients that learners gave leave to read their badges.

Sources use client credentials (RFC 6749, section 4.4), as LinkedIn Learning wants them. Such a token is signed and kept
nowhere: it says whose it is and when it was made. What the source may do is looked up when it is used, so a source that
is gone has no token either. Clients fetch theirs with a code (section 4.1.3) or a refresh token (section 6).
"""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from flask import Response, request
from marshmallow import Schema, fields
from sqlalchemy import Connection

from service.http.auth import CHALLENGE, OAUTH_SECONDS, oauth_token
from service.http.clients import REFUSED, refused, told
from service.http.resources import Blueprint
from service.http.services import services
from service.store import clients, grants
from service.store.clients import Client
from service.store.grants import ACCESS_LIFE, Refused, Tokens

SCOPE = "xapi:write"

blueprint = Blueprint("oauth", __name__, url_prefix="/oauth2", description="OAuth 2.0 tokens")


class Token(Schema):
    """An access token (RFC 6749, section 5.1)."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, metadata={"example": "Bearer"})
    expires_in = fields.Integer(required=True, metadata={"description": "seconds"})
    scope = fields.String(required=True)
    refresh_token = fields.String()


def _form(*names: str) -> dict[str, Any]:
    """What the OpenAPI document says of a form with these fields."""
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    return {"content": {"application/x-www-form-urlencoded": {"schema": schema}}}


@blueprint.route("/token", methods=["POST"])
@blueprint.doc(
    requestBody=_form("grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope"),
    responses={"400": REFUSED, "401": REFUSED},
)
@blueprint.response(200, Token)
def token() -> Response:
    """Fetch an access token, with the credentials of a source or of a client"""
    if any(len(values) > 1 for values in request.form.listvalues()):
        return refused(400, "invalid_request", "Each parameter may be there once only.")
    match request.form.get("grant_type"):
        case "client_credentials":
            return _for_source()
        case "authorization_code" | "refresh_token" as kind:
            return _for_client(kind)
    return refused(400, "unsupported_grant_type", "Send client_credentials, authorization_code or refresh_token.")


@blueprint.route("/revoke", methods=["POST"])
@blueprint.doc(requestBody=_form("token", "token_type_hint"), responses={"400": REFUSED, "401": REFUSED})
@blueprint.response(200, Schema)
def revoke() -> Response:
    """End a token of a client, whether it holds or not (RFC 7009)"""
    if not request.form.get("token"):
        return refused(400, "invalid_request", "Send token.")
    with services().engine.begin() as connection:
        client = _client(connection)
        if client is None:
            return _stranger("These are no credentials of a client.")
        grants.revoke(connection, client, request.form["token"], datetime.now(UTC))
    return told(200, {})


def _for_source() -> Response:
    """An access token for the source whose user name and password are sent, in a header or in the form."""
    here = services()
    source = here.sources.source(request.headers.get("Authorization") or _of_form())
    if source is None:
        return _stranger("These are no credentials of a source.")
    made = oauth_token(here.settings.secret_key, source.name)
    return told(200, {"access_token": made, "token_type": "Bearer", "expires_in": OAUTH_SECONDS, "scope": SCOPE})


def _for_client(kind: str) -> Response:
    """Tokens for a code or a refresh token. What was found out about a stolen one is kept, also when it is refused."""
    needed = ("code", "redirect_uri", "code_verifier") if kind == "authorization_code" else ("refresh_token",)
    form, now = request.form, datetime.now(UTC)
    with services().engine.begin() as connection:
        client = _client(connection)
        if client is None:
            return _stranger("Send client_id and client_secret of a client by HTTP Basic authentication.")
        if missing := [name for name in needed if not form.get(name)]:
            return refused(400, "invalid_request", f"Send {', '.join(missing)}.")
        made: Tokens | Refused
        if kind == "authorization_code":
            made = grants.redeem(connection, client, form["code"], form["redirect_uri"], form["code_verifier"], now)
        else:
            made = grants.refresh(connection, client, form["refresh_token"], form.get("scope", "").split(), now)
    if isinstance(made, Refused):
        return refused(400, made.error, made.why)
    said = {"access_token": made.access, "token_type": "Bearer", "expires_in": int(ACCESS_LIFE.total_seconds())}
    if made.refresh:
        said["refresh_token"] = made.refresh
    return told(200, {**said, "scope": " ".join(made.scopes)})


def _client(connection: Connection) -> Client | None:
    """The client whose id and secret the request carries (RFC 6749, section 2.3.1)."""
    sent = request.authorization
    if sent is None or sent.type != "basic":
        return None
    id_, secret = unquote_plus(sent.username or ""), unquote_plus(sent.password or "")
    return clients.authenticated(connection, id_, secret) if id_ and "\0" not in id_ else None


def _of_form() -> str:
    """The credentials in the form as an Authorization header (RFC 6749, section 2.3.1)."""
    sent = f"{request.form.get('client_id', '')}:{request.form.get('client_secret', '')}"
    return "Basic " + b64encode(sent.encode()).decode()


def _stranger(description: str) -> Response:
    response = refused(401, "invalid_client", description)
    response.headers["WWW-Authenticate"] = CHALLENGE
    return response
