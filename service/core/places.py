"""Where something is written, the nodes of YAML that know it, and problems: what is wrong there and what to do."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import islice
from typing import Literal, NamedTuple


class Place(NamedTuple):
    """Where something is written; line and column count from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class Problem(NamedTuple):
    """One mistake of an author, and in `message` what to write instead."""

    path: str
    line: int
    column: int
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        kind = "" if self.severity == "error" else "warning: "
        return f"{self.path}:{self.line}:{self.column}: {kind}{self.message}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text as written; `quoted` tells `"5"` from `5`."""

    text: str
    quoted: bool
    place: Place

    @property
    def empty(self) -> bool:
        """Nothing is written: `key:`, `key: ~`, `key: null`."""
        return not self.quoted and self.text in ("", "~", "null")


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Pairs:
    """Keys with values, in the order written; no key comes twice."""

    pairs: tuple[tuple[Scalar, Node], ...]
    place: Place

    def get(self, name: str) -> Node | None:
        """The value under this key."""
        return next((value for key, value in self.pairs if key.text == name), None)

    def key(self, name: str) -> Scalar | None:
        """The key itself, for its place."""
        return next((key for key, _ in self.pairs if key.text == name), None)


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that a problem has been reported about already; readers pass over it."""

    place: Place


Node = Scalar | Items | Pairs | Broken


def beside(path: str, file: str) -> str:
    """The path of a file that the file `path` names."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), file))


def shown(text: str, longest: int = 60) -> str:
    """Text as a message shows it: on one line, and not longer than a message should be."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def nearest(word: str, known: Iterable[str]) -> str:
    """` Did you mean "course"?`, or nothing where no known word is near."""
    if len(word) > 60:
        return ""
    choices = {choice.lower(): choice for choice in islice(known, 5000)}
    found = get_close_matches(word.lower(), choices, n=1, cutoff=0.6 if len(word) < 6 else 0.7)
    return f' Did you mean "{choices[found[0]]}"?' if found else ""


def listed(words: Iterable[str], last: str = "or") -> str:
    """`a, b or c`."""
    *head, tail = words
    return f"{', '.join(head)} {last} {tail}" if head else tail
