"""How long a preview takes and how much memory, on a history that has been evaluated by a thousand rules."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from service.core.language import load
from service.preview import Wanted, preview
from service.store.engine import engine
from tests.bench import workload
from tests.bench.machine import Most

COURSE = f"rule: course-5\nwhen: {{verb: completed, object: {workload.COURSE.format(5)}}}\n"  # where every match gives
EVERY = "rule: everything\nwhen: {verb: completed}\nlimit: [{points: 50, per: day}]\n"
EDITS = {
    "one rule gives more": COURSE + "give: {points: 25}\n",
    "one counts something else": COURSE + "count: {reach: 2, repeat: true}\ngive: {points: 25}\n",
    "one is retired and takes all back": "",
    "one that is capped and needed gives": COURSE + "give: {points: {points: 10, stars: 5}}\n",
    "a new rule for every statement": EVERY + "give: {points: 5}\n",
    "the same, capped and needed": EVERY + "give: {points: {points: 5, stars: 5}}\n",
}
"""What is previewed: the conditions stay; one course's statements are sought; every statement fulfils the rule."""
READING = f"""rule: a-star
title: A star
how_to_earn: Complete course 7.
status: live
when: {{verb: completed, object: {workload.COURSE.format(7)}}}
give: {{points: {{stars: 1}}}}
---
rule: starry
title: Stars
how_to_earn: Have a hundred stars.
status: live
needs: {{all_of: [{{points: {{stars: 100}}}}]}}
give: {{points: {{moons: 1}}}}
---
caps: stars-a-week
points: {{stars: 20}}
per: week
over: all
"""


class Measured(NamedTuple):
    """What one preview took. megabytes: the most that its processes had together, as often as was looked."""

    name: str
    seconds: float
    megabytes: float
    told: str


def write_readers(directory: Path) -> None:
    """Adds to a rules directory what reads the awards that are previewed."""
    (directory / "readers.yaml").write_text(READING)


def measured(address: str) -> Iterator[Measured]:
    """Each preview by a process of its own."""
    for name in EDITS:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            yield Measured(name, *pool.submit(_previewed, address, name).result())


def _previewed(address: str, name: str) -> tuple[float, float, str]:
    written = f"{workload.VOCABULARY}---\n{EDITS[name]}title: T\nhow_to_earn: H\nstatus: live\n".encode()
    rules = load([("rules.yaml", written)])[0].rules if EDITS[name] else ()
    wanted = {rule.name: Wanted(rule) for rule in rules} or {"course-5": Wanted(None, takes_back=True)}
    database, began, most = engine(address), time.perf_counter(), Most()
    report = preview(database, wanted, datetime.now(UTC))
    changed = ", ".join(f"{amount:+,} {unit}" for some in (report.gained, report.lost) for unit, amount in some.items())
    return time.perf_counter() - began, most.mebibytes(), changed
