"""Law 5 on the real store: whatever breaks and wherever, nothing acknowledged is lost and nothing is paid twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from service.drain import Drain
from service.verify import verify
from tests.laws.breaking import Fuse, breaking
from tests.laws.effort import examples
from tests.laws.histories import Scene, any_scenes
from tests.laws.instance import Instance, batches, drain_all, expected


@pytest.fixture
def fuse(database_url: str) -> Fuse:
    return Fuse(database_url)


@pytest.fixture
def fused(fuse: Fuse) -> Iterator[Engine]:
    """An engine on the test's database that breaks when its fuse does."""
    made = breaking(fuse)
    yield made
    made.dispose()


def insisting(act: Callable[[], None]) -> None:
    """What a sender does, and the queue: it tries again until it is told that it is done."""
    for _ in range(100):
        with contextlib.suppress(psycopg.OperationalError, DBAPIError):
            return act()
    raise AssertionError("it never came through")


@examples(45)
@given(
    scene=any_scenes,
    arriving=st.sampled_from([1, 4, 10, 100]),
    breaks=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    survives=st.booleans(),
)
def test_a_connection_that_breaks_at_any_step_changes_nothing(
    engine: Engine, fused: Engine, fuse: Fuse, scene: Scene, arriving: int, breaks: list[int], survives: bool
) -> None:
    whole, instance = Instance(engine).open(scene), Instance(fused)
    instance.sources = whole.sources
    survivor = Drain(fused)
    before = whole.rows()
    fuse.set(breaks)
    for batch in batches(scene.deliveries, arriving):
        insisting(lambda batch=batch: instance.arrive(batch))  # type: ignore[misc]
        insisting(lambda: drain_all(survivor if survives else Drain(fused), 7))
        after = whole.rows()
        assert after[: len(before)] == before
        before = after
    fuse.set([])
    assert whole.standing() == expected(scene)
    advanced, again = whole.folds()
    assert advanced == again
    assert verify(engine).differences == []
