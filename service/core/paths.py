"""Paths into a statement: `result.extensions.'https://example.com/x'`, `$.context.contextActivities.grouping[*].id`.

The part of JSONPath that xAPI Profiles use: dotted and quoted keys, positions and wildcards; and, in profiles alone,
unions of these in brackets and of whole paths with `|` (xAPI Profiles 1.0, part 2, "Statement Template Rules").
"""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from itertools import product
from typing import Any

import msgspec

Path = tuple[str | int | None, ...]
"""Keys, positions in lists, and None for a wildcard."""

_STEP = re.compile(
    r"""\[\s*(?: '([^']+)' | "([^"]+)" | ([0-9]{1,6}) | \* )\s*\]
      | \.(?: '([^']+)' | "([^"]+)" | ([^.\[\]'"*\s$]+) | \* )""",
    re.VERBOSE,
)


def parsed(text: str) -> Path | None:
    """The path that is written here; None if it is none. A `$` for the statement may stand before it."""
    rest = text.strip().removeprefix("$")
    rest = rest if rest.startswith((".", "[")) else f".{rest}"
    path: list[str | int | None] = []
    while rest and (step := _STEP.match(rest)):
        path.append(int(step[3]) if step[3] else next((key for key in step.groups() if key), None))
        rest = rest[step.end() :]
    return None if rest else tuple(path)


_QUOTED = r"""'[^']*'|"[^"]*\""""
_PARTS = re.compile(rf"(?:{_QUOTED}|[^|'\"])+")
_BRACKETS = re.compile(rf"\[((?:{_QUOTED}|[^\[\]'\"])*)\]")
_ITEMS = re.compile(rf"(?:{_QUOTED}|[^,'\"])+")
MOST_ALTERNATIVES = 1000


def alternatives(text: str) -> tuple[Path, ...] | None:
    """The plain paths that a JSONPath with unions stands for; None if it is none, or stands for very many."""
    found: list[Path] = []
    for part in _PARTS.findall(text) if text.replace("|", "").strip() and not text.strip().endswith("|") else ("",):
        pieces = _BRACKETS.split(part)
        between = [(one,) for one in pieces[::2]]
        unions = [tuple(f"[{item}]" for item in _ITEMS.findall(one)) for one in pieces[1::2]]
        spelled = [one for pair in zip(between, [*unions, ("",)], strict=True) for one in pair]
        if len(found) + math.prod(map(len, spelled)) > MOST_ALTERNATIVES:
            return None
        for one in product(*spelled):
            if not (path := parsed("".join(one))):
                return None
            found.append(path)
    return tuple(found)


def find(document: Any, path: Path) -> list[Any]:
    """Everything that lies at this path."""
    found = [document]
    for step in path:
        found = [inside for one in found for inside in _inside(one, step)]
    return found


def _inside(value: Any, step: str | int | None) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values()) if step is None else [value[step]] if step in value else []
    if isinstance(value, list):
        if step is None:
            return value
        return [value[step]] if isinstance(step, int) and step < len(value) else []
    return []


@lru_cache(maxsize=16)
def document(raw: bytes) -> Any:
    """The whole statement; several rules look into the same one. A number too large for a float is infinite."""
    try:
        return msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return json.loads(raw, parse_int=float)


_SINGLE = ("parent", "grouping", "category", "other")


@lru_cache(maxsize=16)
def normalised(raw: bytes) -> Any:
    """The whole statement with lists where it has a single context activity, as statements of 1.0.x may (2.4.6.2)."""
    found = document(raw)
    return _normalised(found) if isinstance(found, dict) else found


def _normalised(statement: dict[str, Any]) -> dict[str, Any]:
    context, thing = statement.get("context"), statement.get("object")
    activities = context.get("contextActivities") if isinstance(context, dict) else None
    if isinstance(activities, dict) and isinstance(context, dict):
        lists = {name: [activities[name]] for name in _SINGLE if isinstance(activities.get(name), dict)}
        statement = statement | {"context": context | {"contextActivities": activities | lists}}
    if isinstance(thing, dict) and thing.get("objectType") == "SubStatement":
        statement = statement | {"object": _normalised(thing)}
    return statement
