"""`needs` of a rule: what its author may write, and the value it becomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from service.core import scalars
from service.core.conditions import ROLES, UNLESS_FORM, WHEN, check_when, when_schema
from service.core.forms import Form, Key, Reading, Table, expected, fields, object_schema
from service.core.places import Items, Node, Pairs, Scalar, listed, shown
from service.core.rule import Levels, Need, NeedBadge, NeedPoints, Needs, NeedSome, NeedStatement, Swapped
from service.core.scalars import DURATION

MOST_POINTS_NEEDED = 10**12
LEARNER = "learner"
_SLUG = scalars.slug("keen-learner")


# --- a statement ----------------------------------------------------------------------------------------------------


def _when(reading: Reading, node: Node, name: str) -> tuple[Any, str] | None:
    """The conditions, and the role in which the learner takes part: `object: learner` is no condition on the object."""
    if not isinstance(node, Pairs):
        expected(reading, node, name, EVIDENCE_FORM)
        return None
    roles = [key.text for key, value in node.pairs if is_learner(key, value)]
    for extra in roles[1:]:
        reading.error(node.key(extra) or node, f'The learner is the {roles[0]} already: take "{extra}" out.')
    rest = Pairs(tuple(pair for pair in node.pairs if pair[0].text not in roles), node.place)
    before = reading.errors
    found = fields(reading, rest, WHEN, '"when"')
    check_when(reading, rest, found)
    whole = reading.errors == before and len(found) == len(rest.pairs)
    return (tuple(found.values()), roles[0] if roles else "actor") if whole else None


def is_learner(key: Scalar, value: Node) -> bool:
    """Whether this says in which role the learner is."""
    return key.text in ROLES and isinstance(value, Scalar) and value.text == LEARNER


_WHEN_SCHEMA = when_schema()
_WHEN_SCHEMA["properties"]["object"] = {"anyOf": [{"const": LEARNER}, _WHEN_SCHEMA["properties"]["object"]]}
EVIDENCE_FORM: Form[Any] = Form("keys with values", "{verb: observed, object: learner}", _WHEN_SCHEMA, _when)
STATEMENT: Table = {
    "statement": Key(
        scalars.text("a name for people to read", "workplace observation"), "what is needed, in words", required=True
    ),
    "when": Key(
        EVIDENCE_FORM,
        "the conditions, as in a rule; `object: learner` or `instructor: learner` say in which role the learner is, who"
        " is the actor otherwise",
        required=True,
    ),
    "unless": Key(UNLESS_FORM, "a list of conditions; none may hold"),
    "after": Key(
        scalars.one_of("last badge"), "only from the moment on at which the last of the badges needed here was earned"
    ),
    "within": Key(DURATION, "and no later than this after it"),
}


def _check_statement(reading: Reading, node: Pairs, found: dict[str, Any]) -> None:
    if (within := node.key("within")) and not node.get("after"):
        reading.error(within, '"within" counts from the last badge: write after: last badge beside it.')
    if any(isinstance(one, Swapped) for some in found.get("unless", ()) for one in some):
        reading.error(node.key("unless") or node, '"swapped" is for rules without "needs": take it out.')


def _make_statement(found: dict[str, Any]) -> NeedStatement:
    when, role = found["when"]
    return NeedStatement(
        found["statement"], when, found.get("unless", ()), role, "after" in found, found.get("within")
    )  # fmt: skip


# --- badges, points, levels ------------------------------------------------------------------------------------------


def _badge(reading: Reading, node: Node, name: str) -> str | None:
    value = _SLUG.read(reading, node, name)
    if value is not None:
        reading.mention("achievement", value, node)
        reading.mention("gift", value, node, "warning")
    return value


_AMOUNT = scalars.whole(1, MOST_POINTS_NEEDED, 500)


def _points(reading: Reading, node: Node, name: str) -> tuple[tuple[str, int], ...] | None:
    if not isinstance(node, Pairs):
        value = _AMOUNT.read(reading, node, name)
        return None if value is None else (("points", value),)
    found = [(key.text, _AMOUNT.read(reading, one, key.text)) for key, one in node.pairs]
    for key, _ in node.pairs:
        reading.mention("currency", key.text, key)
    if not found:
        expected(reading, node, name, POINTS_NEEDED)
    amounts = tuple((currency, amount) for currency, amount in found if amount is not None)
    return amounts if amounts and len(amounts) == len(node.pairs) else None


POINTS_NEEDED: Form[Any] = Form(
    f"{_AMOUNT.words}, or such numbers by currency",
    _AMOUNT.example,
    {"anyOf": [_AMOUNT.schema, {"type": "object", "additionalProperties": _AMOUNT.schema, "minProperties": 1}]},
    _points,
)
BADGE: Table = {
    "badge": Key(
        Form("the name of an achievement", _SLUG.example, _SLUG.schema, _badge),
        "to hold this badge or micro-credential, earned by whatever rule and not expired",
        required=True,
    )
}
POINTS: Table = {"points": Key(POINTS_NEEDED, "to have so many points, or `{currency: number}`", required=True)}
LEVEL: Table = {
    "level": Key(scalars.whole(1, 1000, 3), "to have reached this level", required=True),
    "levels": Key(_SLUG, "of which `levels:` document; left out: `default`, or the only one"),
}


def default(levels: Mapping[str, Levels]) -> Levels | None:
    """The levels that are meant where none are named: those called `default`, or the only ones."""
    return levels.get("default") or (next(iter(levels.values())) if len(levels) == 1 else None)


def _level(reading: Reading, node: Pairs, found: dict[str, Any]) -> NeedPoints | None:
    if "level" not in found:
        return None
    place, known = node.get("level") or node, reading.levels
    name = found.get("levels") or getattr(default(known), "name", None)
    if name is None or name not in known:
        if (name or "levels:") not in reading.unread:
            near = reading.nearest(name, known) if name else ""
            reading.error(
                node.get("levels") or place,
                f'There is no levels document "{shown(name)}".{near}'
                if name
                else "There is no levels document: write one, like {levels: default, at: {1: 0, 2: 100}}.",
            )
        return None
    levels: Levels = known[name]
    least = dict(levels.at).get(found["level"])
    if least is None:
        has = listed([str(level) for level, _ in levels.at][:20], "and")
        reading.error(place, f'"{name}" has no level {found["level"]}: it has {has}.')
        return None
    return NeedPoints(least, levels.points, found["level"])


# --- several together ------------------------------------------------------------------------------------------------


def _group(reading: Reading, node: Node, name: str) -> tuple[Need, ...] | None:
    items = node.items if isinstance(node, Items) else ()
    if not items:
        expected(reading, node, name, GROUP)
        return None
    before = reading.errors
    found = [_together(tuple(_need(reading, item))) for item in items]
    return tuple(found) if reading.errors == before else None


def _together(needs: tuple[Need, ...]) -> Need:
    return needs[0] if len(needs) == 1 else NeedSome(len(needs), needs)


_REFERENCE = {"$ref": "#/$defs/need"}
GROUP: Form[tuple[Need, ...]] = Form(
    "a list of what is needed",
    "[{badge: keen-learner}]",
    {"type": "array", "items": _REFERENCE, "minItems": 1},
    _group,
)
TOGETHER: Table = {
    "all_of": Key(GROUP, "everything in this list"),
    "any_of": Key(GROUP, "at least one of this list"),
    "at_least": Key(scalars.whole(1, 1000, 2), "so many of the list under `of`"),
    "of": Key(GROUP, "the list for `at_least`"),
}


def _need(reading: Reading, node: Node) -> Iterable[Need]:
    """What one mapping needs: a single thing, or groups of them, all of which must hold."""
    if not isinstance(node, Pairs) or not node.pairs:
        expected(reading, node, "needs", NEEDS_FORM)
        return
    for table in (BADGE, POINTS, LEVEL, STATEMENT):
        if node.get(next(iter(table))):
            yield from _single(reading, node, table)
            return
    found = fields(reading, node, {**TOGETHER, **_SINGLES}, "needs")
    for one, other in (("at_least", "of"), ("of", "at_least")):
        if (key := node.key(one)) and not node.get(other):
            reading.error(
                key, f'"{one}" needs "{other}" beside it, like at_least: 2, of: [{{badge: keen-learner}}, …].'
            )
    yield from found.get("all_of", ())
    if "any_of" in found:
        yield NeedSome(1, found["any_of"])
    if "of" in found and "at_least" in found:
        if len(found["of"]) < found["at_least"]:
            reading.error(
                node.get("at_least") or node,
                f"This can never be: the list has {len(found['of'])}, and {found['at_least']} of it are needed.",
            )
        yield NeedSome(found["at_least"], found["of"])


def _single(reading: Reading, node: Pairs, table: Table) -> Iterable[Need]:
    before = reading.errors
    found = fields(reading, node, table, f'"{next(iter(table))}"')
    if table is STATEMENT:
        _check_statement(reading, node, found)
    if table is LEVEL:
        if (need := _level(reading, node, found)) is not None:
            yield need
        return
    if reading.errors > before or len(found) < len(node.pairs):
        return
    if table is BADGE:
        yield NeedBadge(found["badge"])
    elif table is POINTS:
        yield from (NeedPoints(amount, currency) for currency, amount in found["points"])
    else:
        yield _make_statement(found)


_SINGLES: Table = {
    name: key._replace(required=False) for name, key in {**BADGE, **POINTS, **LEVEL, **STATEMENT}.items()
}
NEED_SCHEMA = {"anyOf": [object_schema(table) for table in (BADGE, POINTS, LEVEL, STATEMENT, TOGETHER)]}
"""The schema of one need, to which the schema of lists of them refers."""


def _needs(reading: Reading, node: Node, name: str) -> Needs | None:
    before = reading.errors
    found = tuple(_need(reading, node))
    if reading.errors == before:
        _check_names(reading, node, found)
    return Needs(found) if found and reading.errors == before else None


def _check_names(reading: Reading, node: Node, found: tuple[Need, ...]) -> None:
    single = list(_singles(found))
    names = [need.name for need in single if isinstance(need, NeedStatement)]
    for name in sorted({name for name in names if names.count(name) > 1}):
        reading.error(node, f'Two statements are called "{shown(name)}" here: give them different names.')
    late = next((need for need in single if isinstance(need, NeedStatement) and need.after), None)
    if late and not any(isinstance(need, NeedBadge) for need in single):
        reading.error(
            node, f'"{shown(late.name)}" comes after the last badge, and no badge is needed here: take "after" out.'
        )


def _singles(needs: Iterable[Need]) -> Iterable[Need]:
    for need in needs:
        if isinstance(need, NeedSome):
            yield from _singles(need.of)
        else:
            yield need


NEEDS_FORM: Form[Needs] = Form("what is needed", "{all_of: [{badge: keen-learner}]}", _REFERENCE, _needs)
