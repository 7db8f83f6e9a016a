"""Who is who: learners by the keys of their identifiers, made when they are first met.

A key belongs to one learner for good, so what has been looked up once may be remembered by the process.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from service.core.statement import Agent
from service.store.engine import Driver


class Person(NamedTuple):
    """A learner's row, locked: the zone of their days, and the name we know with the event time it is from."""

    id: int
    time_zone: str | None
    name: str | None
    name_happened: datetime | None


def known(connection: Driver, keys: Sequence[str]) -> dict[str, int]:
    """The learners that have these identifier keys."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute("SELECT key, learner FROM identifier WHERE key = ANY(%b::text[])", [list(keys)])
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
            "WHERE identifier.key = new.key AND identifier.mbox IS NULL",
            [list(addresses), list(addresses.values())],
        )


def lock(connection: Driver, ids: Iterable[int]) -> dict[int, Person]:
    """These learners, locked in the order of their ids until the transaction ends, and all that is theirs with them."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            "SELECT id, time_zone, name, name_happened FROM learner WHERE id = ANY(%b::bigint[]) "
            "ORDER BY id FOR UPDATE",
            [sorted(set(ids))],
        )
        return {row[0]: Person(*row) for row in cursor.fetchall()}


def everybody(connection: Driver) -> dict[int, Person]:
    """All learners, not locked."""
    rows = connection.execute("SELECT id, time_zone, name, name_happened FROM learner", binary=True)
    return {row[0]: Person(*row) for row in rows}


def keys(connection: Driver, learner: int) -> list[tuple[str, str | None]]:
    """The identifier keys of a learner, with the address where it is known."""
    return connection.execute("SELECT key, mbox FROM identifier WHERE learner = %b ORDER BY key", [learner]).fetchall()


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
    if not opted_in:
        return set(learners)
    cursor = connection.execute("SELECT id FROM learner WHERE opted_in AND id = ANY(%b)", [list(learners)])
    return {learner for (learner,) in cursor}


class Name(NamedTuple):
    """What a statement calls a learner."""

    happened: datetime
    statement: UUID
    text: str


def rename(connection: Driver, names: Mapping[int, Name]) -> None:
    """Gives learners the name of the newest statement that names them; the rows are locked by the caller."""
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            "UPDATE learner SET name = new.name, name_happened = new.happened "
            "FROM unnest(%b::bigint[], %b::text[], %b::timestamptz[]) AS new (id, name, happened) "
            "WHERE learner.id = new.id",
            [list(names), [name.text for name in names.values()], [name.happened for name in names.values()]],
        )
