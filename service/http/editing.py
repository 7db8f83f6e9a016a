"""What requests say that change rules, or documents beside them: the text, which text they have seen, since when."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime

from flask import request
from marshmallow import Schema, fields

from service.core import windows
from service.core.places import Problem as Mistake
from service.http.problems import Problem
from service.store import rules
from service.store.engine import Driver
from service.store.publishing import Since

YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
TEXT = {"schema": {"type": "string"}}
BODY = {"requestBody": {"required": True, "content": {"application/yaml": TEXT}}}
ETAG = {"ETag": {"description": "for If-Match", "schema": {"type": "string"}}}
MATCH = {
    "parameters": [
        {
            "name": "If-Match",
            "in": "header",
            "schema": {"type": "string"},
            "description": "the ETag of what is changed; If-None-Match: * for what is to be new",
        }
    ]
}
LOST = {
    "400": {"description": "?since is no moment"},
    "404": {"description": "There is none of this name"},
    "412": {"description": "It was changed meanwhile: read it again"},
    "428": {"description": "If-Match is missing"},
}


class From(Schema):
    """From when on a change counts."""

    since = fields.String(
        load_default="now",
        metadata={
            "description": "now: what was given stays; beginning, or a day or moment: what happened since is counted "
            "again by the new version",
            "example": "2026-03-01",
        },
    )


def body() -> str:
    """The YAML that was sent; 415 for anything else."""
    if request.mimetype not in YAML:
        raise Problem(415, "Send the document as application/yaml.", headers={"Accept": "application/yaml"})
    try:
        return request.get_data().decode()
    except UnicodeDecodeError as error:
        raise Problem(422, f"The document is no UTF-8: {error}") from None


def seen_by() -> str | None:
    """The ETag of what is to be changed; None: nothing is to be there. 428 where the request says neither."""
    if request.headers.get("If-None-Match", "").strip() == "*":
        return None
    tags = list(request.if_match.as_set(include_weak=True)) if request.if_match else []
    if len(tags) != 1:
        raise Problem(428, "Send If-Match with the ETag of what you change, or If-None-Match: * for what is to be new.")
    return str(tags[0])


def moment(connection: Driver, said: str) -> Since:
    """From when on: a day is that of the service's zone; 400 for anything else."""
    if said == "now" or said == "beginning":
        return "now" if said == "now" else "beginning"
    with suppress(ValueError, OverflowError):
        if len(said) == len("2026-03-01"):
            return windows.start_of_day(date.fromisoformat(said), rules.in_force(connection).zone)
        moment = datetime.fromisoformat(said)
        if moment.tzinfo is not None:
            return moment
    wrong = "write now, beginning, a day like 2026-03-01, or a moment like 2026-03-01T09:00:00Z"
    raise Problem(400, f"since: {wrong}.", errors=[{"path": "since", "message": wrong}])


def mistake(one: Mistake) -> dict[str, str]:
    return {"path": f"{one.path}:{one.line}:{one.column}", "message": one.message}
