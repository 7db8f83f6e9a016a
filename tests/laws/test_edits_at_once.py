"""Laws 4 and 5 with many at work: rules are edited while statements come, drains run side by side and connections die.

Whatever meets whatever, it ends where the same versions end that are published in a quiet hour over the same history.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import psycopg
import pytest
import yaml
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from service.drain import Drain
from service.patience import patiently
from service.replay import catch_up
from service.verify import verify
from tests.laws.breaking import Fuse, breaking
from tests.laws.effort import FACTOR
from tests.laws.histories import Scene, crowd
from tests.laws.instance import Instance
from tests.laws.oracle import Json
from tests.laws.test_at_once import at_once
from tests.laws.test_versions import publish

SEEDS = range(1, 2 * FACTOR + 1)
READING = """
rule: crown
when: null
needs: {all_of: [{badge: keen}, {points: 60}]}
give: {points: {stars: 3}, badge: crowned}
---
rule: gild
when: null
needs: {all_of: [{badge: crowned}, {statement: seen, when: {verb: completed}, after: last badge}]}
give: {points: {stars: 5}}
---
caps: daily
points: 40
per: day
over: all
"""
GIVE = [{"points": 4}, {"points": 13}, {"points": 9, "badge": "keen"}]
CHANGES: list[Json] = [
    *({"give": give} for give in GIVE),
    {"limit": [{"points": 20, "per": "week"}]},
    {"once_per": ["object"]},
    {"status": "trial"},
]


@dataclass(frozen=True)
class Edit:
    """All rules as they are from then on, and since when what is new among them gives, or ends."""

    scene: Scene
    since: datetime | None


def scene_and_edits(seed: int, statements: int, edits: int) -> tuple[Scene, list[Edit]]:
    """A crowd with rules of all kinds, and what becomes of them: changed, retired and rolled back, from some day."""
    chance, scene = random.Random(seed), crowd(seed, statements)
    common = {"title": "One of many", "how_to_earn": "By chance.", "status": "live"}
    reading = [common | one if "rule" in one else one for one in yaml.safe_load_all(READING)]
    reading = [{key: value for key, value in one.items() if value is not None} for one in reading]
    first = now = [*scene.rules, *reading]
    found = []
    for number in range(edits):
        place = chance.randrange(len(scene.rules))
        what = chance.choice(["change", "change", "change", "retire", "roll back"])
        if what == "change":
            other = first[place] | {"title": f"edit {number}"} | _fitting(first[place], chance)
            now = [one for one in now if one.get("rule") != other["rule"]] + [other]
        elif what == "retire":
            now = [one for one in now if one.get("rule") != first[place]["rule"] or place == 0]
        else:
            now = [one for one in now if one.get("rule") != first[place]["rule"]] + [first[place]]
        since = chance.choice([None, datetime.fromisoformat(f"2026-03-{chance.randrange(27, 32)}T12:00:00Z")])
        found.append(Edit(replace(scene, rules=now), since))
    return replace(scene, rules=first), found


def _fitting(rule: Json, chance: random.Random) -> Json:
    """A change that this kind of rule allows: what it gives is said by tiers in streaks, and is points in `best`."""
    change = chance.choice(CHANGES)
    return change if not ("give" in change and ({"streak", "best"} & rule.keys())) else {"status": "trial"}


@pytest.mark.parametrize("dying", [False, True], ids=["", "dying"])
@pytest.mark.parametrize("seed", SEEDS)
def test_rules_that_are_edited_while_drains_run_side_by_side(
    engine: Engine, database_url: str, seed: int, dying: bool
) -> None:
    scene, edits = scene_and_edits(seed, 120, 5)
    instance = Instance(engine).open(scene)
    work = Work(engine, database_url if dying else None)
    at_once(
        [
            lambda: work.send(instance, scene, random.Random(seed)),
            lambda: work.edit(edits),
            lambda: work.go_on(drained, random.Random(seed)),
            lambda: work.go_on(drained, random.Random(seed + 1)),
            lambda: work.go_on(counted, random.Random(seed + 2)),
        ]
    )
    finish(instance, engine)
    found = instance.standing()
    quiet = Instance(engine).open(scene)
    quiet.arrive(scene.deliveries)
    for one in edits:
        publish(engine, one.scene, one.since)
    finish(quiet, engine)
    assert found == quiet.standing()


class Work:
    """Everybody at work at the same moment. dying_at: of the database, where connections die that drain and count."""

    def __init__(self, engine: Engine, dying_at: str | None) -> None:
        self.engine, self.dying_at = engine, dying_at
        self.over = threading.Semaphore(0)

    def send(self, instance: Instance, scene: Scene, chance: random.Random) -> None:
        own = list(scene.deliveries)
        while own:
            size = chance.choice([1, 5, 20])
            instance.arrive(own[:size])
            own = own[size:]
        self.over.release()

    def edit(self, edits: list[Edit]) -> None:
        for one in edits:
            insisting(partial(publish, self.engine, one.scene, one.since))
            time.sleep(0.02)
        self.over.release()

    def go_on(self, act: Callable[[Engine], int], chance: random.Random) -> None:
        """Drains or counts until everything has come, where it is so on connections that die at random steps."""
        own = self.engine if self.dying_at is None else self._dying(self.dying_at, chance)
        idle = 0
        while idle < 2:
            done = insisting(lambda: act(own))
            idle = 0 if done or self.over._value < 2 else idle + 1
        if own is not self.engine:
            own.dispose()

    def _dying(self, url: str, chance: random.Random) -> Engine:
        fuse = Fuse(url)
        fuse.set([chance.randrange(5, 60) for _ in range(6)])
        return breaking(fuse)


def drained(engine: Engine) -> int:
    return patiently(Drain(engine), 17).statements


def counted(engine: Engine) -> int:
    return catch_up(engine, lambda _: None)


def insisting(act: Callable[[], int | None]) -> int | None:
    """What whoever edits does, and the queue: again until it is told that it is done."""
    for _ in range(100):
        with contextlib.suppress(psycopg.OperationalError, DBAPIError):
            return act()
    raise AssertionError("it never came through")


def finish(instance: Instance, engine: Engine) -> None:
    instance.drain()
    catch_up(engine, lambda _: None)
    assert instance.waiting() == 0
    assert verify(engine).differences == []
