"""What was signed, in the database: credentials, and the status lists that say which of them do not hold (any more).

Which bits of a list are set follows from the credentials, so that a revocation writes no bits; it marks the list, and
whoever signs it next reads them. A revoked credential stays revoked; a suspended one can be reinstated, which is why
the two have lists of their own: a credential is in one of them, and says in which (`purpose`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, and_, case, exists, func, insert, or_, select, text, update

from service.store import writeback
from service.store.tables import badge_award, credential, identifier, status_list

Purpose = Literal["revocation", "suspension"]


@dataclass(frozen=True)
class Credential:
    """A credential as it was signed, and what is known about it now."""

    id: UUID
    award: UUID
    issuer: str
    key: str
    body: bytes
    issued: datetime
    expires: datetime | None
    status_list: int
    status_index: int
    jws: str | None = None
    revoked: datetime | None = None
    revoked_because: str | None = None
    suspended: datetime | None = None
    suspended_because: str | None = None
    replaced_by: UUID | None = None


_CREDENTIAL = [credential.c[one.name] for one in fields(Credential)]

_ADD = text("""
    WITH added AS (
        INSERT INTO credential (id, award, issuer, key, body, issued, expires, status_list, status_index)
        SELECT id, award, :issuer, :key, body, :issued, expires, :list, index
        FROM unnest(CAST(:ids AS uuid[]), CAST(:awards AS uuid[]), CAST(:bodies AS bytea[]),
             CAST(:expires AS timestamptz[]), CAST(:indexes AS int[])) AS new(id, award, body, expires, index)
        RETURNING id, award
    ), counted AS (
        UPDATE status_list SET used = used + (SELECT count(*) FROM added) WHERE id = :list
    )
    UPDATE badge_award SET credential = added.id FROM added WHERE badge_award.id = added.award
""")


def add_credentials(connection: Connection, signed: Sequence[Credential]) -> None:
    """Keep credentials that one key signed at one moment, all in one status list, and make them their awards'."""
    first = signed[0]
    columns = {"ids": "id", "awards": "award", "bodies": "body", "expires": "expires", "indexes": "status_index"}
    arrays = {name: [getattr(one, column) for one in signed] for name, column in columns.items()}
    same = {"issuer": first.issuer, "key": first.key, "issued": first.issued, "list": first.status_list}
    connection.execute(_ADD, {**arrays, **same})


def find_credential(connection: Connection, id_: UUID) -> Credential | None:
    shown = credential.c.id == id_, credential.c.body != b""  # it is empty when the learner was erased
    row = connection.execute(select(*_CREDENTIAL).where(*shown)).one_or_none()
    return None if row is None else Credential(**row._mapping)


def taken_by(
    connection: Connection, learner: int, since: datetime | None, limit: int, offset: int
) -> tuple[int, list[Credential]]:
    """How many credentials of badges that they took a learner has, and some of them, in the order they were issued.

    Not those that were revoked or replaced. since: only those issued after that, such as those that were issued anew.
    """
    held = badge_award.c.credential == credential.c.id, badge_award.c.learner == learner
    shown = [badge_award.c.state == "claimed", credential.c.revoked.is_(None), credential.c.body != b""]
    shown += [] if since is None else [credential.c.issued > since]
    found = select(*_CREDENTIAL).join(badge_award, and_(*held)).where(*shown)
    total: int = connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()
    rows = connection.execute(found.order_by(credential.c.issued, credential.c.id).limit(limit).offset(offset))
    return total, [Credential(**row._mapping) for row in rows]


def issued_since(connection: Connection, award: UUID, since: datetime) -> int:
    """How often the credential of an award was signed since then."""
    found = select(func.count()).where(credential.c.award == award, credential.c.issued > since)
    return int(connection.execute(found).scalar_one())


def keep_jws(connection: Connection, id_: UUID, jws: str, key: str) -> str:
    """Keep the compact form of a credential, once for all: the one that is kept."""
    first = credential.c.id == id_, credential.c.jws.is_(None)
    connection.execute(update(credential).where(*first).values(jws=jws, jws_key=key))
    kept: str = connection.execute(select(credential.c.jws).where(credential.c.id == id_)).scalar_one()
    return kept


def replace(connection: Connection, old: UUID, new: UUID, because: str | None, now: datetime) -> None:
    """Say of a credential which other one, already added, has superseded it, and revoke it if there is a reason."""
    changed = update(credential).where(credential.c.id == old)
    if because is None:
        connection.execute(changed.values(replaced_by=new))
        return
    gone = case((credential.c.revoked.is_(None), because), else_=credential.c.revoked_because)
    values = {"replaced_by": new, "revoked": func.coalesce(credential.c.revoked, now), "revoked_because": gone}
    mark_dirty(connection, connection.execute(changed.values(values).returning(credential.c.status_list)).scalars())


def revoke_others(connection: Connection, award_id: UUID, kept: UUID, because: str, now: datetime) -> None:
    """Revoke whatever was signed for an award, but for one."""
    others = credential.c.award == award_id, credential.c.id != kept, credential.c.revoked.is_(None)
    gone = update(credential).where(*others).values(revoked=now, revoked_because=because)
    mark_dirty(connection, connection.execute(gone.returning(credential.c.status_list)).scalars())


_FOLLOW = text("""
    WITH followed AS (
        UPDATE credential AS old SET replaced_by = new.credential
        FROM badge_award AS new JOIN badge_award AS before USING (learner, achievement)
        WHERE new.id = ANY(CAST(:awards AS uuid[])) AND before.happened < new.happened
          AND old.id = before.credential AND old.expires IS NOT NULL AND old.revoked IS NULL
        RETURNING new.id, before.shared
    )
    UPDATE badge_award SET shared = followed.since
    FROM (SELECT id, min(shared) AS since FROM followed GROUP BY id) AS followed
    WHERE badge_award.id = followed.id AND badge_award.shared IS NULL
""")


def follow(connection: Connection, awards: Sequence[UUID]) -> None:
    """Let credentials of earlier periods of these awards' badges lead to the new ones, which are public if they were.

    They go on holding until they expire.
    """
    connection.execute(_FOLLOW, {"awards": list(awards)})


def suspend(connection: Connection, id_: UUID, because: str | None, now: datetime) -> bool:
    """Suspend a credential (`because` tells why), or reinstate it (None); False if its list is no list of suspensions.

    So are those that it has replaced. A revoked one is left as it is.
    """
    award = select(credential.c.award).where(credential.c.id == id_).scalar_subquery()
    able = select(status_list.c.id).where(status_list.c.purpose == "suspension")
    changed = connection.execute(
        update(credential)
        .where(credential.c.award == award, credential.c.revoked.is_(None), credential.c.status_list.in_(able))
        .values(suspended=None if because is None else now, suspended_because=because)
        .returning(credential.c.status_list)
    )
    lists = changed.scalars().all()
    mark_dirty(connection, lists)
    return bool(lists)


def revoke(connection: Connection, award_id: UUID, because: str, now: datetime) -> bool:
    """Revoke what was signed for an award and mark status lists; False if there is nothing that is not revoked yet."""
    connection.execute(select(badge_award.c.id).where(badge_award.c.id == award_id).with_for_update())
    lists = (
        connection.execute(
            update(credential)
            .where(credential.c.award == award_id, credential.c.revoked.is_(None))
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
        writeback.note_award(connection, award_id)
    mark_dirty(connection, lists)
    return bool(lists)


@dataclass(frozen=True)
class Expiring:
    """A credential that will expire, and where its learner is told so."""

    credential: UUID
    award: UUID
    expires: datetime
    address: str


def expiring(connection: Connection, now: datetime, before: timedelta) -> Expiring | None:
    """Lock and name the next credential that expires within `before`, of which its learner was not told.

    Not one that does not hold any more, nor one of which the learner has earned the badge again since.
    """
    address = select(func.min(identifier.c.mbox)).where(identifier.c.learner == badge_award.c.learner).scalar_subquery()
    newer = badge_award.alias("newer")
    again = exists().where(
        newer.c.learner == badge_award.c.learner,
        newer.c.achievement == badge_award.c.achievement,
        newer.c.happened > badge_award.c.happened,
        newer.c.undone.is_(None),
    )
    found = connection.execute(
        select(credential.c.id, credential.c.award, credential.c.expires, address.label("address"))
        .join(badge_award, badge_award.c.credential == credential.c.id)
        .where(
            credential.c.expires.is_not(None),
            credential.c.reminded.is_(None),
            credential.c.expires.between(now, now + before),
            credential.c.revoked.is_(None),
            badge_award.c.undone.is_(None),
            address.is_not(None),
            ~again,
        )
        .order_by(credential.c.expires)
        .limit(1)
        .with_for_update(of=credential, skip_locked=True)
    ).one_or_none()
    return None if found is None else Expiring(*found)


def reminded(connection: Connection, id_: UUID, now: datetime) -> None:
    connection.execute(update(credential).where(credential.c.id == id_).values(reminded=now))


# --- status lists ---------------------------------------------------------------------------------------------------


def mark_dirty(connection: Connection, lists: Iterable[int]) -> None:
    """Note that bits of these lists have changed; they are locked in their order until the transaction ends."""
    # Whether it is dirty already is not asked: another transaction may be signing it at this moment.
    if numbers := sorted(set(lists)):
        in_order = select(status_list.c.id).where(status_list.c.id.in_(numbers)).order_by(status_list.c.id)
        connection.execute(in_order.with_for_update()).all()
        connection.execute(update(status_list).where(status_list.c.id.in_(numbers)).values(dirty=True))


def mark_all_dirty(connection: Connection, issuer: str) -> None:
    """Have all lists of an issuer signed again, as when its key has changed."""
    mark_dirty(connection, connection.execute(select(status_list.c.id).where(status_list.c.issuer == issuer)).scalars())


def open_list(connection: Connection, issuer: str, purpose: Purpose, most: int) -> int | None:
    """Lock and name a list of this issuer with at most `most` indexes given out; None if there is none."""
    fitting = (status_list.c.issuer == issuer, status_list.c.purpose == purpose, status_list.c.used <= most)
    return connection.execute(
        select(status_list.c.id).where(*fitting).order_by(status_list.c.id).limit(1).with_for_update()
    ).scalar_one_or_none()


def add_list(connection: Connection, issuer: str, purpose: Purpose, bits: bytes) -> int:
    """A new status list, not signed yet; nobody sees it before this transaction ends."""
    made = insert(status_list).values(issuer=issuer, purpose=purpose, bits=bits).returning(status_list.c.id)
    number: int = connection.execute(made).scalar_one()
    return number


def taken(connection: Connection, number: int, indexes: Sequence[int]) -> set[int]:
    """Which of these indexes of a list are given out."""
    found = select(credential.c.status_index).where(credential.c.status_list == number)
    return set(connection.execute(found.where(credential.c.status_index == func.any(list(indexes)))).scalars())


@dataclass(frozen=True)
class StatusList:
    """A status list as it is kept: `body` and `jws` are its signed forms, None until they are made."""

    id: int
    issuer: str
    purpose: Purpose
    bits: bytes
    body: bytes | None
    jws: str | None


_LIST = [status_list.c[one.name] for one in fields(StatusList)]


def dirty_lists(connection: Connection) -> list[StatusList]:
    """Lock the lists that are to be signed again. Those locked already are left to who holds them."""
    dirty = select(*_LIST).where(status_list.c.dirty).order_by(status_list.c.id).with_for_update(skip_locked=True)
    return [StatusList(**row._mapping) for row in connection.execute(dirty)]


def find_list(connection: Connection, number: int) -> StatusList | None:
    row = connection.execute(select(*_LIST).where(status_list.c.id == number)).one_or_none()
    return None if row is None else StatusList(**row._mapping)


def ended_indexes(connection: Connection, number: int) -> list[int]:
    """The indexes of a list of which the credentials are revoked or suspended."""
    ended = or_(credential.c.revoked.is_not(None), credential.c.suspended.is_not(None))
    found = connection.execute(select(credential.c.status_index).where(credential.c.status_list == number, ended))
    return list(found.scalars())


def publish_list(connection: Connection, number: int, bits: bytes, body: bytes, now: datetime) -> None:
    """Keep the bits and the signed bytes of a status list that was locked."""
    values = {"bits": bits, "body": body, "jws": None, "signed": now, "dirty": False}
    connection.execute(update(status_list).where(status_list.c.id == number).values(values))


def keep_list_jws(connection: Connection, number: int, body: bytes | None, jws: str) -> None:
    """Keep the compact form of a list, unless it has been signed anew since `body`."""
    same = (status_list.c.id == number, status_list.c.body == body)
    connection.execute(update(status_list).where(*same).values(jws=jws))


def any_dirty(connection: Connection) -> bool:
    return connection.execute(select(func.count()).select_from(status_list).where(status_list.c.dirty)).scalar_one() > 0
