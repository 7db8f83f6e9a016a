"""What came in, counted: how many statements, and what became of them, in all or by source and day."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Date, and_, cast, exists, func, or_, select

from service.store.tables import inbox, intake_count, quarantine, source, statement, void


class Intake(NamedTuple):
    """How many statements came, and what became of them."""

    received: int
    duplicates: int
    conflicts: int
    quarantined: int
    voided: int
    pending: int


class Day(NamedTuple):
    """What came from a source on a day. late: more than a day after it happened. voided: undone on this day."""

    day: date
    source: str
    received: int = 0
    duplicates: int = 0
    conflicts: int = 0
    quarantined: int = 0
    late: int = 0
    voided: int = 0


class Came(NamedTuple):
    """What came from a source since the beginning; as of a day."""

    source: str
    received: int
    duplicates: int
    conflicts: int
    quarantined: int
    late: int
    voided: int


class Lag(NamedTuple):
    """What waits, and for how long. set_aside: evaluating it raised. oldest_seconds: since the oldest of them came."""

    pending: int
    oldest_seconds: float
    set_aside: int
    in_quarantine: int


_itself = void.alias()
_target: ColumnElement[bool] = and_(
    statement.c.id == void.c.target, or_(void.c.source.is_(None), void.c.source == statement.c.source)
)
"""A void and the statement that it voids, which is here, and which it may void."""
_is_no_void = ~exists().where(_itself.c.voider == void.c.target)


def intake(connection: Connection) -> Intake:
    """How many statements came since the beginning. A void counts once its target is here; voiding a void is none."""
    sums = (func.coalesce(func.sum(intake_count.c[name]), 0) for name in Intake._fields[:4])
    counted = connection.execute(select(*sums)).one()
    voided = connection.scalar(select(func.count(void.c.target.distinct())).join(statement, _target).where(_is_no_void))
    pending = connection.scalar(select(func.count()).select_from(inbox).where(~inbox.c.failed))
    received, duplicates, conflicts, quarantined = map(int, counted)
    return Intake(received, duplicates, conflicts, quarantined, voided or 0, pending or 0)


def by_source(connection: Connection) -> list[Came]:
    """What came from each source, also from one that has sent nothing, in the order of their names."""
    undone = select(statement.c.source, func.count(void.c.target.distinct()).label("voided"))
    voided = (
        undone.select_from(void).join(statement, _target).where(_is_no_void).group_by(statement.c.source).subquery()
    )
    sums = (func.coalesce(func.sum(intake_count.c[name]), 0) for name in Came._fields[1:6])
    each = select(source.c.name, *sums, func.coalesce(func.max(voided.c.voided), 0)).select_from(source)
    each = each.outerjoin(intake_count, intake_count.c.source == source.c.id)
    each = each.outerjoin(voided, voided.c.source == source.c.id).group_by(source.c.name).order_by(source.c.name)
    return [Came(name, *map(int, counted)) for name, *counted in connection.execute(each)]


def days(connection: Connection, first: date, last: date, whose: str | None = None) -> list[Day]:
    """What came by day and source, the newest day first, between these days and with them."""
    found: dict[tuple[date, str], Day] = {}
    own = source.c.name == whose if whose is not None else source.c.id == source.c.id
    sums = tuple(func.sum(intake_count.c[name]) for name in Day._fields[2:7])
    came = select(intake_count.c.day, source.c.name, *sums).join(source, source.c.id == intake_count.c.source)
    came = came.where(intake_count.c.day.between(first, last), own).group_by(intake_count.c.day, source.c.name)
    for day, name, *counted in connection.execute(came):
        found[day, name] = Day(day, name, *map(int, counted))
    voider = statement.alias()
    undone = select(void.c.target, source.c.name, cast(func.min(voider.c.received), Date).label("day"))
    undone = undone.join(statement, _target).join(voider, voider.c.id == void.c.voider).where(_is_no_void)
    undone = undone.join(source, source.c.id == statement.c.source).where(own)
    each = undone.group_by(void.c.target, source.c.name).subquery()
    per_day = select(each.c.day, each.c.name, func.count()).where(each.c.day.between(first, last))
    for day, name, many in connection.execute(per_day.group_by(each.c.day, each.c.name)):
        found[day, name] = found.get((day, name), Day(day, name))._replace(voided=many)
    return sorted(found.values(), key=lambda one: (-one.day.toordinal(), one.source))


def lag(connection: Connection) -> Lag:
    """How far evaluation is behind, and what somebody should look at."""
    oldest = select(statement.c.received).join(inbox, inbox.c.statement == statement.c.id).where(~inbox.c.failed)
    oldest = oldest.order_by(inbox.c.seq).limit(1)
    since = connection.scalar(select(func.extract("epoch", func.now() - oldest.scalar_subquery())))
    many = func.count()
    pending = connection.scalar(select(many).select_from(inbox).where(~inbox.c.failed)) or 0
    set_aside = connection.scalar(select(many).select_from(inbox).where(inbox.c.failed)) or 0
    waiting = connection.scalar(select(many).select_from(quarantine).where(quarantine.c.state == "waiting")) or 0
    return Lag(pending, max(float(since or 0), 0.0), set_aside, waiting)
