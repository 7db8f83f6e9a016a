"""Paths into a statement: `result.extensions.'https://example.com/x'`, `$.context.contextActivities.grouping[*].id`.

The part of JSONPath that xAPI Profiles use: dotted and quoted keys, positions and wildcards.
"""

from __future__ import annotations

import re
from functools import lru_cache
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
    """The whole statement; several rules look into the same one."""
    return msgspec.json.decode(raw)
