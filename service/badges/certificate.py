"""A credential as a certificate to print: a PDF page with the picture of the badge and a QR code that leads to a check.

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
from service.languages import say

FONTS = Path(__file__).parent / "drawing"
REGULAR, BOLD = FONTS / "DejaVuSansCondensed.ttf", FONTS / "DejaVuSansCondensed-Bold.ttf"
INK, SOFT, LEAF, LINE = (29, 43, 40), (77, 92, 88), (23, 98, 74), (217, 224, 221)
WIDTH, HEIGHT, MARGIN = 297.0, 210.0, 24.0
LONGEST = 480
"""Characters of a text that are printed; the whole of it is in the credential."""


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
    page = FPDF(orientation="landscape", unit="mm", format="A4")
    page.set_title(" · ".join(filter(None, [holder, about["name"], credential["issuer"]["name"]])))
    page.set_author(credential["issuer"]["name"])
    page.set_lang(language)
    page.set_creation_date(datetime.fromisoformat(credential["validFrom"]))
    page.set_auto_page_break(False)
    page.add_font("DejaVu", "", REGULAR)
    page.add_font("DejaVu", "B", BOLD)
    page.set_text_shaping(True)
    page.add_page()
    _frame(page)
    lacking = _add_fonts(page, _texts(credential, about, holder), folders)
    _said(page, credential, about, holder if lacking.isdisjoint(holder or "") else None, language)
    if png:
        page.image(io.BytesIO(png), x=MARGIN, y=MARGIN + 4, w=62, h=62, keep_aspect_ratio=True, alt_text=about["name"])
    _code(page, check, language, bool(lacking))
    page.embed_file(basename="badge.json", bytes=body, desc="The signed Open Badge", mime_type="application/ld+json")
    return bytes(page.output())


def _frame(page: FPDF) -> None:
    page.set_draw_color(*LINE)
    page.set_line_width(0.4)
    page.rect(10, 10, WIDTH - 20, HEIGHT - 20, round_corners=True, corner_radius=4)
    page.set_fill_color(*LEAF)
    page.rect(10, 10, 3, HEIGHT - 20, style="F")


def _texts(credential: Mapping[str, Any], about: Mapping[str, Any], holder: str | None) -> str:
    """All that is printed and not ours."""
    return "".join([credential["issuer"]["name"], holder or "", _name(about), *_about(about)])


def _name(about: Mapping[str, Any]) -> str:
    return _cut(about["name"], 120)


def _about(about: Mapping[str, Any]) -> tuple[str, str]:
    return _cut(about["description"], LONGEST), _cut(about["criteria"]["narrative"], LONGEST)


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
) -> None:
    left, width = MARGIN + 74, WIDTH - 2 * MARGIN - 74
    page.set_xy(left, MARGIN + 4)

    def line(text: str, size: float, colour: tuple[int, int, int], style: str = "", after: float = 2) -> None:
        page.set_font("DejaVu", style, size)
        page.set_text_color(*colour)
        page.set_x(left)
        align = "R" if style == "" and len(text) > 80 and _RIGHT_TO_LEFT.search(text) else "L"
        page.multi_cell(
            width, size * 0.48, _printable(page, text), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT, markdown=False
        )
        page.set_y(page.get_y() + after)

    line(credential["issuer"]["name"], 12, SOFT, after=8)
    if holder:
        line(say("This is to certify that", language), 12, SOFT)
        line(_cut(holder, 80), 20, INK, after=3)
        line(say("has earned", language), 12, SOFT, after=3)
    else:
        line(say("The holder of this badge has earned", language), 12, SOFT, after=3)
    line(_name(about), 26, INK, "B", after=4)
    description, criteria = _about(about)
    line(description, 11.5, INK, after=4)
    line(f"{say('For', language)}: {criteria}", 10, SOFT, after=6)
    told = {"Earned": credential.get("awardedDate"), "Issued": credential["validFrom"]}
    told["Valid until"] = credential.get("validUntil")
    dates = [f"{say(label, language)}: {_day(moment, language)}" for label, moment in told.items() if moment]
    line(" · ".join(dates), 10.5, INK, after=0)


def _code(page: FPDF, address: str, language: str, lacking: bool) -> None:
    drawn = io.BytesIO()
    segno.make(address, error="m").save(drawn, kind="png", scale=12, border=2)
    code = say("QR code: the address of the check", language)
    page.image(drawn, x=MARGIN, y=HEIGHT - MARGIN - 38, w=38, h=38, alt_text=code)
    page.set_xy(MARGIN + 44, HEIGHT - MARGIN - 22)
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
