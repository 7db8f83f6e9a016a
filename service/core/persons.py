"""The people of tests: a word for each, and the xAPI Agent that stands in statements for it."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from service.core import forms, scalars
from service.core.agents import Account, Agent, identifier
from service.core.forms import Form, Key, Reading, Table, expected, mapping
from service.core.places import Items, Node, Pairs, Scalar, shown
from service.core.scalars import TIME_ZONE
from service.core.short_form import RESERVED


class Person(Struct, frozen=True):
    """Somebody in a test. agent: the xAPI Agent that stands in statements; key: its identifier key."""

    name: str
    agent: dict[str, Any]
    key: str
    time_zone: str = "UTC"


_PERSON = re.compile(r"\w[\w.-]*")
PERSON: Table = {
    "time_zone": Key(TIME_ZONE, "where the days of this person are; default UTC"),
    "mbox": Key(scalars.text("a mailto: address", "mailto:ann@example.com"), "default mailto:<name>@example.com"),
    "account": Key(
        mapping(
            '"account"',
            "{home_page: https://lms.example.com, name: a1234}",
            {
                "home_page": Key(scalars.text("an address", "https://lms.example.com"), "which system", required=True),
                "name": Key(scalars.text("a name", "a1234"), "the name there", required=True),
            },
            lambda found: {"homePage": found["home_page"], "name": found["name"]},
        ),
        "instead of an address",
    ),
}
_ATTRIBUTES = mapping("a person", "{time_zone: Europe/Berlin}", PERSON, lambda found: found)


def _people(reading: Reading, node: Node, name: str) -> dict[str, Person] | None:
    if isinstance(node, Items):
        node = Pairs(
            tuple((item, Pairs((), item.place)) for item in node.items if isinstance(item, Scalar)), node.place
        )
    if not isinstance(node, Pairs):
        expected(reading, node, name, PEOPLE)
        return None
    return {key.text: person for key, value in node.pairs if (person := _person(reading, key, value))}


def _person(reading: Reading, key: Scalar, node: Node) -> Person | None:
    if not _PERSON.fullmatch(key.text):
        reading.error(key, f'"{shown(key.text)}" cannot be the name of a person here: write one word, like ann.')
        return None
    taken = key.text in RESERVED or key.text in reading.vocabulary.words["types"]
    if taken:
        reading.error(key, f'"{key.text}" has a meaning of its own in statements: give this person another name.')
    empty = isinstance(node, Scalar) and node.empty
    found = {} if empty else _ATTRIBUTES.read(reading, node, key.text)
    if found is None or taken:
        return None
    account = found.get("account")
    who = {"account": account} if account else {"mbox": found.get("mbox", f"mailto:{key.text}@example.com")}
    known = Agent(mbox=who["mbox"]) if not account else Agent(account=Account(account["homePage"], account["name"]))
    return Person(
        key.text,
        {"objectType": "Agent", "name": key.text, **who},
        identifier(known) or "",
        found.get("time_zone", "UTC"),
    )


PEOPLE: Form[dict[str, Person]] = Form(
    "the people of the test by name",
    "{ann: {time_zone: America/New_York}, bob: {}}",
    {
        "anyOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "object", "additionalProperties": {"anyOf": [forms.object_schema(PERSON), {"type": "null"}]}},
        ]
    },
    _people,
)
