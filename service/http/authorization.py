"""What a client asks a learner for: its authorization request, checked (RFC 6749, section 4.1; RFC 7636).

Open Badges 3.0 ("Open Badges API Security") asks for more than OAuth 2.0 does: `redirect_uri`, `scope` and `state` must
be there, and a code challenge by S256.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from werkzeug.datastructures import MultiDict

from service.http.pages.reader import say
from service.http.services import services
from service.store import clients
from service.store.clients import SCOPES, Client

ONCE = ("client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method")
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
STATE = re.compile(r"[\x20-\x7e]{1,2000}")
READ_ONLY = "Badges are issued here and can only be read: ask for credential.readonly or profile.readonly."


class Unusable(Exception):
    """The request names no client of ours, or not an address of that client: its reader is told, and sent nowhere."""


@dataclass(frozen=True)
class Asked:
    """A request that a learner can decide about. redirect: exactly one of the addresses that the client registered."""

    client: Client
    redirect: str
    scopes: tuple[str, ...]
    state: str
    challenge: str

    @property
    def kept(self) -> dict[str, Any]:
        """What is remembered of it until its learner has decided."""
        return {"redirect": self.redirect, "scopes": self.scopes, "state": self.state, "challenge": self.challenge}


class Turned(Exception):
    """A request that is refused to the client itself, at its address (RFC 6749, section 4.1.2.1)."""

    def __init__(self, redirect: str, state: str, error: str, description: str) -> None:
        super().__init__(description)
        told = {"error": error, "error_description": description, "state": state}
        self.address = answer(redirect, **{name: text for name, text in told.items() if text})


def read(query: MultiDict[str, str]) -> Asked:
    """The request in this query; Unusable or Turned where there is nothing to decide."""
    client = _client(query)
    redirect, state = query["redirect_uri"], query.get("state", "")

    def turned(error: str, description: str) -> Turned:
        return Turned(redirect, state if STATE.fullmatch(state) else "", error, description)

    if twice := next((name for name in ONCE if len(query.getlist(name)) > 1), None):
        raise turned("invalid_request", f"{twice} may be there once only.")
    if query.get("response_type") != "code":
        raise turned("unsupported_response_type", "Send response_type=code.")
    if not STATE.fullmatch(state):
        raise turned("invalid_request", "Send state, up to 2000 characters of ASCII.")
    if query.get("code_challenge_method") != "S256" or not CHALLENGE.fullmatch(query.get("code_challenge", "")):
        raise turned("invalid_request", "Send code_challenge, and code_challenge_method=S256 (RFC 7636).")
    wanted = query.get("scope", "").split()
    scopes = tuple(scope for scope in SCOPES if scope in wanted and scope in client.scopes)
    if not scopes:
        raise turned("invalid_scope", READ_ONLY)
    return Asked(client, redirect, scopes, state, query["code_challenge"])


def answer(redirect: str, **values: str) -> str:
    """The client's address with what it is told; `iss` says by whom (RFC 9207)."""
    parts = urlsplit(redirect)
    told = urlencode({**values, "iss": issuer()})
    return urlunsplit(parts._replace(query=f"{parts.query}&{told}" if parts.query else told))


def issuer() -> str:
    """What the authorization server calls itself (RFC 8414, section 2)."""
    return f"{services().settings.public_url}/oauth2"


def _client(query: MultiDict[str, str]) -> Client:
    """Who asks, at an address that is exactly one of theirs; Unusable if that is not so."""
    named, redirects = query.getlist("client_id"), query.getlist("redirect_uri")
    with services().engine.connect() as connection:
        client = clients.find(connection, named[0]) if len(named) == 1 and "\0" not in named[0] else None
    if client is None:
        raise Unusable(say("The program that sent you here is not registered with us."))
    if len(redirects) != 1 or redirects[0] not in client.redirects:
        raise Unusable(say("The program that sent you here did not say, or not rightly, where you came from."))
    return client
