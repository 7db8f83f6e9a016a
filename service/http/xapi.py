"""What learning systems push to: `/xapi/statements` and `/xapi/about`, as an LRS has them (Communication 2.1).

Answered only when everything is stored for good, and before anything is evaluated.
"""

from __future__ import annotations

from uuid import UUID

import msgspec
from flask import Blueprint, Response, request

from service.http import pushes
from service.http.auth import source_of
from service.http.problems import Problem, problem
from service.http.pushes import HEADERS

VERSIONS = ("2.0.0", "1.0.3", "1.0.2", "1.0.1", "1.0.0")
NOT_STORED = "plaudit.not_stored"
"""Where the WSGI environment holds the error that kept statements from being stored before this was asked."""

blueprint = Blueprint("xapi", __name__, url_prefix="/xapi")


@blueprint.post("/statements")
def post() -> Response:
    """Stores one statement or several; answers their ids in order."""
    if NOT_STORED in request.environ:
        raise request.environ[NOT_STORED]
    source = source_of(request)
    return pushes.answered(pushes.post(source, pushes.body()))


@blueprint.put("/statements")
def put() -> Response:
    """Stores one statement under the id that the query names; Ralph names it in the statement alone."""
    source = source_of(request)
    pushes.put(source, pushes.body(), wanted())
    return Response(status=204, headers=HEADERS)


@blueprint.get("/statements")
def get() -> Response:
    """Says what there is instead of statements, to whoever looks whether this is an LRS."""
    detail = (
        "Plaudit takes statements (POST, PUT) and hands none out; read them from your LRS, and awards under /api/v1."
    )
    raise Problem(405, detail, headers={"Allow": "POST, PUT"})


@blueprint.get("/about")
def about() -> Response:
    """The xAPI versions that are understood (Communication 2.8)."""
    return Response(msgspec.json.encode({"version": VERSIONS}), mimetype="application/json", headers=HEADERS)


def wanted() -> UUID | None:
    """The id that the query names, if it names one."""
    try:
        return UUID(request.args["statementId"]) if "statementId" in request.args else None
    except ValueError:
        problem(
            400,
            "Name the statement in the query: ?statementId=<UUID>.",
            errors=[{"path": "?statementId", "message": "is no UUID"}],
        )
