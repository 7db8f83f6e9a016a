"""Where a source of its own address is pushed to: `/hooks/<source>`, with a password or a signature.

The same bodies as at `/xapi/statements`. Senders that cannot speak xAPI's headers, and those that sign what they send
(Standard Webhooks, X-LRS-Signature), come here; so do those that append `/statements` to the endpoint of an LRS.
"""

from __future__ import annotations

from flask import Blueprint, Response, request

from service.http import pushes
from service.http.auth import delivered, hook_source
from service.http.xapi import wanted

blueprint = Blueprint("hooks", __name__, url_prefix="/hooks")


@blueprint.post("/<name>")
@blueprint.post("/<name>/statements")
def post(name: str) -> Response:
    """Stores what the source `name` sends; answers the ids in order."""
    body = pushes.body()
    source = hook_source(name, request, body)
    stored = pushes.post(source, body)
    delivered(name, request)
    return pushes.answered(stored)


@blueprint.put("/<name>")
@blueprint.put("/<name>/statements")
def put(name: str) -> Response:
    """Stores one statement, as at `/xapi/statements`: Ralph forwards so what was put there."""
    body = pushes.body()
    source = hook_source(name, request, body)
    pushes.put(source, body, wanted())
    delivered(name, request)
    return Response(status=204, headers=pushes.HEADERS)
