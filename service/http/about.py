"""What this service keeps about learners and who sees it, in plain words; with the pages that an operator has."""

from __future__ import annotations

from flask import Blueprint, Response

from service.http.issuers import issuer
from service.http.pages import page
from service.http.services import services

blueprint = Blueprint("about", __name__, url_prefix="/about")


@blueprint.get("/data")
def data() -> Response:
    """What is kept and shown, for learners and for programs that ask for it."""
    here = services().settings
    return page("data.html", issuer=issuer().name, terms=here.terms_url, privacy=here.privacy_url)
