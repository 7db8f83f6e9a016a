"""OAuth 2.0 for sources that insist on it: client credentials (RFC 6749, section 4.4), as LinkedIn Learning wants them.

An access token is signed and kept nowhere: it says whose it is and when it was made. What the source may do is looked
up when it is used, so a source that is gone has no token either.
"""

from __future__ import annotations

from base64 import b64encode

import msgspec
from flask import Blueprint, Response, request

from service.http.auth import CHALLENGE, OAUTH_SECONDS, oauth_token
from service.http.services import services

SCOPE = "xapi:write"

blueprint = Blueprint("oauth", __name__, url_prefix="/oauth2")


@blueprint.post("/token")
def token() -> Response:
    """An access token for the source whose user name and password are sent, in a header or in the form."""
    if request.form.get("grant_type") != "client_credentials":
        return _answer(400, {"error": "unsupported_grant_type", "error_description": "Send client_credentials."})
    here = services()
    source = here.sources.source(request.headers.get("Authorization") or _of_form())
    if source is None:
        return _answer(401, {"error": "invalid_client", "error_description": "These are no credentials of a source."})
    made = oauth_token(here.settings.secret_key, source.name)
    return _answer(200, {"access_token": made, "token_type": "Bearer", "expires_in": OAUTH_SECONDS, "scope": SCOPE})


def _of_form() -> str:
    """The credentials in the form as an Authorization header (RFC 6749, section 2.3.1)."""
    told = f"{request.form.get('client_id', '')}:{request.form.get('client_secret', '')}"
    return "Basic " + b64encode(told.encode()).decode()


def _answer(status: int, said: dict[str, object]) -> Response:
    response = Response(msgspec.json.encode(said), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    if status == 401:
        response.headers["WWW-Authenticate"] = CHALLENGE
    return response
