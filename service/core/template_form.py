"""The condition `template` as an author writes it, and the profiles of a vocabulary that its templates come from.

A profile is a file beside the vocabulary, named with the SHA-256 of its content: what a rule asks for cannot change
unless its author has seen the change.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from service.core import paths, profiles, scalars
from service.core.forms import Form, Key, Reading, Table, list_of, mapping
from service.core.places import Node, Pairs, Place, Scalar, beside, shown
from service.core.rule import Among, Answers, Condition, Names, Present
from service.core.templates import StatementTemplate, Template, in_words

ENDINGS = (".jsonld", ".json")
EXAMPLE = "https://w3id.org/xapi/cmi5#completed"


class Profile(NamedTuple):
    """A profile that a vocabulary names. file: as it is written there. templates: or why one cannot be used."""

    file: str
    place: Place
    templates: Mapping[str, StatementTemplate | str]


# --- profiles -----------------------------------------------------------------------------------------------------


def _file(node: Scalar) -> str | None:
    return node.text if node.text.lower().endswith(ENDINGS) and not posixpath.isabs(node.text) else None


_FILE = scalars.scalar("the path of a JSON-LD file, from this file", "profiles/cmi5.jsonld", {"type": "string"}, _file)
_SHA256 = scalars.scalar(
    "the 64 hexadecimal digits that sha256sum prints",
    "aaedf67d93eba73e50973acc624f9f11b57912510ac533a8eec7729af1a7cbd0",
    {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"},
    lambda node: node.text.lower() if re.fullmatch("[0-9a-fA-F]{64}", node.text) else None,
)
PROFILE: Table = {
    "file": Key(_FILE, "the profile, a JSON-LD file beside the vocabulary", required=True),
    "sha256": Key(_SHA256, "the SHA-256 of the file, so that no rule changes because a file did", required=True),
}


def _profile(reading: Reading, node: Node, name: str) -> Profile | None:
    found: dict[str, str] | None = _NAMED.read(reading, node, name)
    file = node.get("file") if isinstance(node, Pairs) else None
    if found is None or file is None:
        return None
    path = beside(file.place.path, found["file"])
    content = reading.files.get(path)
    if content is None:
        known = [posixpath.relpath(one, posixpath.dirname(file.place.path) or ".") for one in reading.files]
        near = reading.nearest(found["file"], sorted(one for one in known if one.lower().endswith(ENDINGS)))
        reading.error(file, f'There is no file "{shown(path)}" among the rules.{near or " Put it beside this file."}')
    elif len(content) > profiles.LARGEST_PROFILE:
        reading.error(file, f'"{shown(path)}" is larger than 1 MiB: leave out of the profile what no rule needs.')
    elif (digest := hashlib.sha256(content).hexdigest()) != found["sha256"]:
        message = f'"{shown(path)}" is another file than meant: its SHA-256 is {digest}. Look at what has changed'
        reading.error(_value(node, "sha256"), f"{message}, and write that if you want it so.")
    else:
        try:
            return Profile(found["file"], file.place, profiles.templates(content))
        except profiles.NoProfile as wrong:
            reading.error(file, f'"{shown(path)}" {wrong}.')
    return None


def _value(node: Node, name: str) -> Node:
    return (node.get(name) if isinstance(node, Pairs) else None) or node


_NAMED: Form[dict[str, str]] = mapping(
    "a profile", f"{{file: {_FILE.example}, sha256: {_SHA256.example}}}", PROFILE, lambda found: found
)
PROFILES: Form[tuple[Profile, ...]] = list_of(
    Form(_NAMED.words, _NAMED.example, _NAMED.schema, _profile, PROFILE), example=f"[{_NAMED.example}]"
)


# --- the condition ------------------------------------------------------------------------------------------------


def _one(reading: Reading, node: Node, name: str) -> tuple[StatementTemplate, ...] | None:
    iris = _WORD.read(reading, node, name)
    if iris is None:
        return None
    found = [(iri, reading.vocabulary.templates.get(iri)) for iri in iris]
    for iri, template in found:
        if template is None and reading.unread_profiles:
            continue  # what is wrong with its profile is said already
        if template is None:
            reading.error(node, reading.vocabulary.unknown_template(iri))
        elif isinstance(template, str):
            reading.error(node, f'The template "{shown(iri, 200)}" cannot be used: {template}.')
    known = tuple(template for _, template in found if isinstance(template, StatementTemplate))
    return known if len(known) == len(found) else None


_WORD = scalars.iris("templates", EXAMPLE)
_ONE: Form[tuple[StatementTemplate, ...]] = Form(
    "the id of a statement template, or a word for it", EXAMPLE, _WORD.schema, _one
)
_SOME = list_of(_ONE, or_one=True, example=EXAMPLE)
_ANY: Table = {"any_of": Key(list_of(_ONE, example=f"[{EXAMPLE}]"), "one of these", required=True)}
_BRACES = mapping('"template"', f"{{any_of: [{EXAMPLE}]}}", _ANY, lambda found: found["any_of"])


def _template(reading: Reading, node: Node, name: str) -> Template | None:
    groups = (_BRACES if isinstance(node, Pairs) else _SOME).read(reading, node, name)
    return Template(tuple(dict.fromkeys(one for group in groups for one in group))) if groups else None


TEMPLATE: Form[Template] = Form(_SOME.words, EXAMPLE, {"anyOf": [_SOME.schema, _BRACES.schema]}, _template)


# --- what contradicts it ------------------------------------------------------------------------------------------

_PATHS: Mapping[str, paths.Path] = {
    "verb": ("verb", "id"),
    "type": ("object", "definition", "type"),
    "object": ("object", "id"),
    "tagged": ("context", "contextActivities", "category", None, "id"),
    "score": ("result", "score", "scaled"),
    "raw_score": ("result", "score", "raw"),
    "success": ("result", "success"),
    "completion": ("result", "completion"),
    "duration": ("result", "duration"),
    "response": ("result", "response"),
    "instructor": ("context", "instructor"),
    "team": ("context", "team"),
    "platform": ("context", "platform"),
    "language": ("context", "language"),
    "registration": ("context", "registration"),
    "attachments": ("attachments", None),
}
"""Where a condition looks."""


def check_clashes(reading: Reading, node: Pairs, found: Mapping[str, Condition]) -> None:
    """Notes a condition beside `template` that no statement fulfils which matches the template."""
    template = found.get("template")
    if not isinstance(template, Template):
        return
    for key, condition in found.items():
        reasons = [_clash(one, condition) for one in template.any_of]
        if all(reasons):
            name, reason = template.any_of[0].name, reasons[0]
            reading.error(
                node.key(key) or node,
                f'This can never match: by the template "{shown(name)}" {reason}. Change one of them.',
            )


def _clash(template: StatementTemplate, condition: Condition) -> str | None:
    """What the template says that excludes this condition, in words."""
    key = getattr(condition, "key", "")
    path, values = _PATHS.get(key), _values(condition)
    if path is None:
        return None
    for name in ("verb", "type"):
        wanted = getattr(template, name)
        if key == name and wanted is not None and values is not None and wanted not in values:
            return f"{'.'.join(map(str, path))} is {wanted}"
    return next(filter(None, _by_rules(template, condition, path, values)), None)


def _by_rules(
    template: StatementTemplate, condition: Condition, path: paths.Path, values: Iterable[Any] | None
) -> Iterable[str | None]:
    absent = isinstance(condition, Present | Names) and not condition.present
    for rule in template.rules:
        where = paths.alternatives(rule.location) or ()
        if rule.selector is not None or len(where) != 1:
            continue
        if rule.presence == "included" and absent and where[0][: len(path)] == path:
            yield f"{rule.location} must be there"
        if rule.presence == "excluded" and not absent and path[: len(where[0])] == where[0]:
            yield f"{rule.location} must not be there"
        if where[0] != path or values is None or None in path:
            continue
        told = {name: [msgspec.json.decode(one) for one in some] for name in ("any", "all", "none")
                if (some := getattr(rule, name)) is not None}  # fmt: skip
        for name in ("any", "all"):
            if name in told and not any(_in(value, told[name]) for value in values):
                yield f"{rule.location} must be {in_words(getattr(rule, name))}"
        if "none" in told and all(_in(value, told["none"]) for value in values):
            yield f"{rule.location} must not be {in_words(rule.none or ())}"


def _in(value: Any, among: Iterable[Any]) -> bool:
    return any(value == one and isinstance(value, bool) == isinstance(one, bool) for one in among)


def _values(condition: Condition) -> tuple[Any, ...] | None:
    """The values of which the statement has one, where the condition names them."""
    if isinstance(condition, Among) and condition.any_of and not condition.starts_with:
        return condition.any_of
    return (condition.value,) if isinstance(condition, Answers) else None
