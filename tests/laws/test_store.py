"""The laws on the real store: in whatever order statements arrive, the service ends where the oracle does."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.verify import verify
from tests.laws import oracle
from tests.laws.effort import examples
from tests.laws.histories import Scene, scenes
from tests.laws.instance import Instance, batches, expected
from tests.laws.stage import LATER

cuts = st.lists(st.integers(0, 24), max_size=8)
sizes = st.sampled_from([1, 2, 5, 100])


@examples(120)
@given(scene=scenes(), cuts=cuts, size=sizes)
def test_any_order_and_any_batching_end_as_the_oracle_says(
    engine: Engine, scene: Scene, cuts: list[int], size: int
) -> None:
    instance = Instance(engine).open(scene)
    before = instance.rows()
    for batch in batches(scene.deliveries, cuts):
        instance.arrive(batch)
        instance.drain(size)
        after = instance.rows()
        assert after[: len(before)] == before
        before = after
    assert instance.standing() == expected(scene)
    advanced, again = instance.folds()
    assert advanced == again
    assert verify(engine).differences == []


@examples(30)
@given(scene=scenes())
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
@given(scene=scenes(), seed=st.randoms(use_true_random=False))
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
