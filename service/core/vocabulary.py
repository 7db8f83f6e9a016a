"""Short words for IRIs: `completed` instead of http://adlnet.gov/expapi/verbs/completed.

One word may stand for several IRIs, because real sources disagree. An IRI stands for itself wherever a word may stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from service.core.places import Place, Problem, nearest, shown

Section = Literal["verbs", "types", "objects", "tags"]
SECTIONS: Mapping[Section, str] = {"verbs": "verb", "types": "type", "objects": "object", "tags": "tag"}
"""The sections of a vocabulary document, and what one word of each is called."""

_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_WORD = re.compile(r"[^\s:][^:\n]*")


def is_iri(text: str) -> bool:
    """True for absolute IRIs: a scheme, a colon and something after it."""
    return _IRI.fullmatch(text) is not None


def is_word(text: str) -> bool:
    """True for what a vocabulary may define; a colon would make it look like an IRI."""
    return _WORD.fullmatch(text) is not None


class Word(NamedTuple):
    """What a word stands for (nothing, if its definition has a mistake), and where that is written."""

    iris: tuple[str, ...]
    place: Place


@dataclass(frozen=True)
class Vocabulary:
    """All words of all vocabulary documents, by section."""

    words: Mapping[Section, Mapping[str, Word]] = field(default_factory=lambda: {section: {} for section in SECTIONS})

    def iris(self, section: Section, text: str) -> tuple[str, ...] | None:
        """The IRIs that a word or an IRI stands for; None for an unknown word."""
        if is_iri(text):
            return (text,)
        word = self.words[section].get(text)
        return word.iris if word else None

    def unknown(self, section: Section, text: str) -> str:
        """The sentence for a word that is not here."""
        kind, known = SECTIONS[section], self.words[section]
        help_ = nearest(text, known) or f" Add it to the {section} of a vocabulary document, or write the IRI."
        return f'"{shown(text)}" is not a {kind} of the vocabulary.{help_}'


def merged(definitions: Iterable[tuple[Section, str, Word]]) -> tuple[Vocabulary, list[Problem]]:
    """One vocabulary of all documents; a word that two of them define differently is a problem."""
    words: dict[Section, dict[str, Word]] = {section: {} for section in SECTIONS}
    problems = []
    for section, name, word in definitions:
        first = words[section].setdefault(name, word)
        if set(first.iris) != set(word.iris) and first.iris and word.iris:
            problems.append(
                Problem(
                    *word.place,
                    f'"{shown(name)}" stands for other IRIs at {first.place}: list all of them in one place.',
                )
            )
    return Vocabulary(words), problems
