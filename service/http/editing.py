"""What requests say that change rules, or documents beside them: the text, which text they have seen, since when."""

from __future__ import annotations

from contextlib import suppress
from typing import NoReturn

from flask import request
from marshmallow import Schema, fields

from service import editing
from service.core.places import Problem as Mistake
from service.editing import Mistaken, Unseen
from service.http.problems import Problem
from service.store.engine import Driver
from service.store.publishing import Since

YAML = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
TEXT = {"schema": {"type": "string"}}
BODY = {"requestBody": {"required": True, "content": {"application/yaml": TEXT}}}
WITH_FILES = {
    "requestBody": {
        "required": True,
        "description": "The document; as a form, with the files that it names and that are new or changed.",
        "content": {
            "application/yaml": TEXT,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["document"],
                    "properties": {"document": {"type": "string", "description": "the document, as YAML"}},
                    "additionalProperties": {
                        "type": "string",
                        "format": "binary",
                        "description": "a file, in a part called by its path as the document says it",
                    },
                },
                "encoding": {"document": {"contentType": "application/yaml"}},
            },
        },
    }
}
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
    return _decoded(request.get_data())


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise Problem(422, f"The document is no UTF-8: {error}") from None


def sent() -> tuple[str, list[tuple[str, bytes]]]:
    """The YAML that was sent, and with it files by the paths that it names: parts of a form, `document` the YAML."""
    if request.mimetype != "multipart/form-data":
        return body(), []
    files = [(path, file.read()) for path, file in request.files.items() if path != "document"]
    found = request.files.get("document")
    text = found.read() if found else request.form.get("document", "").encode()
    if not text:
        raise Problem(422, "Send the YAML as the part called document, and each file as a part called by its path.")
    return _decoded(text), files


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
    with suppress(ValueError, OverflowError):
        return editing.since(connection, said)
    wrong = "write now, beginning, a day like 2026-03-01, or a moment like 2026-03-01T09:00:00Z"
    raise Problem(400, f"?since: {wrong}.", errors=[{"path": "?since", "message": wrong}])


def refuse(kind: str, name: str, error: Unseen | Mistaken) -> NoReturn:
    """Answers that a change was refused: 422 with every mistake, or 412 with the ETag of what is there."""
    if isinstance(error, Mistaken):
        raise Problem(422, str(error), errors=[mistake(one) for one in error.problems]) from None
    if error.etag is None:
        raise Problem(412, f"There is no {kind} {name!r} now.") from None
    detail = (
        f"The {kind} {name!r} is there already: read it, and send If-Match with its ETag."
        if seen_by() is None
        else f"The {kind} {name!r} was changed meanwhile: read it again."
    )
    raise Problem(412, detail, headers={"ETag": f'"{error.etag}"'}) from None


def mistake(one: Mistake) -> dict[str, str]:
    return {"path": f"{one.path}:{one.line}:{one.column}", "message": one.message}
