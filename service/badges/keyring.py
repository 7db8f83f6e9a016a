"""The keys of issuers, from the first one that is made to the last credential that needs it.

Each issuer signs with one key of each algorithm: Ed25519 for Data Integrity proofs, RSA for JSON Web Signatures.
Everything takes a connection inside the caller's transaction, the secret that seals the keys, and the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import get_args

from sqlalchemy import Connection

from service.badges import keys
from service.badges.keys import Algorithm, PublicKey, SigningKey
from service.store import credentials
from service.store import keys as store
from service.store.keys import StoredKey

PREFIX: Mapping[Algorithm, str] = {"EdDSA": "key", "RS256": "rsa"}


def ensure_keys(connection: Connection, issuer: str, secret: str, now: datetime) -> None:
    """Make the first keys of an issuer where it has none; safe from several processes at once."""
    for algorithm in get_args(Algorithm):
        current_key(connection, issuer, secret, now, algorithm)


def current_key(
    connection: Connection, issuer: str, secret: str, now: datetime, algorithm: Algorithm = "EdDSA"
) -> SigningKey:
    """The key to sign with, made if there is none yet; WrongSecret if it was sealed under another secret."""
    present = _present(connection, issuer, algorithm)
    if not present:
        store.lock_keys(connection)
        present = _present(connection, issuer, algorithm)
        if not present:
            return _add(connection, issuer, _named(connection, issuer, algorithm), secret, now)
    return SigningKey.unseal(present[-1].name, present[-1].sealed, secret)


def rotate(
    connection: Connection,
    issuer: str,
    secret: str,
    now: datetime,
    algorithm: Algorithm = "EdDSA",
    pem: bytes | None = None,
) -> str:
    """Retire the present key and sign with a new one, or with the one in `pem`, whose algorithm then counts: its name.

    What the old one signed goes on holding; status lists, which are served for ever, are marked to be signed again.
    """
    if pem is not None:
        algorithm = SigningKey.from_pem("", pem).algorithm
    store.lock_keys(connection)
    store.retire_keys(connection, issuer, algorithm, now)
    credentials.mark_all_dirty(connection, issuer)
    return _add(connection, issuer, _named(connection, issuer, algorithm, pem), secret, now).name


def rotate_old(connection: Connection, issuer: str, secret: str, now: datetime, life: timedelta) -> list[str]:
    """Rotate the keys that have signed for longer than `life`: the names of the new ones."""
    old = [key for key in store.keys(connection, issuer) if key.retired is None and key.created + life <= now]
    return [
        rotate(connection, issuer, secret, now, algorithm)
        for algorithm in get_args(Algorithm)
        if any(key.algorithm == algorithm for key in old)
    ]


def public_keys(connection: Connection, issuer: str, now: datetime) -> dict[str, PublicKey]:
    """The keys that verifiers need, by name."""
    return {key.name: keys.read(key.public) for key in store.published(connection, issuer, now)}


def _present(connection: Connection, issuer: str, algorithm: Algorithm) -> list[StoredKey]:
    return [key for key in store.keys(connection, issuer) if key.retired is None and key.algorithm == algorithm]


def _named(connection: Connection, issuer: str, algorithm: Algorithm, pem: bytes | None = None) -> SigningKey:
    """A new key, or the one in `pem`, with the next free name (`key-2`)."""
    number = sum(key.algorithm == algorithm for key in store.keys(connection, issuer)) + 1
    name = f"{PREFIX[algorithm]}-{number}"
    return SigningKey.from_pem(name, pem) if pem else SigningKey.new(name, algorithm)


def _add(connection: Connection, issuer: str, key: SigningKey, secret: str, now: datetime) -> SigningKey:
    public = keys.written(key.public)
    store.add_key(connection, issuer, StoredKey(key.name, key.algorithm, public, key.seal(secret), now))
    return key
