"""What the pages about one learner say: who they are, what they have, and the lines of their ledger, newest first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, literal, select, update

from service.core.rule import Levels, Text
from service.store import identity
from service.store.engine import driver
from service.store.tables import document, entry, identifier, learner, rule, rule_version, total

CHOSEN = datetime(9999, 12, 31, tzinfo=UTC)
"""The event time of a name that somebody chose: no statement is ever newer."""


class Profile(NamedTuple):
    """A learner, and what they have of each currency."""

    id: int
    name: str | None
    time_zone: str | None
    opted_in: bool
    points: Mapping[str, int]


class Line(NamedTuple):
    """A line of the ledger with the name of its rule and the title that the rule had then."""

    id: int
    rule: str
    title: Text
    version: int
    unit: str
    amount: int
    happened: datetime
    booked: datetime
    reason: str | None
    statements: Sequence[Any]
    corrects: int | None


class _Titled(Struct):
    title: Text = ""


_title = msgspec.json.Decoder(_Titled).decode


def by_identifier(connection: Connection, key: str) -> int | None:
    """The learner that has this identifier key."""
    return connection.scalar(select(identifier.c.learner).where(identifier.c.key == key))


def person(connection: Connection, number: int) -> int:
    """By whom a learner goes, who may have been merged with another."""
    found = connection.scalar(select(learner.c.merged_into).where(learner.c.id == number))
    return number if found is None else int(found)


def profile(connection: Connection, number: int) -> Profile | None:
    """The learner of this number, if there is one."""
    told = (learner.c.id, learner.c.name, learner.c.time_zone, learner.c.opted_in)
    row = connection.execute(select(*told).where(learner.c.id == number, learner.c.erased.is_(None))).one_or_none()
    if row is None:
        return None
    amounts = select(total.c.unit, total.c.amount).where(total.c.learner == number, total.c.unit.not_like("badge:%"))
    points = {"points": 0} | {found.unit: found.amount for found in connection.execute(amounts.order_by(total.c.unit))}
    return Profile(*row, points)


class Reached(NamedTuple):
    """A learner's level: by which document, how many points of it they have, and where the next level begins."""

    levels: str
    currency: str
    level: int | None
    points: int
    next: int | None
    at: int | None


def levels(connection: Connection, points: Mapping[str, int]) -> list[Reached]:
    """The levels of somebody who has these points, by every `levels:` document, `default` first."""
    rows = connection.scalars(select(document.c.resolved).where(document.c.kind == "levels"))
    found = [msgspec.json.decode(resolved, type=Levels) for resolved in rows]
    return [_reached(one, points.get(one.points, 0)) for one in sorted(found, key=_default_first)]


def _default_first(levels: Levels) -> tuple[bool, str]:
    return levels.name != "default", levels.name


def _reached(levels: Levels, amount: int) -> Reached:
    level = levels.level(amount)
    ahead = next(((higher, least) for higher, least in levels.at if least > amount), (None, None))
    return Reached(levels.name, levels.points, level, amount, *ahead)


def lock(connection: Connection, number: int) -> Profile | None:
    """The learner of this number, locked until the transaction ends."""
    connection.execute(select(learner.c.id).where(learner.c.id == number).with_for_update())
    return profile(connection, number)


def change(connection: Connection, number: int, changes: Mapping[str, Any]) -> None:
    """Writes `time_zone`, `opted_in` or `name`. A chosen name stays; none is what statements say, from now on."""
    values = dict(changes)
    if "name" in values:
        values["name_happened"] = None if values["name"] is None else CHOSEN
    connection.execute(update(learner).where(learner.c.id == number).values(values))
    if values.get("name", "") is None:
        identity.name_again(driver(connection), [number])


def ledger(connection: Connection, number: int, limit: int, before: int | None) -> list[Line]:
    """Up to `limit` lines of a learner's ledger, the line booked last first; `before`: only lines older than that."""
    lines = (
        select(
            entry.c.id,
            rule.c.name,
            rule_version.c.resolved,
            *(entry.c[name] for name in ("version", "unit", "amount", "happened", "booked", "reason", "statements")),
            entry.c.corrects,
        )
        .join(rule, rule.c.id == entry.c.rule)
        .outerjoin(rule_version, (rule_version.c.rule == entry.c.rule) & (rule_version.c.version == entry.c.version))
        .where(entry.c.learner == number, literal(True) if before is None else entry.c.id < before)
        .order_by(entry.c.id.desc())
        .limit(limit)
    )
    return [
        Line(line, name, _title(resolved).title if resolved else "", *rest)
        for line, name, resolved, *rest in connection.execute(lines)
    ]
