"""A certificate holds the signed badge, and all that it says, whatever is written on it."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fpdf import FPDF

from service.badges import certificate, fonts, signing
from tests.badges import samples
from tests.badges.test_baking import PNG

CHECK = "https://badges.example.org/verify/2de9c15f-607e-493f-9fb9-ae79eed115f7"


@pytest.mark.parametrize("holder", ["Ana Gómez", "عائشة بنت محمد", "🎉 \n ", None, "山田"])
def test_whatever_the_name_the_badge_is_attached(holder: str | None) -> None:
    pdf = printed(holder, name="متعلم مجتهد 🎉")
    assert pdf.startswith(b"%PDF-")
    assert pages(pdf) == 1
    assert b"/EmbeddedFile" in pdf
    assert CHECK.encode() in pdf


def printed(holder: str | None = "Ana Gómez", **said: Any) -> bytes:
    about = replace(samples.KEEN, **said)
    body = signing.sign(samples.credential(achievement=about), samples.ISSUER, samples.KEY, samples.NOW)
    return certificate.pdf(json.loads(body), body, PNG, holder, CHECK)


def pages(pdf: bytes) -> int:
    return pdf.count(b"/Type /Page\n")


@pytest.mark.parametrize(
    ("said", "more"),
    [
        ({}, 0),
        ({"criteria": "Do it.\n\n- Country of the issuer: DE\n- Workload: 20 hours"}, 1),
        ({"description": "long " * 1000, "criteria": '"\\\n' * 30}, 3),
        ({"name": "W" * 120, "description": "long " * 200, "criteria": "long " * 200}, 1),
    ],
)
def test_what_the_page_has_no_room_for_stands_on_further_ones(
    said: dict[str, str], more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends, code = [], certificate._code

    def noting(page: FPDF, *more: Any) -> None:
        ends.append(page.get_y())
        code(page, *more)

    monkeypatch.setattr(certificate, "_code", noting)
    assert pages(printed("W" * 180, **said)) == 1 + more
    assert ends[0] <= certificate.CODE_TOP


def font(folder: Path, name: str, characters: str) -> Path:
    """A font with a box for each of these characters."""
    path = folder / f"{name}.ttf"
    pen = TTGlyphPen(None)
    for step, point in enumerate([(0, 0), (0, 500), (500, 500), (500, 0)]):
        (pen.lineTo if step else pen.moveTo)(point)
    pen.closePath()
    box = pen.glyph()
    names = [".notdef", *(f"u{ord(one):04X}" for one in characters)]
    made = FontBuilder(1000, isTTF=True)
    made.setupGlyphOrder(names)
    made.setupCharacterMap({ord(one): f"u{ord(one):04X}" for one in characters})
    made.setupGlyf(dict.fromkeys(names, box))
    made.setupHorizontalMetrics(dict.fromkeys(names, (600, 0)))
    made.setupHorizontalHeader(ascent=800, descent=-200)
    made.setupNameTable({"familyName": name, "styleName": "Regular"})
    made.setupOS2()
    made.setupPost()
    made.save(path)
    return path


def test_letters_that_ours_do_not_have_are_taken_from_installed_fonts(tmp_path: Path) -> None:
    kanji, thai = font(tmp_path, "Kanji", "山田"), font(tmp_path, "Thai", "ณัฐ")
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    assert fonts.choose("山田", (tmp_path,)) == ((kanji,), frozenset())
    assert set(fonts.choose("山ณ", (tmp_path,)).paths) == {kanji, thai}
    assert fonts.choose("한田🎉️", (tmp_path,)) == ((kanji,), frozenset("한"))

    page = FPDF()
    page.add_font("other0", "", kanji)
    assert certificate._printable(page, "Ana 🎉 Gómez 山\n2") == "Ana Gómez 山\n2"


def test_a_name_that_no_font_has_is_not_printed_in_part(tmp_path: Path) -> None:
    plain = samples.credential(achievement=replace(samples.KEEN, description="Completed five courses."))
    body = signing.sign(plain, samples.ISSUER, samples.KEY, samples.NOW)

    def pdf(holder: str | None) -> int:
        made = certificate.pdf(json.loads(body), body, None, holder, CHECK, "de", (tmp_path,))
        assert b"/Lang (de)" in made
        return _lines(made)

    assert pdf("Ana 山田") == pdf(None) + 1  # the sentence that says why
    assert pdf("Ana") > pdf(None) + 1


def _lines(pdf: bytes) -> int:
    """How many texts there are on the page."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    return max(zlib.decompress(one).count(b"BT ") for one in streams if one[:1] == b"x")
