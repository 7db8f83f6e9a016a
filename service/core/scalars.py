"""The forms of single values: text, numbers, dates, durations, names, words of the vocabulary."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from service.core.forms import MOST_HINTS, NUMBER, Form, Reading, Schema, expected
from service.core.places import Node, Pairs, Scalar, listed, shown
from service.core.rule import SECONDS, Duration, Text
from service.core.vocabulary import Section, Vocabulary, is_iri

T = TypeVar("T")

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""What an escape can put into a text, and nobody can read, print or sign."""
_DAY = re.compile(r"[0-9]{4}-[0-9][0-9]-[0-9][0-9]")
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_DURATION = re.compile(r"([0-9]+) (second|minute|hour|day|week|month|year)s?")


def typed(node: Scalar) -> Any:
    """A scalar as JSON would have it: true, false, null, a number or text."""
    if node.quoted or len(node.text) > 40:
        return node.text
    if node.empty or node.text in ("true", "false"):
        return None if node.empty else node.text == "true"
    if _WHOLE.fullmatch(node.text):
        return int(node.text)
    return float(node.text) if NUMBER.fullmatch(node.text) else node.text


def scalar(words: str, example: str, schema: Schema, parse: Callable[[Scalar], T | None], hint: str = "") -> Form[T]:
    """A form that one scalar has when `parse` gives a value for it."""

    def read(reading: Reading, node: Node, name: str) -> T | None:
        value = parse(node) if isinstance(node, Scalar) and not node.empty else None
        if value is None:
            expected(reading, node, name, form, _unquote(node) if isinstance(node, Scalar) else hint)
        return value

    def _unquote(node: Scalar) -> str:
        plain = Scalar(node.text, False, node.place)
        return "Take the quotes away." if node.quoted and parse(plain) is not None else hint

    form = Form(words, example, schema, read)
    return form


def whole(least: int, most: int, example: int) -> Form[int]:
    """A whole number within bounds."""

    def parse(node: Scalar) -> int | None:
        if node.quoted or not _WHOLE.fullmatch(node.text):
            return None
        return value if least <= (value := int(node.text)) <= most else None

    schema = {"type": "integer", "minimum": least, "maximum": most}
    return scalar(f"a whole number from {least:,} to {most:,}", str(example), schema, parse)


def number(least: float, most: float, words: str, example: str, hint: str = "") -> Form[float]:
    """A number within bounds."""

    def parse(node: Scalar) -> float | None:
        if node.quoted or not NUMBER.fullmatch(node.text):
            return None
        return value if math.isfinite(value := float(node.text)) and least <= value <= most else None

    schema: Schema = {"type": "number", "minimum": least, "maximum": most}
    return scalar(words, example, schema, parse, hint)


def one_of(*words: str, example: str = "") -> Form[Any]:
    """One of a few words."""

    def read(reading: Reading, node: Node, name: str) -> str | None:
        if isinstance(node, Scalar) and node.text in words:
            return node.text
        near = reading.nearest(node.text, words) if isinstance(node, Scalar) else ""
        expected(reading, node, name, form, near.strip())
        return None

    form: Form[Any] = Form(listed(words), example or words[0], {"enum": list(words)}, read)
    return form


def text(words: str = "text", example: str = "some words") -> Form[str]:
    """Text that people read, or a name that is taken as it is."""
    schema = {"type": "string", "minLength": 1}
    plain = scalar(words, example, schema, lambda node: node.text if node.text.strip() else None)

    def read(reading: Reading, node: Node, name: str) -> str | None:
        if isinstance(node, Scalar) and (found := _CONTROL.search(node.text)):
            reading.error(node, f'"{name}" holds a control character (U+{ord(found[0]):04X}): take it out.')
            return None
        return plain.read(reading, node, name)

    return Form(words, example, schema, read)


def day(example: str = "2026-01-01") -> Form[date]:
    """A date, YYYY-MM-DD."""
    schema = {"type": "string", "format": "date"}
    return scalar("a date as year-month-day", example, schema, lambda node: _date(node.text))


def _date(text: str) -> date | None:
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None
    return found if found and 1900 <= found.year <= 9000 else None


def _truth(node: Scalar) -> bool | None:
    return None if node.quoted else {"true": True, "false": False}.get(node.text)


TRUTH = scalar("true or false", "true", {"type": "boolean"}, _truth)
"""Only `true` and `false`: `yes`, `on` and `NO` are text here."""


def _duration(node: Scalar) -> Duration | None:
    found = _DURATION.fullmatch(" ".join(node.text.split())[:40])
    if not found or not 1 <= int(found[1]) <= 100_000_000:
        return None
    units: Any = f"{found[2]}s"
    return Duration(int(found[1]), units)


DURATION = scalar(
    "a whole number of seconds, minutes, hours, days, weeks, months or years",
    "90 days",
    {"type": "string", "pattern": r"^[0-9]+ (second|minute|hour|day|week|month|year)s?$"},
    _duration,
)


def length(node: Scalar) -> Duration | None:
    """A duration that is as long everywhere: not one of months or years."""
    found = _duration(node)
    return found if found is not None and found.unit in SECONDS else None


LENGTH = scalar(
    "a whole number of seconds, minutes, hours, days or weeks",
    "10 hours",
    {"type": "string", "pattern": "^[0-9]+ (second|minute|hour|day|week)s?$"},
    length,
    "Months and years are not always of the same length.",
)


def slug(example: str) -> Form[str]:
    """A name that also stands in addresses: small letters, digits and hyphens."""

    def read(reading: Reading, node: Node, name: str) -> str | None:
        if isinstance(node, Scalar) and _SLUG.fullmatch(node.text) and not node.empty:
            return node.text
        better = re.sub(r"[^a-z0-9]+", "-", node.text.lower()).strip("-")[:100] if isinstance(node, Scalar) else ""
        expected(reading, node, name, form, f'Perhaps "{better}"?' if better and _SLUG.fullmatch(better) else "")
        return None

    schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,99}$"}
    form = Form("a name of small letters, digits and hyphens", example, schema, read)
    return form


def _zone(reading: Reading, node: Node, name: str) -> str | None:
    if isinstance(node, Scalar) and _is_zone(node.text):
        return node.text
    near = reading.nearest(node.text, sorted(_zones())) if isinstance(node, Scalar) else ""
    expected(reading, node, name, TIME_ZONE, near.strip())
    return None


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


@cache
def _is_zone(name: str) -> bool:
    if name not in _zones():
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


TIME_ZONE: Form[str] = Form("the IANA name of a time zone", "Europe/Berlin", {"type": "string"}, _zone)


# --- text in languages, words for IRIs ----------------------------------------------------------------------------

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def localized(example: str) -> Form[Text]:
    """Text, or one text for each language."""
    plain = text("text, or one text for each language", example)

    def read(reading: Reading, node: Node, name: str) -> Text | None:
        if not isinstance(node, Pairs):
            return plain.read(reading, node, name)
        found: dict[str, str] = {}
        for key, value in node.pairs:
            if not _LANGUAGE.fullmatch(key.text):
                reading.error(key, f'"{shown(key.text)}" is not a language: write a tag like en or pt-BR.')
            elif (words := text(example=example).read(reading, value, key.text)) is not None:
                found[key.text] = words
        if not node.pairs:
            expected(reading, node, name, plain)
        return found if found and len(found) == len(node.pairs) else None

    languages = {"type": "object", "additionalProperties": {"type": "string"}, "minProperties": 1}
    return Form(plain.words, example, {"anyOf": [plain.schema, languages]}, read)


def iri(example: str) -> Form[str]:
    """An IRI, for which no word stands."""
    schema = {"type": "string", "pattern": "^[^:]+:.+"}
    return scalar("an IRI", example, schema, lambda node: node.text if is_iri(node.text) else None)


def iris(section: Section, example: str) -> Form[tuple[str, ...]]:
    """A word of the vocabulary, or an IRI; the value is the IRIs it stands for."""

    def read(reading: Reading, node: Node, name: str) -> tuple[str, ...] | None:
        if not isinstance(node, Scalar) or node.empty:
            expected(reading, node, name, form)
            return None
        found = reading.vocabulary.iris(section, node.text)
        if found is None and node.text in reading.unread:
            return ()
        if found is None:
            quick = len(reading.problems) >= MOST_HINTS
            reading.error(node, (Vocabulary() if quick else reading.vocabulary).unknown(section, node.text))
        return found

    form = Form("a word of the vocabulary or an IRI", example, {"type": "string", "minLength": 1}, read)
    return form
