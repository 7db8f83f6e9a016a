"""Where clients register themselves, and read where everything is (RFC 7591 and RFC 8414).

Registration is open, as Open Badges 3.0 asks for; it gives nothing but the right to ask learners. All addresses of a
client are under one host name, which is what learners are shown beside a name that nobody has checked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec
from flask import Response, request
from marshmallow import INCLUDE, Schema, fields

from service.badges.documents import Document
from service.http import throttle
from service.http.authorization import READ_ONLY, issuer
from service.http.resources import Blueprint
from service.http.services import services
from service.http.wallets import OAuthError
from service.store import clients
from service.store.clients import SCOPES

blueprint = Blueprint("clients", __name__, description="OAuth 2.0 for programs that read learners' badges")

TEXTS = ("client_name", "software_id", "software_version")
ADDRESSES = ("client_uri", "logo_uri", "tos_uri", "policy_uri")
LONGEST, LONGEST_ADDRESS, MOST_IN_LIST = 200, 2000, 20
GRANTS = ("authorization_code", "refresh_token")
AN_HOUR = 60
"""Registrations from one address within an hour."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Metadata(Schema):
    """What a client says of itself (RFC 7591, section 2); all addresses begin with https:// and name one host."""

    class Meta:
        """Other members are ignored."""

        unknown = INCLUDE

    client_name = fields.String(required=True)
    client_uri = fields.String(required=True)
    logo_uri = fields.String(required=True)
    tos_uri = fields.String(required=True)
    policy_uri = fields.String(required=True)
    software_id = fields.String(required=True)
    software_version = fields.String(required=True)
    redirect_uris = fields.List(fields.String(), required=True)
    scope = fields.String(required=True, metadata={"example": " ".join(SCOPES)})
    token_endpoint_auth_method = fields.String(metadata={"example": "client_secret_basic"})
    grant_types = fields.List(fields.String(), metadata={"example": list(GRANTS)})
    response_types = fields.List(fields.String(), metadata={"example": ["code"]})
    contacts = fields.List(fields.String())


class Registered(Metadata):
    """A client with what it needs to ask for tokens (RFC 7591, section 3.2.1)."""

    client_id = fields.String(required=True)
    client_secret = fields.String(required=True)
    client_id_issued_at = fields.Integer(required=True)
    client_secret_expires_at = fields.Integer(required=True, metadata={"description": "0: never"})


REFUSED = {
    "description": "Refused (RFC 6749, section 5.2; RFC 7591, section 3.2.2)",
    "content": {"application/json": {"schema": OAuthError}},
}


@blueprint.route("/oauth2/register", methods=["POST"])
@blueprint.doc(
    requestBody={"required": True, "content": {"application/json": {"schema": Metadata}}},
    responses={"400": REFUSED, "429": REFUSED},
)
@blueprint.response(201, Registered)
def register() -> Response:
    """Register a client that will ask learners whether it may read their badges"""
    if seconds := throttle.wait("registrations", AN_HOUR, 3600):
        busy = refused(429, "temporarily_unavailable", "Enough clients have registered from this address; come later.")
        busy.headers["Retry-After"] = str(seconds)
        return busy
    try:
        said = msgspec.json.decode(request.get_data(), type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return refused(400, "invalid_client_metadata", "Send a JSON object (RFC 7591, section 2).")
    if wrong := _wrong(said):
        redirects_only = all(one.startswith("redirect_uris") for one in wrong)
        return refused(400, "invalid_redirect_uri" if redirects_only else "invalid_client_metadata", " ".join(wrong))
    metadata, now = _taken(said), datetime.now(UTC)
    with services().engine.begin() as connection:
        client, secret = clients.register(connection, metadata, now)
    times = {"client_id_issued_at": int(now.timestamp()), "client_secret_expires_at": 0}
    return told(201, {"client_id": client.id, "client_secret": secret, **times, **metadata})


def authorization_server(below: str) -> Document | None:
    """Where clients register, ask and fetch tokens (RFC 8414); None if this is another authorization server."""
    here = issuer()
    if f"{services().settings.public_url}{below}" != here:
        return None
    return {
        "issuer": here,
        "authorization_endpoint": f"{here}/authorize",
        "token_endpoint": f"{here}/token",
        "registration_endpoint": f"{here}/register",
        "revocation_endpoint": f"{here}/revoke",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANTS),
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }


def told(status: int, said: Mapping[str, Any]) -> Response:
    """What only this client may know."""
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Response(msgspec.json.encode(said), status, headers, mimetype="application/json")


def refused(status: int, error: str, description: str) -> Response:
    """An error as OAuth 2.0 writes it: ASCII without quotation marks (RFC 6749, section 5.2)."""
    return told(status, {"error": error, "error_description": description})


def _wrong(said: Mapping[str, Any]) -> list[str]:
    """All that is missing or wrong, a sentence each."""
    wrong = [f"{name}: {instead}" for name, (fits, instead) in REQUIRED.items() if not fits(said.get(name))]
    wrong += [
        f"{name}: {instead}" for name, (fits, instead) in OPTIONAL.items() if name in said and not fits(said[name])
    ]
    if not wrong and len({urlsplit(one).hostname for one in _addresses_in(said)}) > 1:
        return ["redirect_uris and all other addresses must name the same host."]
    return wrong


def _addresses_in(said: Mapping[str, Any]) -> list[str]:
    return [*said["redirect_uris"], *(said[name] for name in ADDRESSES)]


def _taken(said: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of the metadata, with what it leaves out."""
    known = (*TEXTS, *ADDRESSES, "redirect_uris", "contacts")
    return {name: said[name] for name in known if name in said} | {
        "scope": " ".join(_scopes(said["scope"])),
        "token_endpoint_auth_method": "client_secret_basic",
        "grant_types": said.get("grant_types", ["authorization_code"]),
        "response_types": ["code"],
    }


def _scopes(text: str) -> list[str]:
    return [scope for scope in SCOPES if scope in text.split()]


def _text(value: object) -> bool:
    return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= LONGEST and value.isprintable()


def _list(value: object, fits: Callable[[object], bool]) -> bool:
    return isinstance(value, list) and 0 < len(value) <= MOST_IN_LIST and all(map(fits, value))


def _address(value: object) -> bool:
    """Whether this is the address of a page; without TLS only on this machine, while we are without it, too."""
    if not isinstance(value, str) or not value.isascii() or not value.isprintable() or len(value) > LONGEST_ADDRESS:
        return False
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises where it is no number
    except ValueError:
        return False
    local = parts.hostname in LOOPBACK and not services().settings.public_url.startswith("https:")
    plain = parts.hostname and not (parts.fragment or "#" in value or parts.username or set(' "<>\\^`{|}') & set(value))
    return bool(plain) and (parts.scheme == "https" or (parts.scheme == "http" and local))


REQUIRED: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(TEXTS, (_text, f"write a text of up to {LONGEST} characters.")),
    **dict.fromkeys(ADDRESSES, (_address, "write an address that begins with https://.")),
    "redirect_uris": (lambda value: _list(value, _address), "write an array of addresses that begin with https://."),
    "scope": (lambda value: isinstance(value, str) and bool(_scopes(value)), READ_ONLY),
}
OPTIONAL: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "token_endpoint_auth_method": (lambda value: value == "client_secret_basic", "client_secret_basic is offered."),
    "grant_types": (
        lambda value: _list(value, lambda one: one in GRANTS) and "authorization_code" in value,
        "write authorization_code, and refresh_token if you like.",
    ),
    "response_types": (lambda value: value == ["code"], "code is offered."),
    "contacts": (lambda value: _list(value, _text), "write an array of texts."),
}
"""What of the metadata is looked at: by what it fits, and what to write instead."""
