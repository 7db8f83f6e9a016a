"""The API's description for programs (`/openapi.json`) and for people (`/docs`), both from the same document."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import msgspec
from flask import Blueprint, Response, current_app, render_template, request
from markupsafe import Markup

blueprint = Blueprint("docs", __name__, template_folder="documentation")
METHODS = ("get", "put", "post", "patch", "delete")
STYLE = (Path(__file__).parent / "documentation" / "docs.css").read_text()
STYLE_DIGEST = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The OpenAPI document."""
    return _cached(Response(msgspec.json.encode(_document()), mimetype="application/json"))


@blueprint.get("/docs")
def page() -> Response:
    """The OpenAPI document as one page, which needs neither scripts nor anything from elsewhere."""
    html = render_template("docs.html", api=_document(), sections=_sections(), style=Markup(STYLE), name=_name)  # noqa: S704
    response = Response(html, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    return _cached(response)


def _document() -> dict[str, Any]:
    found: dict[str, Any] = current_app.extensions["plaudit-openapi"]
    return found


def _sections() -> dict[str, list[tuple[str, str, dict[str, Any]]]]:
    """(method, path, operation) by tag."""
    document = _document()
    sections: dict[str, list[tuple[str, str, dict[str, Any]]]] = {tag["name"]: [] for tag in document["tags"]}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
                operation = {**item[method], "parameters": parameters}
                sections.setdefault(operation["tags"][0], []).append((method, path, operation))
    return sections


def _name(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def _cached(response: Response) -> Response:
    response.add_etag()
    response.headers["Cache-Control"] = "no-cache"
    return response.make_conditional(request)  # type: ignore[return-value]
