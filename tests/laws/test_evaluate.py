"""What `core` makes of all facts is what the oracle makes of them: each award, its key, moment and amounts."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given

from service.core import evaluate, statement
from service.core.language import load
from service.core.rule import Best, Rule
from tests.laws import derived
from tests.laws.effort import examples
from tests.laws.histories import Scene, plain_scenes, reading_scenes, scenes
from tests.laws.oracle import Award, Delivery, World, at_one_moment
from tests.laws.stage import TAGS, TYPES, VERBS
from tests.laws.test_oracle import rule, told


class Known:
    """The people of a scene, numbered as they are met."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.keys: list[str] = []

    def learner(self, key: str) -> int:
        if key not in self.keys:
            self.keys.append(key)
        return self.keys.index(key) + 1

    def zone(self, learner: int) -> ZoneInfo:
        return ZoneInfo(self.world.zones.get(self.keys[learner - 1], self.world.zone))


def resolved(scene: Scene) -> tuple[Rule, ...]:
    documents, problems = load([("rules.yaml", scene.text.encode())])
    assert [str(problem) for problem in problems if problem.severity == "error"] == []
    return documents.rules


def facts(deliveries: Sequence[Delivery]) -> list[statement.Fact]:
    return [statement.read(msgspec.json.encode(d.statement), d.received, d.source, d.capture) for d in deliveries]


def awards(scene: Scene) -> set[Award]:
    """What the service's core makes of a scene, in the oracle's words."""
    people, of = Known(scene.world), {rule.name: rule for rule in resolved(scene)}
    outcome = evaluate.evaluate(tuple(of.values()), facts(scene.deliveries), people)
    found = [
        Award(people.keys[a.learner - 1], a.rule, a.key, a.happened, tuple(sorted(a.amounts.items())))
        for a in outcome.awards
    ]
    together = at_one_moment(found)
    best = {award.rule for award in found if isinstance(of[award.rule].kind, Best)}
    assert len(together) == len(found) or best
    return set(together)


def check(scene: Scene) -> None:
    assert awards(scene) == derived.awards(scene.rules, scene.deliveries, scene.world)


@examples(500)
@given(scenes())
def test_core_and_oracle_agree_on_every_award_of_any_rules(scene: Scene) -> None:
    check(scene)


@examples(600)
@given(plain_scenes)
def test_core_and_oracle_agree_where_kinds_and_limits_meet(scene: Scene) -> None:
    check(scene)


@examples(120)
@given(reading_scenes())
def test_core_and_oracle_agree_on_what_comes_from_awards(scene: Scene) -> None:
    check(scene)


@examples(20)
@given(scenes(most_rules=6, most_statements=60))
def test_core_and_oracle_agree_on_longer_histories(scene: Scene) -> None:
    check(scene)


def test_a_match_may_come_inside_a_window_of_months_again() -> None:
    """A month before 29 March 13:00 is 28 February 13:00; a month before 31 March 12:00 is 28 February 12:00."""
    moments = ["2026-02-28T12:00:00Z", "2026-03-29T13:00:00Z", "2026-03-31T12:00:00Z"]
    counted = rule("{title: t, how_to_earn: h, status: live, count: {reach: 3, within: 1 month}}") | {"rule": "rule-0"}
    scene = Scene([counted], [told(n, at) for n, at in enumerate(moments)], World(VERBS, TYPES, TAGS))
    assert len(awards(scene)) == 1
    check(scene)
