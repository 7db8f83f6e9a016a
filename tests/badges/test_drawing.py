"""Drawn badges: whatever the title, the picture is one that every program can show, and always the same."""

from __future__ import annotations

import re
import struct
from typing import get_args
from xml.etree import ElementTree

import pytest

from service.badges import drawing
from service.core.achievement import COLOURS, ICONS, Drawing, Shape

TITLES = [
    "Keen learner",
    "x",
    "Certified forklift driver and load handling specialist of the northern region",
    "Datenschutzgrundverordnungsbeauftragtenprüfung",
    "متعلم متميز",
    "合格証明書",
    "<script>\"&' ]]>",
    "🎓 e\u0301",
]


def size(png: bytes) -> tuple[int, ...]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", png[16:24])


@pytest.mark.parametrize("title", TITLES)
def test_every_title_can_be_drawn(title: str) -> None:
    picture = drawing.svg("a", title, Drawing(label="Level 2"))
    root = ElementTree.fromstring(picture)
    assert root.get("aria-label") == title
    assert b"<script" not in picture
    assert size(drawing.png(picture, 64)) == (64, 64)


def test_letters_stay_on_the_ribbon() -> None:
    for title in ("W" * 200, "Wide " * 60, "i"):
        lines, letters = drawing._fitted(title, 412, (46, 32, 22))
        assert len(lines) <= 2
        assert all(drawing._width(line, letters) <= 412.5 for line in lines)


def test_every_shape_icon_and_colour_makes_another_picture() -> None:
    drawn = [drawing.svg("a", "T", Drawing(shape=shape)) for shape in get_args(Shape)]
    drawn += [drawing.svg("a", "T", Drawing(icon=icon)) for icon in ICONS if icon != "award"]
    drawn += [drawing.svg("a", "T", Drawing(colour=colour)) for colour in COLOURS]
    assert len({*drawn}) >= len(drawn) - 1  # one of the colours is the one that follows from the name
    for picture in drawn[: len(get_args(Shape))]:
        assert size(drawing.png(picture, 32)) == (32, 32)


def test_a_picture_is_always_the_same_and_holds_no_addresses() -> None:
    wanted = Drawing("hexagon", "#123456", "rocket", "Gold")
    assert drawing.svg("a", "Title", wanted) == drawing.svg("a", "Title", wanted)
    addresses = re.findall(rb'(?:href|src|url\()\W*([^"\')]+)', drawing.svg("a", "Title", wanted))
    assert {address for address in addresses if not address.startswith(b"#")} <= {b"a", b"b"}


def test_emoji_are_left_out_of_a_ribbon_and_writing_is_not() -> None:
    assert drawing.svg("a", "Safe lifting 🎉\ufe0f", Drawing()).count(b"<text") == 0
    assert drawing._sayable("安全 🎉 C++ €5") == "安全  C++ €5"
    assert drawing._sayable("🎉") == "🎉"
