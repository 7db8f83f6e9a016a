"""What tables of properties are made of: each part checks a decoded JSON value and says what it breaks.

A part is a function of (value, path, found), made once and called for every statement. A finding is the exception, so a
statement is walked through with an empty path first, below which no path is written: that tells whether there is any.
`service.core.specification` holds the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from service.core import formats

MOST_FINDINGS = 50
"""A statement with more is not looked at any further."""


class Finding(NamedTuple):
    """A sentence of the specification that a statement breaks.

    path: JSONPath from the statement. requirement: its number in ADL's list, `XAPI-…`; None where the list has none.
    """

    path: str
    requirement: str | None
    message: str


class Enough(Exception):
    """There are as many findings as anybody reads."""


class Found(list[Finding]):
    """What has been found in one statement so far; raises Enough when that is as much as is wanted."""

    def __init__(self, most: int = MOST_FINDINGS) -> None:
        super().__init__()
        self._most = most

    def add(self, path: str, requirement: str | None, message: str) -> None:
        self.append(Finding(path, requirement, message))
        if len(self) >= self._most:
            raise Enough


Check = Callable[[Any, str, Found], None]


def text(
    requirement: str | None,
    form: Callable[[str], bool] | None = None,
    wanted: str = "a text",
    misformed: str | None = None,
) -> Check:
    """A text, of a form where one is given. misformed: the requirement that a text of another form breaks."""

    def check(value: Any, path: str, found: Found) -> None:
        if type(value) is not str:
            found.add(path, requirement, f"is {kind_of(value)}; write {wanted}")
        elif form is not None and not form(value):
            found.add(path, misformed or requirement, f"is {shown(value)}; write {wanted}")

    return check


def one_of(values: Sequence[str], requirement: str | None) -> Check:
    lower = {value.lower() for value in values}

    def check(value: Any, path: str, found: Found) -> None:
        if type(value) is not str:
            found.add(path, requirement, f"is {kind_of(value)}; write one of {', '.join(values)}")
        elif value not in values:
            broken = "XAPI-00009" if value.lower() in lower else requirement
            found.add(path, broken, f"is {shown(value)}; write one of {', '.join(values)}")

    return check


def boolean(requirement: str | None) -> Check:
    def check(value: Any, path: str, found: Found) -> None:
        if type(value) is not bool:
            found.add(path, requirement, f"is {kind_of(value)}; write true or false")

    return check


def number(requirement: str | None) -> Check:
    def check(value: Any, path: str, found: Found) -> None:
        if type(value) is not int and type(value) is not float:
            found.add(path, requirement, f"is {kind_of(value)}; write a number")

    return check


def length(value: Any, path: str, found: Found) -> None:
    if (type(value) is not int and type(value) is not float) or value < 0 or value != value // 1:
        found.add(path, "XAPI-00102", "is no whole number; write the length in octets")


def language_map(requirement: str | None) -> Check:
    def check(value: Any, path: str, found: Found) -> None:
        if type(value) is not dict:
            found.add(path, requirement, f"is {kind_of(value)}; write a language map like {{'en': '…'}}")
            return
        for tag, text in value.items():
            if not formats.is_language_tag(tag):
                found.add(below(path, tag), "XAPI-00013", f"{shown(tag)} is no language tag of RFC 5646")
            if type(text) is not str:
                broken = "XAPI-00001" if text is None else "XAPI-00121"
                found.add(below(path, tag), broken, f"is {kind_of(text)}; write a text")

    return check


def extensions(requirement: str | None) -> Check:
    def check(value: Any, path: str, found: Found) -> None:
        if type(value) is not dict:
            found.add(path, requirement, f"is {kind_of(value)}; write an object whose keys are IRIs")
            return
        for key in value:
            if not formats.is_iri(key):
                found.add(below(path, key), "XAPI-00118", f"{shown(key)} is no IRI; name an extension by its IRI")

    return check


def array(requirement: str | None, item: Check, least: int = 0) -> Check:
    def check(value: Any, path: str, found: Found) -> None:
        if type(value) is not list:
            found.add(path, requirement, f"is {kind_of(value)}; write an array")
            return
        if len(value) < least:
            found.add(path, requirement, "is empty; name one at least, or leave the property out")
        for position, one in enumerate(value):
            if one is None:
                found.add(f"{path}[{position}]", "XAPI-00001", "is null; leave it out")
            else:
                item(one, path and f"{path}[{position}]", found)

    return check


def table(
    requirement: str | None,
    properties: Mapping[str, Check],
    required: Mapping[str, str | None] | None = None,
    unknown: Mapping[str, str] | None = None,
    otherwise: str = "XAPI-00010",
) -> Check:
    """An object with these properties. required: those it must have, and what it breaks without.

    unknown: what it breaks with properties that it must not have. otherwise: with those that nobody knows.
    """
    must, forbidden = dict(required or {}), dict(unknown or {})
    lower = {name.lower() for name in properties}

    def check(value: Any, path: str, found: Found) -> None:
        if type(value) is not dict:
            found.add(path, requirement, f"is {kind_of(value)}; write an object")
            return
        for name, item in value.items():
            inner = properties.get(name)
            if inner is None:
                not_known = "XAPI-00008" if name.lower() in lower else otherwise
                found.add(below(path, name), forbidden.get(name, not_known), "may not stand here; leave it out")
            elif item is None:
                found.add(f"{path}.{name}", "XAPI-00001", "is null; leave it out")
            else:
                inner(item, path and f"{path}.{name}", found)
        for name, broken in must.items():
            if name not in value:
                found.add(f"{path}.{name}", broken, "is missing")

    return check


def kind_of(value: Any) -> str:
    return {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "an array",
        dict: "an object",
    }.get(type(value), "null")


def shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


def below(path: str, name: str) -> str:
    return f"{path}.{name}" if name.isidentifier() and len(name) <= 60 else f"{path}[{shown(name)}]"
