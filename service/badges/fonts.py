"""Fonts for writing that the one which comes along does not have: those that are installed where the service runs.

Chinese, Japanese, Korean, Thai or Devanagari need fonts of several megabytes, so they are the machine's:
`apt install fonts-noto-core fonts-noto-cjk`, or the small fonts-droid-fallback.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Set
from functools import cache
from pathlib import Path
from typing import NamedTuple

import structlog
from fontTools.ttLib import TTFont, TTLibError

FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts")
ENDINGS = (".ttf", ".otf", ".ttc")
LIKED = ("Regular", "Noto", "Full", "Droid")
"""What is in the names of files that are looked at first."""

log = structlog.get_logger(__name__)


class Chosen(NamedTuple):
    """Fonts that have what was looked for, and the characters that none of them has."""

    paths: tuple[Path, ...]
    lacking: frozenset[str]


def choose(characters: Iterable[str], folders: tuple[Path, ...] = FOLDERS) -> Chosen:
    """As few installed fonts as have these characters between them."""
    wanted = set(filter(spoken, characters))
    paths: list[Path] = []
    for path in _installed(folders) if wanted else ():
        if here := {one for one in wanted if ord(one) in _characters(path)}:
            wanted -= here
            paths.append(path)
        if not wanted:
            break
    if wanted:
        log.warning("no font is installed for some names", characters="".join(sorted(wanted))[:20])
    return Chosen(tuple(paths), frozenset(wanted))


def spoken(character: str) -> bool:
    """Whether a name cannot do without it: letters, marks and digits; not emoji or what joins them."""
    return unicodedata.category(character)[0] in "LMN" and not 0xFE00 <= ord(character) <= 0xFE0F


@cache
def _installed(folders: tuple[Path, ...]) -> tuple[Path, ...]:
    found = {path for folder in folders if folder.is_dir() for path in _fonts_in(folder)}
    return tuple(sorted(found, key=lambda path: (-sum(word in path.name for word in LIKED), path.name)))


def _fonts_in(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS and "Mono" not in path.name)


@cache
def _characters(path: Path) -> Set[int]:
    try:
        with TTFont(path, fontNumber=0, lazy=True) as font:
            drawn = "glyf" in font or "CFF " in font  # pictures instead of outlines cannot be printed
            return frozenset(font.getBestCmap() or ()) if drawn else frozenset()
    except (OSError, TTLibError, AssertionError, KeyError):
        return frozenset()
