"""A credential as a certificate to print: a PDF page with the picture of the badge and a QR code that leads to a check.

The credential itself is attached to the PDF as a file, so that whoever has the certificate has the proof, too.
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

FONTS = Path(__file__).parent / "drawing"
REGULAR, BOLD = FONTS / "DejaVuSansCondensed.ttf", FONTS / "DejaVuSansCondensed-Bold.ttf"
INK, SOFT, LEAF, LINE = (29, 43, 40), (77, 92, 88), (23, 98, 74), (217, 224, 221)
WIDTH, HEIGHT, MARGIN = 297.0, 210.0, 24.0
LONGEST = 480
"""Characters of a text that are printed; the whole of it is in the credential."""


def pdf(credential: Mapping[str, Any], body: bytes, png: bytes | None, holder: str | None, check: str) -> bytes:
    """The certificate. body: the signed bytes. holder: the learner's name, if whoever asks may see it. check: the
    address that the QR code holds.
    """
    about = credential["credentialSubject"]["achievement"]
    page = FPDF(orientation="landscape", unit="mm", format="A4")
    page.set_title(_printable(f"{about['name']} · {credential['issuer']['name']}"))
    page.set_author(_printable(credential["issuer"]["name"]))
    page.set_lang("en")
    page.set_creation_date(datetime.fromisoformat(credential["validFrom"]))
    page.set_auto_page_break(False)
    page.add_font("DejaVu", "", REGULAR)
    page.add_font("DejaVu", "B", BOLD)
    page.set_text_shaping(True)
    page.add_page()
    _frame(page)
    _said(page, credential, about, holder)
    if png:
        page.image(io.BytesIO(png), x=MARGIN, y=MARGIN + 4, w=62, h=62, keep_aspect_ratio=True, alt_text=about["name"])
    _code(page, check)
    page.embed_file(basename="badge.json", bytes=body, desc="The signed Open Badge", mime_type="application/ld+json")
    return bytes(page.output())


def _frame(page: FPDF) -> None:
    page.set_draw_color(*LINE)
    page.set_line_width(0.4)
    page.rect(10, 10, WIDTH - 20, HEIGHT - 20, round_corners=True, corner_radius=4)
    page.set_fill_color(*LEAF)
    page.rect(10, 10, 3, HEIGHT - 20, style="F")


def _said(page: FPDF, credential: Mapping[str, Any], about: Mapping[str, Any], holder: str | None) -> None:
    left, width = MARGIN + 74, WIDTH - 2 * MARGIN - 74
    page.set_xy(left, MARGIN + 4)

    def line(text: str, size: float, colour: tuple[int, int, int], style: str = "", after: float = 2) -> None:
        page.set_font("DejaVu", style, size)
        page.set_text_color(*colour)
        page.set_x(left)
        align = "R" if _RIGHT_TO_LEFT.search(text) else "L"
        page.multi_cell(
            width, size * 0.48, _printable(text), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT, markdown=False
        )
        page.set_y(page.get_y() + after)

    line(credential["issuer"]["name"], 12, SOFT, after=8)
    line("This is to certify that" if holder else "This certifies that its holder", 12, SOFT)
    if holder:
        line(_cut(holder, 80), 20, INK, after=3)
    line("has earned", 12, SOFT, after=3)
    line(_cut(about["name"], 120), 26, INK, "B", after=4)
    line(_cut(about["description"], LONGEST), 11.5, INK, after=4)
    line(f"For: {_cut(about['criteria']['narrative'], LONGEST)}", 10, SOFT, after=6)
    dates = [f"Earned {_day(credential.get('awardedDate', credential['validFrom']))}"]
    dates.append(f"issued {_day(credential['validFrom'])}")
    if "validUntil" in credential:
        dates.append(f"valid until {_day(credential['validUntil'])}")
    line(", ".join(dates) + ".", 11.5, INK, after=0)


def _code(page: FPDF, address: str) -> None:
    drawn = io.BytesIO()
    segno.make(address, error="m").save(drawn, kind="png", scale=12, border=2)
    page.image(drawn, x=MARGIN, y=HEIGHT - MARGIN - 38, w=38, h=38, alt_text="QR code: the address of the check")
    page.set_xy(MARGIN + 44, HEIGHT - MARGIN - 22)
    page.set_text_color(*SOFT)
    page.set_font("DejaVu", "", 9)
    told = "Whether this certificate holds today is told by scanning the code, or under"
    page.multi_cell(WIDTH - 2 * MARGIN - 50, 4.6, told, new_x=XPos.LEFT, new_y=YPos.NEXT)
    page.set_text_color(*LEAF)
    page.multi_cell(WIDTH - 2 * MARGIN - 50, 4.6, address, link=address, new_x=XPos.LEFT, new_y=YPos.NEXT)
    page.set_text_color(*SOFT)
    page.multi_cell(WIDTH - 2 * MARGIN - 50, 4.6, "The signed Open Badge is attached to this file.")


def _day(moment: str) -> str:
    day = datetime.fromisoformat(moment)
    return f"{day.day} {day:%B %Y}"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _printable(text: str) -> str:
    """The text without the characters that the font has no glyph for (emoji, for example)."""
    return re.sub(r" {2,}", " ", "".join(one for one in text if one == "\n" or ord(one) in _glyphs())).strip()


@cache
def _glyphs() -> frozenset[int]:
    with TTFont(BOLD) as bold, TTFont(REGULAR) as regular:
        return frozenset(bold.getBestCmap()) & frozenset(regular.getBestCmap())


_RIGHT_TO_LEFT = re.compile("^[^A-Za-z]*[\u0590-\u08ff]")
