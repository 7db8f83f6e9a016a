"""Programs that may ask learners for leave to read their badges: OAuth 2.0 clients that registered themselves."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, exists, insert, select

from service.store.tables import client, client_grant
from service.store.tokens import digest

SCOPE = "https://purl.imsglobal.org/spec/ob/v3p0/scope/"
CREDENTIALS, PROFILE = f"{SCOPE}credential.readonly", f"{SCOPE}profile.readonly"
SCOPES = (CREDENTIALS, PROFILE)
"""What a client may be given (Open Badges 3.0, section "Scopes"). We issue, so there is nothing here to write."""

UNUSED = timedelta(days=30)
"""How long a client is kept that nobody has ever given anything."""


@dataclass(frozen=True)
class Client:
    """A client and what it said of itself (RFC 7591, section 2); nobody has checked its name."""

    id: str
    metadata: Mapping[str, Any]

    @property
    def name(self) -> str:
        return str(self.metadata["client_name"])

    @property
    def host(self) -> str:
        """Where all its addresses are."""
        return urlsplit(str(self.metadata["client_uri"])).netloc

    @property
    def redirects(self) -> list[str]:
        return list(self.metadata["redirect_uris"])

    @property
    def scopes(self) -> list[str]:
        return str(self.metadata["scope"]).split()

    @property
    def refreshes(self) -> bool:
        return "refresh_token" in self.metadata["grant_types"]


def register(connection: Connection, metadata: Mapping[str, Any], now: datetime) -> tuple[Client, str]:
    """A new client and its secret, which is kept nowhere else. Those that nobody used within 30 days are dropped."""
    used = exists().where(client_grant.c.client == client.c.id)
    connection.execute(delete(client).where(client.c.created < now - UNUSED, ~used))
    made, secret = Client(secrets.token_urlsafe(16), metadata), secrets.token_urlsafe(32)
    row = {"id": made.id, "secret": digest(secret), "metadata": dict(metadata), "created": now}
    connection.execute(insert(client).values(row))
    return made, secret


def find(connection: Connection, id_: str) -> Client | None:
    row = connection.execute(select(client.c.id, client.c["metadata"]).where(client.c.id == id_)).one_or_none()
    return row and Client(*row)


def authenticated(connection: Connection, id_: str, secret: str) -> Client | None:
    """The client, if this is its secret."""
    kept = connection.scalar(select(client.c.secret).where(client.c.id == id_))
    return find(connection, id_) if hmac.compare_digest(kept or bytes(32), digest(secret)) else None
