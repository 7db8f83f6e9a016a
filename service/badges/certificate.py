"""A credential as a certificate to print: a PDF with the picture of the badge and a QR code that leads to a check.

One page says who has earned what. What it has no room for, and the elements of a micro-credential, stand on further
ones.

The credential itself is attached to the PDF as a file, so that whoever has the certificate has the proof, too. What
stands around it is in the reader's language; what was signed stands as it was signed.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import segno
from fontTools.ttLib import TTFont
from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import TTFFont

from service import languages
from service.badges import fonts
from service.badges.about import parted
from service.languages import say

FONTS = Path(__file__).parent / "drawing"
REGULAR, BOLD = FONTS / "DejaVuSansCondensed.ttf", FONTS / "DejaVuSansCondensed-Bold.ttf"
INK, SOFT, LEAF, LINE = (29, 43, 40), (77, 92, 88), (23, 98, 74), (217, 224, 221)
WIDTH, HEIGHT, MARGIN = 297.0, 210.0, 24.0
FULLEST = 160
"""Characters that a line has at most on the first page; setting more only to cut them takes time."""
CODE_TOP = HEIGHT - MARGIN - 22
"""Where the words beside the QR code begin."""


def pdf(
    credential: Mapping[str, Any],
    body: bytes,
    png: bytes | None,
    holder: str | None,
    check: str,
    language: str = "en",
    folders: tuple[Path, ...] = fonts.FOLDERS,
) -> bytes:
    """The certificate. body: the signed bytes. holder: the learner's name, if whoever asks may see it. check: the
    address that the QR code holds. language: of the words around. folders: where fonts for other writing are.
    """
    about = credential["credentialSubject"]["achievement"]
    page = _Certificate(orientation="landscape", unit="mm", format="A4")
    page.set_title(" · ".join(filter(None, [holder, about["name"], credential["issuer"]["name"]])))
    page.set_author(credential["issuer"]["name"])
    page.set_lang(language)
    page.set_creation_date(datetime.fromisoformat(credential["validFrom"]))
    page.set_auto_page_break(False)
    page.add_font("DejaVu", "", REGULAR)
    page.add_font("DejaVu", "B", BOLD)
    page.set_text_shaping(True)
    page.add_page()
    lacking = _add_fonts(page, _texts(credential, about, holder), folders)
    whole = _said(page, credential, about, holder if lacking.isdisjoint(holder or "") else None, language)
    if png:
        page.image(io.BytesIO(png), x=MARGIN, y=MARGIN + 4, w=62, h=62, keep_aspect_ratio=True, alt_text=about["name"])
    _code(page, check, language, bool(lacking))
    if not whole:
        _in_full(page, about, language)
    page.embed_file(basename="badge.json", bytes=body, desc="The signed Open Badge", mime_type="application/ld+json")
    return bytes(page.output())


class _Certificate(FPDF):
    """Pages with a frame."""

    def header(self) -> None:
        self.set_draw_color(*LINE)
        self.set_line_width(0.4)
        self.rect(10, 10, WIDTH - 20, HEIGHT - 20, round_corners=True, corner_radius=4)
        self.set_fill_color(*LEAF)
        self.rect(10, 10, 3, HEIGHT - 20, style="F")


def _texts(credential: Mapping[str, Any], about: Mapping[str, Any], holder: str | None) -> str:
    """All that is printed and not ours."""
    told = [about["name"], about["description"], about["criteria"]["narrative"]]
    return "".join([credential["issuer"]["name"], holder or "", *told])


def _name(about: Mapping[str, Any]) -> str:
    return _cut(about["name"], 120)


def _add_fonts(page: FPDF, texts: str, folders: tuple[Path, ...]) -> frozenset[str]:
    """Adds installed fonts for what ours do not have; answers the letters that none has."""
    chosen = fonts.choose((one for one in set(texts) if ord(one) not in _glyphs()), folders)
    names = [f"other{place}" for place in range(len(chosen.paths))]
    for name, path in zip(names, chosen.paths, strict=True):
        page.add_font(name, "", path)
    page.set_fallback_fonts(names, exact_match=False)
    return chosen.lacking


def _said(
    page: FPDF, credential: Mapping[str, Any], about: Mapping[str, Any], holder: str | None, language: str
) -> bool:
    """Says who has earned what, above the QR code; answers whether all of it had room."""
    lines = _Lines(page, MARGIN + 74, MARGIN + 4)
    lines.add(credential["issuer"]["name"], 12, SOFT, after=8, most=2)
    if holder:
        lines.add(say("This is to certify that", language), 12, SOFT)
        lines.add(_cut(holder, 80), 20, INK, after=3, most=2)
        lines.add(say("has earned", language), 12, SOFT, after=3)
    else:
        lines.add(say("The holder of this badge has earned", language), 12, SOFT, after=3)
    lines.add(_name(about), 26 if len(_name(about)) <= 60 else 18, INK, "B", after=4, most=3)
    criteria, elements = parted(about["criteria"]["narrative"])
    whole = lines.add(about["description"], 11.5, INK, after=4, most=3)
    told = {"Earned": credential.get("awardedDate"), "Issued": credential["validFrom"]}
    told["Valid until"] = credential.get("validUntil")
    dates = [f"{say(label, language)}: {_day(moment, language)}" for label, moment in told.items() if moment]
    room = int((CODE_TOP - 2 - lines.after(" · ".join(dates), 10.5) - 5 - page.get_y()) / _height(10))
    whole = lines.add(f"{say('For', language)}: {criteria}", 10, SOFT, after=5, most=max(room, 1)) and whole
    lines.add(" · ".join(dates), 10.5, INK, after=0)
    return whole and not elements


def _in_full(page: FPDF, about: Mapping[str, Any], language: str) -> None:
    """What the first page has no room for, on as many more as it takes: criteria, and the elements one by one."""
    criteria, elements = parted(about["criteria"]["narrative"])
    page.set_auto_page_break(True, MARGIN)
    page.add_page()
    lines = _Lines(page, MARGIN, MARGIN)
    lines.add(about["name"], 16, INK, "B", after=4)
    lines.add(about["description"], 11, INK, after=4)
    lines.add(f"{say('For', language)}: {criteria}", 11, INK, after=6)
    for label, text in elements:
        if page.get_y() > HEIGHT - MARGIN - 12:
            page.add_page()
            page.set_y(MARGIN)
        lines.add(label, 9, SOFT, after=0.5)
        lines.add(text, 11, INK, after=3)


class _Lines:
    """Writes texts below one another, from this place on."""

    def __init__(self, page: FPDF, left: float, top: float) -> None:
        self.page, self.left, self.width = page, left, WIDTH - MARGIN - left
        page.set_y(top)

    def add(
        self,
        text: str,
        size: float,
        colour: tuple[int, int, int],
        style: str = "",
        after: float = 2,
        most: int | None = None,
    ) -> bool:
        """Writes the text and leaves some millimetres after it; answers whether it had room in `most` lines."""
        self.page.set_font("DejaVu", style, size)
        self.page.set_text_color(*colour)
        whole = _printable(self.page, text)
        text = _cut(whole, most * FULLEST) if most else whole
        while most and len(self._lines(text, size)) > most:
            text = _cut(text, len(text) * 9 // 10)
        align = "R" if style == "" and len(text) > 80 and _RIGHT_TO_LEFT.search(text) else "L"
        self.page.set_x(self.left)
        self.page.multi_cell(
            self.width, _height(size), text, align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT, markdown=False
        )
        self.page.set_y(self.page.get_y() + after)
        return text == whole

    def after(self, text: str, size: float) -> float:
        """How high this text will be."""
        self.page.set_font("DejaVu", "", size)
        return len(self._lines(_printable(self.page, text), size)) * _height(size)

    def _lines(self, text: str, size: float) -> list[str]:
        found: list[str] = self.page.multi_cell(self.width, _height(size), text, dry_run=True, output="LINES")  # type: ignore[assignment]
        return found


def _height(size: float) -> float:
    """How high a line of this size is, in millimetres."""
    return size * 0.48


def _code(page: FPDF, address: str, language: str, lacking: bool) -> None:
    drawn = io.BytesIO()
    segno.make(address, error="m").save(drawn, kind="png", scale=12, border=2)
    code = say("QR code: the address of the check", language)
    page.image(drawn, x=MARGIN, y=HEIGHT - MARGIN - 38, w=38, h=38, alt_text=code)
    page.set_xy(MARGIN + 44, CODE_TOP)
    page.set_text_color(*SOFT)
    page.set_font("DejaVu", "", 9)
    told = "Whether this certificate holds today is told by scanning the code, or under"
    page.multi_cell(WIDTH - 2 * MARGIN - 50, 4.6, say(told, language), new_x=XPos.LEFT, new_y=YPos.NEXT)
    page.set_text_color(*LEAF)
    page.multi_cell(WIDTH - 2 * MARGIN - 50, 4.6, address, link=address, new_x=XPos.LEFT, new_y=YPos.NEXT)
    page.set_text_color(*SOFT)
    attached = [say("The signed Open Badge is attached to this file.", language)]
    if lacking:
        attached.append(say("Some words cannot be printed here, because no font for them is installed.", language))
    page.multi_cell(WIDTH - 2 * MARGIN - 50, 4.6, " ".join(attached))


def _day(moment: str, language: str) -> str:
    return languages.day(datetime.fromisoformat(moment), language)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _printable(page: FPDF, text: str) -> str:
    """The text without the characters that no font has a glyph for (emoji, for example)."""
    others = {code for font in page.fonts.values() if isinstance(font, TTFFont) for code in font.cmap} | {ord("\n")}
    kept = (one for one in text if ord(one) in _glyphs() or ord(one) in others)
    return re.sub(r" {2,}", " ", "".join(kept)).strip()


@cache
def _glyphs() -> frozenset[int]:
    with TTFont(BOLD) as bold, TTFont(REGULAR) as regular:
        return frozenset(bold.getBestCmap()) & frozenset(regular.getBestCmap())


_RIGHT_TO_LEFT = re.compile("^[^A-Za-z]*[\u0590-\u08ff]")
