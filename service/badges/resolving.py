"""From the name of a key to the key: did:web, did:key, did:jwk, and keys and key sets at web addresses."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from service.badges import jws, keys
from service.badges.fetching import Unreachable
from service.badges.keys import PublicKey
from service.languages import sentence

Read = Callable[[str], bytes]
"""What is at a web address; raises Unreachable."""


def key(name: str, issuer: str, read: Read) -> PublicKey | None:
    """The key of this name, if it is one of the issuer's; None if not. Unreachable if nobody can tell.

    It has to be in the issuer's own document or on the issuer's site: elsewhere anybody could say that it is.
    """
    if name.startswith(("did:key:", "did:jwk:")):
        return _written_out(name.partition("#")[0]) if name.partition("#")[0] == issuer else None
    if name.partition("#")[0] != issuer and _site(name) != _site(issuer):
        return None
    for method in _methods(document(name.partition("#")[0], read)):
        if _is(method, name, issuer):
            return _key(method)
    return None


def document(did: str, read: Read) -> Mapping[str, Any]:
    """The document of a DID or of an issuer with a web address."""
    if did.startswith("did:web:"):
        return _object(read(address(did)), did)
    if did.startswith(("https://", "http://")):
        return _object(read(did), did)
    raise Unreachable(sentence("This service does not know how to look up {did}.", did=did[:80]))


def address(did: str) -> str:
    """Where the document of a did:web is."""
    host, *path = [unquote(part) for part in did.removeprefix("did:web:").split(":")]
    return f"https://{'/'.join([host, *path])}/did.json" if path else f"https://{host}/.well-known/did.json"


def _object(content: bytes, name: str) -> Mapping[str, Any]:
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unreachable(sentence("What is at {address} is no JSON document.", address=name[:200]))
    return found


def _methods(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The methods of a DID document, the keys of a key set, or the document itself, if it is a key."""
    listed = [
        one
        for name in ("verificationMethod", "assertionMethod", "publicKey", "keys")
        for one in _list(found.get(name))
        if isinstance(one, Mapping)
    ]
    asserting = found.get("assertionMethod")
    if isinstance(asserting, list):
        named = {one if isinstance(one, str) else one.get("id") for one in asserting if isinstance(one, str | dict)}
        listed = [one for one in listed if one.get("id") in named or "kid" in one]
    return [*listed, found]


def _is(method: Mapping[str, Any], name: str, issuer: str) -> bool:
    """Whether this is the key of this name, and the issuer's."""
    own = str(method.get("id", method.get("kid", "")))
    fragment = f"#{name.partition('#')[2]}"
    if own not in (name, fragment) and (not fragment[1:] or own != fragment[1:]):
        return False
    if name.partition("#")[0] == issuer:
        return True
    return issuer in (method.get("controller"), method.get("iss"))


def _site(name: str) -> str:
    """Scheme and host behind a DID or a web address."""
    return "/".join((address(name) if name.startswith("did:web:") else name).split("/")[:3])


def _key(method: Mapping[str, Any]) -> PublicKey | None:
    try:
        if "publicKeyMultibase" in method:
            return keys.public_key(str(method["publicKeyMultibase"]))
        found = method.get("publicKeyJwk", method)
        return jws.public_key(found) if isinstance(found, Mapping) else None
    except ValueError:
        return None


def _written_out(did: str) -> PublicKey | None:
    """The key that a did:key or did:jwk is."""
    method, _, value = did.removeprefix("did:").partition(":")
    try:
        if method == "key":
            return keys.public_key(value)
        return jws.public_key(msgspec.json.decode(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4))))
    except (ValueError, AttributeError, msgspec.DecodeError):
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
