"""The races of rules with `first`: with what each learner takes part, and who is among the first.

A race is locked by whoever changes it, before any learner is, so that two transactions never both give the last place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from service.core.attempts import Entry
from service.store.engine import Driver
from service.store.matches import Group

LOCK = 7_351_004
"""First number of the advisory locks of races; the second is the rule's."""


def lock(connection: Driver, rules: Iterable[int]) -> None:
    """Keeps the races of these rules from everybody else until the transaction ends."""
    for rule in sorted(set(rules)):
        connection.execute("SELECT pg_advisory_xact_lock(%b::int, %b::int)", [LOCK, rule])


def put(connection: Driver, entries: Mapping[Group, Entry | None]) -> None:
    """Writes with what these learners take part now; None: with nothing any more."""
    gone = sorted(group for group, entry in entries.items() if entry is None)
    connection.execute(
        "DELETE FROM entrant e USING unnest(%b::int[], %b::bigint[]) AS g (rule, learner) "
        "WHERE e.rule = g.rule AND e.learner = g.learner",
        [[rule for rule, _ in gone], [learner for _, learner in gone]],
        binary=True,
    )
    ordered = sorted((group, entry) for group, entry in entries.items() if entry is not None)
    connection.execute(
        "INSERT INTO entrant (rule, learner, happened, statement, place) "
        "SELECT * FROM unnest(%b::int[], %b::bigint[], %b::timestamptz[], %b::uuid[], %b::int[]) "
        "ON CONFLICT (rule, learner) DO UPDATE SET happened = excluded.happened, statement = excluded.statement, "
        "place = excluded.place",
        [
            [rule for (rule, _), _ in ordered],
            [learner for (_, learner), _ in ordered],
            [entry.happened for _, entry in ordered],
            [entry.statement for _, entry in ordered],
            [entry.place for _, entry in ordered],
        ],
        binary=True,
    )


def first(connection: Driver, rule: int, learners: int, offset: int = 0) -> list[int]:
    """So many learners, in the order of their entries; offset: after so many others."""
    cursor = connection.execute(
        "SELECT learner FROM entrant WHERE rule = %b ORDER BY happened, statement, place LIMIT %b OFFSET %b",
        [rule, learners, offset],
        binary=True,
    )
    return [learner for (learner,) in cursor]


def holders(connection: Driver, rule: int) -> set[int]:
    """The learners to whom the ledger gives something by this rule."""
    cursor = connection.execute(
        "SELECT DISTINCT learner FROM (SELECT learner FROM entry WHERE rule = %b "
        "GROUP BY learner, key, happened, unit HAVING sum(amount) <> 0) AS held",
        [rule],
        binary=True,
    )
    return {learner for (learner,) in cursor}
