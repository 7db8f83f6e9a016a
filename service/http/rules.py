"""The rules over HTTP: read and edited as their authors write them, with their versions and who changed what when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from flask import Response, jsonify, request
from marshmallow import Schema, fields, validate

from service import editing
from service.core import rulebook
from service.core.reference import schema
from service.core.versions import Life
from service.editing import Mistaken, Unseen, Written
from service.http.auth import bearer, requires
from service.http.editing import BODY, ETAG, LOST, MATCH, TEXT, WITH_FILES, From, body, moment, refuse, seen_by, sent
from service.http.problems import Problem
from service.http.resources import LARGEST, PAGE, Blueprint, in_words
from service.http.services import services
from service.store import audit as store
from service.store import rules
from service.store.engine import Driver, driver
from service.store.rules import Published, Version

blueprint = Blueprint("rules", __name__, url_prefix="/api/v1/rules", description="The rules, their versions, and edits")


class RulePage(Schema):
    """Which page."""

    limit = fields.Integer(load_default=PAGE, validate=validate.Range(1, PAGE))
    offset = fields.Integer(load_default=0, validate=validate.Range(0, LARGEST))


class RuleInfo(Schema):
    """A rule as it is now."""

    rule = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.String(required=True, metadata={"description": "draft, trial, live or retired"})
    version = fields.Integer(required=True)
    since = fields.AwareDateTime(required=True, allow_none=True, metadata={"description": "null: the first statement"})
    counting = fields.Boolean(required=True, metadata={"description": "history is being counted again by it"})
    etag = fields.String(required=True, metadata={"description": "for If-Match"})


class RuleList(Schema):
    """A page of the rules, by their names."""

    rules = fields.List(fields.Nested(RuleInfo), required=True)
    total = fields.Integer(required=True)


class RuleVersion(Schema):
    """A version as it was published. It gives for what happened from `since` until `until`."""

    version = fields.Integer(required=True)
    status = fields.String(required=True)
    since = fields.AwareDateTime(required=True, allow_none=True)
    until = fields.AwareDateTime(required=True, allow_none=True)
    published = fields.AwareDateTime(required=True)
    by = fields.String(required=True, metadata={"description": "name of the token, or of the command"})
    origin = fields.String(required=True, metadata={"description": "directory or api"})
    superseded = fields.Boolean(
        required=True, metadata={"description": "it gives for nothing: a later version counts from before it began"}
    )
    counting = fields.Boolean(required=True)
    read = fields.Integer(required=True, metadata={"description": "statements read again so far, while counting"})
    problem = fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "why counting stopped, until it is tried again; null: nothing is in its way"},
    )
    text = fields.String(required=True, metadata={"description": "as its author wrote it; empty: taken away"})


class RuleVersions(Schema):
    """Every version of a rule, the newest first."""

    versions = fields.List(fields.Nested(RuleVersion), required=True)


class Rollback(From):
    """Which version is to be published once more."""

    version = fields.Integer(required=True, validate=validate.Range(1, 2**31 - 1))


class RuleMistake(Schema):
    """Something wrong in a document, and what to write instead."""

    path = fields.String(required=True)
    line = fields.Integer(required=True)
    column = fields.Integer(required=True)
    message = fields.String(required=True)
    severity = fields.String(required=True, validate=validate.OneOf(["error", "warning"]))


class RuleCheck(Schema):
    """Everything wrong with a document beside all that is in force."""

    fine = fields.Boolean(required=True)
    problems = fields.List(fields.Nested(RuleMistake), required=True)


class RuleChange(Schema):
    """Who changed what when."""

    at = fields.AwareDateTime(required=True)
    by = fields.String(required=True)
    did = fields.String(required=True)
    kind = fields.String(required=True)
    name = fields.String(required=True)
    version = fields.Integer(required=True, allow_none=True)
    since = fields.AwareDateTime(required=True, allow_none=True)
    note = fields.String(required=True, allow_none=True)


class RuleChanges(Schema):
    """A page of the changes, newest first."""

    changes = fields.List(fields.Nested(RuleChange), required=True)
    total = fields.Integer(required=True)


# --- reading ------------------------------------------------------------------------------------------------------


@blueprint.route("")
@requires("read")
@blueprint.arguments(RulePage, location="query")
@blueprint.response(200, RuleList)
def every(page: Mapping[str, int]) -> Response:
    """The rules"""
    limit, offset = page["limit"], page["offset"]
    with services().engine.begin() as connection:
        beneath = driver(connection)
        found = sorted(rules.newest(beneath), key=lambda version: version.rule.name)
        told = [_told(beneath, version) for version in found[offset : offset + limit]]
    response = jsonify(RuleList().dump({"rules": told, "total": len(found)}))
    if offset + limit < len(found):
        response.headers["Link"] = f'<{request.path}?limit={limit}&offset={offset + limit}>; rel="next"'
    return response


@blueprint.route("/schema")
@requires("read", "learner")
@blueprint.doc(responses={"200": {"description": "A JSON Schema", "content": {"application/schema+json": {}}}})
def json_schema() -> Response:
    """The JSON Schema of the rule language, for editors"""
    response = jsonify(schema())
    response.mimetype = "application/schema+json"
    return response


@blueprint.route("/audit")
@requires("admin")
@blueprint.arguments(RulePage, location="query")
@blueprint.response(200, RuleChanges)
def audit(page: Mapping[str, int]) -> dict[str, Any]:
    """Who changed which rule when, newest first"""
    with services().engine.connect() as connection:
        found, total = store.changes(connection, page["limit"], page["offset"])
    return {"changes": found, "total": total}


@blueprint.route("/<rule>")
@requires("read")
@blueprint.doc(responses={"200": {"description": "As it was written", "content": {"application/yaml": TEXT}}})
def get(rule: str) -> Response:
    """A rule, byte for byte as its author wrote it"""
    with services().engine.begin() as connection:
        return _document(_there(driver(connection), rule))


@blueprint.route("/<rule>/versions")
@requires("read")
@blueprint.response(200, RuleVersions)
def versions(rule: str) -> dict[str, Any]:
    """Every version of a rule, with its life and who published it"""
    with services().engine.begin() as connection:
        found = rules.history(driver(connection), _name(rule))
    if not found:
        _none(rule)
    return {"versions": [_published(one) for one in reversed(found)]}


# --- editing ------------------------------------------------------------------------------------------------------


@blueprint.route("/check", methods=["POST"])
@requires("read")
@blueprint.response(200, RuleCheck)
@blueprint.doc(**WITH_FILES)
def check() -> dict[str, Any]:
    """Say everything that is wrong with documents, without publishing them"""
    text, files = sent()
    with services().engine.begin() as connection:
        beside_it = [*rulebook.beside_it(files).items()]
        _, problems = rulebook.amended(rules.stored(driver(connection)), text, beside_it=beside_it)
    told = [one._asdict() for one in problems]
    return {"fine": not any(one.severity == "error" for one in problems), "problems": told}


@blueprint.route("/<rule>", methods=["PUT"])
@requires("admin")
@blueprint.arguments(From, location="query")
@blueprint.response(200, RuleInfo, headers=ETAG)
@blueprint.doc(responses={"201": {"description": "The rule is new"}, **LOST}, **BODY, **MATCH)
def put(said: Mapping[str, str], rule: str) -> Response:
    """Publish a rule: a new version, which counts from now on, since a day or from the beginning"""
    text, seen = body(), seen_by()
    with services().engine.begin() as connection:
        beneath = driver(connection)
        try:
            found = editing.put(beneath, _name(rule), text, seen, moment(beneath, said["since"]), bearer().name)
        except (Unseen, Mistaken) as error:
            refuse("rule", rule, error)
        return _answer(found, 200 if seen else 201)


@blueprint.route("/<rule>", methods=["DELETE"])
@requires("admin")
@blueprint.arguments(From, location="query")
@blueprint.doc(responses={"204": {"description": "It gives no more"}, **LOST}, **MATCH)
def delete(said: Mapping[str, str], rule: str) -> Response:
    """Retire a rule: it keeps what it gave for what happened before; since=beginning takes all of it back

    What a rule has kept that was taken away before goes by its name, since=beginning and If-None-Match: *.
    A rule that a cap or a board names is taken out there first. One of the rules directory stays away when that is
    applied, unless that is to `--overwrite` what was edited.
    """
    seen = seen_by()
    with services().engine.begin() as connection:
        beneath = driver(connection)
        found = editing.written(beneath, _name(rule))
        if found is None or (not found.text and said["since"] == "now"):
            _none(rule)
        try:
            editing.retire(beneath, _name(rule), seen, moment(beneath, said["since"]), bearer().name)
        except (Unseen, Mistaken) as error:
            refuse("rule", rule, error)
    return Response(status=204)


@blueprint.route("/<rule>/rollback", methods=["POST"])
@requires("admin")
@blueprint.arguments(Rollback)
@blueprint.response(200, RuleInfo, headers=ETAG)
@blueprint.doc(responses=LOST, **MATCH)
def rollback(said: Mapping[str, Any], rule: str) -> Response:
    """Publish once more what an earlier version said; If-None-Match: * where the rule was taken away"""
    seen = seen_by()
    with services().engine.begin() as connection:
        beneath = driver(connection)
        since = moment(beneath, said["since"])
        try:
            found = editing.roll_back(beneath, _name(rule), said["version"], seen, since, bearer().name)
        except LookupError:
            raise Problem(404, f"The rule {rule!r} has no version {said['version']} with a text.") from None
        except (Unseen, Mistaken) as error:
            refuse("rule", rule, error)
        return _answer(found, 200)


def _name(rule: str) -> str:
    return rule.replace("\0", "")


# --- answers ------------------------------------------------------------------------------------------------------


def _there(connection: Driver, name: str) -> Written:
    found = editing.written(connection, _name(name))
    if found is None or not found.text:
        _none(name)
    return found


def _none(name: str) -> NoReturn:
    raise Problem(404, f"There is no rule {name!r}; one that was taken away still has its versions.")


def _document(found: Written) -> Response:
    response = Response(found.text.encode(), mimetype="application/yaml")
    response.set_etag(found.etag)
    response.make_conditional(request)
    return response


def _answer(found: Written, status: int) -> Response:
    response = jsonify(RuleInfo().dump(_info(found.version, found.etag)))
    response.status_code = status
    response.set_etag(found.etag)
    return response


def _told(connection: Driver, version: Version) -> dict[str, Any]:
    return _info(version, Written(version, rules.text_of(connection, version)).etag)


def _info(version: Version, etag: str) -> dict[str, Any]:
    return {
        "rule": version.rule.name,
        "title": in_words(version.rule.title),
        "status": version.rule.status,
        "version": version.version,
        "since": version.since,
        "counting": version.phase != "done",
        "etag": etag,
    }


def _published(one: Published) -> dict[str, Any]:
    superseded = Life(one.since, one.until).empty
    return {**one._asdict(), "published": one.applied, "counting": one.phase != "done", "superseded": superseded}
