"""How long a preview takes and how much memory, on a history that has been evaluated by a thousand rules."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from typing import NamedTuple

from sqlalchemy import Engine

from service.core.language import load
from service.core.statement import read
from service.preview import Wanted, preview
from service.replay import catch_up
from service.store import identity, intake
from service.store.engine import driver, engine
from service.store.intake import Row
from service.world import parts
from tests.bench import workload

AT_ONCE = 5000
EDITS = {
    "one of them gives more": "{when}give: {{points: 25}}\n",
    "one of them counts something else": "{when}count: {{reach: 2, repeat: true}}\ngive: {{points: 25}}\n",
    "a rule for every statement": "when: {{verb: completed}}\nlimit: [{{points: 50, per: day}}]\ngive: {{points: 5}}\n",
}
"""What is previewed: the conditions stay; one course's statements are sought; every statement fulfils the rule."""


class Measured(NamedTuple):
    """What one preview took. megabytes: the most that its process ever had."""

    name: str
    seconds: float
    megabytes: float
    gained: int


def fill(database: Engine, statements: int, rules: int) -> float:
    """Stores so many statements and evaluates them by the rules that have been applied; how many seconds that took."""
    began = time.perf_counter()
    for seed in range(1, statements // AT_ONCE + 1):
        _store(database, workload.statements(AT_ONCE, rules, seed=seed))
    with database.begin() as connection:
        driver(connection).execute("UPDATE rule_version SET phase = 'matching'")
    catch_up(database, lambda _: None)
    return time.perf_counter() - began


def _store(database: Engine, raws: list[bytes]) -> None:
    """Stores statements as if they had been evaluated, with everybody in them known."""
    now = datetime.now(UTC)
    facts = [(read(raw, now), raw) for raw in raws]
    with database.begin() as connection:
        beneath = driver(connection)
        intake.store(beneath, [Row(fact.id, 1, fact.happened, now, raw, None) for fact, raw in facts])
        beneath.execute("DELETE FROM inbox")
        identity.learners(beneath, {part.key: part.agent for part in parts(fact for fact, _ in facts)})


def measured(address: str, rules: int) -> Iterator[Measured]:
    """Each preview by a process of its own."""
    for name, edit in EDITS.items():
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            yield Measured(name, *pool.submit(_previewed, address, name, edit).result())


def _previewed(address: str, name: str, edit: str) -> tuple[float, float, int]:
    whole = name.startswith("a rule")
    number = 5  # of the first kind: every match gives
    when = f"when: {{verb: completed, object: {workload.COURSE.format(number)}}}\n"
    head = f"rule: {'everything' if whole else f'course-{number}'}\ntitle: T\nhow_to_earn: H\nstatus: live\n"
    written = (workload.VOCABULARY + "---\n" + head + edit.format(when=when)).encode()
    (rule,) = load([("rules.yaml", written)])[0].rules
    database, began = engine(address), time.perf_counter()
    report = preview(database, {rule.name: Wanted(rule)}, datetime.now(UTC))
    return time.perf_counter() - began, _megabytes(), report.gained.get("points", 0)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
