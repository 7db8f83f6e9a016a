"""How far a learner is towards the next award of each rule that they have begun."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from service.core import evaluate, kinds, windows
from service.core.rule import Count, Rule, Sum
from service.store import folds, rules
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
    found = []
    for version in rules.newest(connection, list(states)):
        if version.rule.status == "live" and version.lives:
            last = version.lives[-1]
            zone = windows.zone(last.rule.time_zone) if last.rule.time_zone else own
            setting = evaluate.setting(last.rule, zone, last.since, last.until, last.version)
            told = kinds.progress(setting, folds.decode(type(last.rule.kind), states[version.number]).kind, now)
            if told is not None:
                found.append(Progress(last.rule.name, *told, _period(last.rule, now, zone)))
    return sorted(found)


def _period(rule: Rule, now: datetime, zone: ZoneInfo) -> str | None:
    calendar = rule.kind.calendar if isinstance(rule.kind, (Count, Sum)) else None
    return windows.label(calendar, windows.index(calendar, now, zone)) if calendar else None
