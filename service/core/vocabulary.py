"""Short words for IRIs: `completed` instead of http://adlnet.gov/expapi/verbs/completed.

One word may stand for several IRIs, because real sources disagree. An IRI stands for itself wherever a word may stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal, NamedTuple

from service.core.places import Place, Problem, nearest, shown
from service.core.templates import StatementTemplate

Section = Literal["verbs", "types", "objects", "tags", "templates"]
SECTIONS: Mapping[Section, str] = {
    "verbs": "verb",
    "types": "type",
    "objects": "object",
    "tags": "tag",
    "templates": "template",
}
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
    """All words of all vocabulary documents, by section, and the templates of their profiles or why one is no use."""

    words: Mapping[Section, Mapping[str, Word]] = field(default_factory=lambda: {section: {} for section in SECTIONS})
    templates: Mapping[str, StatementTemplate | str] = field(default_factory=dict)

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
        return f'"{shown(text)}" is not {"an" if kind == "object" else "a"} {kind} of the vocabulary.{help_}'

    def unknown_template(self, iri: str) -> str:
        """The sentence for a template that no profile here defines."""
        if not self.templates:
            return "No vocabulary names a profile yet: write its file and its sha256 under profiles: of one."
        near = get_close_matches(iri[:300], self.templates, n=1, cutoff=0.7)
        help_ = f'Did you mean "{near[0]}"?' if near else "Name its profile under profiles: of a vocabulary."
        return f'No profile of the vocabulary has the template "{shown(iri, 200)}". {help_}'


class Defined(NamedTuple):
    """The templates of one profile, and where it is named."""

    templates: Mapping[str, StatementTemplate | str]
    place: Place


def merged(
    definitions: Iterable[tuple[Section, str, Word]], profiles: Iterable[Defined] = ()
) -> tuple[Vocabulary, list[Problem]]:
    """One vocabulary of all documents; what two of them define differently is a problem."""
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
    templates: dict[str, tuple[StatementTemplate | str, Place]] = {}
    for profile in profiles:
        other = [id_ for id_, one in profile.templates.items() if templates.get(id_, (one,))[0] != one]
        if other:
            there = templates[other[0]][1]
            message = f'The profile at {there} defines "{shown(other[0], 200)}" otherwise: name one of the two files.'
            problems.append(Problem(*profile.place, message))
        templates |= {id_: (one, profile.place) for id_, one in profile.templates.items()}
    return Vocabulary(words, {id_: one for id_, (one, _) in templates.items()}), problems
