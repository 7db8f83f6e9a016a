"""What would be in force with other documents instead of some: for whoever checks, previews or publishes a change.

Documents are kept as their authors wrote them, and read together, because one may say what another means: a
vocabulary resolves the words of rules, a rule needs the achievement that it gives.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from service.core import strict
from service.core.language import KINDS, Documents, known_as, load
from service.core.places import Pairs, Problem, Scalar, beside
from service.core.rule_document import BY_HAND

CANDIDATE = "document.yaml"
"""What the places of problems call the text that somebody hands in."""


class Stored(NamedTuple):
    """A document in force, as its author wrote it. files: path and content of those that it names."""

    kind: str
    name: str
    text: str
    files: tuple[tuple[str, bytes], ...] = ()

    @property
    def path(self) -> str:
        return f"{self.kind}/{self.name}.yaml"


def named(text: str) -> list[tuple[str, str]]:
    """(kind, name) of the documents in a text, as far as it can be read; caps share the names of rules."""
    found, _, _ = strict.read(CANDIDATE, text.encode())
    roots = [document.root for document in found if isinstance(document.root, Pairs)]
    firsts = [next(((key.text, value) for key, value in root.pairs if key.text in KINDS), None) for root in roots]
    return [(known_as(first[0]), first[1].text) for first in firsts if first and isinstance(first[1], Scalar)]


def amended(
    stored: Iterable[Stored],
    candidate: str = "",
    without: Collection[tuple[str, str]] = (),
    beside_it: Sequence[tuple[str, bytes]] = (),
) -> tuple[Documents, list[Problem]]:
    """The documents that would be in force with those of `candidate` added or put in the place of their namesakes.

    without: (kind, name) of documents that are taken away. beside_it: (path, content) of files that the candidate
    names. The problems are all those of the candidate, and the errors that it leads to in other documents, whose places
    are in files called `<kind>/<name>.yaml`.
    """
    gone = {*named(candidate), *without}
    kept = [one for one in stored if (one.kind, one.name) not in gone]
    decided = [one.name for one in kept if one.kind == "rule" and one.name.startswith(BY_HAND)]
    found, problems = load([(CANDIDATE, candidate.encode()), *beside_it, *files(kept)], decided)
    return found, [one for one in problems if one.path == CANDIDATE or one.severity == "error"]


def files(stored: Iterable[Stored]) -> Iterable[tuple[str, bytes]]:
    """These documents and what they name as files, for `load`."""
    for one in stored:
        yield one.path, one.text.encode()
        for path, content in one.files:
            yield beside(one.path, path), content
