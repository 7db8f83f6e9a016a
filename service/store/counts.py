"""What came in, counted: how many statements, and what became of them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, exists, func, select

from service.store.tables import inbox, intake_count, statement, void


class Intake(NamedTuple):
    """How many statements came, and what became of them."""

    received: int
    duplicates: int
    conflicts: int
    quarantined: int
    voided: int
    pending: int


def intake(connection: Connection) -> Intake:
    """How many statements came since the beginning. A void counts once its target is here; voiding a void is none."""
    sums = (func.coalesce(func.sum(intake_count.c[name]), 0) for name in Intake._fields[:4])
    counted = connection.execute(select(*sums)).one()
    itself = void.alias()
    voided = connection.scalar(
        select(func.count(void.c.target.distinct()))
        .join(statement, statement.c.id == void.c.target)
        .where(~exists().where(itself.c.voider == void.c.target))
    )
    pending = connection.scalar(select(func.count()).select_from(inbox).where(~inbox.c.failed))
    received, duplicates, conflicts, quarantined = map(int, counted)
    return Intake(received, duplicates, conflicts, quarantined, voided or 0, pending or 0)
