"""The pages that people see: templates with one stylesheet and one small script written into them.

Everything works without the script; it only copies and prints where buttons are kinder than menus.

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

from service.http.pages.reader import day, language, marked, say_markup

FOLDER = Path(__file__).parent
STYLE = (FOLDER / "style.css").read_text(encoding="utf-8")
SCRIPT = (FOLDER / "script.js").read_text(encoding="utf-8")
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Ccircle cx='8' cy='8' r='8' fill='%2317624a'/%3E"
    "%3Cpath d='m4 8 3 3 5-6' fill='none' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E"
)


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_digest(STYLE)}; script-src {_digest(SCRIPT)}; img-src 'self' data:; "
        "form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    # The address of a claim page is a secret, and that of a credential is its owner's to give away.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


def page(template: str, status: int = 200, **values: object) -> Response:
    """The page that this template makes of these values, in the reader's language."""
    ours = {"style": Markup(STYLE), "script": Markup(SCRIPT), "icon": ICON, "language": language()}  # noqa: S704 - ours
    response = Response(_templates.get_template(template).render(**ours, **values), status, mimetype="text/html")
    response.headers.update(HEADERS)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Content-Language"] = language()
    response.vary.add("Accept-Language")
    return response


def _day(moment: datetime) -> Markup:
    """A day as people write it, marked up for machines."""
    return Markup('<time datetime="{}">{}</time>').format(f"{moment:%Y-%m-%d}", day(moment))


_templates = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_templates.filters["day"] = _day
_templates.filters["marked"] = marked
_templates.globals["_"] = say_markup
