"""The rule language: files of YAML documents in; rules, achievements, boards and tests out, and every error at once.

A document is read by the form of its kind (`KINDS`): a kind of document, a key or a condition is added by a form and a
line in a table. What one document says about another (a badge, a rule's name) is checked when all have been read.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from service.core import strict
from service.core.achievement import Achievement
from service.core.achievement_document import ACHIEVEMENT_FORM, MEDIA_TYPES, Image, image
from service.core.award_documents import CAPS_FORM, LEVELS_FORM
from service.core.cases import TESTS_FORM, Tests
from service.core.documents import BOARD_FORM, VOCABULARY_FORM, Words
from service.core.forms import Form, Reading
from service.core.issuer_document import ISSUER_FORM, MAIN, Issuer
from service.core.places import Broken, Node, Pairs, Place, Problem, Scalar, beside, listed, shown
from service.core.rule import Board, Cap, Levels, Rule
from service.core.rule_document import RULE_FORM
from service.core.strata import Strata, circles
from service.core.strict import Document
from service.core.template_form import ENDINGS
from service.core.vocabulary import Defined, Vocabulary, merged

__all__ = ["Documents", "Problem", "load", "read_directory"]

LARGEST_READ = (1 << 20) + 1
"""A file is not read further than needed to see that it is too large."""


class Kind(NamedTuple):
    """A kind of document. unique: two documents of this kind cannot have the same name."""

    form: Form[Any]
    unique: bool = True


KINDS: Mapping[str, Kind] = {
    "rule": Kind(RULE_FORM),
    "achievement": Kind(ACHIEVEMENT_FORM),
    "board": Kind(BOARD_FORM),
    "vocabulary": Kind(VOCABULARY_FORM),
    "tests": Kind(TESTS_FORM, unique=False),
    "levels": Kind(LEVELS_FORM),
    "caps": Kind(CAPS_FORM),
    "issuer": Kind(ISSUER_FORM),
}
"""The first key of a document says which of these it is."""


@dataclass(frozen=True)
class Documents:
    """Everything that could be read. Caps are among the rules, and are known to others by the kind of rules.

    images, text, places and files: what each document names as its image, its source, where it stands, and the files
    that it names with their content, by (kind, name).
    """

    rules: tuple[Rule, ...] = ()
    achievements: tuple[Achievement, ...] = ()
    boards: tuple[Board, ...] = ()
    levels: tuple[Levels, ...] = ()
    issuers: tuple[Issuer, ...] = ()
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    tests: tuple[Tests, ...] = ()
    images: Mapping[tuple[str, str], Image] = field(default_factory=dict)
    text: Mapping[tuple[str, str], str] = field(default_factory=dict)
    places: Mapping[tuple[str, str], Place] = field(default_factory=dict)
    files: Mapping[tuple[str, str], tuple[tuple[str, bytes], ...]] = field(default_factory=dict)


class _Written(NamedTuple):
    """A document of a known kind, before it is read."""

    kind: str
    name: str
    root: Pairs
    text: str


def read_directory(directory: str | os.PathLike[str]) -> list[tuple[str, bytes]]:
    """All YAML files below a directory, and those they may name, for `load`; raises OSError where one is unreadable."""
    endings = {".yaml", ".yml", *MEDIA_TYPES, *ENDINGS}
    found = sorted(path for path in Path(directory).rglob("*") if path.suffix.lower() in endings and path.is_file())
    return [(path.as_posix(), _beginning(path)) for path in found]


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(LARGEST_READ)


def load(
    files: Iterable[tuple[str, bytes]], decided: Collection[str] = (), gone: Collection[tuple[str, str]] = ()
) -> tuple[Documents, list[Problem]]:
    """The documents in these files, and everything that is wrong with them, in the order of files and lines.

    files: (path, content) of YAML files, and of the images and profiles that these name by paths from where they are.
    decided: names of the rules among them that give what is decided by hand; no other can have such a name.
    gone: (kind, name) of documents that are no more; to mention one is no error.
    What has an error is left out of the documents; whoever applies them refuses all of them if any problem is an error.
    """
    content = dict(files)
    beside_them = {path: file for path, file in content.items() if not _is_yaml(path)}
    reading = Reading(files=beside_them, decided=decided, gone=gone)
    written = [one for path, file in content.items() if _is_yaml(path) for one in _recognised(reading, path, file)]
    _check_names(reading, written)
    vocabularies = [
        (one, VOCABULARY_FORM.read(reading, one.root, one.kind)) for one in written if one.kind == "vocabulary"
    ]
    reading.vocabulary = _vocabulary(reading, [words for _, words in vocabularies if words])
    levels = _read(reading, [one for one in written if one.kind == "levels"])
    reading.levels = {value.name: value for _, value in levels if value is not None}
    values = _read(reading, [one for one in written if one.kind not in ("vocabulary", "levels")])
    _check_mentions(reading)
    _check_circles(reading, values)
    _check_caps(reading, values)
    _check_default(reading, values)
    values += [*levels, *vocabularies]
    return _documents(reading, written, values), sorted(reading.problems, key=lambda problem: problem[:3])


def _read(reading: Reading, written: Iterable[_Written]) -> list[tuple[_Written, Any]]:
    return [(one, KINDS[one.kind].form.read(reading, one.root, one.kind)) for one in written]


def _is_yaml(path: str) -> bool:
    return not path.lower().endswith((*MEDIA_TYPES, *ENDINGS))


def _recognised(reading: Reading, path: str, content: bytes) -> Iterable[_Written]:
    found, problems, unread = strict.read(path, content)
    reading.problems += problems
    reading.errors += len(problems)
    reading.unread += unread
    for document in found:
        if (written := _kind(reading, document)) is not None:
            yield written


def _kind(reading: Reading, document: Document) -> _Written | None:
    root = document.root
    if isinstance(root, Broken):
        return None
    if not isinstance(root, Pairs):
        reading.error(root, "A document is a mapping that starts with what it is, like rule: share-an-article.")
        return None
    kind = next((key for key, _ in root.pairs if key.text in KINDS), None)
    if kind is None:
        first = root.pairs[0][0] if root.pairs else root
        near = reading.nearest(root.pairs[0][0].text, KINDS) if root.pairs else ""
        reading.error(first, f"This document does not say what it is: start it with {listed(KINDS)}.{near}")
        reading.unread += document.text
        return None
    return _Written(kind.text, _name(root.get(kind.text)), root, document.text)


def _name(node: Node | None) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _check_names(reading: Reading, written: list[_Written]) -> None:
    first: dict[tuple[str, str], Place] = {}
    for one in written:
        place = (one.root.get(one.kind) or one.root).place
        kind = known_as(one.kind)
        if KINDS[one.kind].unique and one.name and first.setdefault((kind, one.name), place) is not place:
            there = first[kind, one.name]
            reading.error(
                place, f'There is {_a(kind)} called "{shown(one.name)}" at {there} already: rename one of them.'
            )
    reading.defined |= set(first) | {("issuer", MAIN)}
    achievements = [one for one in written if one.kind == "achievement"]
    reading.defined |= {("micro_credential", one.name) for one in achievements if one.root.get("micro_credential")}


def known_as(kind: str) -> str:
    """Caps share the names of rules, and are rules wherever rules are named."""
    return "rule" if kind == "caps" else kind


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def _vocabulary(reading: Reading, words: list[Words]) -> Vocabulary:
    profiles = [Defined(one.templates, one.place) for document in words for one in document.profiles]
    vocabulary, problems = merged((word for document in words for word in document.definitions), profiles)
    reading.problems += problems
    reading.errors += len(problems)
    return vocabulary


MISSING = {
    "achievement": 'There is no achievement "{name}": write an achievement document for it.',
    "micro_credential": (
        'The achievement "{name}" does not say what a micro-credential has to: write micro_credential: in it, '
        "with country, awarding_body, learning_outcomes and the others."
    ),
    "issuer": 'There is no issuer "{name}": write an issuer document for it.',
    "rule": 'There is no rule "{name}".',
    "currency": 'No rule gives "{name}".',
    "gift": 'No rule gives "{name}", so nobody can have it: give it, or take this need out.',
    "tag": 'No rule has the tag "{name}".',
}


def _check_mentions(reading: Reading) -> None:
    known = {kind: sorted(name for one, name in reading.defined if one == kind) for kind in MISSING}
    for mention in dict.fromkeys(reading.mentions):
        if mention.kind == "micro_credential" and ("achievement", mention.name) not in reading.defined:
            continue  # that there is no such achievement is said already
        if (mention.kind, mention.name) in reading.defined or mention.name in reading.unread:
            continue
        if (mention.kind, mention.name) in reading.gone:
            reading.warning(mention.place, f'The {mention.kind} "{shown(mention.name)}" is no more: name another.')
        else:
            near = reading.nearest(mention.name, known[mention.kind])
            message = MISSING[mention.kind].format(name=shown(mention.name)) + near
            note = reading.error if mention.severity == "error" else reading.warning
            note(mention.place, message)


def _check_circles(reading: Reading, values: list[tuple[_Written, Any]]) -> None:
    """Rules that read awards need an order; where there is none, all that wait for each other are named."""
    rules = {value.name: (one, value) for one, value in values if isinstance(value, Rule)}
    for circle in circles([rule for _, rule in rules.values()]):
        places = [f'"{name}" ({rules[name][0].root.place})' for name in circle]
        waiting = (
            f"{listed(places, 'and')} need what the others of them give, so each waits for the other"
            if len(places) > 1
            else f"{places[0]} needs what it gives itself"
        )
        reading.error(
            _key(rules[circle[0]][0].root, "needs"),
            f"This is a circle: {waiting}. Let one of them give another badge or currency.",
        )


def _key(root: Pairs, name: str) -> Node | Place:
    return root.key(name) or root.place


def _check_caps(reading: Reading, values: list[tuple[_Written, Any]]) -> None:
    rules = [value for _, value in values if isinstance(value, Rule)]
    strata = Strata(rules)
    for one, cap in values:
        if not isinstance(cap, Rule) or not isinstance(cap.kind, Cap):
            continue
        covered, currency = strata.covered(cap), cap.kind.currency
        awards = [
            (dict(grant.points).get(currency, 0), rule.name)
            for rule in rules
            if covered is None or rule.name in covered
            for grant in rule.give
        ]
        most, name = max(awards, default=(0, ""))
        if not most and awards:
            reading.warning(_key(one.root, "over"), f'These rules give no "{currency}", so this cap changes nothing.')
        elif most > cap.kind.points:
            reading.warning(
                _key(one.root, "points"),
                f'One award of "{name}" gives {most} {currency}, more than this cap: it never pays more than'
                f" {cap.kind.points}.",
            )


def _check_default(reading: Reading, values: list[tuple[_Written, Any]]) -> None:
    """Somebody has to award what names no issuer, and one only."""
    defaults = [one for one, value in values if isinstance(value, Issuer) and value.default]
    for second in defaults[1:]:
        place, first = _key(second.root, "default"), defaults[0]
        reading.error(place, f'"{first.name}" ({first.root.place}) is the default issuer already: keep one of them.')


def _documents(reading: Reading, written: list[_Written], values: list[tuple[_Written, Any]]) -> Documents:
    def of(kind: str) -> tuple[Any, ...]:
        return tuple(value for one, value in values if one.kind == kind and value is not None)

    unique = [one for one in reversed(written) if KINDS[one.kind].unique]
    named = {(known_as(one.kind), one.name): (one, _named(value)) for one, value in reversed(values)}
    files = {
        key: tuple((file, reading.files[beside(one.root.place.path, file)]) for file in found)
        for key, (one, found) in named.items()
        if found
    }
    images = {name: image(*found[0]) for name, found in files.items() if name[0] in ("achievement", "issuer")}
    return Documents(
        (*of("rule"), *of("caps")),
        of("achievement"),
        of("board"),
        of("levels"),
        of("issuer"),
        reading.vocabulary,
        of("tests"),
        images,
        {(known_as(one.kind), one.name): one.text for one in unique},
        {(known_as(one.kind), one.name): one.root.place for one in unique},
        files,
    )


def _named(value: Any) -> tuple[str, ...]:
    """The files that a document names."""
    if isinstance(value, Achievement | Issuer):
        return (value.image,) if isinstance(value.image, str) else ()
    return tuple(dict.fromkeys(one.file for one in value.profiles)) if isinstance(value, Words) else ()
