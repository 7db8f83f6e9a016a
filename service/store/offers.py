"""What learners are told of their offers, and whether others see what they took: e-mails, their throttle, sharing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Connection, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import distinct_on

from service.store.tables import badge_award, claim_link, credential, identifier, rule_version

FRESH = timedelta(days=30)
"""What was earned before that is offered to front ends, not by e-mail: history that is counted again must not mail."""
PAUSE, MOST_A_DAY = timedelta(minutes=5), 5
"""E-mails about one badge: the time between two, and how many within a day."""


@dataclass(frozen=True)
class Untold:
    """An offer that its learner has not been told of: the award and the address."""

    award: UUID
    address: str


def untold(connection: Connection, now: datetime, most: int) -> list[Untold]:
    """Lock and name fresh offers whose learners have an address and do not know of them yet, the oldest first.

    Offers that another transaction is about to tell of are left out. Awards by rules that are on trial are none.
    """
    address = select(func.min(identifier.c.mbox)).where(identifier.c.learner == badge_award.c.learner).scalar_subquery()
    wanted = (
        select(badge_award.c.id, address.label("address"))
        .where(
            badge_award.c.state == "offered",
            badge_award.c.undone.is_(None),
            badge_award.c.mailed.is_(None),
            badge_award.c.happened > now - FRESH,
            exists().where(identifier.c.learner == badge_award.c.learner, identifier.c.mbox.is_not(None)),
        )
        .order_by(badge_award.c.created)
        .limit(most)
        .with_for_update(of=badge_award, skip_locked=True)
    )
    return [Untold(row.id, row.address) for row in connection.execute(wanted)]


def told(connection: Connection, award: UUID, now: datetime) -> None:
    connection.execute(update(badge_award).where(badge_award.c.id == award).values(mailed=now))


def address_of(connection: Connection, learner: int) -> str | None:
    """The learner's e-mail address, if one is known."""
    known = select(func.min(identifier.c.mbox)).where(identifier.c.learner == learner)
    return connection.execute(known).scalar_one_or_none()


def wait(connection: Connection, award: UUID, now: datetime) -> timedelta:
    """How long nothing more may be sent about this award; zero: it may be sent now."""
    sent = select(claim_link.c.sent).where(claim_link.c.award == award, claim_link.c.sent > now - timedelta(days=1))
    times: list[datetime] = sorted(row.sent for row in connection.execute(sent))
    ends = [times[-1] + PAUSE] if times else []
    ends += [times[-MOST_A_DAY] + timedelta(days=1)] if len(times) >= MOST_A_DAY else []
    return max([timedelta(), *(end - now for end in ends)])


# --- sharing --------------------------------------------------------------------------------------------------------


def share(connection: Connection, awards: Sequence[UUID], since: datetime | None) -> None:
    """Make the credentials of these awards public, or private again (`since` is None)."""
    connection.execute(update(badge_award).where(badge_award.c.id.in_(awards)).values(shared=since))


def holder(connection: Connection, credential_id: UUID) -> tuple[UUID, int, datetime | None] | None:
    """Of which award a credential is: the award, its learner, and since when it is public; None if there is none."""
    columns = (badge_award.c.id, badge_award.c.learner, badge_award.c.shared)
    found = select(*columns).join(credential, credential.c.award == badge_award.c.id)
    row = connection.execute(found.where(credential.c.id == credential_id)).one_or_none()
    return None if row is None else (row.id, row.learner, row.shared)


def take(connection: Connection, awards: Sequence[UUID], now: datetime) -> None:
    """Write down that these badges were taken, together with what stands on them."""
    taken = update(badge_award).where(badge_award.c.id.in_(awards))
    connection.execute(taken.values(state="claimed", decided=now))


# --- what a micro-credential stands on ------------------------------------------------------------------------------


def stands_on(connection: Connection, award: UUID) -> list[UUID]:
    """The awards of badges that the rule of a micro-credential needs and that its learner had by then, in order.

    Of several of one badge the latest that was claimed, or the latest.
    """
    row = connection.execute(
        select(badge_award, rule_version.c.resolved)
        .join(
            rule_version,
            (rule_version.c.rule == badge_award.c.rule) & (rule_version.c.version == badge_award.c.version),
        )
        .where(badge_award.c.id == award, badge_award.c.kind == "micro_credential")
    ).one_or_none()
    names = sorted(set(_badges(msgspec.json.decode(row.resolved).get("kind")))) if row else []
    if row is None or not names:
        return []
    other = badge_award.c
    found = (
        select(other.id)
        .where(other.learner == row.learner, other.achievement.in_(names), other.id != award)
        .where(other.happened <= row.happened, or_(other.undone.is_(None), other.state == "claimed"))
        .ext(distinct_on(other.achievement))
        .order_by(other.achievement, (other.state == "claimed").desc(), other.happened.desc())
    )
    return list(connection.execute(found).scalars())


def renewed_by(connection: Connection, award: UUID) -> list[UUID]:
    """The statements behind what this award renews: those of the same badge by the same rule, earned before it."""
    row = connection.execute(select(badge_award).where(badge_award.c.id == award)).one()
    other = badge_award.c
    same = (other.learner == row.learner, other.rule == row.rule, other.achievement == row.achievement)
    found = select(other.statements).where(*same, other.happened < row.happened, other.undone.is_(None))
    return [statement for statements in connection.execute(found).scalars() for statement in statements]


def _badges(kind: object) -> list[str]:
    """Every badge that is named anywhere in what a rule needs."""
    if isinstance(kind, dict):
        named = [kind["badge"]] if isinstance(kind.get("badge"), str) else []
        return named + [badge for value in kind.values() for badge in _badges(value)]
    return [badge for value in kind for badge in _badges(value)] if isinstance(kind, list) else []
