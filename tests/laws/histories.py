"""Random histories: what was delivered, late, repeated, voided before and after; and scenes: rules with a history."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from itertools import product
from typing import Any

import yaml
from hypothesis import strategies as st

from tests.laws.oracle import VOIDED, Delivery, Json, World, fact, is_void
from tests.laws.reading import reading
from tests.laws.rules import KINDS, plain_rules, rules
from tests.laws.stage import (
    ACTORS,
    ANN,
    ARTICLE,
    ASKED,
    BADGES,
    BOARDS,
    BOB,
    COMPLETED,
    COURSE,
    CROWNS,
    CY,
    FINISHED,
    HEALTH,
    LATER,
    LEARNERS,
    MODULE,
    ONBOARDING,
    ORIGINS,
    PARENTS,
    REGISTRATIONS,
    SAFETY,
    SHARED,
    SOURCES,
    STACKED,
    STEPS,
    TAGS,
    TEACHERS,
    TEAMS,
    THINGS,
    TYPES,
    VERBS,
    ZONES,
    Clock,
    group,
)
from tests.written import MICRO

# --- statements ------------------------------------------------------------------------------------------------------

# What is drawn together is drawn at once, from all combinations: a draw costs more than all that is done with it.

DOINGS = list(
    product(
        ACTORS,
        [COMPLETED] * 5 + [FINISHED, FINISHED, SHARED, ASKED],
        [*THINGS, *THINGS, BOB | {"objectType": "Agent"}, group(ANN, CY)],
        [COURSE, COURSE, MODULE, ARTICLE, None],
    )
)
"""Who did what to what, and of what type that was."""
RESULTS = [((None, None), None, None, None, None)] * 300 + list(
    product(
        [(None, None), (0.5, 5), (0.49, 7), (0.8, None), (1, 7.25), (-1, -2), (0.35, 0.1), (None, 0.2)],
        [None, "PT1M", "PT89.5S", "PT1H", "P1D"],
        [None, None, " ", "Yes.", "No, I would not."],
        [None, True, False],
        [None, True, False],
    )
)
"""Scaled and raw score, duration, response, success, completion."""
CONTEXTS = list(
    product(
        TEACHERS,
        [[], [], [], [SAFETY], [HEALTH, ONBOARDING], [ONBOARDING]],
        [None, None, *PARENTS],
        [None, None, PARENTS[0]],
        [None, None, *REGISTRATIONS],
    )
)
"""Instructor, categories, parent, grouping, registration."""
SURROUNDINGS: list[Json] = [
    {key: value for key, value in zip(("team", "platform", "language"), some, strict=True) if value}
    for some in product(TEAMS, [None, "Moodle", "web"], [None, "en", "en-GB"])
]
"""Who took part together, and where."""
ATTACHED = [False, False, True]
HOURS = 3600
PLACES = list(product(range(8), [0, 0, 0, 0, -1, 1, -47 * HOURS, HOURS // 2]))
"""How many steps from the origin, and how many seconds beside it."""
DELIVERINGS = list(product(range(4), ["later"] * 5 + ["early", "unstamped"], [SOURCES[0]] * 3 + [SOURCES[1]]))
"""How the timestamp is written, when the statement was stored, and who delivered it."""

Choose = Callable[[Sequence[Any]], Any]


def statement(choose: Choose, clock: Clock, number: int) -> Delivery:
    """One thing that happened; `number` makes its id, so that ids are not in the order of time."""
    actor, verb, thing, kind = choose(DOINGS)
    told: Json = {"id": statement_id(number), "actor": actor, "verb": {"id": verb}}
    told["object"] = {"id": thing} if isinstance(thing, str) else dict(thing)
    if kind and isinstance(thing, str):
        told["object"]["definition"] = {"type": kind}
    details = {"result": _result(*choose(RESULTS)), "context": _context(*choose(CONTEXTS)) | choose(SURROUNDINGS)}
    if choose(ATTACHED):
        told["attachments"] = [{"usageType": PARENTS[0]}]
    told |= {key: value for key, value in details.items() if value}
    happened = clock.moment(*choose(PLACES))
    form, stored, (source, capture) = choose(DELIVERINGS)
    if stored != "unstamped":
        told["timestamp"] = written(happened, form)
    received = LATER + timedelta(seconds=number) if stored == "later" else clock.moment(*choose(PLACES))
    return Delivery(told, received, source, capture)


def statement_id(number: int) -> str:
    return f"{number * 0x9E3779B1 % 2**32:08x}-0000-4000-8000-{number:012x}"


def written(moment: datetime, form: int) -> str:
    """One of the ways in which senders write a moment."""
    if form == 0:
        return moment.isoformat().replace("+00:00", "Z")
    if form == 1:
        return moment.isoformat(timespec="milliseconds")
    return moment.astimezone(timezone(timedelta(hours=-7 if form == 2 else 5, minutes=30))).isoformat()


def _result(
    score: tuple[float | None, float | None], duration: str | None, response: str | None, *answers: bool | None
) -> Json:
    numbers = {key: value for key, value in zip(("scaled", "raw"), score, strict=True) if value is not None}
    result: Json = {"score": numbers} if numbers else {}
    names = ("duration", "response", "success", "completion")
    for key, value in zip(names, (duration, response, *answers), strict=True):
        if value is not None:
            result[key] = value
    return result


def _context(
    teacher: Json | None, tags: list[str], parent: str | None, grouping: str | None, registration: str | None
) -> Json:
    around = {
        "category": [{"id": tag} for tag in tags],
        "parent": [{"id": parent}] if parent else [],
        "grouping": [{"id": grouping}] if grouping else [],
    }
    activities = {key: value for key, value in around.items() if value}
    context: Json = {"instructor": teacher, "registration": registration, "contextActivities": activities}
    return {key: value for key, value in context.items() if value}


def void(target: str, number: int, received: datetime = LATER, source: str = "default") -> Delivery:
    """A statement that takes `target` back; when it says it happened does not matter."""
    told = {
        "id": statement_id(number),
        "actor": CY,
        "verb": {"id": VOIDED},
        "object": {"objectType": "StatementRef", "id": target},
        "timestamp": "2024-06-01T00:00:00Z",
    }
    return Delivery(told, received, source, dict(SOURCES)[source])


# --- histories -------------------------------------------------------------------------------------------------------


def history(choose: Choose, clock: Clock, size: int, voids: int, repeats: int) -> list[Delivery]:
    """`size` statements, with so many voids (some of voids) and so many repeats, in no order."""
    told = [statement(choose, clock, number) for number in range(1, size + 1)]
    for number in range(size + 1, size + 1 + voids):
        target = choose(told)
        name = target.statement["id"]
        source = choose([target.source, target.source, target.source, "default", "form"])  # a stranger's void is none
        told.append(void(choose([name, name, name.upper()]), number, source=source))
    return told + [choose(told) for _ in range(repeats)]


@st.composite
def histories(draw: st.DrawFn, clock: Clock, most: int) -> list[Delivery]:
    """Deliveries in the order in which they arrived: in any order, or as things happened, with voids in between."""

    def choose(some: Sequence[Any]) -> Any:
        return some[draw(st.integers(0, len(some) - 1))]

    size = draw(st.one_of(st.integers(1, most), st.integers(most * 2 // 3, most)))
    voids, repeats = choose(list(product([0, 1, 2, 4, 7], [0, 0, 1, 3])))
    told = history(choose, clock, size, voids, repeats)
    if draw(st.booleans()):
        return draw(st.permutations(told))
    return sorted(told, key=lambda d: clock.moment(*choose(PLACES)) if is_void(d.statement) else fact("", d).happened)


# --- scenes ----------------------------------------------------------------------------------------------------------


class Dumper(yaml.CSafeDumper):
    """Writes equal values out each time."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def written_as_yaml(documents: list[Json]) -> str:
    return str(yaml.dump_all(documents, Dumper=Dumper, sort_keys=False))


SAID = {"description": "For laws.", "criteria": "By chance.", "micro_credential": MICRO}
WORDS = written_as_yaml(
    [
        {"vocabulary": "words", "verbs": VERBS, "types": TYPES, "tags": TAGS},
        *(SAID | {"achievement": n, "title": n} for n in (*BADGES, STACKED, *CROWNS)),
        *BOARDS,
    ]
)


@dataclass(frozen=True)
class Scene:
    """Rules, people with their zones, and a history in the order of its arrival."""

    rules: list[Json]
    deliveries: list[Delivery]
    world: World

    @property
    def text(self) -> str:
        """The rules as YAML, with the vocabulary, the achievements and the boards."""
        stated = [{key: value for key, value in rule.items() if key != "retired_at"} for rule in self.rules]
        return WORDS + "---\n" + written_as_yaml(stated)

    def with_rules(self, **more: Any) -> Scene:
        """The same with this said of every rule."""
        return replace(self, rules=[one | more if "rule" in one else one for one in self.rules])

    def without_caps(self) -> Scene:
        return replace(self, rules=[one for one in self.rules if "caps" not in one])

    def arriving(self, deliveries: Sequence[Delivery]) -> Scene:
        return replace(self, deliveries=list(deliveries))


clocks = st.builds(Clock, st.sampled_from(ZONES), st.sampled_from(ORIGINS), st.sampled_from(STEPS))


@st.composite
def scenes(draw: st.DrawFn, most_rules: int = 2, most_statements: int = 20) -> Scene:
    """Any rules, any people, any history."""
    clock = draw(clocks)
    named = [draw(rules(clock, f"rule-{n}")) for n in range(draw(st.integers(1, most_rules)))]
    return Scene(named, draw(histories(clock, most_statements)), draw(worlds(clock)))


@st.composite
def close_scenes(draw: st.DrawFn, kind: str, step: str = "", also: Json | None = None) -> Scene:
    """To look closer: a single plain rule of a kind (`each`, `count`, `streak`), with what `also` says of it."""
    clock = draw(clocks)
    if step:
        clock = replace(clock, step=step)
    rule = draw(plain_rules(clock, "rule-0", kind)) | (also or {})
    return Scene([rule], draw(histories(clock, 20)), draw(worlds(clock)))


@st.composite
def reading_scenes(draw: st.DrawFn, most_statements: int = 20) -> Scene:
    """Rules that read what others give: needs, caps and levels over some plain rules."""
    clock = draw(clocks)
    plain = [
        draw(plain_rules(clock, f"rule-{n}", draw(st.sampled_from(["each", "each", "count", "streak", "renewed"]))))
        for n in range(draw(st.integers(1, 3)))
    ]
    return Scene(draw(reading(clock, plain)), draw(histories(clock, most_statements)), draw(worlds(clock)))


@st.composite
def fixed_scenes(draw: st.DrawFn, step: str, *documents: Json) -> Scene:
    """These documents, and any history in steps of this length."""
    clock = replace(draw(clocks), step=step)
    said = {"title": "One", "how_to_earn": "By chance.", "status": "live"}
    named = [said | one if "rule" in one else one for one in documents]
    return Scene(named, draw(histories(clock, 20)), draw(worlds(clock)))


@st.composite
def worlds(draw: st.DrawFn, clock: Clock) -> World:
    own = draw(st.tuples(*(st.sampled_from([None, clock.zone, *ZONES]) for _ in LEARNERS)))
    zones = {learner: zone for learner, zone in zip(LEARNERS, own, strict=True) if zone}
    return World(VERBS, TYPES, TAGS, zones, draw(st.sampled_from(["UTC", clock.zone])))


plain_scenes = st.one_of([close_scenes(kind) for kind in KINDS])
any_scenes = st.one_of(scenes(), plain_scenes, reading_scenes())

CROWD_RULES = """
rule: rule-0
give: {points: 10, badge: keen}
limit: [{points: 50, per: day}]
---
rule: rule-1
count: {reach: 3, different: object, within: 2 days, repeat: true}
give: {points: {points: 7, coins: 1}}
limit: [{awards: 4, per: month}]
---
rule: rule-2
streak: {every: day, forgive: {missed: 1, per: week}}
give: [{at: 2, points: 5, again: true}, {at: 4, badge: steady}]
---
rule: rule-3
to: instructor
unless: [{same: [instructor, actor]}]
once_per: [actor, object]
give: {points: 25}
limit: [{points: 100, per: week}, {points: 50, per: month, from_each: actor}]
---
rule: rule-4
give: {points: 1}
---
rule: rule-5
first: {learners: 2}
give: {points: 3}
---
rule: rule-6
best: {of: score, per: object}
give: {points: 10}
"""


def crowd(seed: int, size: int) -> Scene:
    """A larger scene, made without Hypothesis: one of each kind of rule, and many statements about few people."""
    chance = random.Random(seed)
    clock = Clock("Europe/Berlin", datetime(2026, 3, 28, 2, 30), "day")
    common = {"title": "One of many", "how_to_earn": "By chance.", "when": {"verb": "completed"}, "status": "live"}
    named = [common | rule for rule in yaml.safe_load_all(CROWD_RULES)]
    deliveries = history(chance.choice, clock, size, size // 10, size // 10)
    chance.shuffle(deliveries)
    return Scene(named, deliveries, World(VERBS, TYPES, TAGS, {LEARNERS[0]: "Pacific/Auckland"}, "UTC"))
