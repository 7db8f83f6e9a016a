"""Law 4: however rules are published, dated back, retired and brought back, it ends where evaluating once would."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.core import evaluate, versions
from service.core.kinds import Setting
from service.core.language import load
from service.core.matching import Match, Matcher, Roles
from service.core.rule import Rule
from service.replay import catch_up, replay
from service.store import publishing
from service.store.engine import driver
from service.verify import verify
from tests.laws import oracle
from tests.laws.effort import examples
from tests.laws.histories import PLACES, Scene, clocks, histories, worlds
from tests.laws.instance import Instance, told
from tests.laws.oracle import Award, Json
from tests.laws.rules import plain_rules, rules
from tests.laws.stage import Clock
from tests.laws.test_evaluate import Known, facts, resolved


@dataclass(frozen=True)
class Told:
    """A scene about one rule with its versions: from when on each is in force, and what it says."""

    scene: Scene
    versions: list[tuple[datetime | None, Json]]

    def expected(self) -> set[Award]:
        return oracle.awards_of_versions(self.versions, self.scene.deliveries, self.scene.world)

    def saying(self, rule: Json) -> Scene:
        """The scene as its directory of rules is at a time."""
        return replace(self.scene, rules=[rule])


@st.composite
def told_by_versions(draw: st.DrawFn, most_statements: int = 20) -> Told:
    """Two to four versions of one rule: such as change little, and new ones, in any order of the moments they begin."""
    clock = draw(clocks)
    kinds = ["each", "count", "count", "streak", "streak", "sum", "best", "sequence", "renewed"]
    kind = draw(st.sampled_from(kinds))
    found: list[tuple[datetime | None, Json]] = [(None, draw(plain_rules(clock, "rule-0", kind)))]
    for number in range(2, draw(st.integers(3, 5))):
        another = draw(st.sampled_from(["same"] * 4 + ["plain", "any"]))
        if another == "same":
            rule = found[-1][1]
        elif another == "any":
            rule = draw(rules(clock, "rule-0").filter(can_be_divided))
        else:
            rule = draw(plain_rules(clock, "rule-0", kind))
        status = draw(st.sampled_from(["live"] * 8 + ["retired", "trial", "draft"]))
        since = draw(st.one_of(moments(clock), moments(clock), moments(clock), st.none()))
        found.append((since, rule | {"title": f"version {number}", "status": status}))
    return Told(Scene([found[0][1]], draw(histories(clock, most_statements)), draw(worlds(clock))), found)


def can_be_divided(rule: Json) -> bool:
    """Whether a version of this rule may begin later than history: not where one learner's awards depend on others."""
    return "first" not in rule and not any("swapped" in conditions for conditions in rule.get("unless", ()))


def moments(clock: Clock) -> st.SearchStrategy[datetime]:
    return st.sampled_from(PLACES).map(lambda place: clock.moment(*place))


# --- core -------------------------------------------------------------------------------------------------------------


def judged(told: Told) -> set[Award]:
    """What the core makes of all facts by all versions, in the oracle's words."""
    people = Known(told.scene.world)
    spans = versions.lives([since for since, _ in told.versions])
    own = [(resolved(told.saying(rule))[0], life) for (_, rule), life in zip(told.versions, spans, strict=True)]
    own = [(rule, life) for rule, life in own if not life.empty and rule.status in ("live", "trial")]
    made = [_matches(rule, told, people) for rule, _ in own]
    learners = sorted({learner for of_version in made for learner in of_version})
    found = list[evaluate.Award]()
    for learner in learners:
        lived = [
            (_setting(rule, life, people, learner), of_version.get(learner, []))
            for (rule, life), of_version in zip(own, made, strict=True)
        ]
        found += versions.judged(lived).awards
    return set(
        oracle.at_one_moment(
            Award(people.keys[a.learner - 1], a.rule, a.key, a.happened, tuple(sorted(a.amounts.items())))
            for a in found
        )
    )


def _matches(rule: Rule, told: Told, people: Known) -> dict[int, list[Match]]:
    matcher, found = Matcher(rule), dict[int, list[Match]]()
    for fact in evaluate.standing(facts(told.scene.deliveries)):
        for match in matcher.matches(fact, Roles(fact.statement, people), people):
            found.setdefault(match.learner, []).append(match)
    return found


def _setting(rule: Rule, life: versions.Life, people: Known, learner: int) -> Setting:
    return evaluate.setting(rule, Matcher(rule).zone(people, learner), *life)


@examples(300)
@given(told_by_versions())
def test_core_and_oracle_agree_on_every_award_of_any_versions(told: Told) -> None:
    assert judged(told) == told.expected()


# --- the store --------------------------------------------------------------------------------------------------------


@examples(60)
@given(case=told_by_versions(), data=st.data())
def test_versions_that_are_published_among_the_statements_end_as_the_oracle_says(
    engine: Engine, case: Told, data: Any
) -> None:
    instance = Instance(engine).open(case.saying(case.versions[0][1]))
    steps: list[Any] = [*case.scene.deliveries, *case.versions[1:]]
    places = data.draw(st.permutations(range(len(steps))), "order")
    upcoming = iter(case.versions[1:])
    for place in places:
        if isinstance(steps[place], oracle.Delivery):
            instance.arrive([steps[place]])
        else:
            since, rule = next(upcoming)
            publish(engine, case.saying(rule), since)
        if data.draw(st.integers(0, 2), "drain") == 0:
            instance.drain()
        if data.draw(st.integers(0, 3), "catch up") == 0:
            catch_up(engine, lambda _: None)
    finish(instance, engine)
    assert instance.standing() == told(case.expected(), case.scene)
    advanced, again = instance.folds()
    assert advanced == again


@examples(15)
@given(case=told_by_versions(), since=st.one_of(st.none(), clocks.map(lambda clock: clock.moment(4, 0))))
def test_to_count_again_what_is_right_changes_nothing(engine: Engine, case: Told, since: datetime | None) -> None:
    instance = Instance(engine).open(case.saying(case.versions[0][1]))
    for (begins, rule), part in zip(case.versions[1:], parts(case.scene.deliveries), strict=False):
        instance.arrive(part)
        instance.drain()
        publish(engine, case.saying(rule), begins)
    finish(instance, engine)
    before = instance.rows()
    replay(engine, since, "laws")
    finish(instance, engine)
    assert instance.rows() == before
    advanced, again = instance.folds()
    assert advanced == again


def publish(engine: Engine, scene: Scene, since: datetime | None) -> None:
    documents, problems = load([("rules.yaml", scene.text.encode())])
    assert [str(problem) for problem in problems if problem.severity == "error"] == []
    begins: publishing.Since = since or "beginning"
    with engine.begin() as connection:
        publishing.apply(driver(connection), documents, ZoneInfo(scene.world.zone), since=begins, ends=begins)


def finish(instance: Instance, engine: Engine) -> None:
    instance.drain()
    catch_up(engine, lambda _: None)
    instance.drain()
    assert verify(engine).differences == []


def parts(deliveries: Sequence[oracle.Delivery]) -> list[Sequence[oracle.Delivery]]:
    third = len(deliveries) // 3 + 1
    return [deliveries[start : start + third] for start in range(0, len(deliveries) + third, third)]
