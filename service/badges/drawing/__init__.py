"""Pictures of badges: a shape in a colour with an icon and a ribbon that carries the title, as SVG and as PNG.

Letters are drawn as outlines of a font that comes along, so that a picture looks the same everywhere, also where no
font is installed. Only writing that needs more than one outline after the other (from right to left, with marks that
combine) is left to the fonts of whoever shows the picture.
"""

from __future__ import annotations

import colorsys
import json
import zlib
from collections.abc import Sequence
from functools import cache
from html import escape
from itertools import pairwise
from math import cos, pi, sin
from pathlib import Path
from typing import Any
from unicodedata import bidirectional, category, combining, east_asian_width

import resvg_py
from fontTools.pens.svgPathPen import SVGPathPen
from fontTools.pens.transformPen import TransformPen
from fontTools.ttLib import TTFont

from service.core.achievement import COLOURS, Drawing, Shape

FOLDER = Path(__file__).parent
SIZE = 512
MIDDLE = SIZE / 2
FAMILY = "'DejaVu Sans Condensed', 'Noto Sans', system-ui, sans-serif"
RIBBON = (8, 504)
TITLE_WIDTH, LABEL_WIDTH = 412, 250
TITLE_SIZES, LABEL_SIZES = (46, 32, 22), (26, 16)

Point = tuple[float, float]


def svg(name: str, title: str, drawing: Drawing) -> bytes:
    """The picture of the achievement `name`, 512 by 512, always the same for the same words; no links, no scripts."""
    base = COLOURS.get(drawing.colour) or drawing.colour or _chosen(name)
    light, deep, dark = _shade(base, 1.28), _shade(base, 0.78), _shade(base, 0.42)
    outline = _outline(drawing.shape)
    return "".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}" width="{SIZE}" height="{SIZE}" ',
            f'role="img" aria-label="{escape(title)}"><title>{escape(title)}</title><defs>',
            f'<linearGradient id="a" x1="0" y1="0" x2="1" y2="1"><stop offset="0" stop-color="{light}"/>',
            f'<stop offset="1" stop-color="{deep}"/></linearGradient>',
            f'<radialGradient id="b" cx=".4" cy=".28" r=".9"><stop offset="0" stop-color="{light}"/>',
            f'<stop offset="1" stop-color="{deep}"/></radialGradient></defs>',
            f'<path d="{_path(outline)}" fill="url(#a)"/>',
            f'<path d="{_path(_scaled(_inner(drawing.shape), 0.885))}" fill="{dark}"/>',
            f'<path d="{_path(_scaled(_inner(drawing.shape), 0.83))}" fill="url(#b)" stroke="#fff" ',
            'stroke-opacity=".65" stroke-width="3.5"/>',
            _icon(drawing, 203 if not drawing.label else 188),
            _line(drawing.label, MIDDLE, 314, LABEL_WIDTH, LABEL_SIZES, 0.95) if drawing.label else "",
            _ribbon(title, base, dark),
            "</svg>",
        ]
    ).encode()


def png(picture: bytes, width: int = SIZE) -> bytes:
    """An SVG as PNG, so many pixels wide; ValueError if it cannot be drawn."""
    return bytes(resvg_py.svg_to_bytes(svg_string=picture.decode(), width=width))


# --- shapes ---------------------------------------------------------------------------------------------------------


def _outline(shape: Shape) -> list[Point]:
    """The edge of a shape within 512 by 512."""
    if shape == "medal":
        return _round(lambda turn: 236 + 10 * cos(24 * turn), 480)
    if shape == "star":
        return [_at(-pi / 2 + step * pi / 16, 250 if step % 2 == 0 else 218) for step in range(32)]
    return _inner(shape)


def _inner(shape: Shape) -> list[Point]:
    """The edge without its teeth."""
    if shape in ("medal", "circle"):
        return _round(lambda _: 246 if shape == "circle" else 232, 180)
    if shape == "star":
        return _round(lambda _: 222, 180)
    if shape == "hexagon":
        return _softened([_at(-pi / 2 + corner * pi / 3, 252) for corner in range(6)], 26)
    if shape == "diamond":
        return _softened([(256, 0), (512, 256), (256, 512), (0, 256)], 70)
    if shape == "square":
        return _softened([(24, 24), (488, 24), (488, 488), (24, 488)], 72)
    return _softened([(256, 4), (470, 62), (470, 270), (412, 410), (256, 510), (100, 410), (42, 270), (42, 62)], 46)


def _at(turn: float, radius: float) -> Point:
    return MIDDLE + radius * cos(turn), MIDDLE + radius * sin(turn)


def _round(radius: Any, steps: int) -> list[Point]:
    return [_at(turn, radius(turn)) for turn in (2 * pi * step / steps for step in range(steps))]


def _softened(corners: Sequence[Point], radius: float) -> list[Point]:
    """A polygon with rounded corners: at each a curve from before it to after it."""
    found: list[Point] = []
    for number, (x, y) in enumerate(corners):
        before, after = corners[number - 1], corners[(number + 1) % len(corners)]
        start, end = _towards((x, y), before, radius), _towards((x, y), after, radius)
        for step in range(13):
            t = step / 12
            found.append(
                (
                    (1 - t) ** 2 * start[0] + 2 * t * (1 - t) * x + t * t * end[0],
                    (1 - t) ** 2 * start[1] + 2 * t * (1 - t) * y + t * t * end[1],
                )
            )
    return found


def _towards(here: Point, there: Point, far: float) -> Point:
    length = ((there[0] - here[0]) ** 2 + (there[1] - here[1]) ** 2) ** 0.5
    part = min(far / length, 0.5)
    return here[0] + (there[0] - here[0]) * part, here[1] + (there[1] - here[1]) * part


def _scaled(points: Sequence[Point], by: float) -> list[Point]:
    return [(MIDDLE + (x - MIDDLE) * by, MIDDLE + (y - MIDDLE) * by) for x, y in points]


def _path(points: Sequence[Point]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"


# --- colours --------------------------------------------------------------------------------------------------------


def _chosen(name: str) -> str:
    """A colour that an achievement keeps: it follows from its name."""
    usual = [colour for title, colour in COLOURS.items() if title not in ("bronze", "silver", "gold", "slate")]
    return usual[zlib.crc32(name.encode()) % len(usual)]


def _shade(colour: str, by: float) -> str:
    """The colour, lighter (by > 1) or darker."""
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    hue, light, full = colorsys.rgb_to_hls(red, green, blue)
    light = light * by if by <= 1 else min(light + (1 - light) * (by - 1) * 1.4, 0.93)
    return "#" + "".join(f"{round(part * 255):02x}" for part in colorsys.hls_to_rgb(hue, light, full))


# --- what stands on it ----------------------------------------------------------------------------------------------


def _icon(drawing: Drawing, middle: float) -> str:
    size = 172 if not drawing.label else 150
    scale, left, top = size / 24, MIDDLE - size / 2, middle - size / 2
    return (
        f'<g transform="translate({left:.1f} {top:.1f}) scale({scale:.3f})" fill="none" stroke="#fff" '
        f'stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round">{_icons()[drawing.icon]}</g>'
    )


def _ribbon(title: str, base: str, dark: str) -> str:
    """A band across the badge with its ends folded back, tall enough for the title in one line or two."""
    lines, size = _fitted(title, TITLE_WIDTH, TITLE_SIZES)
    tall = 84 if len(lines) == 1 else 104
    top = 384 - tall / 2
    left, right = RIBBON
    back, face = _shade(base, 0.55), _shade(base, 0.66)
    bottom, half = top + tall, tall / 2 + 18
    folds = "".join(
        f'<path d="M{outer} {top + 18:.0f}H{inner}V{bottom + 18:.0f}H{outer}L{outer + notch} {top + half:.0f}Z" '
        f'fill="{back}"/><path d="M{edge} {bottom:.0f}H{inner}V{bottom + 18:.0f}Z" fill="{dark}"/>'
        for outer, inner, edge, notch in ((left, left + 58, left + 26, 20), (right, right - 58, right - 26, -20))
    )
    band = (
        f'<path d="M{left + 26} {top:.0f}H{right - 26}V{top + tall:.0f}H{left + 26}Z" fill="{face}"/>'
        f'<path d="M{left + 26} {top + 7:.0f}H{right - 26}M{left + 26} {top + tall - 7:.0f}H{right - 26}" '
        'stroke="#fff" stroke-opacity=".45" stroke-width="2"/>'
    )
    first = 384 + size * 0.36 - (len(lines) - 1) * size * 0.58
    written = "".join(_written(line, MIDDLE, first + row * size * 1.16, size) for row, line in enumerate(lines))
    return folds + band + written


def _line(words: str, x: float, y: float, width: float, sizes: tuple[int, int], opacity: float) -> str:
    size = min(sizes[0], sizes[0] * width / max(_width(words.upper(), sizes[0]), 1))
    cut = _cut(words.upper(), width, sizes[1]) if size < sizes[1] else words.upper()
    return f'<g fill-opacity="{opacity}">{_written(cut, x, y, max(size, sizes[1]))}</g>'


def _fitted(words: str, width: float, sizes: tuple[int, int, int]) -> tuple[list[str], float]:
    """The words in one line as large as it goes, or else in two, and the size of the letters."""
    largest, small, least = sizes
    words = " ".join(_sayable(words).split())
    one = min(largest, largest * width / max(_width(words, largest), 1))
    if one >= small or " " not in words:
        return [_cut(words, width, least)] if one < least else [words], max(one, least)
    parts = words.split(" ")
    halves = [(" ".join(parts[:place]), " ".join(parts[place:])) for place in range(1, len(parts))]
    best = min(halves, key=lambda two: max(_width(line, small) for line in two))
    size = min(38.0, small * width / max(_width(line, small) for line in best))
    return ([*best], size) if size >= least else ([_cut(line, width, least) for line in best], least)


def _sayable(words: str) -> str:
    """The words without emoji, which neither our font nor, on most servers, any other draws."""
    known = _font().getBestCmap()
    left = "".join(one for one in words if ord(one) in known or not (category(one) in ("So", "Sk") or one == "\ufe0f"))
    return left if left.strip() else words


def _cut(words: str, width: float, size: float) -> str:
    if _width(words, size) <= width:
        return words
    while words and _width(f"{words}…", size) > width:
        words = words[:-1]
    return f"{words.rstrip()}…"


def _written(words: str, x: float, y: float, size: float) -> str:
    """Words around x, standing on y, in white."""
    if not _plain(words):
        return (
            f'<text x="{x:.0f}" y="{y:.1f}" fill="#fff" font-family="{FAMILY}" font-weight="700" '
            f'font-size="{size:.1f}" text-anchor="middle">{escape(words)}</text>'
        )
    font, scale = _font(), size / _font()["head"].unitsPerEm
    glyphs = font.getGlyphSet()
    pen = SVGPathPen(glyphs, ntos=lambda value: f"{value:.1f}".rstrip("0").rstrip("."))
    left = x - _width(words, size) / 2
    for name, offset in _places(words):
        glyphs[name].draw(TransformPen(pen, (scale, 0, 0, -scale, left + offset * scale, y)))
    return f'<path d="{pen.getCommands()}" fill="#fff"/>'


def _width(words: str, size: float) -> float:
    if not _plain(words):
        return sum(size if east_asian_width(letter) in "WF" else size * 0.56 for letter in words)
    if not words:
        return 0
    name, offset = _places(words)[-1]
    return float((offset + _font()["hmtx"][name][0]) * size / _font()["head"].unitsPerEm)


def _places(words: str) -> list[tuple[str, float]]:
    """Each letter's outline and where it starts, in units of the font, pairs drawn together as the font wants."""
    known, widths = _font().getBestCmap(), _font()["hmtx"]
    names = [known[ord(letter)] for letter in words]
    found, offset = [(names[0], 0.0)], 0.0
    for before, name in pairwise(names):
        offset += widths[before][0] + _pairs().get((before, name), 0)
        found.append((name, offset))
    return found


def _plain(words: str) -> bool:
    """Whether one outline after the other, from left to right, is right for these words."""
    known = _font().getBestCmap()
    return all(
        ord(letter) in known and bidirectional(letter) not in ("R", "AL", "AN") and not combining(letter)
        for letter in words
    )


@cache
def _font() -> TTFont:
    return TTFont(FOLDER / "DejaVuSansCondensed-Bold.ttf")


@cache
def _pairs() -> dict[tuple[str, str], int]:
    return dict(_font()["kern"].kernTables[0].kernTable) if "kern" in _font() else {}


@cache
def _icons() -> dict[str, str]:
    return dict(json.loads((FOLDER / "icons.json").read_bytes()))
