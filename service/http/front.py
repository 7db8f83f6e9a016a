"""The front page: where people and programs who know only the address find what they came for."""

from __future__ import annotations

from flask import Blueprint, Response

from service.http.issuers import issuer
from service.http.pages import page

blueprint = Blueprint("front", __name__)


@blueprint.get("/")
def get() -> Response:
    """What is here, and where."""
    found = issuer()
    return page("front.html", issuer=found.name, issuer_path=f"issuers/{found.slug}")
