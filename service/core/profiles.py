"""xAPI Profiles as files: the statement templates in a JSON-LD document.

A template that has a mistake, or asks for what is not known here, is kept with a sentence that says so: it is in the
way of nobody but a rule that names it. Structure as in xAPI Profiles 1.0, part 2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from service.core import paths
from service.core.places import shown
from service.core.templates import StatementTemplate, TemplateRule
from service.core.vocabulary import is_iri

LARGEST_PROFILE = 1 << 20
MOST_RULES = 500


class NoProfile(Exception):
    """The file is no profile; the message says why, as it follows the file's name."""


class _Wrong(Exception):
    """What a template says that cannot be used."""


def templates(content: bytes) -> Mapping[str, StatementTemplate | str]:
    """The templates of a profile by their ids, or why one cannot be used; raises NoProfile."""
    try:
        document = msgspec.json.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise NoProfile(f"is no JSON: {error}") from None
    if not isinstance(document, dict) or _typed(document) != "Profile":
        raise NoProfile('is no xAPI Profile: its "type" has to be "Profile"')
    written = document.get("templates", [])
    if not isinstance(written, list) or not all(isinstance(one, dict) for one in written):
        raise NoProfile('has no list of objects under "templates"')
    found: dict[str, StatementTemplate | str] = {}
    for one in written:
        id_ = _id(one)
        if id_ is not None and is_iri(id_):
            found[id_] = _template(id_, one) if id_ not in found else "its profile defines it twice"
    if not found:
        raise NoProfile("has no statement templates, so no rule can name one")
    return found


def _id(written: Mapping[str, Any]) -> str | None:
    found = written.get("id", written.get("@id"))
    return found if isinstance(found, str) else None


def _typed(written: Mapping[str, Any]) -> Any:
    return written.get("type", written.get("@type"))


def _template(id_: str, written: Mapping[str, Any]) -> StatementTemplate | str:
    try:
        return StatementTemplate(
            id_,
            _name(written.get("prefLabel")) or id_,
            verb=_iri(written, "verb"),
            type=_iri(written, "objectActivityType"),
            grouping=_iris(written, "contextGroupingActivityType"),
            parent=_iris(written, "contextParentActivityType"),
            other=_iris(written, "contextOtherActivityType"),
            category=_iris(written, "contextCategoryActivityType"),
            attachments=_iris(written, "attachmentUsageType"),
            object_ref=bool(_iris(written, "objectStatementRefTemplate")),
            context_ref=bool(_iris(written, "contextStatementRefTemplate")),
            rules=tuple(_rules(written.get("rules", []))),
        )
    except _Wrong as wrong:
        return str(wrong)


def _name(label: Any) -> str | None:
    """The English name, or else the first."""
    if not isinstance(label, dict):
        return None
    texts = {language: text for language, text in label.items() if isinstance(text, str) and text.strip()}
    english = next((text for language, text in texts.items() if language.split("-")[0] == "en"), None)
    found = english or next(iter(texts.values()), None)
    return shown(found) if found else None


def _iri(written: Mapping[str, Any], key: str) -> str | None:
    found = written.get(key)
    if found is not None and not (isinstance(found, str) and is_iri(found)):
        raise _Wrong(f'its "{key}" is no IRI')
    return found


def _iris(written: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = written.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, str) and is_iri(one) for one in found):
        raise _Wrong(f'its "{key}" is no list of IRIs')
    return tuple(dict.fromkeys(found))


def _rules(written: Any) -> Iterable[TemplateRule]:
    if not isinstance(written, list) or len(written) > MOST_RULES:
        raise _Wrong(f'its "rules" are no list of at most {MOST_RULES} rules')
    for number, rule in enumerate(written, 1):
        try:
            yield _rule(rule)
        except _Wrong as wrong:
            raise _Wrong(f"in its rule {number}, {wrong}") from None


def _rule(written: Any) -> TemplateRule:
    if not isinstance(written, dict):
        raise _Wrong("there is no object")
    presence = written.get("presence")
    if presence not in (None, "included", "excluded", "recommended"):
        raise _Wrong(f'"presence" is "{shown(str(presence))}", and is included, excluded or recommended')
    values = {name: _values(written, name) for name in ("any", "all", "none")}
    if presence is None and all(one is None for one in values.values()):
        raise _Wrong('there is none of "presence", "any", "all" and "none"')
    selector = _path(written, "selector") if "selector" in written else None
    return TemplateRule(_path(written, "location"), selector, presence, **values)


def _path(written: Mapping[str, Any], key: str) -> str:
    found = written.get(key)
    if not isinstance(found, str) or paths.alternatives(found) is None:
        told = shown(found) if isinstance(found, str) else "missing"
        raise _Wrong(
            f'"{key}" is {told}, and may have keys with dots between them or in quotes and brackets, positions like'
            " [0], [*], and unions of these with , or |"
        )
    return found


def _values(written: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    found = written.get(key)
    if found is not None and not isinstance(found, list):
        raise _Wrong(f'"{key}" is no list')
    return None if found is None else tuple(msgspec.json.encode(one, order="sorted").decode() for one in found)
