"""What would be in force with other documents instead of some: for whoever checks, previews or publishes a change.

Documents are kept as their authors wrote them, and read together, because one may say what another means: a
vocabulary resolves the words of rules, a rule needs the achievement that it gives.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from service.core import strict
from service.core.achievement_document import MEDIA_TYPES
from service.core.language import KINDS, Documents, known_as, load
from service.core.places import Items, Node, Pairs, Problem, Scalar, beside
from service.core.rule_document import BY_HAND
from service.core.template_form import ENDINGS

CANDIDATE = "document.yaml"
"""What the places of problems call the text that somebody hands in."""


class Stored(NamedTuple):
    """A document in force, as its author wrote it. files: path and content of those that it names.

    Without text it is no more, and what is in force may still name it.
    """

    kind: str
    name: str
    text: str
    files: tuple[tuple[str, bytes], ...] = ()

    @property
    def path(self) -> str:
        """Where it stands in a folder: with files in one of its own, which no path that it names leads out of."""
        if not self.files:
            return f"{self.kind}/{self.name}.yaml"
        up = max(posixpath.normpath(path).split("/").count("..") for path, _ in self.files)
        return f"{self.kind}/{self.name}/{up * 'in/'}{self.name}.yaml"


def named(text: str) -> list[tuple[str, str]]:
    """(kind, name) of the documents in a text, as far as it can be read; caps share the names of rules."""
    found, _, _ = strict.read(CANDIDATE, text.encode())
    roots = [document.root for document in found if isinstance(document.root, Pairs)]
    firsts = [next(((key.text, value) for key, value in root.pairs if key.text in KINDS), None) for root in roots]
    return [(known_as(first[0]), first[1].text) for first in firsts if first and isinstance(first[1], Scalar)]


def mentioned(text: str) -> list[str]:
    """The paths of pictures and profiles that documents in a text may name."""
    found, _, _ = strict.read(CANDIDATE, text.encode())
    texts = (one for document in found for one in _texts(document.root))
    return [one for one in dict.fromkeys(texts) if one.lower().endswith((*MEDIA_TYPES, *ENDINGS))]


def _texts(node: Node) -> Iterable[str]:
    if isinstance(node, Scalar):
        yield node.text
    below = node.items if isinstance(node, Items) else [value for _, value in getattr(node, "pairs", ())]
    for one in below:
        yield from _texts(one)


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
    no_more = [(one.kind, one.name) for one in kept if not one.text]
    decided = [one.name for one in kept if one.kind == "rule" and one.name.startswith(BY_HAND)]
    found, problems = load([(CANDIDATE, candidate.encode()), *beside_it, *files(kept)], decided, no_more)
    return found, [one for one in problems if one.path == CANDIDATE or one.severity == "error"]


def beside_it(files: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Files by the paths that a candidate names them by, as `amended` reads them."""
    return {beside(CANDIDATE, path): content for path, content in files}


def files(stored: Iterable[Stored]) -> Iterable[tuple[str, bytes]]:
    """These documents and what they name as files, for `load`."""
    for one in (one for one in stored if one.text):
        yield one.path, one.text.encode()
        for path, content in one.files:
            yield beside(one.path, path), content
