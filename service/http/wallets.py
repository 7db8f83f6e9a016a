"""Where wallets fetch badges: OpenID for Verifiable Credential Issuance 1.0, with pre-authorized codes.

What an offer is for and how a key is proven stands in `service.badges.wallets`. Errors here are those of OAuth 2.0 and
of that specification, not problem documents. Everything may be asked by scripts of any site: what counts is the secret
in the request, never a cookie.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from flask import Response, abort, request
from marshmallow import INCLUDE, Schema, fields

from service.badges import wallets
from service.badges.wallets import Denied
from service.http.issuers import issuers
from service.http.pages.reader import language, say
from service.http.resources import Blueprint
from service.http.services import services
from service.store.wallets import ACCESS_LIFE

blueprint = Blueprint("wallets", __name__, url_prefix="/wallet", description="Where wallets fetch badges (OpenID4VCI)")

OVER = "This offer is over: it was taken up, or its time has passed. Its holder can have a new one made."
UNSAID = re.compile(r"[^\x20-\x21\x23-\x5b\x5d-\x7e]")
"""What an error_description must not hold."""


class OAuthError(Schema):
    """Why nothing is given (RFC 6749, section 5.2; OpenID4VCI 1.0, sections 6.3 and 8.3.1)."""

    error = fields.String(required=True, metadata={"example": "invalid_grant"})
    error_description = fields.String(required=True)


class CredentialOffer(Schema):
    """A credential offer (OpenID4VCI 1.0, section 4.1.1)."""

    credential_issuer = fields.Url(required=True)
    credential_configuration_ids = fields.List(fields.String(), required=True)
    grants = fields.Dict(keys=fields.String(), required=True)


class AccessToken(Schema):
    """A token with which the badge of one offer can be fetched (section 6.2)."""

    class Meta:
        unknown = INCLUDE

    access_token = fields.String(required=True)
    token_type = fields.String(required=True)
    expires_in = fields.Integer(required=True)
    authorization_details = fields.List(fields.Dict(), metadata={"description": "where the request had some"})


class Nonce(Schema):
    """What a key proof is made with, once (section 7.2)."""

    c_nonce = fields.String(required=True)


class Delivered(Schema):
    """The badge (section 8.3)."""

    credentials = fields.List(fields.Dict(), required=True)


def form(**properties: str) -> dict[str, Any]:
    """The body of a request as the OpenAPI document describes it: its members, with what each of them is."""
    described = {name: {"type": "string", "description": text} for name, text in properties.items()}
    return {
        "required": True,
        "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object", "properties": described}}},
    }


CREDENTIAL_REQUEST = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {
                    "credential_configuration_id": {"type": "string", "example": "keen-learner.ldp_vc"},
                    "credential_identifier": {"type": "string"},
                    "proofs": {
                        "type": "object",
                        "properties": {"jwt": {"type": "array", "items": {"type": "string"}, "maxItems": 1}},
                    },
                },
            }
        }
    },
}


def _for_any_site(response: Response) -> Response:
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
    return response


blueprint.after_request(_for_any_site)


@blueprint.route("/offers/<token>")
@blueprint.response(200, CredentialOffer)
def get_offer(token: str) -> Response:
    """What is offered to a wallet"""
    guidance = say("The code stands on the page where you found this offer.")
    with services().engine.connect() as connection:
        told = wallets.told(connection, token, issuers(connection), guidance, datetime.now(UTC))
    if told is None:
        abort(404, OVER)
    response = _answer(told)
    response.headers["Content-Language"] = language()
    return response


@blueprint.route("/token", methods=["POST"])
@blueprint.doc(
    requestBody=form(
        grant_type=wallets.GRANT,
        **{"pre-authorized_code": "the one of the offer"},
        tx_code="what the holder was shown, where the offer says so",
        authorization_details="openid_credential details as JSON, if the wallet wants to ask by credential identifier",
    )
)
@blueprint.response(200, AccessToken)
@blueprint.alt_response(400, schema=OAuthError, description="Nothing is given")
def post_token() -> Response:
    """Exchange the code of an offer for an access token"""
    given = {name: value for name, value in request.form.items() if value}
    if wrong := _wrong_grant(given):
        return wrong
    with services().engine.begin() as connection:
        granted = wallets.exchange(
            connection,
            given["pre-authorized_code"],
            given.get("tx_code"),
            given.get("authorization_details"),
            datetime.now(UTC),
        )
    if isinstance(granted, Denied):
        return _refused(*granted)
    told = {
        "access_token": granted.access_token,
        "token_type": "Bearer",
        "expires_in": int(ACCESS_LIFE.total_seconds()),
    }
    return _answer({**told, "authorization_details": granted.details} if granted.details else told)


@blueprint.route("/nonce", methods=["POST"])
@blueprint.response(200, Nonce)
def post_nonce() -> Response:
    """A nonce for a key proof"""
    return _answer({"c_nonce": wallets.nonce(services().settings.secret_key)})


@blueprint.route("/credential", methods=["POST"])
@blueprint.doc(requestBody=CREDENTIAL_REQUEST, security=[{"wallet": []}])
@blueprint.response(200, Delivered)
@blueprint.alt_response(400, schema=OAuthError, description="Nothing is given")
@blueprint.alt_response(401, schema=OAuthError, description="The access token is missing, unknown or has expired")
def post_credential() -> Response:
    """Fetch the badge, bound to the wallet's key"""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return _refused("invalid_token", "Send the access token: Authorization: Bearer.", 401, "Bearer")
    secret = services().settings.secret_key
    with services().engine.begin() as connection:
        delivered = wallets.deliver(connection, token.strip(), _body(), issuers(connection), secret, datetime.now(UTC))
    if isinstance(delivered, Denied):
        unknown = delivered.error == "invalid_token"
        return _refused(*delivered, *((401, 'Bearer error="invalid_token"') if unknown else ()))
    return _answer({"credentials": [{"credential": delivered}]})


def _wrong_grant(given: Mapping[str, str]) -> Response | None:
    if twice := next((name for name in request.form if len(request.form.getlist(name)) > 1), None):
        return _refused("invalid_request", f"{twice} stands there twice.")
    if "grant_type" not in given:
        return _refused("invalid_request", f"Send a form with the grant_type {wallets.GRANT}.")
    if given["grant_type"] != wallets.GRANT:
        return _refused("unsupported_grant_type", f"Here the grant_type is {wallets.GRANT}.")
    if "pre-authorized_code" not in given:
        return _refused("invalid_request", "Send the pre-authorized_code of the offer.")
    return None


def _body() -> object:
    """The body of the request as JSON; None if it is none."""
    try:
        return msgspec.json.decode(request.get_data()) if request.is_json else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _answer(told: object, status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(told), status, mimetype="application/json", headers=headers)


def _refused(error: str, description: str, status: int = 400, challenge: str = "") -> Response:
    response = _answer({"error": error, "error_description": UNSAID.sub("'", description)}, status)
    if challenge:
        response.headers["WWW-Authenticate"] = challenge
    return response
