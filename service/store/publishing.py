"""Changing what is in force: publishing versions of rules and retiring them, together with the documents beside them.

A change is written down and noted in one transaction, alone with the ruleset; counting history again follows, in
`service.replay`. Whatever was published stays: to go back to an earlier version is to publish it once more.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from service.core import evaluate, language, rulebook
from service.core.matching import matcher
from service.core.places import Problem
from service.core.rule import First, Rule
from service.core.rule_document import BY_HAND
from service.core.rulebook import Stored
from service.core.strata import Strata, circles, reads_awards
from service.core.versions import lives
from service.errors import Refusal
from service.store import audit, rules, scoring
from service.store.audit import By
from service.store.documents import Documents, Name, put_documents, remove_documents
from service.store.engine import Driver
from service.store.rules import Version, in_force
from service.store.scoring import Counted

Since = datetime | Literal["now", "beginning"]
"""From when on a version gives: from now on, since a moment, or since the first statement."""
Origin = Literal["directory", "api"]
FROM_THE_BEGINNING = ", from the beginning: what it gives is decided by all of history"


def apply(
    connection: Driver,
    documents: Documents,
    zone: ZoneInfo | None,
    *,
    since: Since = "beginning",
    ends: Since = "now",
    by: By = "",
    api: Collection[Name] = (),
) -> list[str]:
    """Puts these documents in force as a whole, in the caller's transaction; answers what changed, a line each.

    zone: the service's own, for days where neither rule nor learner says otherwise; None: the one in force stays.
    since: from when on versions of rules that changed give. ends: from when on rules of the directory give no more that
    are not among the documents any longer, or are drafts now; what they gave before they keep. Now is the moment that
    the database's clock has when no drain is at work any more. api: which documents were edited through the API.
    """
    now = rules.alone(connection)
    moved = _move(connection, zone)
    changed = [*_apply_rules(connection, documents, moment(since, now), moment(ends, now), by, api)]
    changed += [*put_documents(connection, documents, by, api), *remove_documents(connection, documents, by)]
    if moved:
        changed.append(f"time zone {moved}: every rule is counted again")
    finish(connection, bool(changed))
    return changed


class Merged(NamedTuple):
    """A directory together with what was edited through the API.

    api: what of it is as it was edited. conflicts: what the directory says otherwise, and whether it was taken away.
    """

    documents: language.Documents
    problems: list[Problem]
    api: frozenset[Name] = frozenset()
    conflicts: Mapping[Name, bool] = MappingProxyType({})


def merged(connection: Driver, documents: language.Documents, overwrite: bool = False) -> Merged:
    """The documents of a directory with those that were edited through the API in their places.

    overwrite: the directory has the last word where both have one.
    """
    stored = {(one.kind, one.name): one for one in rules.stored(connection)}
    edited = {name: stored.get(name, Stored(*name, "")) for name in sorted(edited_names(connection))}
    conflicts = {
        name: not one.text
        for name, one in edited.items()
        if name in documents.text
        and (documents.text[name].strip(), documents.files.get(name, ())) != (one.text.strip(), one.files)
    }
    kept = {name: one for name, one in edited.items() if not (overwrite and name in documents.text)}
    if not kept:
        return Merged(documents, [], conflicts=conflicts)
    own = {name: Stored(*name, text, documents.files.get(name, ())) for name, text in documents.text.items()}
    gone = {name: one for name, one in stored.items() if not one.text}
    there = {name: one for name, one in {**own, **kept}.items() if one.text}
    found, problems = rulebook.amended({**gone, **there}.values())
    text = {**found.text, **{name: one.text for name, one in kept.items() if one.text}}
    return Merged(dataclasses.replace(found, text=text), problems, frozenset(kept), conflicts)


def edited_names(connection: Driver) -> set[Name]:
    """The documents that were edited through the API."""
    names = {("rule", name) for name, origin in origin_of_rules(connection).items() if origin == "api"}
    cursor = connection.execute(
        "SELECT kind, name FROM document WHERE origin = 'api' UNION SELECT kind, name FROM document_removed"
    )
    return names | set(cursor.fetchall())


def finish(connection: Driver, changed: bool) -> None:
    """What every change ends with: boards that count by something else now, and a new generation."""
    _apply_boards(connection)
    if changed:
        _readers_again(connection)
        connection.execute("UPDATE ruleset SET generation = generation + 1")


def _readers_again(connection: Driver) -> None:
    """Has everything that reads what changed rules give evaluated again; refuses rules that would wait for each other.

    The rules directory alone has no circle, but with rules that were retired and keep what they gave there may be one.
    """
    versions = list(rules.newest(connection))
    for circle in circles([version.rule for version in versions]):
        raise Refusal(
            f"The rules {', '.join(circle)} would need what the others of them give, some of them being retired ones"
            " that keep what they gave: give another badge or currency."
        )
    strata = Strata([version.rule for version in versions])
    readers = strata.reading(version.rule.name for version in versions if version.phase != "done")
    connection.execute(
        "UPDATE rule_version v SET phase = 'folding', folded_to = NULL FROM rule "
        "WHERE rule.id = v.rule AND rule.name = ANY(%b) AND v.phase = 'done' "
        "AND v.version = (SELECT max(version) FROM rule_version w WHERE w.rule = v.rule)",
        [sorted(readers)],
    )


def moment(since: Since, now: datetime) -> datetime | None:
    if isinstance(since, datetime):
        return since
    return now if since == "now" else None


def _move(connection: Driver, zone: ZoneInfo | None) -> str | None:
    """Puts the service's zone in force; its name, if it is another than before."""
    zone = zone or in_force(connection).zone
    connection.execute("INSERT INTO ruleset (id, time_zone) VALUES (1, %b) ON CONFLICT DO NOTHING", [zone.key])
    moved = connection.execute(
        "UPDATE ruleset SET time_zone = %b WHERE time_zone <> %b RETURNING id", [zone.key, zone.key]
    ).fetchone()
    if moved is None:
        return None
    recount(connection)
    return zone.key


# --- rules ----------------------------------------------------------------------------------------------------------


def _apply_rules(
    connection: Driver,
    documents: Documents,
    since: datetime | None,
    ends: datetime | None,
    by: By,
    api: Collection[Name],
) -> Iterable[str]:
    known = {version.rule.name: version for version in rules.newest(connection)}
    origins = origin_of_rules(connection)
    for rule in documents.rules:
        before, text = known.pop(rule.name, None), documents.text["rule", rule.name]
        origin: Origin = "api" if ("rule", rule.name) in api else "directory"
        if before is not None and not _taken_away(connection, before) and before.rule == rule:
            _put_text(connection, before, text, origin)
        elif before is not None and rule.status in ("draft", "retired"):
            yield from _end(connection, before, rule, text, ends, by, origin)
        else:
            yield publish(connection, rule, text, since, by, origin)
    for name, before in known.items():
        if origins[name] == "directory" and not name.startswith(BY_HAND):  # no folder holds these
            yield from _end(connection, before, retired(before.rule), "", ends, by, "directory")


def _end(
    connection: Driver, before: Version, rule: Rule, text: str, ends: datetime | None, by: By, origin: Origin
) -> Iterable[str]:
    """Ends a rule's life; one that gives nothing anyhow is only written down again."""
    if before.rule.status in ("draft", "retired"):
        if before.rule != rule and text:
            yield publish(connection, rule, text, ends, by, origin)
        return
    publish(connection, rule, text, ends, by, origin, did="retired")
    yield f"rule {rule.name}: retired, keeps what it gave"


def retired(rule: Rule) -> Rule:
    """The rule as it gives nothing any more."""
    return msgspec.structs.replace(rule, status="retired")


def publish(
    connection: Driver,
    rule: Rule,
    text: str,
    since: datetime | None,
    by: By,
    origin: Origin = "api",
    did: str = "published",
    remark: str | None = None,
) -> str:
    """Writes a new version down; answers what it is. Belongs between `rules.alone` and `finish`.

    text: as its author wrote it; nothing, if the rule was taken away. since: when its life begins; None: with the first
    statement, as it always does where rules are `undivided`. If there is history, it is counted again; what was in
    force stays so until the matches have been made.
    """
    row = connection.execute(
        "INSERT INTO rule (name) VALUES (%b) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
        [rule.name],
    ).fetchone()
    assert row is not None
    number, gives, history = row[0], rule.status in ("live", "trial"), _any_history(connection)
    whole = gives and since is not None and undivided(connection, rule)
    since = None if whole else since
    version, making = connection.execute(  # type: ignore[misc]
        "SELECT coalesce(max(version), 0) + 1, coalesce(max(greatest(making, remaking)), 0) + 1 "
        "FROM rule_version WHERE rule = %b",
        [number],
    ).fetchone()
    phase = ("matching" if gives else "folding") if history else "done"
    connection.execute(
        "INSERT INTO rule_version "
        "(rule, version, text, resolved, applied_by, origin, since, making, remaking, remade_from, phase) "
        "VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)",
        [
            *(number, version, text, msgspec.json.encode(rule), by, origin, since),
            *((None, making) if phase == "matching" else (making, None)),
            *(since if not gives or not evaluate.remembers(rule) else None, phase),
        ],
    )
    _supersede(connection, number)
    rules.try_again(connection, [number])
    if phase == "folding":
        rules.put_in_force(connection, [number])
    audit.note(connection, by, did, "rule", rule.name, version, since, remark)
    return f"rule {rule.name}: version {version}" + (FROM_THE_BEGINNING if whole else "")


def undivided(connection: Driver, rule: Rule) -> bool:
    """Whether versions cannot take turns, because what one learner gets is decided by what others have done or got."""
    cursor = connection.execute("SELECT id FROM rule WHERE name = %b", [rule.name])
    lives = [life.rule for one in rules.newest(connection, [number for (number,) in cursor]) for life in one.lives]
    return any(_of_many(one) or reads_awards(one) for one in (rule, *lives))


def _of_many(rule: Rule) -> bool:
    """Whether what one learner gets is decided by what others have done."""
    return isinstance(rule.kind, First) or matcher(rule).swapped is not None


def put_by_hand(connection: Driver, rule: Rule, text: str) -> None:
    """Puts a rule in force that gives what is decided by hand, unless it is. Nothing can have matched it before."""
    number = rules.number_of(connection, rule.name)
    before = next(iter(rules.newest(connection, [number])), None) if number is not None else None
    if before is None or not before.gives or before.rule != rule:
        rules.alone(connection)
        connection.execute("INSERT INTO ruleset (id) VALUES (1) ON CONFLICT DO NOTHING")
        publish(connection, rule, text, None, "by hand", "directory")
        connection.execute(
            "UPDATE rule_version SET making = coalesce(making, remaking), remaking = NULL, phase = 'done' "
            "WHERE rule = (SELECT id FROM rule WHERE name = %b) AND phase = 'matching'",
            [rule.name],
        )
        connection.execute("UPDATE ruleset SET generation = generation + 1")


def _any_history(connection: Driver) -> bool:
    return connection.execute("SELECT FROM statement LIMIT 1").fetchone() is not None


def _supersede(connection: Driver, number: int) -> None:
    """Stops making the matches of versions that have no life left."""
    rows = connection.execute("SELECT version, since FROM rule_version WHERE rule = %b ORDER BY version", [number])
    versions = rows.fetchall()
    spans = lives([since for _, since in versions])
    dead = [version for (version, _), life in zip(versions, spans, strict=True) if life.empty]
    connection.execute(
        "UPDATE rule_version SET phase = 'done', remaking = NULL WHERE rule = %b AND version = ANY(%b) "
        "AND phase IN ('comparing', 'matching')",
        [number, dead],
    )


def _taken_away(connection: Driver, version: Version) -> bool:
    return rules.text_of(connection, version) == ""


def _put_text(connection: Driver, version: Version, text: str, origin: Origin) -> bool:
    """Writes down a text of the same meaning; answers whether it is another, or from elsewhere."""
    put = connection.execute(
        "UPDATE rule_version SET text = %b, origin = %b WHERE rule = %b AND version = %b "
        "AND (text, origin) IS DISTINCT FROM (%b, %b)",
        [text, origin, version.number, version.version, text, origin],
    )
    return put.rowcount > 0


def rewrite(connection: Driver, version: Version, text: str, by: By) -> None:
    """Keeps another text of the same meaning: comments, and the order of keys."""
    if _put_text(connection, version, text, "api"):
        audit.note(connection, by, "rewritten", "rule", version.rule.name, version.version)


def origin_of_rules(connection: Driver) -> dict[str, str]:
    """Where the newest version of each rule is from, by the rule's name."""
    cursor = connection.execute(
        "SELECT DISTINCT ON (rule) name, origin FROM rule_version JOIN rule ON rule.id = rule_version.rule "
        "ORDER BY rule, version DESC"
    )
    return dict(cursor.fetchall())


def recount(connection: Driver, numbers: Sequence[int] | None = None, since: datetime | None = None) -> list[str]:
    """Lets history be counted again by all rules, or those with these numbers, while what is booked stands.

    since: what happened before need not be read again. Answers the names of the rules.
    """
    if not _any_history(connection):
        return []
    again = [version for version in rules.newest(connection, numbers) if version.lives or version.made]
    for version in again:
        each = {one.version: one for one in (*version.lives, *version.made)}
        top = max(max(one.making or 0, one.remaking or 0) for one in each.values())
        alone = not any(_of_many(one.rule) for one in each.values())
        for place, one in enumerate(each.values(), 1):
            compared = alone and one.making is not None
            connection.execute(
                "UPDATE rule_version SET remaking = %b, phase = %b, remade_from = %b, matched_to = NULL, read = 0, "
                "folded_to = NULL WHERE rule = %b AND version = %b",
                [
                    *((None, "comparing", since) if compared else (top + place, "matching", None)),
                    *(one.number, one.version),
                ],
            )
    return [version.rule.name for version in again]


# --- boards ---------------------------------------------------------------------------------------------------------


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
