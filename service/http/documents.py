"""The documents beside the rules (achievements, boards, issuers, levels, vocabularies), as YAML, and edits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, jsonify, request
from marshmallow import Schema, fields

from service import editing
from service.core.places import listed
from service.core.rulebook import Stored
from service.editing import Mistaken, Unseen, etag_of
from service.http.auth import bearer, requires
from service.http.editing import ETAG, LOST, MATCH, TEXT, WITH_FILES, From, moment, refuse, seen_by, sent
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
    files = fields.List(
        fields.String(), required=True, metadata={"description": "that it names: pictures, profiles, by their paths"}
    )


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
    return {"documents": [_info(one) for one in found]}


@blueprint.route("/<kind>/<name>")
@requires("read")
@blueprint.doc(responses={"200": {"description": "As it was written", "content": {"application/yaml": TEXT}}})
def get(kind: str, name: str) -> Response:
    """A document, byte for byte as its author wrote it"""
    with services().engine.begin() as connection:
        found = _there(driver(connection), kind, name)
    response = Response(found.text.encode(), mimetype="application/yaml")
    response.set_etag(_info(found)["etag"])
    response.make_conditional(request)
    return response


@blueprint.route("/<kind>/<name>/files/<path:path>")
@requires("read")
@blueprint.doc(responses={"200": {"description": "As it was handed in", "content": {"application/octet-stream": {}}}})
def get_file(kind: str, name: str, path: str) -> Response:
    """A file that a document names, by the path that it says"""
    with services().engine.begin() as connection:
        files = dict(_there(driver(connection), kind, name).files)
    if path not in files:
        raise Problem(404, f"The {kind} {name!r} names no file {path!r}.")
    response = Response(files[path], mimetype="application/octet-stream")
    response.headers["Content-Disposition"] = "attachment"
    return response


@blueprint.route("/<kind>/<name>", methods=["PUT"])
@requires("admin")
@blueprint.arguments(From, location="query")
@blueprint.response(200, DocumentPut, headers=ETAG)
@blueprint.doc(responses={"201": {"description": "The document is new"}, **LOST}, **WITH_FILES, **MATCH)
def put(said: Mapping[str, str], kind: str, name: str) -> Response:
    """Put a document in force; rules that mean something else by it are published anew, and count from `since`

    Files that it names (a picture, a profile) come with it as parts of a form, each called by its path:
    `curl -X PUT -F document=@keen.yaml -F images/keen.svg=@keen.svg …`. Those that it named before may be left out.
    """
    if kind not in editing.BESIDE:
        raise Problem(404, f"There is no {kind!r} beside the rules, but {listed(editing.BESIDE, 'and')}.")
    (text, files), seen = sent(), seen_by()
    with services().engine.begin() as connection:
        beneath = driver(connection)
        since = moment(beneath, said["since"])
        try:
            changes = editing.put_document(beneath, kind, name, text, seen, since, bearer().name, files)
        except (Unseen, Mistaken) as error:
            refuse(kind, name, error)
        told = {**_info(_there(beneath, kind, name)), "changes": changes}
    response = jsonify(DocumentPut().dump(told))
    response.status_code = 200 if seen else 201
    response.set_etag(told["etag"])
    return response


@blueprint.route("/<kind>/<name>", methods=["DELETE"])
@requires("admin")
@blueprint.arguments(From, location="query")
@blueprint.doc(responses={"204": {"description": "It is taken away"}, **LOST}, **MATCH)
def delete(said: Mapping[str, str], kind: str, name: str) -> Response:
    """Take a document away that nothing else needs; never an achievement or an issuer, which badges name

    When a rules directory that has it is applied it stays away, unless that is to `--overwrite` what was edited.
    """
    seen = seen_by()
    with services().engine.begin() as connection:
        beneath = driver(connection)
        _there(beneath, kind, name)
        try:
            editing.remove_document(beneath, kind, name, seen, moment(beneath, said["since"]), bearer().name)
        except (Unseen, Mistaken) as error:
            refuse(kind, name, error)
    return Response(status=204)


def _info(one: Stored) -> dict[str, Any]:
    etag, files = etag_of(one.text, one.files), [path for path, _ in one.files]
    return {"kind": one.kind, "name": one.name, "etag": etag, "files": files}


def _there(connection: Driver, kind: str, name: str) -> Stored:
    found = editing.document(connection, kind, name)
    if found is None:
        raise Problem(404, f"There is no {kind} {name!r}.")
    return found
