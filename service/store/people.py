"""What was decided about who is one person, and what follows from it: whose an identifier is, whose a badge is.

Drains hold the lock of the ruleset shared and a merge holds it alone, so nobody is half way through a batch while
identifiers change hands; a number that grows with every change tells the drains to forget whom they remember.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import LiteralString, NamedTuple
from uuid import UUID

from service.core.people import persons
from service.store import readdressed
from service.store.arrays import bigints, moments, uuids
from service.store.engine import Driver
from service.store.rules import LOCK


class Merge(NamedTuple):
    """A decision: `gone` is the same person as `kept`. undone: when it was taken back; None: it is in force."""

    id: int
    gone: int
    kept: int
    made: datetime
    by: str
    reason: str | None
    undone: datetime | None


class Hint(NamedTuple):
    """Two identifiers that one agent of a statement carried, of learners that are not one person."""

    id: int
    one: str
    other: str
    learner: int | None
    other_learner: int | None
    statement: UUID
    seen: datetime


COLUMNS = "id, gone, kept, made, by, reason, undone"


def alone(connection: Driver) -> None:
    """Waits until no drain is at work, and keeps them waiting until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%b)", [LOCK])


def generation(connection: Driver) -> int:
    """A number that grows whenever an identifier changes hands."""
    row = connection.execute("SELECT people FROM ruleset").fetchone()
    return int(row[0]) if row else 0


# --- decisions ------------------------------------------------------------------------------------------------------


def add(connection: Driver, gone: int, kept: int, by: str, reason: str | None) -> int:
    """Writes down that these two are one person; answers the number of the decision."""
    row = connection.execute(
        "INSERT INTO merge (gone, kept, by, reason) VALUES (%b, %b, %b, %b) RETURNING id", [gone, kept, by, reason]
    ).fetchone()
    assert row is not None
    return int(row[0])


def undo(connection: Driver, number: int) -> bool:
    """Takes a decision back; False if none in force has this number."""
    cursor = connection.execute("UPDATE merge SET undone = now() WHERE id = %b AND undone IS NULL", [number])
    return cursor.rowcount == 1


def merges(connection: Driver, before: int | None, limit: int) -> list[Merge]:
    """The decisions, the latest first."""
    cursor = connection.execute(
        f"SELECT {COLUMNS} FROM merge WHERE %b::bigint IS NULL OR id < %b ORDER BY id DESC LIMIT %b",  # noqa: S608
        [before, before, limit],
    )
    return [Merge(*row) for row in cursor]


def merge(connection: Driver, number: int) -> Merge | None:
    row = connection.execute(f"SELECT {COLUMNS} FROM merge WHERE id = %b", [number]).fetchone()  # noqa: S608
    return Merge(*row) if row else None


def wanted(connection: Driver) -> dict[int, int]:
    """By whom those learners go who go by another, as the decisions in force say."""
    return persons(connection.execute("SELECT gone, kept FROM merge WHERE undone IS NULL ORDER BY id").fetchall())


def standing(connection: Driver) -> dict[int, int]:
    """By whom those learners go who go by another, as their rows say."""
    return dict(connection.execute("SELECT id, merged_into FROM learner WHERE merged_into IS NOT NULL").fetchall())


# --- what follows ---------------------------------------------------------------------------------------------------


def place(connection: Driver, whose: Mapping[int, int]) -> None:
    """Gives the identifiers of these learners to the persons that they are now."""
    columns = [list(whose), list(whose.values())]
    connection.execute(
        "UPDATE learner SET merged_into = nullif(person, id) "
        "FROM unnest(%b::bigint[], %b::bigint[]) AS new (own, person) WHERE id = own",
        columns,
    )
    connection.execute(
        "UPDATE identifier SET home = coalesce(home, learner), learner = person "
        "FROM unnest(%b::bigint[], %b::bigint[]) AS new (own, person) "
        "WHERE home = own OR (home IS NULL AND learner = own)",
        columns,
    )
    readdressed.note(connection, {*whose, *whose.values()})
    _changed(connection)


def _changed(connection: Driver) -> None:
    connection.execute(
        "INSERT INTO ruleset (id, people) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET people = ruleset.people + 1"
    )


def statements(connection: Driver, learners: Iterable[int]) -> list[UUID]:
    """The statements that any of these learners took part in, in whatever role, as the learner they were met as."""
    cursor = connection.execute("SELECT DISTINCT statement FROM part WHERE learner = ANY(%b)", [sorted(learners)])
    return [statement for (statement,) in cursor]


def members(connection: Driver, persons: Iterable[int]) -> dict[int, int]:
    """The learners that these persons are, themselves included, with the person."""
    wanted = sorted(persons)
    cursor = connection.execute(
        "SELECT id, coalesce(merged_into, id) FROM learner WHERE merged_into = ANY(%b) OR id = ANY(%b)",
        [wanted, wanted],
    )
    return dict(cursor.fetchall())


def took_part(connection: Driver, rows: Iterable[tuple[int, datetime, UUID]], table: LiteralString = "part") -> None:
    """Notes who (as the learner they were met as) took part in which statement; nobody is noted twice."""
    learners, happened, statements = list(zip(*sorted(rows), strict=True)) or [(), (), ()]
    connection.execute(
        f"INSERT INTO {table} (learner, happened, statement) "  # noqa: S608 - no value is written into it
        "SELECT * FROM unnest(%b::bigint[], %b::timestamptz[], %b::uuid[])",
        [bigints(learners), moments(happened), uuids(statements)],
        binary=True,
    )


def person(connection: Driver, learner: int) -> int | None:
    """The person that a learner is; None if there is no such learner, or not any more."""
    row = connection.execute(
        "SELECT coalesce(merged_into, id) FROM learner WHERE id = %b AND erased IS NULL", [learner]
    ).fetchone()
    return int(row[0]) if row else None


# --- erasure --------------------------------------------------------------------------------------------------------


def take_over(connection: Driver, keys: Mapping[str, str]) -> None:
    """Gives identifiers other keys, and forgets the addresses behind them."""
    connection.execute(
        "UPDATE identifier SET key = new.key, mbox = NULL FROM unnest(%b::text[], %b::text[]) AS new (old, key) "
        "WHERE identifier.key = new.old",
        [list(keys), list(keys.values())],
    )
    connection.execute("DELETE FROM hint WHERE one = ANY(%b) OR other = ANY(%b)", [list(keys)] * 2)
    _changed(connection)


def forget(connection: Driver, learners: Iterable[int]) -> None:
    """Takes away what the rows of these learners say of who they are, and their tokens."""
    own = sorted(learners)
    connection.execute(
        "UPDATE learner SET name = NULL, name_happened = NULL, name_statement = NULL, opted_in = false, "
        "erased = now() WHERE id = ANY(%b)",
        [own],
    )
    connection.execute("UPDATE merge SET reason = NULL WHERE gone = ANY(%b) OR kept = ANY(%b)", [own, own])
    connection.execute("UPDATE token SET revoked = coalesce(revoked, now()) WHERE learner = ANY(%b)", [own])


def claimed(connection: Driver, learners: Iterable[int]) -> list[UUID]:
    """The awards of these learners that there is a credential of."""
    own = sorted(learners)
    cursor = connection.execute(
        "SELECT id FROM badge_award WHERE (home = ANY(%b) OR learner = ANY(%b)) AND credential IS NOT NULL", [own, own]
    )
    return [award for (award,) in cursor]


def forget_credentials(connection: Driver, learners: Iterable[int]) -> None:
    """Empties what was signed for these learners, which is served no more; takes back links and offers to wallets."""
    own = sorted(learners)
    connection.execute(
        "UPDATE credential SET body = '', jws = NULL, jws_key = NULL FROM badge_award a "
        "WHERE a.id = credential.award AND (a.home = ANY(%b) OR a.learner = ANY(%b))",
        [own, own],
    )
    for links in ("claim_link", "wallet_offer"):
        connection.execute(
            f"DELETE FROM {links} USING badge_award a "  # noqa: S608 - ours
            f"WHERE a.id = {links}.award AND (a.home = ANY(%b) OR a.learner = ANY(%b))",
            [own, own],
        )


# --- badges ---------------------------------------------------------------------------------------------------------

BEST = {"claimed": 0, "revoked": 1, "declined": 2, "offered": 3}
"""Of several awards of one badge, which one speaks for the person: what was decided about comes first."""


def place_badges(connection: Driver, whose: Mapping[int, int]) -> list[UUID]:
    """Gives awards of badges to the persons that their learners are; answers those that changed hands.

    A person may have the same award twice, from before. Then one speaks for them, and the other rests, without a
    learner, as it was: it speaks again should the two turn out to be two.
    """
    rows = connection.execute(
        "SELECT id, coalesce(home, learner), learner, rule, key, achievement, state, decided FROM badge_award "
        "WHERE home = ANY(%b) OR (home IS NULL AND learner = ANY(%b)) ORDER BY decided NULLS LAST, created, id",
        [sorted(whose)] * 2,
    ).fetchall()
    speaks: dict[tuple[object, ...], UUID] = {}
    for award, home, _, *same, _, _ in sorted(rows, key=lambda row: BEST.get(row[6], 9)):
        speaks.setdefault((whose[home], *same), award)
    speaking = set(speaks.values())
    owners = {row[0]: whose[row[1]] if row[0] in speaking else None for row in rows}
    moved = [award for award, _, learner, *_ in rows if owners[award] != learner]
    if moved:
        connection.execute(
            "UPDATE badge_award SET home = coalesce(home, learner), learner = NULL, undone = coalesce(undone, now()) "
            "WHERE id = ANY(%b)",
            [moved],
        )
        connection.execute(
            "UPDATE badge_award SET learner = new.owner FROM unnest(%b::uuid[], %b::bigint[]) AS new (award, owner) "
            "WHERE id = new.award",
            [moved, [owners[award] for award in moved]],
        )
    return [award for award in moved if owners[award] is not None]


# --- hints ----------------------------------------------------------------------------------------------------------


def add_hints(connection: Driver, seen: Mapping[tuple[str, str], tuple[UUID, datetime]]) -> None:
    """Writes down that one agent carried two identifiers, where that is new."""
    pairs = sorted(seen)
    connection.execute(
        "INSERT INTO hint (one, other, statement, seen) "
        "SELECT * FROM unnest(%b::text[], %b::text[], %b::uuid[], %b::timestamptz[]) ON CONFLICT DO NOTHING",
        [
            [one for one, _ in pairs],
            [other for _, other in pairs],
            [seen[pair][0] for pair in pairs],
            [seen[pair][1] for pair in pairs],
        ],
        binary=True,
    )


def hints(connection: Driver, after: int, limit: int) -> list[Hint]:
    """The hints that nobody has decided about: two identifiers of whom no merge makes one person, oldest first."""
    cursor = connection.execute(
        "SELECT h.id, h.one, h.other, a.learner, b.learner, h.statement, h.seen FROM hint h "
        "LEFT JOIN identifier a ON a.key = h.one LEFT JOIN identifier b ON b.key = h.other "
        "WHERE h.refused IS NULL AND h.id > %b AND (a.learner IS NULL OR b.learner IS NULL OR a.learner <> b.learner) "
        "ORDER BY h.id LIMIT %b",
        [after, limit],
    )
    return [Hint(*row) for row in cursor]


def refuse_hint(connection: Driver, number: int) -> bool:
    """Decides that the two of a hint are not one person; False if there is no such hint."""
    return connection.execute("UPDATE hint SET refused = now() WHERE id = %b", [number]).rowcount == 1
