"""A statement after erasure: as it was, and said of nobody who could be known by it.

Rules may ask for anything that a statement says, so all of it stays but what says who the learner is: the agents that
are the learner, and their names and addresses wherever else they are written.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from service.core.agents import Account, Agent, identifier, identifiers

NOBODY = "https://plaudit.invalid/erased"
"""The home page of accounts that stand for learners who were erased."""
NAMES = frozenset(("id", "homePage", "objectType", "type", "timestamp", "stored"))
"""Properties that hold no prose: rules compare them."""
LEAST = 3
"""Characters of a name that is looked for in prose."""


def erased(raw: bytes, people: Mapping[str, str]) -> bytes:
    """The statement, in which those of these identifier keys are accounts of these names, and nothing more."""
    said = json.loads(raw, parse_int=_written, parse_float=_written)
    return msgspec.json.encode(_without(said, people, sorted(_called(said, people), key=len, reverse=True)))


def _written(number: str) -> msgspec.Raw:
    """A number as it is written, however long."""
    return msgspec.Raw(number.encode())


def _called(value: Any, people: Mapping[str, str]) -> set[str]:
    """What those people are called in this statement: names and addresses."""
    if isinstance(value, list):
        return {name for one in value for name in _called(one, people)}
    if not isinstance(value, dict):
        return set()
    own = [value.get("name"), str(value.get("mbox") or "")[7:]] if _key(value, people) else []
    inner = {name for one in value.values() for name in _called(one, people)}
    return inner | {name for name in own if isinstance(name, str) and len(name) >= LEAST}


def _without(value: Any, people: Mapping[str, str], names: Collection[str]) -> Any:
    if isinstance(value, list):
        return [_without(one, people, names) for one in value]
    if isinstance(value, str):
        for name in names:
            value = value.replace(name, "…")
        return value
    if not isinstance(value, dict):
        return value
    kept = value
    if key := _key(value, people):
        kept = {name: value[name] for name in ("objectType", "member") if name in value}
        kept["account"] = {"homePage": NOBODY, "name": people[key]}
    return {name: one if name in NAMES else _without(one, people, names) for name, one in kept.items()}


def _key(value: dict[str, Any], people: Mapping[str, str]) -> str | None:
    """The key by which this is one of those people; None if it is none of them, or no agent."""
    try:
        keys = identifiers(msgspec.convert(value, Agent))
    except msgspec.ValidationError:
        return None
    return next((key for key in keys if key in people), None)


def key_of(name: str) -> str:
    """The identifier key of an erased learner's account."""
    key = identifier(Agent(account=Account(NOBODY, name)))
    assert key is not None
    return key
