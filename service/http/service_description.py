"""The Service Description Document of the Open Badges 3.0 API: OpenAPI 3.0 with the members that 1EdTech adds.

It is the specification's own document (imsob_v3p0.json) profiled to what is offered: operations that read, and the
addresses of the OAuth 2.0 endpoints. Bodies are those of the specification, and their schemas are named by its address.
"""

from __future__ import annotations

from typing import Any

from service.http.pages import ICON
from service.settings import Settings
from service.store.clients import CREDENTIALS, PROFILE

BASE = "/ims/ob/v3p0"
_SCHEMAS = "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_{}_schema.json"
_SCOPES = {
    CREDENTIALS: "Permission to read OpenBadgeCredentials for the authenticated entity.",
    PROFILE: "Permission to read the profile for the authenticated entity.",
}
_PAGING = {
    "limit": ("The most credentials that are answered; a page has up to 200.", {"type": "integer", "minimum": 1}),
    "offset": ("The index of the first credential to answer, from zero.", {"type": "integer", "minimum": 0}),
    "since": ("Only credentials issued after this time.", {"type": "string", "format": "date-time"}),
}


def description(settings: Settings, title: str) -> dict[str, Any]:
    """The document, under the name of whoever issues (Open Badges 3.0, "Service Discovery Endpoint")."""
    here = settings.public_url
    about = f"{here}/about/data"
    return {
        "openapi": "3.0.1",
        "info": {
            "title": title,
            "description": "Badges that were issued here, for programs that their learners gave leave to.",
            "version": "3.0",
            "termsOfService": settings.terms_url or about,
            "x-imssf-privacyPolicyUrl": settings.privacy_url or about,
            "x-imssf-image": ICON,
        },
        "servers": [{"url": f"{here}{BASE}"}],
        "tags": [{"name": "OpenBadgeCredentials"}, {"name": "Discovery"}],
        "paths": {
            "/credentials": {
                "get": _operation("getCredentials", "GetOpenBadgeCredentialsResponse", CREDENTIALS, _parameters())
            },
            "/profile": {"get": _operation("getProfile", "Profile", PROFILE)},
            "/discovery": {"get": _operation("getServiceDescription", "ServiceDescriptionDocument", None)},
        },
        "components": {"securitySchemes": {"OAuth2ACG": _security(f"{here}/oauth2")}},
    }


def _security(server: str) -> dict[str, Any]:
    flow = {"authorizationUrl": f"{server}/authorize", "tokenUrl": f"{server}/token", "refreshUrl": f"{server}/token"}
    return {
        "type": "oauth2",
        "description": "OAuth 2.0 Authorization Code Grant with PKCE (S256)",
        "x-imssf-registrationUrl": f"{server}/register",
        "flows": {"authorizationCode": {**flow, "scopes": _SCOPES}},
    }


def _operation(
    name: str, body: str, scope: str | None, parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    failures = {status: _body("The request failed.", "Imsx_StatusInfo") for status in ("400", "401", "403", "default")}
    return {
        "operationId": name,
        "tags": ["OpenBadgeCredentials" if scope else "Discovery"],
        **({"parameters": parameters} if parameters else {}),
        "responses": {"200": _body("The answer.", body), **(failures if scope else {"default": failures["default"]})},
        **({"security": [{"OAuth2ACG": [scope]}]} if scope else {}),
    }


def _parameters() -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "description": text, "schema": of} for name, (text, of) in _PAGING.items()]


def _body(text: str, schema: str) -> dict[str, Any]:
    named = {"$ref": _SCHEMAS.format(schema.lower())}
    return {"description": text, "content": {"application/json": {"schema": named}}}
