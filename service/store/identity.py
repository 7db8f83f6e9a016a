"""Who is who: learners by the keys of their identifiers, made when they are first met.

A key is met as one learner for good (its home), and belongs to that one until a merge says that another is the same
person. So what has been looked up may be remembered until people change (`service.store.people.generation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from service.core.agents import Agent, identifier
from service.core.people import cast
from service.core.statement import decoded
from service.store import readdressed
from service.store.arrays import bigints
from service.store.engine import Driver
from service.store.share import EVERYBODY, Share


class Person(NamedTuple):
    """A learner's row, locked: the zone of their days, the name we know and the statement it is from, who sees them."""

    id: int
    time_zone: str | None
    name: str | None
    name_happened: datetime | None
    name_statement: UUID | None = None
    opted_in: bool = False
    erased: bool = False


def known(connection: Driver, keys: Sequence[str]) -> dict[str, int]:
    """The learners that have these identifier keys."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute("SELECT key, learner FROM identifier WHERE key = ANY(%b::text[])", [list(keys)])
        return dict(cursor.fetchall())


def homes(connection: Driver, keys: Sequence[str]) -> dict[str, int]:
    """The learners that these identifier keys were met as."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute("SELECT key, coalesce(home, learner) FROM identifier WHERE key = ANY(%b::text[])", [list(keys)])
        return dict(cursor.fetchall())


def learners(connection: Driver, agents: Mapping[str, Agent]) -> dict[str, int]:
    """The learners of these identifier keys, new ones made. Runs in a transaction of its own, or ends the caller's.

    Two processes that meet somebody new at the same moment agree on one learner.
    """
    found = known(connection, list(agents))
    missing = sorted(agents.keys() - found.keys())
    if missing:
        with connection.cursor(binary=True) as cursor:
            cursor.execute(
                "WITH made AS (INSERT INTO learner (created) SELECT now() FROM unnest(%b::text[]) RETURNING id), "
                "numbered AS (SELECT id, row_number() OVER () AS place FROM made), "
                "wanted AS (SELECT key, mbox, place "
                "FROM unnest(%b::text[], %b::text[]) WITH ORDINALITY AS w (key, mbox, place)), "
                "named AS (INSERT INTO identifier (key, learner, mbox) "
                "SELECT key, numbered.id, mbox FROM wanted JOIN numbered USING (place) ORDER BY key "
                "ON CONFLICT (key) DO NOTHING RETURNING learner) "
                "SELECT id FROM made EXCEPT SELECT learner FROM named",
                [missing, missing, [_mbox(agents[key]) for key in missing]],
            )
            if met_elsewhere := [number for (number,) in cursor.fetchall()]:
                cursor.execute("DELETE FROM learner WHERE id = ANY(%b::bigint[])", [met_elsewhere])
        found |= known(connection, missing)
    return found


def _mbox(agent: Agent) -> str | None:
    return agent.mbox[7:] if agent.mbox else None


def add_addresses(connection: Driver, addresses: Mapping[str, str]) -> None:
    """Remembers the address behind keys that were only known by their hash."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            "UPDATE identifier SET mbox = new.mbox FROM unnest(%b::text[], %b::text[]) AS new (key, mbox) "
            "WHERE identifier.key = new.key AND identifier.mbox IS NULL RETURNING learner",
            [list(addresses), list(addresses.values())],
        )
        readdressed.note_holders(connection, [learner for (learner,) in cursor.fetchall()])


def lock(connection: Driver, ids: Iterable[int]) -> dict[int, Person]:
    """These learners, locked in the order of their ids until the transaction ends, and all that is theirs with them."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            "SELECT id, time_zone, name, name_happened, name_statement, opted_in, erased IS NOT NULL "
            "FROM learner WHERE id = ANY(%b::bigint[]) ORDER BY id FOR UPDATE",
            [bigints(sorted(set(ids)))],
        )
        return {row[0]: Person(*row) for row in cursor.fetchall()}


def ids(connection: Driver, after: int, last: int) -> list[int]:
    """The learners after one up to `last`."""
    cursor = connection.execute("SELECT id FROM learner WHERE id > %b AND id <= %b", [after, last], binary=True)
    return [learner for (learner,) in cursor]


def unlocked(connection: Driver, ids: Sequence[int]) -> dict[int, Person]:
    """These learners, not locked."""
    cursor = connection.execute(
        "SELECT id, time_zone, name, name_happened FROM learner WHERE id = ANY(%b::bigint[])", [list(ids)], binary=True
    )
    return {row[0]: Person(*row) for row in cursor}


def everybody(connection: Driver, share: Share = EVERYBODY) -> dict[int, Person]:
    """All learners of a share, not locked."""
    rows = connection.execute(
        "SELECT id, time_zone, name, name_happened FROM learner WHERE id %% %b = %b", share.asked, binary=True
    )
    return {row[0]: Person(*row) for row in rows}


def keys(connection: Driver, learner: int) -> list[tuple[str, str | None]]:
    """The identifier keys of a learner, with the address where it is known."""
    return connection.execute("SELECT key, mbox FROM identifier WHERE learner = %b ORDER BY key", [learner]).fetchall()


def addresses(connection: Driver, keys: Sequence[str]) -> dict[str, str]:
    """The addresses behind these keys, where they are known."""
    cursor = connection.execute(
        "SELECT key, mbox FROM identifier WHERE key = ANY(%b) AND mbox IS NOT NULL", [list(keys)]
    )
    return dict(cursor.fetchall())


def zone_name(connection: Driver, learner: int) -> str | None:
    """The zone of a learner's days, where it is not that of the service."""
    row = connection.execute("SELECT time_zone FROM learner WHERE id = %b", [learner]).fetchone()
    return row[0] if row else None


def names(connection: Driver, learners: Iterable[int]) -> dict[int, str | None]:
    """What these learners are called."""
    cursor = connection.execute("SELECT id, name FROM learner WHERE id = ANY(%b)", [sorted(learners)])
    return dict(cursor.fetchall())


def shown(connection: Driver, opted_in: bool, learners: Sequence[int]) -> set[int]:
    """Those of these learners that a board may show. opted_in: only who agreed to it."""
    cursor = connection.execute(
        "SELECT id FROM learner WHERE (opted_in OR NOT %b) AND erased IS NULL AND id = ANY(%b)",
        [opted_in, list(learners)],
    )
    return {learner for (learner,) in cursor}


# --- names ----------------------------------------------------------------------------------------------------------

FIRST = datetime(1, 1, 1, tzinfo=UTC), UUID(int=0)
"""The place of a name that nobody said: before all others."""
LAST = datetime(9000, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1)
PAGE = 50


class Name(NamedTuple):
    """What a statement calls a learner."""

    happened: datetime
    statement: UUID
    text: str


def called(agent: Agent) -> str | None:
    """The name of an agent as we keep it."""
    return agent.name.replace("\0", "")[:200] if agent.name else None


def rename(connection: Driver, names: Mapping[int, Name]) -> None:
    """Gives learners these names; the rows are locked by the caller."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            "UPDATE learner SET name = new.name, name_happened = new.at, name_statement = new.statement "
            "FROM unnest(%b::bigint[], %b::text[], %b::timestamptz[], %b::uuid[]) AS new (id, name, at, statement) "
            "WHERE learner.id = new.id",
            [
                list(names),
                [name.text for name in names.values()],
                [name.happened for name in names.values()],
                [name.statement for name in names.values()],
            ],
        )


LATER = """
SELECT w.learner, p.happened, p.statement, p.keys, s.raw
FROM unnest(%b::bigint[], %b::timestamptz[], %b::uuid[], %b::timestamptz[], %b::uuid[])
     AS w (learner, after, after_statement, until, until_statement)
CROSS JOIN LATERAL (
    SELECT p.happened, p.statement, array_agg(i.key) AS keys
    FROM identifier i JOIN part p ON p.learner = coalesce(i.home, i.learner)
    WHERE i.learner = w.learner AND (p.happened, p.statement) > (w.after, w.after_statement)
    AND (p.happened, p.statement) < (w.until, w.until_statement)
    GROUP BY p.happened, p.statement ORDER BY p.happened DESC, p.statement DESC LIMIT %b
) AS p JOIN statement s ON s.id = p.statement ORDER BY p.happened DESC, p.statement DESC
"""


def newest_names(connection: Driver, after: Mapping[int, tuple[datetime, UUID]]) -> dict[int, Name]:
    """What the newest statement that names them calls these learners, if one later than `after` does."""
    names: dict[int, Name] = {}
    spans = {learner: (*start, *LAST) for learner, start in after.items()}
    while spans:
        columns = [list(column) for column in zip(*spans.values(), strict=True)]
        rows = connection.execute(LATER, [list(spans), *columns, PAGE], binary=True).fetchall()
        seen: dict[int, list[tuple[datetime, UUID]]] = {}
        for learner, happened, statement, keys, raw in rows:
            seen.setdefault(learner, []).append((happened, statement))
            if learner not in names and (text := _name_in(raw, keys)):
                names[learner] = Name(happened, statement, text)
        spans = {
            learner: (*after[learner], *places[-1])
            for learner, places in seen.items()
            if len(places) == PAGE and learner not in names
        }
    return names


def _name_in(raw: bytes, keys: Sequence[str]) -> str | None:
    return max(
        (text for agent in cast(decoded(raw)) if identifier(agent) in keys and (text := called(agent))), default=None
    )


def name_again(connection: Driver, learners: Iterable[int]) -> None:
    """Gives learners the name that their statements say, unless somebody chose one; their rows are locked."""
    connection.execute(
        "UPDATE learner SET name = NULL, name_happened = NULL, name_statement = NULL "
        "WHERE id = ANY(%b) AND (name_happened IS NULL OR name_happened < %b)",
        [sorted(learners), LAST[0]],
    )
    cursor = connection.execute("SELECT id FROM learner WHERE id = ANY(%b) AND name IS NULL", [sorted(learners)])
    rename(connection, newest_names(connection, dict.fromkeys([row[0] for row in cursor], FIRST)))
