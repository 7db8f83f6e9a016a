"""How far a learner is towards the next award of each rule that they have begun."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from service.core import evaluate, kinds, windows
from service.core.rule import Count, Rule, Sum
from service.store import folds
from service.store.engine import Driver


class Progress(NamedTuple):
    """`done` of `of`. period: the label of the calendar period it is counted in, if it is counted in one."""

    rule: str
    done: int
    of: int
    period: str | None


def of_learner(connection: Driver, learner: int, now: datetime) -> list[Progress]:
    """The progress of this learner as of `now`, by the live rules, in the order of their names."""
    states = folds.of_learner(connection, learner)
    row = connection.execute(
        "SELECT coalesce(l.time_zone, r.time_zone, 'UTC') FROM learner l LEFT JOIN ruleset r ON true WHERE l.id = %b",
        [learner],
    ).fetchone()
    own = windows.zone(row[0] if row else "UTC")
    versions = connection.execute(
        "SELECT DISTINCT ON (rule) rule, resolved, since, until FROM rule_version WHERE rule = ANY(%b) "
        "ORDER BY rule, version DESC",
        [list(states)],
    )
    found = []
    for number, resolved, since, until in versions.fetchall():
        rule = msgspec.json.decode(resolved, type=Rule)
        if rule.status == "live" and until is None:
            zone = windows.zone(rule.time_zone) if rule.time_zone else own
            setting = evaluate.setting(rule, zone, since, until)
            told = kinds.progress(setting, folds.decode(type(rule.kind), states[number]).kind, now)
            if told is not None:
                found.append(Progress(rule.name, *told, _period(rule, now, zone)))
    return sorted(found)


def _period(rule: Rule, now: datetime, zone: ZoneInfo) -> str | None:
    calendar = rule.kind.calendar if isinstance(rule.kind, (Count, Sum)) else None
    return windows.label(calendar, windows.index(calendar, now, zone)) if calendar else None
