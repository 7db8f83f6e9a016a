"""The documents beside the rules (achievements, boards, issuers, levels, vocabularies), as YAML, and edits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Response, jsonify, request
from marshmallow import Schema, fields

from service import editing
from service.core.places import listed
from service.core.rulebook import Stored
from service.editing import Mistaken, Unseen, etag_of
from service.http.auth import bearer, requires
from service.http.editing import BODY, ETAG, LOST, MATCH, TEXT, From, body, mistake, moment, seen_by
from service.http.problems import Problem
from service.http.resources import Blueprint
from service.http.services import services
from service.store.engine import Driver, driver

blueprint = Blueprint(
    "documents", __name__, url_prefix="/api/v1/documents", description="Achievements, boards, levels, vocabularies"
)


class DocumentInfo(Schema):
    """A document in force beside the rules."""

    kind = fields.String(required=True, metadata={"example": "board"})
    name = fields.String(required=True)
    etag = fields.String(required=True, metadata={"description": "for If-Match"})


class DocumentList(Schema):
    """All documents in force beside the rules."""

    documents = fields.List(fields.Nested(DocumentInfo), required=True)


class DocumentPut(DocumentInfo):
    """A document as it is in force now, and what has changed by it."""

    changes = fields.List(
        fields.String(), required=True, metadata={"description": "a line each; rules that mean something else now, too"}
    )


@blueprint.route("")
@requires("read")
@blueprint.response(200, DocumentList)
def every() -> dict[str, Any]:
    """The documents beside the rules"""
    with services().engine.begin() as connection:
        found = editing.documents(driver(connection))
    return {"documents": [{"kind": one.kind, "name": one.name, "etag": etag_of(one.text)} for one in found]}


@blueprint.route("/<kind>/<name>")
@requires("read")
@blueprint.doc(responses={"200": {"description": "As it was written", "content": {"application/yaml": TEXT}}})
def get(kind: str, name: str) -> Response:
    """A document, byte for byte as its author wrote it"""
    with services().engine.begin() as connection:
        found = _there(driver(connection), kind, name)
    response = Response(found.text.encode(), mimetype="application/yaml")
    response.set_etag(etag_of(found.text))
    response.make_conditional(request)
    return response


@blueprint.route("/<kind>/<name>", methods=["PUT"])
@requires("admin")
@blueprint.arguments(From, location="query")
@blueprint.response(200, DocumentPut, headers=ETAG)
@blueprint.doc(responses={"201": {"description": "The document is new"}, **LOST}, **BODY, **MATCH)
def put(said: Mapping[str, str], kind: str, name: str) -> Response:
    """Put a document in force; rules that mean something else by it are published anew, and count from `since`

    It may name the files (a picture, a profile) that it named before; new ones come by `plaudit rules apply`, and a
    picture can be drawn: `image: {shape: shield, icon: book-open}`.
    """
    if kind not in editing.BESIDE:
        raise Problem(404, f"There is no {kind!r} beside the rules, but {listed(editing.BESIDE, 'and')}.")
    text, seen = body(), seen_by()
    with services().engine.begin() as connection:
        beneath = driver(connection)
        since = moment(beneath, said["since"])
        try:
            changes = editing.put_document(beneath, kind, name, text, seen, since, bearer().name)
        except (Unseen, Mistaken) as error:
            _refuse(kind, name, error)
    told = {"kind": kind, "name": name, "etag": etag_of(text), "changes": changes}
    response = jsonify(DocumentPut().dump(told))
    response.status_code = 200 if seen else 201
    response.set_etag(etag_of(text))
    return response


@blueprint.route("/<kind>/<name>", methods=["DELETE"])
@requires("admin")
@blueprint.arguments(From, location="query")
@blueprint.doc(responses={"204": {"description": "It is taken away"}, **LOST}, **MATCH)
def delete(said: Mapping[str, str], kind: str, name: str) -> Response:
    """Take a document away that nothing else needs; never an achievement or an issuer, which badges name

    One that the rules directory has comes back when that is applied.
    """
    seen = seen_by()
    with services().engine.begin() as connection:
        beneath = driver(connection)
        _there(beneath, kind, name)
        try:
            editing.remove_document(beneath, kind, name, seen, moment(beneath, said["since"]), bearer().name)
        except (Unseen, Mistaken) as error:
            _refuse(kind, name, error)
    return Response(status=204)


def _there(connection: Driver, kind: str, name: str) -> Stored:
    found = editing.document(connection, kind, name)
    if found is None:
        raise Problem(404, f"There is no {kind} {name!r}.")
    return found


def _refuse(kind: str, name: str, error: Unseen | Mistaken) -> NoReturn:
    if isinstance(error, Mistaken):
        raise Problem(422, str(error), errors=[mistake(one) for one in error.problems]) from None
    detail = (
        f"The {kind} {name!r} was changed meanwhile: read it again." if error.etag else f"There is no {kind} {name!r}."
    )
    raise Problem(412, detail, headers={"ETag": f'"{error.etag}"'} if error.etag else None) from None
