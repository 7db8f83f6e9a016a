"""The rules in force: versions of rules with their lives, boards, documents as written; and how far history is counted.

Drains hold the lock of the ruleset shared, whoever changes it holds it alone; so a drain works from beginning to end
with the rules it has loaded, and a change finds nobody half way. One number grows when any of it changes.

A version is in force when its matches have been made, of all history; until then those before it stay in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from psycopg import sql

from service.core.rule import Board, Rule
from service.core.rulebook import Stored
from service.core.versions import Life, lives
from service.store import documents, issuers
from service.store.engine import Driver
from service.store.scoring import Counted

LOCK = 7_351_001
"""Number of the advisory lock of the ruleset."""


class Version(NamedTuple):
    """A version of a rule.

    since, until: its life; None: from the first statement, to the last. making: whose rows of `match` are its own;
    None: they are still being made. remaking: those that are being made.
    Of the newest version of a rule: phase: how far history has been counted again (comparing, matching, folding, done);
    lives: the versions that give, in order; made: those whose matches are being made.
    """

    number: int
    version: int
    rule: Rule
    since: datetime | None
    until: datetime | None
    phase: str
    making: int | None = 1
    remaking: int | None = None
    lives: tuple[Version, ...] = ()
    made: tuple[Version, ...] = ()

    @property
    def gives(self) -> bool:
        """Whether matches of it give anything, or would if it were not on trial."""
        return self.rule.status in ("live", "trial")


class Ruleset(NamedTuple):
    """What is in force, with the generation it is; versions: the newest of every rule."""

    generation: int
    zone: ZoneInfo
    versions: tuple[Version, ...]
    boards: tuple[Counted, ...]


def share(connection: Driver) -> int:
    """Keeps the ruleset as it is until the transaction ends; answers its generation."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%b)", [LOCK])
    return generation(connection)


def alone(connection: Driver) -> datetime:
    """Waits until nobody works by the ruleset, and lets nobody begin; answers when, by the database's clock."""
    connection.execute("SELECT pg_advisory_xact_lock(%b)", [LOCK])
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    return row[0]  # type: ignore[no-any-return]


def in_force(connection: Driver) -> Ruleset:
    """The newest version of every rule, with those that live beside it, and the boards."""
    row = connection.execute("SELECT generation, time_zone FROM ruleset").fetchone()
    generation, zone = (row[0], ZoneInfo(row[1])) if row else (0, ZoneInfo("UTC"))
    versions = tuple(newest(connection))
    return Ruleset(generation, zone, versions, tuple(_boards(connection, versions, zone)))


decode = msgspec.json.Decoder(Rule).decode


def newest(connection: Driver, numbers: Sequence[int] | None = None) -> Iterable[Version]:
    """The newest version of every rule, or of those with these numbers, with those that live beside it."""
    cursor = connection.execute(
        "SELECT rule, version, resolved, since, phase, making, remaking FROM rule_version "
        "WHERE %b::int[] IS NULL OR rule = ANY(%b::int[]) ORDER BY rule, version",
        [numbers, numbers],
    )
    for _, rows in groupby(cursor.fetchall(), key=lambda row: row[0]):
        yield _newest(list(rows))


def _newest(rows: list[tuple[Any, ...]]) -> Version:
    ready = [row for row in rows if row[5] is not None]
    own = _with_lives(ready)
    giving = tuple(version for version in own if version.rule.status in ("live", "trial"))
    made = {version.version: version for version in _with_lives(rows) if version.remaking is not None}
    made |= {version.version: version for version in giving if version.remaking is not None}
    last = _version(rows[-1], Life(rows[-1][3], None))
    phases = {row[4] for row in rows} - {"done"}
    phase = next((phase for phase in ("folding", "comparing", "matching") if phase in phases), "done")
    return last._replace(phase=phase, lives=giving, made=tuple(made.values()))


def _with_lives(rows: Sequence[tuple[Any, ...]]) -> list[Version]:
    """The versions that have a life beside each other."""
    spans = lives([row[3] for row in rows])
    return [_version(row, life) for row, life in zip(rows, spans, strict=True) if not life.empty]


def _version(row: tuple[Any, ...], life: Life) -> Version:
    number, version, resolved, _, phase, making, remaking = row
    return Version(number, version, decode(resolved), *life, phase, making, remaking)


def _boards(connection: Driver, versions: Sequence[Version], zone: ZoneInfo) -> Iterable[Counted]:
    decode = msgspec.json.Decoder(Board).decode
    for number, resolved in connection.execute(
        "SELECT board.id, resolved FROM document JOIN board USING (name) WHERE kind = 'board' ORDER BY board.id"
    ):
        board = decode(resolved)
        yield Counted(number, board, rules_of(board, versions), ZoneInfo(board.time_zone) if board.time_zone else zone)


def rules_of(board: Board, versions: Sequence[Version]) -> frozenset[int] | None:
    """The numbers of the rules that a board counts; None for all."""
    if board.tagged is not None:
        return frozenset(version.number for version in versions if board.tagged in version.rule.tags)
    if board.from_rules is not None:
        return frozenset(version.number for version in versions if version.rule.name in board.from_rules)
    return None


def first_applied(connection: Driver) -> dict[int, datetime]:
    """When the first version of each rule was applied."""
    return dict(connection.execute("SELECT rule, min(applied) FROM rule_version GROUP BY rule").fetchall())


def text_of(connection: Driver, version: Version) -> str:
    """A version of a rule as its author wrote it."""
    row = connection.execute(
        "SELECT text FROM rule_version WHERE rule = %b AND version = %b", [version.number, version.version]
    ).fetchone()
    return row[0] if row else ""


def number_of(connection: Driver, name: str) -> int | None:
    """The number of the rule of this name."""
    row = connection.execute("SELECT id FROM rule WHERE name = %b", [name]).fetchone()
    return row[0] if row else None


class Published(NamedTuple):
    """A version as it was published. until: when its life ended, if it has; nothing is left of it where that is before.

    text: as its author wrote it; nothing, if the rule was taken away by it.
    """

    version: int
    status: str
    text: str
    applied: datetime
    by: str
    origin: str
    since: datetime | None
    until: datetime | None
    phase: str
    read: int
    problem: str | None


def history(connection: Driver, name: str) -> list[Published]:
    """Every version of a rule that was published, the oldest first."""
    rows = connection.execute(
        "SELECT version, convert_from(resolved, 'UTF8')::jsonb ->> 'status', text, applied, applied_by, origin, since, "
        "phase, read, problem FROM rule_version WHERE rule = (SELECT id FROM rule WHERE name = %b) ORDER BY version",
        [name],
    ).fetchall()
    spans = lives([row[6] for row in rows])
    return [
        Published(version, status or "live", text, applied, by, origin, since, life.until, phase, read, problem)
        for (version, status, text, applied, by, origin, since, phase, read, problem), life in zip(
            rows, spans, strict=True
        )
    ]


def generation(connection: Driver) -> int:
    """A number that grows whenever other rules, or other versions of them, are in force."""
    row = connection.execute("SELECT generation FROM ruleset").fetchone()
    return row[0] if row else 0


def stored(connection: Driver) -> list[Stored]:
    """The rules and documents in force as their authors wrote them, for `service.core.rulebook`.

    With them, without a text, issuers that are no more: an achievement that is left for its holders may name one.
    """
    found = connection.execute(
        "SELECT rule.name, v.text FROM rule JOIN LATERAL (SELECT text FROM rule_version "
        "WHERE rule = rule.id ORDER BY version DESC LIMIT 1) v ON v.text <> '' ORDER BY 1",
        binary=True,
    )
    written = [*(Stored("rule", name, text) for name, text in found), *documents.stored(connection)]
    return written + [Stored("issuer", slug, "") for slug in issuers.gone(connection)]


# --- counting history again -----------------------------------------------------------------------------------------


class Pending(NamedTuple):
    """A version by which history is being counted again, and how far that has come.

    remade_from: statements before it need not be read. matched_to, folded_to: the last statement and learner done.
    read: how many statements have been read.
    problem: why it stopped until it is tried again; None: nothing is in its way.
    """

    number: int
    version: int
    phase: str
    remade_from: datetime | None
    matched_to: UUID | None
    read: int
    folded_to: int | None
    problem: str | None


def pending(connection: Driver) -> list[Pending]:
    """The versions by which history is being counted again."""
    cursor = connection.execute(
        "SELECT rule, version, phase, remade_from, matched_to, read, folded_to, problem "
        "FROM rule_version WHERE phase <> 'done' ORDER BY rule, version"
    )
    return [Pending(*row) for row in cursor]


SAVED_SECONDS, SAVED_AT_ONCE = 1.0, 50
"""How often it is remembered how far counting again has come, for each so many versions, as a row of each is written.

What is done twice because a crash came before it is the same.
"""


def pause(versions: Sequence[Pending]) -> float:
    """Seconds until it is remembered again how far these versions are."""
    return SAVED_SECONDS * max(1.0, len(versions) / SAVED_AT_ONCE)


def since(versions: Sequence[Pending]) -> datetime | None:
    """The moment before which statements need not be read again by any of these versions; None: all are read."""
    begins = [one.remade_from for one in versions]
    return None if None in begins else min(begin for begin in begins if begin is not None)


def matched(connection: Driver, versions: Sequence[Pending], to: UUID, read: int) -> None:
    """Remembers the last statement that these versions have been matched with, and how many have been read."""
    connection.execute(
        "UPDATE rule_version v SET matched_to = %b, read = %b "
        "FROM unnest(%b::int[], %b::int[]) AS done (rule, version) "
        "WHERE v.rule = done.rule AND v.version = done.version",
        [to, read, [one.number for one in versions], [one.version for one in versions]],
    )


def folded(connection: Driver, versions: Sequence[Pending], to: int, read: int | None = None) -> None:
    """Remembers the last learner that has been counted by these versions, and how many statements have been read."""
    connection.execute(
        "UPDATE rule_version v SET folded_to = %b, read = coalesce(%b, read) "
        "FROM unnest(%b::int[], %b::int[]) AS done (rule, version) "
        "WHERE v.rule = done.rule AND v.version = done.version",
        [to, read, [one.number for one in versions], [one.version for one in versions]],
    )


def stop(connection: Driver, number: int, problem: str) -> None:
    """Lets history be counted again no more by the versions of a rule by which it was, until somebody tries again."""
    connection.execute(
        "UPDATE rule_version SET problem = coalesce(problem, %b) WHERE rule = %b AND phase <> 'done'",
        [problem.replace("\0", "␀")[:2000], number],
    )


def try_again(connection: Driver, numbers: Sequence[int] | None = None) -> None:
    """Lets history be counted again by versions that were stopped, of all rules or those with these numbers."""
    connection.execute(
        "UPDATE rule_version SET problem = NULL, folded_to = NULL "
        "WHERE problem IS NOT NULL AND (%b::int[] IS NULL OR rule = ANY(%b::int[]))",
        [numbers, numbers],
    )


def enter(connection: Driver, versions: Sequence[Pending], phase: str, generation: int) -> bool:
    """Lets these versions enter a phase of being counted again; nobody is half way through a batch then.

    False, and nothing is done, if other rules are in force than those of this generation.
    """
    alone(connection)
    same = connection.execute("UPDATE ruleset SET generation = generation + 1 WHERE generation = %b", [generation])
    if same.rowcount == 0:
        return False
    connection.execute(
        "UPDATE rule_version v SET phase = %b, folded_to = NULL "
        "FROM unnest(%b::int[], %b::int[]) AS done (rule, version) "
        "WHERE v.rule = done.rule AND v.version = done.version AND phase <> 'done'",
        [phase, [one.number for one in versions], [one.version for one in versions]],
    )
    if phase == "folding":
        put_in_force(connection, sorted({one.number for one in versions}))
    return True


def put_in_force(connection: Driver, numbers: Sequence[int]) -> None:
    """Puts versions of these rules in force whose matches have been made, and forgets what they take the place of."""
    connection.execute(
        "UPDATE rule_version SET making = remaking, remaking = NULL, matched_to = NULL "
        "WHERE rule = ANY(%b) AND phase = 'folding' AND remaking IS NOT NULL",
        [list(numbers)],
    )
    for table in ("fold", "entrant"):
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE rule = ANY(%b)").format(sql.Identifier(table)), [list(numbers)]
        )
    for version in newest(connection, list(numbers)):
        kept = [making for one in (*version.lives, *version.made) for making in (one.making, one.remaking)]
        for table in ("match", "match_pair"):
            connection.execute(
                sql.SQL("DELETE FROM {} WHERE rule = %b AND making <> ALL(%b::int[])").format(sql.Identifier(table)),
                [version.number, [making for making in kept if making is not None]],
            )
