"""Reading what has been evaluated before: statements in the order of their ids, and whom a rule concerns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from service.core.statement import Fact
from service.store.engine import Driver
from service.store.inbox import Claimed, claimed

COLUMNS = "s.id, source.name, source.capture, s.received, s.raw, EXISTS (SELECT FROM void v WHERE v.target = s.id)"
EVALUATED = "NOT EXISTS (SELECT FROM inbox WHERE inbox.seq = s.seq)"


def after(connection: Driver, beyond: UUID | None, limit: int) -> list[Claimed]:
    """The next statements beyond this id that have been evaluated, in the order of ids."""
    cursor = connection.execute(
        f"SELECT {COLUMNS} FROM statement s LEFT JOIN source ON source.id = s.source "  # noqa: S608 - constants
        f"WHERE s.id {'>=' if beyond is None else '>'} %b AND {EVALUATED} ORDER BY s.id LIMIT %b",
        [beyond or UUID(int=0), limit],
        binary=True,
    )
    return [claimed(*row) for row in cursor]


def everything(connection: Driver, size: int = 2000) -> Iterator[list[Claimed]]:
    """Every statement that has been evaluated, read by a cursor of the server in the caller's transaction."""
    with connection.cursor("history", binary=True) as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM statement s LEFT JOIN source ON source.id = s.source WHERE {EVALUATED}"  # noqa: S608
        )
        while rows := cursor.fetchmany(size):
            yield [claimed(*row) for row in rows]


def facts(connection: Driver, ids: Sequence[UUID]) -> list[Fact]:
    """The statements with these ids that are not voided."""
    cursor = connection.execute(
        f"SELECT {COLUMNS} FROM statement s LEFT JOIN source ON source.id = s.source WHERE s.id = ANY(%b)",  # noqa: S608
        [list(ids)],
        binary=True,
    )
    return [one.fact for one in (claimed(*row) for row in cursor) if not one.voided]


def voided(connection: Driver, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these statements have been voided."""
    cursor = connection.execute("SELECT target FROM void WHERE target = ANY(%b)", [list(ids)], binary=True)
    return {target for (target,) in cursor}


def learners_of_rule(connection: Driver, rule: int, after: int, limit: int) -> list[int]:
    """The next learners who have matches or ledger lines of this rule, in the order of their ids."""
    cursor = connection.execute(
        "(SELECT DISTINCT learner FROM match WHERE rule = %b AND learner > %b ORDER BY learner LIMIT %b) UNION "
        "(SELECT DISTINCT learner FROM entry WHERE rule = %b AND learner > %b ORDER BY learner LIMIT %b) "
        "ORDER BY learner LIMIT %b",
        [rule, after, limit, rule, after, limit, limit],
    )
    return [learner for (learner,) in cursor]
