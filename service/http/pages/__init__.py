"""The pages that people see: templates with one stylesheet written into them, without scripts.

All pages are two steps below the root, so links between them start with `../` and hold under any public address.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from pathlib import Path

from flask import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

FOLDER = Path(__file__).parent
STYLE = (FOLDER / "style.css").read_text(encoding="utf-8")
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Ccircle cx='8' cy='8' r='8' fill='%2317624a'/%3E"
    "%3Cpath d='m4 8 3 3 5-6' fill='none' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E"
)
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    # The address of a claim page is a secret, and that of a credential is its owner's to give away.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


def page(template: str, status: int = 200, **values: object) -> Response:
    """The page that this template makes of these values."""
    content = _templates.get_template(template).render(style=Markup(STYLE), icon=ICON, **values)  # noqa: S704 - our own file
    response = Response(content, status, mimetype="text/html", headers=HEADERS)
    response.headers["Cache-Control"] = "no-store"
    return response


def _day(moment: datetime) -> Markup:
    """A day as people write it, marked up for machines."""
    return Markup('<time datetime="{}">{} {:%B %Y}</time>').format(f"{moment:%Y-%m-%d}", moment.day, moment)


_templates = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_templates.filters["day"] = _day
