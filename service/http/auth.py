"""Who is asking: bearer tokens with scopes for the API, sources with user name and password for intake.

What was looked up is remembered in this process for a few seconds, so that a request costs no query and a revoked token
ends within `REMEMBERED_SECONDS`. Secrets are remembered and compared as SHA-256, never as themselves: looking one up
takes the same time whether its first letter is right or its last.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from time import monotonic
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from flask import Request, g, request
from itsdangerous import BadData, URLSafeTimedSerializer
from redis import RedisError
from sqlalchemy import Connection, Engine

from service.boards import PREFIX
from service.capture.signatures import TOLERANCE, Unsigned, lrs_signature, standard_webhook, webhook_key
from service.http.problems import Problem
from service.http.services import services
from service.store import profiles
from service.store import sources as pushing
from service.store import tokens as store
from service.store.sources import Source, ensure_default_source
from service.store.tokens import digest

Scope = Literal["read", "admin", "learner"]
View = TypeVar("View", bound=Callable[..., Any])
V = TypeVar("V")

__all__ = [
    "Bearer",
    "Source",
    "Sources",
    "Tokens",
    "bearer",
    "delivered",
    "ensure_default_source",
    "hook_source",
    "identified",
    "permit",
    "requires",
    "source_of",
]

CHALLENGE = 'Basic realm="plaudit", charset="UTF-8"'
OAUTH = "oauth."
"""What an access token of OAuth starts with, so that it is not looked for among the passwords."""
OAUTH_SECONDS = 3600
REMEMBERED_SECONDS = 5.0
REMEMBERED_MOST = 10_000


class Recently(Generic[V]):
    """Values remembered for some seconds under the digest of a secret."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, V]] = {}

    def get(self, key: bytes) -> tuple[V] | None:
        """The value in a tuple, because None may be a value; None if it is not remembered any more."""
        found = self._known.get(key)
        return (found[1],) if found is not None and found[0] > monotonic() else None

    def put(self, key: bytes, value: V) -> V:
        if len(self._known) >= REMEMBERED_MOST:
            self._known.clear()
        self._known[key] = (monotonic() + REMEMBERED_SECONDS, value)
        return value


# --- bearer tokens --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bearer:
    """Who holds the token, what it may do, and whose data a token of scope `learner` reads."""

    name: str
    scopes: frozenset[str]
    learner: int | None = None

    @property
    def admin(self) -> bool:
        return "admin" in self.scopes


class Tokens:
    """The tokens that this service knows: those of the database, and the admin token of the settings."""

    def __init__(self, engine: Engine, admin_token: str) -> None:
        self._engine = engine
        self._admin = digest(admin_token)
        self._recently: Recently[Bearer | None] = Recently()
        self._persons: Recently[int] = Recently()

    def bearer(self, secret: str) -> Bearer | None:
        key = digest(secret)
        if hmac.compare_digest(key, self._admin):
            return Bearer("PLAUDIT_ADMIN_TOKEN", frozenset(store.SCOPES))
        known = self._recently.get(key)
        return known[0] if known else self._recently.put(key, self._looked_up(secret))

    def person(self, learner: int) -> int:
        """By whom a learner goes, who may have been merged with another."""
        known = self._persons.get(str(learner).encode())
        if known is not None:
            return known[0]
        with self._engine.connect() as connection:
            return self._persons.put(str(learner).encode(), profiles.person(connection, learner))

    def _looked_up(self, secret: str) -> Bearer | None:
        with self._engine.connect() as connection:
            row = store.token_row(connection, secret)
        return row and Bearer(row.name, frozenset(row.scopes), row.learner and self.person(row.learner))


def requires(*scopes: Scope, own: str | None = None) -> Callable[[View], View]:
    """Lets a view run only for a token with one of these scopes; `admin` may do everything.

    own: the view's argument that holds a learner's number; a token of scope `learner` may too when that is its own.
    Belongs directly below the route, so that strangers learn nothing about the arguments.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            who = identified()
            if own:
                kwargs[own] = services().tokens.person(kwargs[own])
            _admit(who, scopes, kwargs[own] if own else None)
            return view(*args, **kwargs)

        guarded._apidoc = _documented(view, scopes, own)  # type: ignore[attr-defined]
        return guarded  # type: ignore[return-value]

    return decorate


def bearer() -> Bearer:
    """Who is asking; in a view that `requires` a scope."""
    return g.bearer  # type: ignore[no-any-return]


def permit(learner: int | None) -> None:
    """403 where a token that reads one learner's own data asks for another's."""
    who = bearer()
    if not who.admin and "read" not in who.scopes and (learner is None or who.learner != learner):
        raise Problem(403, "This token reads the data of its own learner only.")


def identified() -> Bearer:
    """Who is asking, by the token of the request; 401 if it is missing, unknown or revoked."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Problem(
            401, "Send a token: Authorization: Bearer …", headers={"WWW-Authenticate": 'Bearer realm="plaudit"'}
        )
    who = services().tokens.bearer(secret.strip())
    if who is None:
        challenge = 'Bearer realm="plaudit", error="invalid_token"'
        raise Problem(401, "This token is not known, or it was revoked.", headers={"WWW-Authenticate": challenge})
    g.bearer = who
    return who


def _admit(who: Bearer, scopes: tuple[Scope, ...], learner: int | None) -> None:
    if who.admin or not who.scopes.isdisjoint(scopes):
        return
    if learner is not None and "learner" in who.scopes:
        permit(learner)
        return
    challenge = f'Bearer realm="plaudit", error="insufficient_scope", scope="{" ".join(scopes)}"'
    raise Problem(403, f"This needs a token of scope {' or '.join(scopes)}.", headers={"WWW-Authenticate": challenge})


def _documented(view: Callable[..., Any], scopes: tuple[Scope, ...], own: str | None) -> dict[str, Any]:
    described = deepcopy(getattr(view, "_apidoc", {}))
    manual = described.setdefault("manual_doc", {})
    allowed = [*scopes, *(["learner (its own)"] if own else []), *([] if "admin" in scopes else ["admin"])]
    manual["security"] = [{"bearer": []}]
    manual.setdefault("x-scopes", allowed)
    manual["responses"] = {"401": "UNAUTHORIZED", "403": "FORBIDDEN"} | manual.get("responses", {})
    return described


# --- sources --------------------------------------------------------------------------------------------------------


class Sources:
    """Who may push: user name and password, a password as bearer token, or the admin token for the source `default`."""

    def __init__(self, engine: Engine, admin_token: str, secret_key: str) -> None:
        self._engine = engine
        self._admin = digest(admin_token)
        self._secret_key = secret_key
        self._recently: Recently[Source | None] = Recently()
        self._signing: Recently[Signing | None] = Recently()

    def source(self, authorization: str) -> Source | None:
        """Whose Authorization header this is; None if nobody's. About 2 µs when it came within the last seconds."""
        key = hashlib.sha256(authorization.encode()).digest()
        known = self._recently.get(key)
        return known[0] if known else self._recently.put(key, self._looked_up(authorization))

    def signing(self, name: str, key: str) -> Signing | None:
        """The source of this name and what may sign its requests; None if there is no such source."""
        known = self._signing.get(name.encode())
        return known[0] if known else self._signing.put(name.encode(), self._signing_of(name, key))

    def _looked_up(self, authorization: str) -> Source | None:
        scheme, _, rest = authorization.partition(" ")
        with self._engine.connect() as connection:
            if scheme.lower() == "basic":
                return self._by_password(connection, *_basic(rest))
            if scheme.lower() == "bearer":
                return self._by_token(connection, rest.strip())
        return None

    def _by_password(self, connection: Connection, username: str, password: str) -> Source | None:
        found = pushing.by_username(connection, username) if username else None
        source, hashes = found or (None, [bytes(32)])
        given = digest(password)
        return source if any(hmac.compare_digest(stored, given) for stored in hashes) else None

    def _by_token(self, connection: Connection, secret: str) -> Source | None:
        if hmac.compare_digest(digest(secret), self._admin):
            found = pushing.by_name(connection, "default")
            return found and found[0]
        if secret.startswith(OAUTH):
            name = _oauth_holder(self._secret_key, secret)
            found = pushing.by_name(connection, name) if name is not None else None
            return found and found[0]
        return pushing.by_password(connection, secret) if secret else None

    def _signing_of(self, name: str, key: str) -> Signing | None:
        with self._engine.connect() as connection:
            found = pushing.by_name(connection, name) if "\0" not in name else None
            if found is None:
                return None
            known = pushing.signing_secrets(connection, found[0].id, key)
        webhook = tuple(webhook_key(secret) for kind, secret in known if kind == "webhook")
        return Signing(found[0], webhook, tuple(secret.encode() for kind, secret in known if kind == "lrs"))


class Signing(NamedTuple):
    """A source and the keys that may sign its requests: Standard Webhooks, and X-LRS-Signature."""

    source: Source
    webhook: tuple[bytes, ...] = ()
    lrs: tuple[bytes, ...] = ()


def oauth_token(secret_key: str, source: str) -> str:
    """An access token that lets its holder push as this source for `OAUTH_SECONDS`."""
    return OAUTH + str(URLSafeTimedSerializer(secret_key, salt="source").dumps(source))


def _oauth_holder(secret_key: str, token: str) -> str | None:
    """The name of the source that holds an access token; None if it is not ours, or has expired."""
    try:
        held = URLSafeTimedSerializer(secret_key, salt="source").loads(token[len(OAUTH) :], max_age=OAUTH_SECONDS)
    except BadData:
        return None
    return str(held)


def source_of(request: Request) -> Source:
    """The source that pushes; 401 if its credentials are missing or wrong."""
    given = request.headers.get("Authorization", "")
    found = services().sources.source(given)
    if found is None:
        what = (
            "These are not the user name and password of a source"
            if given
            else "Send the user name and password of a source"
        )
        detail = f"{what} (Basic), or its password as a token (Bearer); `plaudit sources list` names the sources."
        raise Problem(401, detail, headers={"WWW-Authenticate": CHALLENGE})
    return found


def hook_source(name: str, request: Request, body: bytes) -> Source:
    """The source `name` that pushes to its own address, by its password or a signature of `body`; 401 if it is not it.

    What was signed is taken once: the same request again is a 409, once the first was stored (`delivered`).
    """
    if "Authorization" in request.headers:
        found = source_of(request)
        if found.name != name:
            raise Problem(403, f"These credentials are not those of the source {name!r}.")
        return found
    here = services()
    signing = here.sources.signing(name, here.settings.secret_key)
    try:
        _check_signature(signing or Signing(Source(0, name)), request, body)
    except Unsigned as unsigned:
        raise Problem(401, str(unsigned), headers={"WWW-Authenticate": CHALLENGE}) from None
    assert signing is not None
    if _was_delivered(name, request):
        raise Problem(409, "This delivery has been taken before. Sign what you send again with the time of sending.")
    return signing.source


def delivered(name: str, request: Request) -> None:
    """Remembers a signed request that is stored now, as long as its signature holds.

    Without Redis it is not remembered: statements count once in any case.
    """
    if mark := _mark(name, request):
        with suppress(RedisError):
            services().redis.set(mark, b"1", ex=2 * TOLERANCE)


def _check_signature(signing: Signing, request: Request, body: bytes) -> None:
    if signing.lrs and "X-LRS-Signature" in request.headers:
        lrs_signature(signing.lrs, request.headers["X-LRS-Signature"], body)
    elif signing.webhook or "webhook-signature" in request.headers:
        standard_webhook(signing.webhook, request.headers, body, datetime.now(UTC))
    else:
        raise Unsigned("Send the user name and password of this source, or sign what you send.")


def _was_delivered(name: str, request: Request) -> bool:
    mark = _mark(name, request)
    with suppress(RedisError):
        return bool(mark and services().redis.exists(mark))
    return False


def _mark(name: str, request: Request) -> str:
    """The key under which Redis remembers a signed request; empty for one that is not signed that way."""
    if "Authorization" in request.headers or "webhook-id" not in request.headers:
        return ""
    told = name, request.headers["webhook-id"], request.headers.get("webhook-timestamp", "")
    return f"{PREFIX}delivered:{digest(repr(told)).hex()}"


def _basic(encoded: str) -> tuple[str, str]:
    """User name and password (RFC 7617); empty ones where the text is none."""
    try:
        username, _, password = b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return ("", "") if "\0" in username else (username, password)
