"""The laws with people who turn out to be one, or two: it ends as if that had always been known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.verify import verify
from tests.laws import oracle
from tests.laws.effort import examples
from tests.laws.histories import Scene, any_scenes
from tests.laws.instance import Instance, Standing, batches, expected
from tests.laws.oracle import Delivery, Json
from tests.laws.stage import LEARNERS, PEOPLE

pairs = st.tuples(st.sampled_from(LEARNERS), st.sampled_from(LEARNERS))
decisions = st.lists(st.tuples(st.integers(0, 12), st.one_of(pairs, st.integers(0, 4))), max_size=6)
"""After which batch, and what: that two are one, or that the decision of this number is taken back."""


def canonical(value: Any, persons: dict[str, Json]) -> Any:
    """A statement with every agent replaced by the one that the person goes by."""
    if isinstance(value, list):
        return [canonical(one, persons) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("objectType") != "Group" and (key := oracle.identity(value)) in persons:
        return persons[key]
    return {name: canonical(one, persons) for name, one in value.items()}


def known_from_the_start(scene: Scene, top: dict[str, str]) -> Scene:
    """The scene, had everybody always gone by the same identifier."""
    persons = {key: PEOPLE[LEARNERS.index(top[key])] for key in LEARNERS}
    deliveries = [
        Delivery(canonical(one.statement, persons), one.received, one.source, one.capture) for one in scene.deliveries
    ]
    return replace(scene, deliveries=deliveries)


def tops(merges: list[tuple[str, str]]) -> dict[str, str]:
    """Whom each identifier goes by after these merges, by walking through all of them again and again."""
    top = {key: key for key in LEARNERS}
    for gone, kept in merges:
        old, new = top[gone], top[kept]
        top = {key: new if one == old else one for key, one in top.items()}
    return top


def for_each_identifier(standing: Standing, top: dict[str, str], met: set[str]) -> Standing:
    """What stands for a person, said of each identifier of theirs that we have met."""
    whose = {key: [one for one in met if top[one] == key] for key in LEARNERS}
    return Standing(
        {(key, *rest): n for (who, *rest), n in standing.lines.items() for key in whose[who]},  # type: ignore[misc]
        {(key, unit): n for (who, unit), n in standing.totals.items() for key in whose[who]},
        {(*place, key): n for (*place, who), n in standing.scores.items() for key in whose[who]},  # type: ignore[misc]
        {(key, *rest) for who, *rest in standing.badges for key in whose[who]},  # type: ignore[misc]
    )


def of_things(scene: Scene) -> Scene:
    """The scene without statements about people, and without conditions that name somebody.

    As an object, and to a condition, somebody is what the statement calls them.
    """
    about = [one for one in scene.deliveries if one.statement["object"].get("objectType") not in ("Agent", "Group")]
    return replace(scene.arriving(about), rules=nobody_named(scene.rules))


def nobody_named(value: Any) -> Any:
    """Rules whose conditions only ask whether there is an instructor or a team, and not who it is."""
    if isinstance(value, list):
        return [nobody_named(one) for one in value]
    if not isinstance(value, dict):
        return value
    told = {name: nobody_named(one) for name, one in value.items()}
    named = {name for name in ("instructor", "team") if told.get(name, "absent") not in ("present", "absent")}
    return {**told, **dict.fromkeys(named, "present")}


@examples(40)
@given(scene=any_scenes.map(of_things), said=decisions, size=st.sampled_from([1, 3, 100]))
def test_merges_and_what_takes_them_back_end_where_it_was_always_known(
    engine: Engine, scene: Scene, said: list[tuple[int, Any]], size: int
) -> None:
    instance, made = Instance(engine).open(scene), list[tuple[int, str, str]]()
    undone = set[int]()

    def decide(what: Any) -> None:
        if isinstance(what, int):
            if what < len(made) and what not in undone:
                instance.unmerge(made[what][0])
                undone.add(what)
            return
        gone, kept = what
        one, other = instance.learner(gone), instance.learner(kept)
        if one is not None and other is not None:
            made.append((instance.merge(one, other), gone, kept))

    arriving = list(batches(scene.deliveries, size))
    for place, batch in enumerate(arriving):
        instance.arrive(batch)
        instance.drain(2)
        for after, what in said:
            if after == place:
                decide(what)
    for after, what in said:
        if after >= len(arriving):
            decide(what)
    top = tops([(gone, kept) for place, (_, gone, kept) in enumerate(made) if place not in undone])
    always = known_from_the_start(scene, top)
    wanted = expected(always)
    met = {key for key in LEARNERS if instance.learner(key) is not None}
    assert instance.standing() == for_each_identifier(wanted, top, met)
    assert verify(engine).differences == []
