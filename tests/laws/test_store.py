"""The laws on the real store: in whatever order statements arrive, the service ends where the oracle does."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.replay import catch_up
from service.verify import verify
from tests.laws import oracle
from tests.laws.effort import examples
from tests.laws.histories import PLACES, Scene, any_scenes, clocks, close_scenes
from tests.laws.instance import APPLIED, Instance, batches, expected
from tests.laws.oracle import Json
from tests.laws.stage import LATER, Clock

sizes = st.sampled_from([1, 1, 2, 5, 100])


@examples(150)
@given(scene=any_scenes, arriving=sizes, drained=sizes)
def test_any_order_and_any_batching_end_as_the_oracle_says(
    engine: Engine, scene: Scene, arriving: int, drained: int
) -> None:
    instance = Instance(engine).open(scene)
    before = instance.rows()
    for batch in batches(scene.deliveries, arriving):
        instance.arrive(batch)
        instance.drain(drained)
        after = instance.rows()
        assert after[: len(before)] == before
        before = after
    assert instance.standing() == expected(scene)
    advanced, again = instance.folds()
    assert advanced == again
    assert verify(engine).differences == []


BY_TURNS: Json = {
    "to": "instructor",
    "unless": [{"swapped": {"between": ["instructor", "actor"], "within": "2 days"}}],
    "once_per": ["object"],
}
RACE: Json = {"first": {"learners": 2, "settle": "20 years"}, "give": {"points": 10, "badge": "keen"}}


@examples(20)
@given(
    scene=st.one_of(close_scenes("each", "day", BY_TURNS), close_scenes("count", "day", BY_TURNS),
                    close_scenes("first", "day", RACE)),
    drained=sizes,
    known=st.integers(0, 20),
)  # fmt: skip
def test_rules_that_look_at_other_learners_end_as_the_oracle_says(
    engine: Engine, scene: Scene, drained: int, known: int
) -> None:
    drafts = replace(scene, rules=[rule | {"status": "draft"} for rule in scene.rules])
    instance = Instance(engine).open(drafts)
    instance.arrive(scene.deliveries[:known])
    instance.drain(drained)
    instance.apply(scene, APPLIED)
    catch_up(engine, lambda _: None)
    for delivery in scene.deliveries[known:]:
        instance.arrive([delivery])
        instance.drain(drained)
    assert instance.standing() == expected(scene)
    assert verify(engine).differences == []


@examples(30)
@given(scene=any_scenes)
def test_statements_in_their_own_order_end_where_any_order_ends(engine: Engine, scene: Scene) -> None:
    shuffled = Instance(engine).open(scene)
    shuffled.arrive(scene.deliveries)
    shuffled.drain()
    found = shuffled.standing()
    in_order = Instance(engine).open(scene)
    for fact in oracle.counting(scene.deliveries):
        in_order.arrive([next(d for d in scene.deliveries if d.statement["id"] == fact.id)])
        in_order.drain()
    assert in_order.standing() == found


@examples(30)
@given(scene=any_scenes, seed=st.randoms(use_true_random=False))
def test_to_deliver_everything_again_changes_nothing(engine: Engine, scene: Scene, seed: random.Random) -> None:
    instance = Instance(engine).open(scene)
    instance.arrive(scene.deliveries)
    instance.drain()
    before = instance.rows()
    again = list(scene.deliveries)
    seed.shuffle(again)
    for delivery in again:
        instance.arrive([replace(delivery, received=LATER)])
    instance.drain()
    assert instance.rows() == before


@examples(40)
@given(scene=any_scenes, known=st.integers(0, 20))
def test_rules_that_come_after_the_statements_end_where_rules_that_were_there_end(
    engine: Engine, scene: Scene, known: int
) -> None:
    drafts = scene.with_rules(status="draft").without_caps()
    instance = Instance(engine).open(drafts)
    instance.arrive(scene.deliveries[:known])
    instance.drain()
    instance.apply(scene, APPLIED)
    instance.arrive(scene.deliveries[known:])
    instance.drain()
    catch_up(engine, lambda _: None)
    assert instance.standing() == expected(scene)
    assert verify(engine).differences == []


@examples(40)
@given(scene=any_scenes, place=st.sampled_from(PLACES), clock=clocks)
def test_a_rule_that_is_retired_keeps_what_it_gave_and_gives_nothing_for_what_happens_later(
    engine: Engine, scene: Scene, place: tuple[int, int], clock: Clock
) -> None:
    moment = clock.moment(*place)
    live = scene.with_rules(status="live")
    gone = scene.with_rules(status="retired", retired_at=moment)
    before = [delivery for delivery in scene.deliveries if oracle.fact("", delivery).happened < moment]
    instance = Instance(engine).open(live)
    instance.arrive(before)
    instance.drain()
    instance.apply(gone, moment)
    instance.arrive(scene.deliveries)
    instance.drain()
    catch_up(engine, lambda _: None)
    assert instance.standing() == expected(gone)
    assert verify(engine).differences == []
