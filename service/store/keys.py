"""The signing keys of issuers in the database: public halves in the clear, private halves sealed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, exists, insert, or_, select, text, update

from service.store.tables import credential, signing_key


@dataclass(frozen=True)
class StoredKey:
    """A signing key as it is kept: named, its public half in the clear and its private half sealed."""

    name: str
    algorithm: str
    public: bytes
    sealed: bytes
    created: datetime
    retired: datetime | None = None


def keys(connection: Connection, issuer: str) -> list[StoredKey]:
    """All keys of an issuer, the oldest first."""
    rows = connection.execute(
        select(signing_key).where(signing_key.c.issuer == issuer).order_by(signing_key.c.created, signing_key.c.id)
    )
    return [_stored(row) for row in rows]


def published(connection: Connection, issuer: str, now: datetime) -> list[StoredKey]:
    """The keys that verifiers need: those that sign, and retired ones that a credential which may hold stands on."""
    stands = exists().where(
        credential.c.issuer == issuer,
        or_(credential.c.key == signing_key.c.id, credential.c.jws_key == signing_key.c.id),
        or_(credential.c.expires.is_(None), credential.c.expires > now),
    )
    rows = connection.execute(
        select(signing_key)
        .where(signing_key.c.issuer == issuer, or_(signing_key.c.retired.is_(None), stands))
        .order_by(signing_key.c.created, signing_key.c.id)
    )
    return [_stored(row) for row in rows]


def _stored(row: object) -> StoredKey:
    names = ("id", "algorithm", "public", "private", "created", "retired")
    return StoredKey(*(getattr(row, name) for name in names))


def lock_keys(connection: Connection) -> None:
    """Nobody else adds or retires a key before this transaction ends; readers are not held up."""
    connection.execute(text("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE"))


def add_key(connection: Connection, issuer: str, key: StoredKey) -> None:
    row = {"id": key.name, "issuer": issuer, "algorithm": key.algorithm, "public": key.public}
    connection.execute(insert(signing_key).values(**row, private=key.sealed, created=key.created))


def retire_keys(connection: Connection, issuer: str, algorithm: str, now: datetime) -> None:
    """Sign with none of the present keys any more; they stay published."""
    present = (signing_key.c.issuer == issuer, signing_key.c.algorithm == algorithm, signing_key.c.retired.is_(None))
    connection.execute(update(signing_key).where(*present).values(retired=now))
