"""What clients look up before they ask: the authorization servers of this service, and what it can put into wallets.

Where such a document lies follows from the identifier that it is about: the well-known name stands between the host and
the path of it (RFC 8414, section 3.1; OpenID4VCI 1.0, section 12.2.2). A web server that passes on only what is below
the path of PLAUDIT_PUBLIC_URL has to pass these on as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flask import Response, abort

from service.badges import key_proofs, pictures, vendored, wallets
from service.badges.about import words
from service.badges.documents import Document, Issuer
from service.badges.signing import CRYPTOSUITE
from service.http import clients
from service.http.issuers import Published, issuers, published, url
from service.http.resources import Blueprint
from service.http.services import services
from service.store import achievements
from service.store.achievements import Version
from service.store.wallets import Format

blueprint = Blueprint("well_known", __name__, url_prefix="/.well-known", description="What clients look up first")

JSON = "application/json"
CACHED = "public, max-age=60"
SIGNED: Mapping[Format, str] = {"ldp_vc": CRYPTOSUITE, "jwt_vc_json": "RS256"}


def of_wallets(below: str) -> Document | None:
    """The authorization server of wallets: each issuer of badges goes by its identifier for wallets there, too."""
    issuer = _issuer(below)
    if issuer is None:
        return None
    return {
        "issuer": wallets.identifier(issuer),
        "token_endpoint": url("wallet/token"),
        "token_endpoint_auth_methods_supported": ["none"],
        "grant_types_supported": [wallets.GRANT],
        "response_types_supported": [],
        "authorization_details_types_supported": ["openid_credential"],
        "pre-authorized_grant_anonymous_access_supported": True,
    }


AUTHORIZATION_SERVERS: tuple[Callable[[str], Document | None], ...] = (of_wallets, clients.authorization_server)
"""Each tells of an authorization server by what its identifier adds to PLAUDIT_PUBLIC_URL; None: it is not that one."""


@blueprint.route("/oauth-authorization-server/<path:path>")
@blueprint.response(200, Published, content_type=JSON, description="Metadata of an authorization server (RFC 8414)")
def authorization_server(path: str) -> Response:
    """An authorization server"""
    below = _below(path)
    told = next((told for server in AUTHORIZATION_SERVERS if (told := server(below))), None)
    return published(told or abort(404), JSON, CACHED)


@blueprint.route("/openid-credential-issuer/<path:path>")
@blueprint.response(200, Published, content_type=JSON, description="Metadata of a credential issuer (OpenID4VCI 1.0)")
def credential_issuer(path: str) -> Response:
    """The badges of an issuer that wallets can fetch"""
    here = _issuer(_below(path)) or abort(404)
    with services().engine.begin() as connection:
        everybody = issuers(connection)
        known = [
            (one, url(f"images/{pictures.digest(connection, *one)}.png"))
            for one in achievements.all_current(connection)
            if everybody.awarding(one.achievement.issuer).slug == here.slug
        ]
    told = {
        "credential_issuer": wallets.identifier(here),
        "credential_endpoint": url("wallet/credential"),
        "nonce_endpoint": url("wallet/nonce"),
        "display": [{"name": here.name, **({"logo": {"uri": here.image}} if here.image else {})}],
        "credential_configurations_supported": {
            wallets.configuration(one.achievement.name, format_): _configuration(one, format_, image)
            for one, image in known
            for format_ in wallets.FORMATS
        },
    }
    return published(told, JSON, CACHED)


def _below(path: str) -> str:
    """What the path of an identifier adds to that of PLAUDIT_PUBLIC_URL; 404 if it is not below it."""
    own, given = urlsplit(services().settings.public_url).path, f"/{path}"
    return given.removeprefix(own) if given.startswith(f"{own}/") else abort(404)


def _issuer(below: str) -> Issuer | None:
    """The issuer of badges that this is the identifier of; None if there is none who signs what is new."""
    everybody, slug = issuers(), below.removeprefix("/issuers/")
    return everybody.known[slug] if below != slug and slug in everybody.signing else None


def _configuration(version: Version, format_: Format, image: str) -> Document:
    """What wallets are told of a badge in one format (section 12.2.4, appendix A.1)."""
    definition: Document = {"type": ["VerifiableCredential", "OpenBadgeCredential"]}
    if format_ == "ldp_vc":
        definition["@context"] = [vendored.CREDENTIALS_V2, vendored.OPEN_BADGES, vendored.OPEN_BADGES_EXTENSIONS]
    return {
        "format": format_,
        "credential_definition": definition,
        "credential_signing_alg_values_supported": [SIGNED[format_]],
        "cryptographic_binding_methods_supported": list(key_proofs.METHODS),
        "proof_types_supported": {"jwt": {"proof_signing_alg_values_supported": list(key_proofs.ALGORITHMS)}},
        "credential_metadata": {"display": _display(version, image)},
    }


def _display(version: Version, image: str) -> list[dict[str, Any]]:
    """The badge as people see it, in each language that its name is given in."""
    about = version.achievement
    known: list[str | None] = [None] if isinstance(about.title, str) else list(about.title)
    return [
        {
            "name": words(about.title, tag or "en"),
            **({"locale": tag} if tag else {}),
            "description": words(about.description, tag or "en"),
            "logo": {"uri": image, "alt_text": words(about.title, tag or "en")},
        }
        for tag in known
    ]
