"""The `caps:` and `levels:` documents: their keys, and what must be true between them.

A `caps:` document is a rule of its own, under its own name: it has versions, and what it takes away stands under that
name in the ledger.
"""

from __future__ import annotations

from typing import Any

from service.core import scalars
from service.core.documents import RULES, mentioned
from service.core.forms import Form, Key, Reading, Table, expected, mapping
from service.core.kind_document import PER
from service.core.places import Node, Pairs
from service.core.rule import Cap, Levels, Rule
from service.core.rule_document import CURRENCY, HIGHEST_CAP, points
from service.core.scalars import TIME_ZONE

# --- caps -----------------------------------------------------------------------------------------------------------


CAPS: Table = {
    "caps": Key(scalars.slug("daily-cap"), "its name, unique among all rules and caps", required=True),
    "title": Key(scalars.localized("Up to 100 points a day"), "what learners read in their ledger"),
    "points": Key(points(HIGHEST_CAP), "at most so many points, or `{currency: number}`", required=True),
    "per": Key(PER, "in each of these, by the time of the award", required=True),
    "over": Key(RULES, "of which rules together: `all`, a list of rules, or `{tagged: …}`", required=True),
    "time_zone": Key(TIME_ZONE, "for days, weeks and months; default the learner's own, then the service's"),
}


def _check_caps(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    if len(found.get("points", ())) > 1:
        reading.error(node.key("points") or node, "A cap is about one currency: write one document for each.")
    for currency, _ in found.get("points", ()):
        reading.mention("currency", currency, node.get("points") or node, "warning")


def _make_caps(found: dict[str, Any]) -> Rule:
    ((currency, most),) = found["points"]
    over = found["over"]
    kind = Cap(most, currency, found["per"], over.rules, over.tagged)
    return Rule(found["caps"], (), (), found.get("title", ""), time_zone=found.get("time_zone"), kind=kind)


CAPS_FORM = mapping("a caps document", "{}", CAPS, _make_caps, _check_caps)


# --- levels ---------------------------------------------------------------------------------------------------------


def _at(reading: Reading, node: Node, name: str) -> tuple[tuple[int, int], ...] | None:
    if not isinstance(node, Pairs) or not node.pairs:
        expected(reading, node, name, AT)
        return None
    before = reading.errors
    read = [(_LEVEL.read(reading, key, name), _LEAST.read(reading, least, key.text)) for key, least in node.pairs]
    found = [(level, least) for level, least in read if level is not None and least is not None]
    for (level, least), (higher, more), (key, value) in zip(found, found[1:], node.pairs[1:], strict=False):
        if higher <= level:
            reading.error(key, f"Levels come in ascending order: {higher} cannot follow {level}.")
        elif more <= least:
            reading.error(value, f"Level {higher} begins at more than level {level} does: write more than {least}.")
    return tuple(found) if reading.errors == before else None


_LEVEL = scalars.whole(1, 1000, 1)
_LEAST = scalars.whole(0, HIGHEST_CAP, 100)
AT: Form[Any] = Form(
    "levels with the points at which they begin",
    "{1: 0, 2: 100, 3: 250}",
    {"type": "object", "propertyNames": {"pattern": "^[1-9][0-9]*$"}, "additionalProperties": _LEAST.schema},
    _at,
)
LEVELS: Table = {
    "levels": Key(scalars.slug("default"), "its name; `default` is the one that learners are shown", required=True),
    "title": Key(scalars.localized("Levels"), "what people read"),
    "points": Key(mentioned("currency", CURRENCY, "warning"), "which currency; default `points`"),
    "at": Key(AT, "each level with the points at which it begins, ascending", required=True),
}
LEVELS_FORM = mapping("levels", "{}", LEVELS, lambda found: Levels(found.pop("levels"), **found))
