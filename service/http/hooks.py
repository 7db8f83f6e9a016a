"""Where a source of its own address is pushed to: `/hooks/<source>`, with a password or a signature.

The same bodies as at `/xapi/statements`. Senders that cannot speak xAPI's headers, and those that sign what they send
(Standard Webhooks, X-LRS-Signature), come here.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.http import pushes
from service.http.auth import delivered, hook_source

blueprint = Blueprint("hooks", __name__, url_prefix="/hooks")


@blueprint.post("/<name>")
def post(name: str) -> Response:
    """Stores what the source `name` sends; answers the ids in order."""
    body = pushes.body()
    source = hook_source(name, request, body)
    stored = pushes.post(source, body)
    delivered(name, request)
    return pushes.answered(stored)
