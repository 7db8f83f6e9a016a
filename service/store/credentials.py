"""What was signed, in the database: credentials, the status lists that say which of them are revoked, and the keys.

Bits of a status list only ever get set: a credential that was revoked stays so. Which ones are to be set follows from
the credentials, so that a revocation writes no bits; it marks the list, and whoever signs it next reads them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, insert, select, text, update

from service.store.tables import badge_award, credential, signing_key, status_list


@dataclass(frozen=True)
class Credential:
    """A credential as it was signed, and what is known about it now."""

    id: UUID
    award: UUID
    body: bytes
    issued: datetime
    expires: datetime | None
    revoked: datetime | None
    revoked_because: str | None


def add_credential(
    connection: Connection,
    id_: UUID,
    award_id: UUID,
    body: bytes,
    issued: datetime,
    expires: datetime | None,
    place: tuple[int, int],
) -> None:
    """Keep a signed credential and make it the award's; `place` is its list and its index there."""
    number, index = place
    connection.execute(
        insert(credential).values(
            id=id_, award=award_id, body=body, issued=issued, expires=expires, status_list=number, status_index=index
        )
    )
    connection.execute(update(badge_award).where(badge_award.c.id == award_id).values(credential=id_))
    connection.execute(update(status_list).where(status_list.c.id == number).values(used=status_list.c.used + 1))


def find_credential(connection: Connection, id_: UUID) -> Credential | None:
    names = ("id", "award", "body", "issued", "expires", "revoked", "revoked_because")
    row = connection.execute(
        select(*(credential.c[name] for name in names)).where(credential.c.id == id_)
    ).one_or_none()
    return None if row is None else Credential(*row)


def revoke(connection: Connection, award_id: UUID, because: str, now: datetime) -> bool:
    """Revoke the credential of an award and mark its status list; False if there is none that is not revoked yet."""
    own = select(badge_award.c.credential).where(badge_award.c.id == award_id).with_for_update()
    held = connection.execute(own).scalar_one_or_none()
    lists = (
        connection.execute(
            update(credential)
            .where(credential.c.id == held, credential.c.revoked.is_(None))
            .values(revoked=now, revoked_because=because)
            .returning(credential.c.status_list)
        )
        .scalars()
        .all()
    )
    if lists:
        connection.execute(
            update(badge_award).where(badge_award.c.id == award_id).values(state="revoked", review=False)
        )
    mark_dirty(connection, lists)
    return bool(lists)


# --- status lists ---------------------------------------------------------------------------------------------------


def mark_dirty(connection: Connection, lists: Iterable[int]) -> None:
    """Note that bits of these lists have changed; they are locked in their order until the transaction ends."""
    # Whether it is dirty already is not asked: another transaction may be signing it at this moment.
    if numbers := sorted(set(lists)):
        in_order = select(status_list.c.id).where(status_list.c.id.in_(numbers)).order_by(status_list.c.id)
        connection.execute(in_order.with_for_update()).all()
        connection.execute(update(status_list).where(status_list.c.id.in_(numbers)).values(dirty=True))


def open_list(connection: Connection, most: int) -> int | None:
    """Lock and name a status list with fewer than `most` indexes given out; None if there is none."""
    return connection.execute(
        select(status_list.c.id).where(status_list.c.used < most).order_by(status_list.c.id).limit(1).with_for_update()
    ).scalar_one_or_none()


def add_list(connection: Connection, bits: bytes) -> int:
    """A new status list, not signed yet; nobody sees it before this transaction ends."""
    number: int = connection.execute(insert(status_list).values(bits=bits).returning(status_list.c.id)).scalar_one()
    return number


def taken_indexes(connection: Connection, number: int) -> set[int]:
    found = connection.execute(select(credential.c.status_index).where(credential.c.status_list == number))
    return set(found.scalars())


def dirty_lists(connection: Connection) -> list[tuple[int, bytes]]:
    """Lock the lists that are to be signed again: number and bits. Those locked already are left to who holds them."""
    rows = connection.execute(
        select(status_list.c.id, status_list.c.bits)
        .where(status_list.c.dirty)
        .order_by(status_list.c.id)
        .with_for_update(skip_locked=True)
    )
    return [(row.id, row.bits) for row in rows]


def revoked_indexes(connection: Connection, number: int) -> list[int]:
    found = connection.execute(
        select(credential.c.status_index).where(credential.c.status_list == number, credential.c.revoked.is_not(None))
    )
    return list(found.scalars())


def publish_list(connection: Connection, number: int, bits: bytes, body: bytes, now: datetime) -> None:
    """Keep the bits and the signed bytes of a status list that was locked."""
    connection.execute(
        update(status_list).where(status_list.c.id == number).values(bits=bits, body=body, signed=now, dirty=False)
    )


def any_dirty(connection: Connection) -> bool:
    return connection.execute(select(func.count()).select_from(status_list).where(status_list.c.dirty)).scalar_one() > 0


def list_body(connection: Connection, number: int) -> bytes | None:
    """The signed bytes of a status list, as served."""
    return connection.execute(select(status_list.c.body).where(status_list.c.id == number)).scalar_one_or_none()


# --- keys -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StoredKey:
    """A signing key as it is kept: named, its public half in the clear and its private half sealed."""

    name: str
    public: bytes
    sealed: bytes
    created: datetime
    retired: datetime | None


def keys(connection: Connection, issuer: str) -> list[StoredKey]:
    """All keys of an issuer, the oldest first."""
    rows = connection.execute(
        select(signing_key).where(signing_key.c.issuer == issuer).order_by(signing_key.c.created, signing_key.c.id)
    )
    return [StoredKey(row.id, row.public, row.private, row.created, row.retired) for row in rows]


def lock_keys(connection: Connection) -> None:
    """Nobody else adds or retires a key before this transaction ends; readers are not held up."""
    connection.execute(text("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE"))


def add_key(connection: Connection, issuer: str, key: StoredKey) -> None:
    connection.execute(
        insert(signing_key).values(
            id=key.name, issuer=issuer, public=key.public, private=key.sealed, created=key.created
        )
    )


def retire_keys(connection: Connection, issuer: str, now: datetime) -> None:
    """Sign with none of the present keys any more; they stay published."""
    connection.execute(
        update(signing_key).where(signing_key.c.issuer == issuer, signing_key.c.retired.is_(None)).values(retired=now)
    )
