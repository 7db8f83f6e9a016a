"""YAML read strictly into nodes that know their line and column.

YAML 1.1 reads `on` as true, `22:30` as 1350 and `NO` as false, and lets a second key silently replace the first. So
only the parser's events are used: a scalar stays text until somebody who knows what is expected reads it, and
duplicate keys, anchors, aliases and tags are problems. Size and depth are bounded, so that no file can hang the reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from service.core.places import Broken, Items, Node, Pairs, Place, Problem, Scalar, shown

LARGEST_FILE = 1 << 20
"""Bytes of one YAML file."""
DEEPEST = 40
"""Levels of nesting; a rule needs eight."""
MOST_DOCUMENTS = 10_000
"""Documents in one file."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class Document(NamedTuple):
    """One YAML document and its source, comments included, without the `---` around it."""

    root: Node
    text: str


def read(path: str, content: bytes) -> tuple[list[Document], list[Problem], str]:
    """The documents of one file, what is wrong with it, and the source of what could not be read.

    Empty documents are passed over. After a syntax error the documents before it are still returned.
    """
    text, refused = _decoded(path, content)
    if refused:
        return [], [refused], content.decode(errors="replace")
    file = _File(path, text)
    try:
        file.read()
    except _Stop as stop:
        file.problem(stop.place, stop.message)
    except yaml.MarkedYAMLError as error:
        file.problem(*_syntax(path, text, error))
    except yaml.YAMLError as error:
        file.problem(Place(path, 1, 1), f"This file is no YAML: {shown(str(error))}.")
    else:
        return file.documents(), file.problems, ""
    return file.documents(), file.problems, text[file.starts[-1][0] if file.starts else 0 :]


def place_in(path: str, text: str) -> Place:
    """The place right after `text`, which is the beginning of the file `path`."""
    return Place(path, text.count("\n") + 1, len(text) - text.rfind("\n"))


def _decoded(path: str, content: bytes) -> tuple[str, Problem | None]:
    if len(content) > LARGEST_FILE:
        return "", Problem(path, 1, 1, "This file is larger than 1 MiB: split it into several files.")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "", Problem(path, 1, 1, "This file is written in UTF-16: save it as UTF-8.")
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        place = place_in(path, content[: error.start].decode())
        byte = content[error.start]
        return "", Problem(*place, f"Here is a byte (0x{byte:02x}) that is no UTF-8: save the file as UTF-8.")
    found = _UNREADABLE.search(text)
    if found:
        place = place_in(path, text[: found.start()])
        return "", Problem(*place, f"Here is a control character (U+{ord(found[0]):04X}): take it out.")
    return text, None


class _Stop(Exception):
    def __init__(self, place: Place, message: str) -> None:
        self.place, self.message = place, message


class _File:
    """One file while its events become nodes."""

    def __init__(self, path: str, text: str) -> None:
        self.path, self.text = path, text
        self.problems: list[Problem] = []
        self.roots: list[Node | None] = []
        self.starts: list[tuple[int, int]] = []

    def problem(self, place: Place, message: str) -> None:
        self.problems.append(Problem(*place, message))

    def read(self) -> None:
        events: Iterator[Any] = yaml.parse(self.text, Loader=_LOADER)
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                self._start(event)
                self.roots[-1] = self._node(next(events), events, 0)

    def _start(self, event: Any) -> None:
        if event.version or event.tags:
            raise _Stop(self._place(event), 'Lines that start with "%" are not used here: take this one out.')
        if len(self.starts) == MOST_DOCUMENTS:
            raise _Stop(self._place(event), f"This file holds more than {MOST_DOCUMENTS:,} documents: split it.")
        self.starts.append((event.start_mark.index, event.end_mark.index))
        self.roots.append(None)

    def documents(self) -> list[Document]:
        """Every document runs to the next `---`; the first one begins where the file does."""
        begins = [0, *(end for _, end in self.starts[1:])]
        ends = [*(start for start, _ in self.starts[1:]), len(self.text)]
        slices = zip(self.roots, begins, ends, strict=False)
        return [
            Document(root, self.text[begin:end].lstrip("\r\n"))
            for root, begin, end in slices
            if root is not None and not (isinstance(root, Scalar) and root.empty)
        ]

    def _place(self, event: Any) -> Place:
        return Place(self.path, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, event: Any, events: Iterator[Any], depth: int) -> Node:
        place = self._place(event)
        if depth > DEEPEST:
            raise _Stop(place, f"This is nested more than {DEEPEST} levels deep: write it flatter.")
        if isinstance(event, yaml.AliasEvent):
            self.problem(
                place, f'References ("*{shown(str(event.anchor))}") are not used here: write the value itself.'
            )
            return Broken(place)
        if event.anchor is not None:
            self.problem(place, f'Anchors ("&{shown(event.anchor)}") are not used here: take it out.')
        if event.tag is not None:
            self.problem(place, f'Tags ("{shown(_tag(event.tag))}") are not used here: take it out.')
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, bool(event.style), place)
        if isinstance(event, yaml.SequenceStartEvent):
            return Items(tuple(self._items(events, depth + 1)), place)
        return self._pairs(place, events, depth + 1)

    def _items(self, events: Iterator[Any], depth: int) -> Iterator[Node]:
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, events, depth)

    def _pairs(self, place: Place, events: Iterator[Any], depth: int) -> Pairs:
        found: dict[str, tuple[Scalar, Node]] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._node(event, events, depth)
            value = self._value(key, self._node(next(events), events, depth))
            if not isinstance(key, Scalar):
                if not isinstance(key, Broken):
                    self.problem(key.place, "A key must be a word, not a list or a mapping.")
            elif key.text in found:
                line = found[key.text][0].place.line
                self.problem(key.place, f'"{shown(key.text)}" is here twice; the first is in line {line}. Keep one.')
            else:
                found[key.text] = (key, value)
        return Pairs(tuple(found.values()), place)

    def _value(self, key: Node, value: Node) -> Node:
        """An empty value has no place of its own: the place of its key is more useful."""
        if isinstance(value, Scalar) and not value.text and not value.quoted:
            return Scalar("", False, key.place)
        return value


def _tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!")


_SENTENCES = {
    "mapping values are not allowed": 'A ":" cannot stand here: put text that contains ": " in quotes, or check how far'
    " this line is indented.",
    "did not find expected ',' or ']'": 'The list that opens with "[" in line {line} is not closed here: put a "," or'
    ' a "]".',
    "did not find expected ',' or '}'": 'The braces that open with "{{" in line {line} are not closed here: put a ","'
    ' or a "}}".',
    "found unexpected end of stream": "The quote that opens in line {line} is never closed.",
    "found unexpected document indicator": "The quote that opens in line {line} is never closed.",
    "could not find expected ':'": 'A ":" is missing after the key in line {line}.',
    "did not find expected '-' indicator": 'The list that starts in line {line} goes on with "- " in the same column;'
    " check how far this line is indented.",
    "did not find expected key": "This line does not fit the keys that start in line {line}: check how far it is"
    " indented, and quotes and commas in the line before.",
    "did not find expected <document start>": "Here a new document would have to start: check how far this line is"
    " indented, or put --- before it.",
    "found unknown escape character": 'In double quotes a backslash starts a special character: write "\\\\" for a'
    " backslash, or use single quotes.",
    "block sequence entries are not allowed": 'A list cannot start in this line: put "- " on a line of its own.',
    "found undefined tag handle": 'Text cannot start with "!": put it in quotes.',
    "while scanning an alias": 'Text cannot start with "*": put it in quotes.',
    "while scanning an anchor": 'Text cannot start with "&": put it in quotes.',
}


def _mark_place(path: str, text: str, mark: Any) -> Place:
    if not mark or mark.index >= len(text):
        return place_in(path, text)
    return Place(path, mark.line + 1, mark.column + 1)


def _syntax(path: str, text: str, error: yaml.MarkedYAMLError) -> tuple[Place, str]:
    """The parser's complaint as a place and a plain sentence."""
    mark: Any = error.problem_mark or error.context_mark
    place = _mark_place(path, text, mark)
    character = text[mark.index : mark.index + 1] if mark else ""
    if character == "\t" or "tab character" in str(error.problem):
        return place, "Here is a tab: indent with spaces."
    if "cannot start any token" in str(error.problem):
        return place, f'Text cannot start with "{character}": put it in quotes.'
    context: Any = error.context_mark or mark
    whole = f"{error.context} {error.problem}"
    for piece, sentence in _SENTENCES.items():
        if piece in whole:
            return place, sentence.format(line=context.line + 1 if context else 1)
    return place, f"This is no YAML: {shown(whole.removeprefix('None '), 200)}."
