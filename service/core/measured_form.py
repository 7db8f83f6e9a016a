"""Conditions on numbers, and on whatever lies at a path of the statement: from their YAML to their values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from service.core import paths, scalars
from service.core.forms import Form, Key, Reading, Table, list_of, mapping
from service.core.paths import Path
from service.core.places import Node, Pairs, Scalar, shown
from service.core.rule import Holds, Measures
from service.core.scalars import TRUTH


def converted(form: Form[Any], convert: Callable[[Any], Any]) -> Form[Any]:
    def read(reading: Reading, node: Node, name: str) -> Any:
        value = form.read(reading, node, name)
        return None if value is None else convert(value)

    return Form(form.words, form.example, form.schema, read, form.table)


def something(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    if not node.pairs:
        reading.error(
            node, "Nothing stands between the braces, so this can never match: write what you want, or leave it out."
        )


def measures(key: Any, bound: Form[float]) -> Form[Measures]:
    table = {
        "at_least": Key(bound, "this or more"),
        "more_than": Key(bound, "more than this"),
        "at_most": Key(bound, "this or less"),
        "less_than": Key(bound, "less than this"),
    }
    example = f"{{at_least: {bound.example}}}"
    return mapping(f'"{key}"', example, table, lambda found: Measures(key, **found), _bounds)


def _bounds(reading: Reading, node: Pairs, found: dict[str, float]) -> None:
    something(reading, node, found)
    for low, high, touching in (
        ("at_least", "at_most", True),
        ("at_least", "less_than", False),
        ("more_than", "at_most", False),
        ("more_than", "less_than", False),
    ):
        if low in found and high in found and not _meet(found[low], found[high], touching):
            reading.error(
                node.key(high) or node,
                f"This can never match: nothing is {low.replace('_', ' ')} {_said(node, low)} and"
                f" {high.replace('_', ' ')} {_said(node, high)}. Change one of them.",
            )


def _said(node: Pairs, name: str) -> str:
    value = node.get(name)
    return value.text if isinstance(value, Scalar) else ""


def _meet(low: float, high: float, touching: bool) -> bool:
    return low <= high if touching else low < high


SCALED = scalars.number(
    -1, 1, "a number from -1 to 1", "0.8", "A scaled score of 80 % is 0.8; for points use raw_score."
)
RAW = scalars.number(-1e12, 1e12, "a number", "75")
SECONDS = converted(scalars.LENGTH, lambda duration: float(duration.seconds))
_CHARACTERS = measures("response", converted(scalars.whole(0, 1_000_000, 50), float))
RESPONSE: Form[Measures] = mapping(
    '"response"',
    "{length: {at_least: 50}}",
    {"length": Key(_CHARACTERS, "how many characters it has, without blanks around it", required=True)},
    lambda found: found["length"],
)


# --- by path ------------------------------------------------------------------------------------------------------


def _plain(node: Scalar) -> Any:
    return scalars.typed(node)


_PATH: Form[Path] = scalars.scalar(
    "a path of keys with dots between them",
    "result.extensions.'https://example.com/level'",
    {"type": "string", "minLength": 1},
    lambda node: paths.parsed(node.text),
    "A key with dots in it stands in single quotes; [*] is every item of a list.",
)
_PLAIN: Form[Any] = scalars.scalar(
    "text, a number, true or false", "3", {"type": ["string", "number", "boolean"]}, _plain
)
_BOUND = scalars.number(-1e15, 1e15, "a number", "3")
VALUE: Table = {
    "path": Key(_PATH, "where it is in the statement; of several values one is enough", required=True),
    "is": Key(_PLAIN, "exactly this"),
    "any_of": Key(list_of(_PLAIN, example="[3, 4]"), "one of these"),
    "at_least": Key(_BOUND, "this or more"),
    "more_than": Key(_BOUND, "more than this"),
    "at_most": Key(_BOUND, "this or less"),
    "less_than": Key(_BOUND, "less than this"),
    "present": Key(TRUTH, "whether anything is there at all"),
}


PARTS = (
    *("id", "actor", "verb", "object", "result", "context"),
    *("timestamp", "stored", "authority", "version", "attachments"),
)
"""The properties of a statement (Data 2.4)."""


def _check_value(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    _bounds(reading, node, found)
    first = next(iter(found.get("path", ())), None)
    if first is not None and first not in PARTS:
        near = reading.nearest(str(first), PARTS) or " It begins like result or context."
        reading.warning(
            node.get("path") or node, f'No statement has "{shown(str(first))}" for a path to begin with.{near}'
        )
    asked = [key for key, _ in node.pairs if key.text in VALUE and key.text != "path"]
    if not asked and "path" in found:
        reading.error(node, "This does not say what is wanted there: add present: true, is: …, any_of: … or a bound.")
    if "present" in found and len(asked) > 1:
        reading.error(node.key("present") or node, '"present" stands alone beside "path": keep one of them.')
    if "is" in found and "any_of" in found:
        reading.error(node.key("any_of") or node, '"is" says it already: add its value to "any_of" and take "is" out.')


def _make_value(found: dict[str, Any]) -> Holds:
    any_of = (found.pop("is"),) if "is" in found else found.pop("any_of", ())
    return Holds(any_of=any_of, **found)


VALUE_FORM = mapping(
    '"value"',
    "{path: result.extensions.'https://example.com/level', at_least: 3}",
    VALUE,
    _make_value,
    _check_value,
)
