"""The rules in force: versions of rules, achievements, boards; and the one number that grows when any of it changes.

Drains hold the lock of the ruleset shared, whoever changes it holds it alone; so a drain works from beginning to end
with the rules it has loaded, and a change finds nobody half way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

import msgspec
from psycopg import sql

from service.core.achievement import Achievement
from service.core.rule import Board, Levels, Rule
from service.core.rulebook import Stored
from service.core.strata import Strata, circles
from service.errors import Refusal
from service.store import achievements, scoring
from service.store.engine import Driver
from service.store.scoring import Counted

BY_HAND = "by-hand-"
"""What the names of rules start with that give what somebody decides."""
LOCK = 7_351_001
"""Number of the advisory lock of the ruleset."""


class Version(NamedTuple):
    """A version of a rule that is evaluated.

    until: when the rule was retired. phase: how far history has been counted again: matching, folding, done.
    """

    number: int
    version: int
    rule: Rule
    since: datetime | None
    until: datetime | None
    phase: str


class Ruleset(NamedTuple):
    """What is in force, with the generation it is."""

    generation: int
    zone: ZoneInfo
    versions: tuple[Version, ...]
    boards: tuple[Counted, ...]


class Documents(Protocol):
    """What `service.core.language.load` reads from a rules directory, as far as the store keeps it."""

    @property
    def rules(self) -> Sequence[Rule]: ...
    @property
    def achievements(self) -> Sequence[Achievement]: ...
    @property
    def boards(self) -> Sequence[Board]: ...
    @property
    def levels(self) -> Sequence[Levels]: ...
    @property
    def text(self) -> Mapping[tuple[str, str], str]: ...
    @property
    def images(self) -> Mapping[str, tuple[bytes, str]]: ...


def share(connection: Driver) -> int:
    """Keeps the ruleset as it is until the transaction ends; answers its generation."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%b)", [LOCK])
    row = connection.execute("SELECT generation FROM ruleset").fetchone()
    return row[0] if row else 0


def in_force(connection: Driver) -> Ruleset:
    """The latest version of every rule that is evaluated, and the boards."""
    row = connection.execute("SELECT generation, time_zone FROM ruleset").fetchone()
    generation, zone = (row[0], ZoneInfo(row[1])) if row else (0, ZoneInfo("UTC"))
    versions = tuple(_versions(connection))
    return Ruleset(generation, zone, versions, tuple(_boards(connection, versions, zone)))


def _versions(connection: Driver) -> Iterable[Version]:
    decode = msgspec.json.Decoder(Rule).decode
    for number, version, resolved, since, until, phase in connection.execute(
        "SELECT DISTINCT ON (rule) rule, version, resolved, since, until, phase FROM rule_version "
        "ORDER BY rule, version DESC"
    ):
        yield Version(number, version, decode(resolved), since, until, phase)


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


def any_with_needs(connection: Driver) -> bool:
    """Whether there is a rule with needs."""
    row = connection.execute(
        "SELECT EXISTS (SELECT FROM rule_version "
        "WHERE convert_from(resolved, 'UTF8')::jsonb #>> '{kind,type}' = 'needs')"
    ).fetchone()
    return bool(row and row[0])


def text_of(connection: Driver, version: Version) -> str:
    """A version of a rule as its author wrote it."""
    row = connection.execute(
        "SELECT text FROM rule_version WHERE rule = %b AND version = %b", [version.number, version.version]
    ).fetchone()
    return row[0] if row else ""


def stored(connection: Driver) -> list[Stored]:
    """The documents in force as their authors wrote them, for `service.core.rulebook`."""
    found = connection.execute(
        "SELECT 'rule', rule.name, v.text, NULL, NULL FROM rule JOIN LATERAL (SELECT text, until FROM rule_version "
        "WHERE rule = rule.id ORDER BY version DESC LIMIT 1) v ON v.until IS NULL UNION ALL "
        "SELECT kind, name, text, convert_from(resolved, 'UTF8')::jsonb ->> 'image', image FROM document ORDER BY 1, 2",
        binary=True,
    )
    return [
        Stored(kind, name, text, (path, image) if path and image else None) for kind, name, text, path, image in found
    ]


# --- changing what is in force ------------------------------------------------------------------------------------


def apply(connection: Driver, documents: Documents, zone: ZoneInfo | None) -> list[str]:
    """Puts these documents in force as a whole, in the caller's transaction; answers what changed, a line each.

    zone: the service's own, for days where neither rule nor learner says otherwise; None: the one in force stays.
    A rule that changed becomes a new version and is counted again over all history. One that is not among the documents
    any more, or is a draft now, is retired: it keeps what it gave. It ends at the moment that the database's clock has
    when no drain is at work any more, and is folded again, in case something of a later moment has been evaluated.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%b)", [LOCK])
    row = connection.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    zone = zone or in_force(connection).zone
    connection.execute("INSERT INTO ruleset (id, time_zone) VALUES (1, %b) ON CONFLICT DO NOTHING", [zone.key])
    moved = connection.execute(
        "UPDATE ruleset SET time_zone = %b WHERE time_zone <> %b RETURNING id", [zone.key, zone.key]
    ).fetchone()
    changed_rules = list(_apply_rules(connection, documents, row[0]))
    changed = [*changed_rules, *_apply_others(connection, documents)]
    if changed_rules:
        _readers_again(connection)
    if moved:
        connection.execute(
            "UPDATE rule_version SET phase = 'matching' "
            "WHERE (rule, version) IN (SELECT rule, max(version) FROM rule_version GROUP BY rule)"
        )
        changed.append(f"time zone {zone.key}: every rule is counted again")
    _apply_boards(connection)
    if changed:
        forget(connection)
        connection.execute("UPDATE ruleset SET generation = generation + 1")
    return changed


def _apply_rules(connection: Driver, documents: Documents, now: datetime) -> Iterable[str]:
    known = {version.rule.name: version for version in _versions(connection)}
    history = connection.execute("SELECT FROM statement LIMIT 1").fetchone() is not None
    for rule in documents.rules:
        before = known.pop(rule.name, None)
        if rule.status in ("draft", "retired"):
            yield from _retire(connection, before, now, history)
        elif before is None or before.until is not None or before.rule != rule:
            yield _put_version(
                connection, rule, documents.text["rule", rule.name], before, "matching" if history else "done"
            )
        else:
            _put_text(connection, before, documents.text["rule", rule.name])
    for before in known.values():
        if not before.rule.name.startswith(BY_HAND):  # no folder holds them; they stand by decisions
            yield from _retire(connection, before, now, history)


def put_by_hand(connection: Driver, rule: Rule, text: str) -> None:
    """Puts a rule in force that gives what is decided by hand, unless it is. Nothing can have matched it before."""
    known = {version.rule.name: version for version in _versions(connection)}
    before = known.get(rule.name)
    if before is None or before.until is not None or before.rule != rule:
        connection.execute("SELECT pg_advisory_xact_lock(%b)", [LOCK])
        connection.execute("INSERT INTO ruleset (id) VALUES (1) ON CONFLICT DO NOTHING")
        _put_version(connection, rule, text, before, "done" if before is None else "matching")
        connection.execute("UPDATE ruleset SET generation = generation + 1")


def _put_version(connection: Driver, rule: Rule, text: str, before: Version | None, phase: str) -> str:
    version = before.version + 1 if before else 1
    row = connection.execute(
        "INSERT INTO rule (name) VALUES (%b) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        [rule.name],
    ).fetchone()
    assert row is not None
    connection.execute("UPDATE rule_version SET phase = 'done' WHERE rule = %b", [row[0]])
    connection.execute(
        "INSERT INTO rule_version (rule, version, text, resolved, phase) VALUES (%b, %b, %b, %b, %b)",
        [row[0], version, text, msgspec.json.encode(rule), phase],
    )
    return f"rule {rule.name}: version {version}"


def _put_text(connection: Driver, version: Version, text: str) -> None:
    connection.execute(
        "UPDATE rule_version SET text = %b WHERE rule = %b AND version = %b AND text <> %b",
        [text, version.number, version.version, text],
    )


def _readers_again(connection: Driver) -> None:
    """Has everything that reads what changed rules give evaluated again; refuses rules that would wait for each other.

    The rules directory alone has no circle, but with rules that were retired and keep what they gave there may be one.
    """
    versions = list(_versions(connection))
    for circle in circles([version.rule for version in versions]):
        raise Refusal(
            f"The rules {', '.join(circle)} would need what the others of them give, some of them being retired ones"
            " that keep what they gave: give another badge or currency."
        )
    strata = Strata([version.rule for version in versions])
    readers = strata.reading(version.rule.name for version in versions if version.phase != "done")
    connection.execute(
        "UPDATE rule_version v SET phase = 'folding' FROM rule WHERE rule.id = v.rule AND rule.name = ANY(%b) "
        "AND v.phase = 'done' AND v.version = (SELECT max(version) FROM rule_version w WHERE w.rule = v.rule)",
        [sorted(readers)],
    )


def _retire(connection: Driver, version: Version | None, now: datetime, history: bool) -> Iterable[str]:
    if version is not None and version.until is None:
        connection.execute(
            "UPDATE rule_version SET until = %b, phase = CASE WHEN %b AND phase = 'done' THEN 'folding' ELSE phase END "
            "WHERE rule = %b AND version = %b",
            [now, history, version.number, version.version],
        )
        yield f"rule {version.rule.name}: retired, keeps what it gave"


def _apply_others(connection: Driver, documents: Documents) -> Iterable[str]:
    named: list[tuple[str, str, Achievement | Board | Levels | None]] = [
        *(("achievement", one.name, one) for one in documents.achievements),
        *(("board", one.name, one) for one in documents.boards),
        *(("levels", one.name, one) for one in documents.levels),
        *((kind, name, None) for kind, name in documents.text if kind == "vocabulary"),
    ]
    for kind, name, one in named:
        image, image_type = documents.images.get(name, (None, None)) if kind == "achievement" else (None, None)
        if connection.execute(
            "INSERT INTO document AS old (kind, name, text, resolved, image, image_type) "
            "VALUES (%b, %b, %b, %b, %b, %b) "
            "ON CONFLICT (kind, name) DO UPDATE SET text = excluded.text, resolved = excluded.resolved, "
            "image = excluded.image, image_type = excluded.image_type, applied = now() "
            "WHERE (old.text, old.resolved, old.image) "
            "IS DISTINCT FROM (excluded.text, excluded.resolved, excluded.image) "
            "RETURNING name",
            [kind, name, documents.text[kind, name], msgspec.json.encode(one), image, image_type],
        ).fetchone():
            yield f"{kind} {name}"
    for one in documents.achievements:
        achievements.keep(connection, one, documents.images.get(one.name))
    for kind in ("board", "levels", "vocabulary"):
        gone = connection.execute(
            "DELETE FROM document WHERE kind = %b AND name <> ALL(%b::text[]) RETURNING name",
            [kind, [name for one, name in documents.text if one == kind]],
        ).fetchall()
        yield from (f"{kind} {name}: removed" for (name,) in gone)


def _apply_boards(connection: Driver) -> None:
    """Gives new boards their numbers, and counts the scores of those again that count by something else now.

    What a board counts by is kept with the generation it was counted in. So it is never the same again once a board was
    another in between, or none, and boards in Redis that were made before are known to be old.
    """
    connection.execute("INSERT INTO board (name) SELECT name FROM document WHERE kind = 'board' ON CONFLICT DO NOTHING")
    connection.execute(
        "UPDATE board SET signature = '' WHERE name NOT IN (SELECT name FROM document WHERE kind = 'board')"
    )
    signed = dict(connection.execute("SELECT id, signature FROM board").fetchall())
    ruleset = in_force(connection)
    other = [one for one in ruleset.boards if signed[one.number].partition(": ")[2] != _counted_by(one)]
    if other:
        scoring.replace(connection, other)
    for counted in other:
        signature = f"{ruleset.generation}: {_counted_by(counted)}"
        connection.execute("UPDATE board SET signature = %b WHERE id = %b", [signature, counted.number])


def _counted_by(counted: Counted) -> str:
    """What the scores of a board and their ranks depend on beside the ledger."""
    board = counted.board
    rules = "all" if counted.rules is None else " ".join(map(str, sorted(counted.rules)))
    return f"{board.points} {board.period} {counted.zone.key} {board.ties} {board.who} {rules}"


def forget(connection: Driver) -> None:
    """Throws away matches and folds of rules that are to be counted again from the first statement."""
    for table in ("match", "fold", "entrant", "match_pair"):
        connection.execute(
            sql.SQL("DELETE FROM {} WHERE rule IN (SELECT rule FROM rule_version WHERE phase = 'matching')").format(
                sql.Identifier(table)
            )
        )


def pending(connection: Driver) -> list[tuple[int, str]]:
    """The rules that are being counted again, with their phase."""
    return connection.execute("SELECT rule, phase FROM rule_version WHERE phase <> 'done' ORDER BY rule").fetchall()


def enter(connection: Driver, numbers: Sequence[int], phase: str, generation: int) -> bool:
    """Lets these rules enter a phase of being counted again; nobody is half way through a batch then.

    False, and nothing is done, if other rules are in force than those of this generation.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%b)", [LOCK])
    same = connection.execute("UPDATE ruleset SET generation = generation + 1 WHERE generation = %b", [generation])
    if same.rowcount == 0:
        return False
    connection.execute(
        "UPDATE rule_version SET phase = %b WHERE rule = ANY(%b) AND phase <> 'done'", [phase, list(numbers)]
    )
    return True
