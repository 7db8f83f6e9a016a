"""Reading what has been evaluated before: statements in the order of their ids, and whom a rule concerns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from service.core.statement import Fact
from service.core.traces import Trace
from service.store.engine import Driver
from service.store.inbox import COUNTS, VOIDED, Claimed, claimed
from service.store.matches import Group
from service.store.share import EVERYBODY, Share

COLUMNS = "s.id, source.name, source.capture, s.received, s.raw, " + VOIDED
EVALUATED = "NOT EXISTS (SELECT FROM inbox WHERE inbox.seq = s.seq)"


class Span(NamedTuple):
    """The statements after one (None: from the first) up to `last`, in the order of ids."""

    beyond: UUID | None
    last: UUID
    statements: int

    @property
    def asked(self) -> tuple[UUID, UUID]:
        return self.beyond or UUID(int=0), self.last


def span(connection: Driver, beyond: UUID | None, limit: int) -> Span | None:
    """So many statements after this one, evaluated or not; None where there is none."""
    row = connection.execute(
        f"SELECT id, place FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM statement "  # noqa: S608
        f"WHERE id {_beyond(beyond)} %b ORDER BY id LIMIT %b) AS next ORDER BY place DESC LIMIT 1",
        [beyond or UUID(int=0), limit],
    ).fetchone()
    return Span(beyond, *row) if row else None


def within(connection: Driver, span: Span, since: datetime | None, traces: Sequence[Trace] | None) -> list[Claimed]:
    """The statements of a span that have been evaluated and hold one of these traces (None: all of them).

    since: only those that happened then or later.
    """
    held, texts = _held(traces)
    cursor = connection.execute(
        f"SELECT {COLUMNS} FROM statement s LEFT JOIN source ON source.id = s.source "  # noqa: S608 - constants
        f"WHERE s.id {_beyond(span.beyond)} %b AND s.id <= %b AND (%b::timestamptz IS NULL OR s.happened >= %b) "
        f"AND {EVALUATED} AND ({held})",
        [*span.asked, since, since, *texts],
        binary=True,
    )
    return [claimed(*row) for row in cursor]


def _beyond(statement: UUID | None) -> str:
    return ">=" if statement is None else ">"


def everything(connection: Driver, size: int = 2000) -> Iterator[list[Claimed]]:
    """Every statement that has been evaluated, read by a cursor of the server in the caller's transaction."""
    with connection.cursor("history", binary=True) as cursor:
        cursor.execute(
            f"SELECT {COLUMNS} FROM statement s LEFT JOIN source ON source.id = s.source WHERE {EVALUATED}"  # noqa: S608
        )
        while rows := cursor.fetchmany(size):
            yield [claimed(*row) for row in rows]


PARTS_OF = """
FROM part p WHERE p.learner = ANY(ARRAY(
    SELECT id FROM learner WHERE id > %b AND id <= %b AND merged_into IS NULL
    UNION ALL SELECT id FROM learner WHERE merged_into > %b AND merged_into <= %b
)) AND (%b::timestamptz IS NULL OR p.happened >= %b)
"""


def of_learners(
    connection: Driver, after: int, last: int, since: datetime | None = None, size: int = 2000
) -> Iterator[list[Fact]]:
    """What has been evaluated, and in which one of the learners after one up to `last` took part, in whatever role.

    Nothing that is voided. since: only what happened then or later. Read by a cursor of the server in the caller's
    transaction, in the order in which the index has it, which is half of the time.
    """
    asked = [after, last, after, last, since, since]
    found = connection.execute(
        "SELECT s.id FROM void v JOIN statement s ON s.id = v.target "  # noqa: S608 - constants
        f"WHERE {COUNTS} AND v.target IN (SELECT p.statement {PARTS_OF})",
        asked,
        binary=True,
    )
    voids = {statement for (statement,) in found.fetchall()}
    with connection.cursor("of_learners", binary=True) as cursor:
        cursor.execute(
            "SELECT s.id, source.name, source.capture, s.received, s.raw, false "  # noqa: S608 - constants
            f"FROM (SELECT DISTINCT p.statement {PARTS_OF} ORDER BY p.statement OFFSET 0) AS p "
            "JOIN statement s ON s.id = p.statement LEFT JOIN source ON source.id = s.source "
            f"WHERE {EVALUATED}",
            asked,
        )
        while rows := cursor.fetchmany(size):
            yield [claimed(*row).fact for row in rows if row[0] not in voids]


class Extent(NamedTuple):
    """How many statements have been evaluated, and when the first and the last of them happened."""

    statements: int
    first: datetime | None
    last: datetime | None


def extent(connection: Driver) -> Extent:
    """All that has been evaluated."""
    row = connection.execute(
        f"SELECT count(*), min(happened), max(happened) FROM statement s WHERE {EVALUATED}"  # noqa: S608
    ).fetchone()
    assert row is not None
    return Extent(*row)


def longer_than(connection: Driver, statements: int) -> bool:
    """Whether more statements than so many are stored."""
    return connection.execute("SELECT FROM statement OFFSET %b LIMIT 1", [statements]).fetchone() is not None


TAKEN_PART = (
    "s.id IN (SELECT p.statement FROM part p JOIN learner l ON l.id = p.learner "
    "WHERE coalesce(l.merged_into, l.id) %% %b = %b)"
)
HASHED = "256MB"
"""Memory for the ids of the statements that a share took part in: some seven million of them."""


def holding(
    connection: Driver, traces: Sequence[Trace] | None, share: Share = EVERYBODY, size: int = 2000
) -> Iterator[tuple[float, list[Claimed]]]:
    """What has been evaluated and holds one of these traces (None: all of it), with how much of all is gone through.

    share: only statements in which somebody of it took part.
    Read by a cursor of the server in the caller's transaction, in the order in which it is stored.
    """
    last, shared = _next_number(connection), share != EVERYBODY
    held, texts = _held(traces)
    if shared:
        connection.execute("SELECT set_config('work_mem', %b, true)", [HASHED])
    with connection.cursor("holding", binary=True) as cursor:
        cursor.execute(
            f"SELECT s.seq, {COLUMNS} FROM statement s LEFT JOIN source ON source.id = s.source "  # noqa: S608
            f"WHERE {EVALUATED} AND ({held}) {f'AND {TAKEN_PART}' if shared else ''}",
            [*texts, *(share.asked if shared else ())],
        )
        while rows := cursor.fetchmany(size):
            yield rows[-1][0] / last, [claimed(*columns) for _, *columns in rows]


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
    cursor = connection.execute(
        f"SELECT s.id FROM statement s WHERE s.id = ANY(%b) AND {VOIDED}",  # noqa: S608 - a constant
        [list(ids)],
        binary=True,
    )
    return {target for (target,) in cursor}


def learners(connection: Driver, after: int, limit: int) -> list[int]:
    """The next learners in the order of their ids."""
    cursor = connection.execute("SELECT id FROM learner WHERE id > %b ORDER BY id LIMIT %b", [after, limit])
    return [learner for (learner,) in cursor]


def next_learners(connection: Driver, after: int, limit: int, statements: int) -> int | None:
    """The last of the next learners, in the order of their ids, who took part in so many statements together.

    At least one, at most `limit`; None if there is nobody left.
    """
    row = connection.execute(
        "WITH next AS (SELECT id FROM learner WHERE id > %b ORDER BY id LIMIT %b), "
        "counted AS (SELECT id, sum((SELECT count(*) FROM part WHERE part.learner = next.id)) "
        "OVER (ORDER BY id) AS up_to FROM next) "
        "SELECT coalesce(max(id) FILTER (WHERE up_to <= %b), min(id)) FROM counted",
        [after, limit, statements],
    ).fetchone()
    return row[0] if row else None


def learners_of_rule(connection: Driver, rule: int, after: int, limit: int, since: datetime | None = None) -> list[int]:
    """The next learners who have matches or ledger lines of this rule, in the order of their ids.

    since: only those who have one of what happened then or later.
    """
    found = "SELECT DISTINCT learner FROM {} WHERE rule = %b AND learner > %b {} ORDER BY learner LIMIT %b"
    later = "" if since is None else "AND happened >= %b"
    asked = [rule, after, *([] if since is None else [since]), limit]
    cursor = connection.execute(
        f"({found.format('match', later)}) UNION ({found.format('entry', later)}) ORDER BY learner LIMIT %b",
        [*asked, *asked, limit],
    )
    return [learner for (learner,) in cursor]


def groups(
    connection: Driver, rules: Sequence[int], after: int, last: int, since: datetime | None = None
) -> list[Group]:
    """The (rule, learner) that have matches or ledger lines, of these rules and the learners after one up to `last`.

    since: only those that have one of what happened then or later.
    """
    if not rules:
        return []
    found = "SELECT DISTINCT rule, learner FROM {} WHERE rule = ANY(%b) AND learner > %b AND learner <= %b {}"
    later = "" if since is None else "AND happened >= %b"
    asked = [list(rules), after, last, *([] if since is None else [since])]
    cursor = connection.execute(
        f"{found.format('match', later)} UNION {found.format('entry', later)}",
        [*asked, *asked],
    )
    return cursor.fetchall()


Moment = tuple[datetime, UUID]
"""(event time, statement): where a statement stands among others."""


def of_learner(connection: Driver, learner: int, before: Moment | None, limit: int) -> list[Moment]:
    """The statements that a learner took part in, in whatever role, the newest first; before: those before this one."""
    cursor = connection.execute(
        "SELECT DISTINCT happened, statement FROM part "
        "WHERE learner IN (SELECT id FROM learner WHERE id = %b OR merged_into = %b) "
        "AND (%b::timestamptz IS NULL OR (happened, statement) < (%b::timestamptz, %b::uuid)) "
        "ORDER BY happened DESC, statement DESC LIMIT %b",
        [learner, learner, *[before and before[0]] * 2, before and before[1], limit],
        binary=True,
    )
    return cursor.fetchall()


def _held(traces: Sequence[Trace] | None) -> tuple[str, list[bytes]]:
    """The condition that a statement's bytes hold one of so many traces, and what it asks for."""
    if traces is None:
        return "true", []
    each = (" AND ".join(["position(%b::bytea IN s.raw) > 0"] * len(trace)) for trace in traces)
    return " OR ".join(f"({one})" for one in each), [text for trace in traces for text in trace]


def _next_number(connection: Driver) -> int:
    row = connection.execute("SELECT pg_sequence_last_value(pg_get_serial_sequence('statement', 'seq'))").fetchone()
    return (row[0] if row and row[0] else 0) + 1
