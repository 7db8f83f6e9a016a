"""What we say to people, in their language: sentences are their own keys, and English is always there.

A sentence that a language does not know is said in English, so nobody is left without words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from unicodedata import bidirectional

LANGUAGES = ("en", "de")
MONTHS = {
    "en": [
        *("January", "February", "March", "April", "May", "June"),
        *("July", "August", "September", "October", "November", "December"),
    ],
    "de": [
        *("Januar", "Februar", "März", "April", "Mai", "Juni"),
        *("Juli", "August", "September", "Oktober", "November", "Dezember"),
    ],
}


@dataclass(frozen=True)
class Sentence:
    """Something to say once it is known in which language: an English sentence, and the values for its places.

    A value that is a sentence itself is said in the same language.
    """

    text: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        return self.in_("en")

    def in_(self, language: str) -> str:
        told = {name: one.in_(language) if isinstance(one, Sentence) else one for name, one in self.values.items()}
        return say(self.text, language, **told)


def sentence(text: str, /, **values: object) -> Sentence:
    """A sentence with its values, to be said later."""
    return Sentence(text, values)


def say(sentence: str, language: str, /, **values: object) -> str:
    """The sentence in this language, with the values put in their places."""
    found = sentences(language).get(sentence, sentence)
    return found.format(**{name: apart(value) for name, value in values.items()}) if values else found


def apart(value: object) -> object:
    """A value that is written from right to left, set apart from the sentence around it (Unicode UAX #9, 2.4.2)."""
    if isinstance(value, str) and any(bidirectional(character) in ("R", "AL") for character in value):
        return f"\N{FIRST STRONG ISOLATE}{value}\N{POP DIRECTIONAL ISOLATE}"
    return value


@cache
def sentences(language: str) -> dict[str, str]:
    """Our sentences in this language by their English ones; none of English itself."""
    path = Path(__file__).parent / f"{language}.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def day(moment: datetime, language: str) -> str:
    """A day as people write it."""
    dot = "." if language == "de" else ""
    return f"{moment.day}{dot} {MONTHS[language][moment.month - 1]} {moment.year}"
