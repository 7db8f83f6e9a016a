"""The objects that a statement is made of, as tables of their properties: actors, verbs, activities, results, contexts.

They are the same in xAPI 1.0.3 and 2.0, but for what 2.0 adds to contexts. `service.core.specification` puts them
together. Sections are those of 1.0.3, part 2 (Data); numbers those of ADL's list of LRS conformance requirements.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from service.core import formats
from service.core.shapes import (
    Check,
    Found,
    array,
    boolean,
    extensions,
    kind_of,
    language_map,
    length,
    number,
    one_of,
    shown,
    table,
    text,
)

_IDENTIFIERS = frozenset(("mbox", "mbox_sha1sum", "openid", "account"))


def _iri(requirement: str) -> Check:
    return text(requirement, formats.is_iri, "an IRI with its scheme, like https://example.com/…")


def uuid(requirement: str, misformed: str = "XAPI-00030") -> Check:
    return text(requirement, formats.is_uuid, "a UUID", misformed)


_ACCOUNT = table(
    "XAPI-00041",
    {"homePage": _iri("XAPI-00042"), "name": text("XAPI-00043")},
    {"homePage": "XAPI-00042", "name": "XAPI-00043"},
)
_AGENT_PROPERTIES: dict[str, Check] = {
    "objectType": text("XAPI-00032"),
    "name": text("XAPI-00033"),
    "mbox": text("XAPI-00038", formats.is_mailbox, "mailto:name@example.com"),
    "mbox_sha1sum": text("XAPI-00039", formats.is_sha1, "40 hexadecimal digits"),
    "openid": _iri("XAPI-00040"),
    "account": _ACCOUNT,
}
_LONE_AGENT = table("XAPI-00034", _AGENT_PROPERTIES, unknown={"member": "XAPI-00035"})


def an_agent(value: Any, path: str, found: Found) -> None:
    """An Agent (2.4.2.1): exactly one identifier."""
    _LONE_AGENT(value, path, found)
    if type(value) is dict:
        _is_named_once(value, path, found, "XAPI-00034")


def _is_named_once(value: Mapping[str, Any], path: str, found: Found, requirement: str) -> None:
    identifiers = value.keys() & _IDENTIFIERS
    if not identifiers:
        wanted = "give mbox, mbox_sha1sum, openid or account"
        found.add(path, requirement, f"has no identifier; {wanted}")
    elif len(identifiers) > 1:
        found.add(path, requirement, f"has several identifiers ({', '.join(sorted(identifiers))}); give one")


def _member(value: Any, path: str, found: Found) -> None:
    if type(value) is dict and value.get("objectType", "Agent") != "Agent":
        found.add(f"{path}.objectType", "XAPI-00036", "is no Agent; the members of a Group are Agents")
    else:
        an_agent(value, path, found)


_WHOLE_GROUP = table("XAPI-00037", {**_AGENT_PROPERTIES, "member": array("XAPI-00036", _member)})


def a_group(value: Any, path: str, found: Found) -> None:
    """A Group (2.4.2.2): one identifier, or else members."""
    _WHOLE_GROUP(value, path, found)
    if value.keys() & _IDENTIFIERS:
        _is_named_once(value, path, found, "XAPI-00037")
    elif "member" not in value:
        found.add(path, "XAPI-00035", "is a Group without identifier and members; name its members")
    elif value["member"] == []:
        found.add(f"{path}.member", "XAPI-00037", "is empty; name the members of a Group without identifier")


def actor(requirement: str, agent: bool = True, group: bool = True) -> Check:
    """An Agent or a Group, or only one of the two."""
    wanted = " or ".join([*(["Agent"] if agent else []), *(["Group"] if group else [])])

    def check(value: Any, path: str, found: Found) -> None:
        if type(value) is not dict:
            found.add(path, requirement, f"is {kind_of(value)}; write an object ({wanted})")
            return
        kind = value.get("objectType", "Agent")
        if kind == "Agent" and agent:
            an_agent(value, path, found)
        elif kind == "Group" and group:
            a_group(value, path, found)
        elif type(kind) is not str:
            found.add(f"{path}.objectType", "XAPI-00032", f"is {kind_of(kind)}; write {wanted}")
        else:
            broken = "XAPI-00031" if kind not in ("Agent", "Group") else requirement
            found.add(f"{path}.objectType", broken, f"is {shown(kind)}; write {wanted}")

    return check


_AUTHORITY = actor("XAPI-00024")


def authority(value: Any, path: str, found: Found) -> None:
    """An Agent, or a Group of two without an identifier (2.4.9)."""
    _AUTHORITY(value, path, found)
    if type(value) is not dict or value.get("objectType") != "Group":
        return
    if value.keys() & _IDENTIFIERS:
        found.add(path, "XAPI-00024", "is a Group with an identifier; an authority may be a Group of two Agents only")
    members = value.get("member")
    if type(members) is list and len(members) != 2:
        found.add(f"{path}.member", "XAPI-00098", "does not name two Agents")


VERB = table("XAPI-00044", {"id": _iri("XAPI-00044"), "display": language_map("XAPI-00045")}, {"id": "XAPI-00044"})
REFERENCE = table(
    "XAPI-00092",
    {"objectType": one_of(["StatementRef"], "XAPI-00092"), "id": uuid("XAPI-00029", "XAPI-00072")},
    {"objectType": "XAPI-00073", "id": "XAPI-00072"},
)

# --- activities (2.4.4.1) -------------------------------------------------------------------------------------------

_INTERACTIONS = (
    "true-false",
    "choice",
    "fill-in",
    "long-fill-in",
    "matching",
    "performance",
    "sequencing",
    "likert",
    "numeric",
    "other",
)
_COMPONENT = table(
    "XAPI-00063", {"id": text("XAPI-00058"), "description": language_map("XAPI-00062")}, {"id": "XAPI-00058"}
)


def _components(requirement: str) -> Check:
    each = array(requirement, _COMPONENT)

    def check(value: Any, path: str, found: Found) -> None:
        each(value, path, found)
        names = [one.get("id") for one in value if type(one) is dict] if type(value) is list else []
        texts = [name for name in names if type(name) is str]
        if len(set(texts)) < len(texts):
            found.add(path, "XAPI-00058", "holds two components with the same id; each needs its own")

    return check


_INTERACTION_PROPERTIES: dict[str, Check] = {
    "correctResponsesPattern": array("XAPI-00050", text("XAPI-00050")),
    "choices": _components("XAPI-00055"),
    "scale": _components("XAPI-00054"),
    "source": _components("XAPI-00053"),
    "target": _components("XAPI-00052"),
    "steps": _components("XAPI-00051"),
}
_DEFINED = table(
    "XAPI-00048",
    {
        "name": language_map("XAPI-00056"),
        "description": language_map("XAPI-00059"),
        "type": _iri("XAPI-00060"),
        "moreInfo": _iri("XAPI-00061"),
        "extensions": extensions("XAPI-00057"),
        "interactionType": one_of(_INTERACTIONS, "XAPI-00049"),
        **_INTERACTION_PROPERTIES,
    },
)


def _definition(value: Any, path: str, found: Found) -> None:
    _DEFINED(value, path, found)
    if type(value) is dict and "interactionType" not in value and value.keys() & _INTERACTION_PROPERTIES.keys():
        found.add(f"{path}.interactionType", "XAPI-00064", "is missing; say what kind of interaction it is")


_AS_OBJECT = dict.fromkeys((*_IDENTIFIERS, "member"), "XAPI-00065")
ACTIVITY = table(
    "XAPI-00047",
    {"objectType": one_of(["Activity"], "XAPI-00046"), "id": _iri("XAPI-00047"), "definition": _definition},
    {"id": "XAPI-00047"},
    unknown=_AS_OBJECT,
)
_CONTEXT_ACTIVITY = table(
    "XAPI-00094",
    {"objectType": one_of(["Activity"], "XAPI-00094"), "id": _iri("XAPI-00094"), "definition": _definition},
    {"id": "XAPI-00094"},
)


_SEVERAL_ACTIVITIES = array("XAPI-00094", _CONTEXT_ACTIVITY)


def _activities(value: Any, path: str, found: Found) -> None:
    """One activity, or an array of them."""
    if type(value) is list:
        _SEVERAL_ACTIVITIES(value, path, found)
    else:
        _CONTEXT_ACTIVITY(value, path, found)


_EVERY_CONTEXT_ACTIVITY = table(
    "XAPI-00086", dict.fromkeys(("parent", "grouping", "category", "other"), _activities), otherwise="XAPI-00093"
)


def _context_activities(value: Any, path: str, found: Found) -> None:
    _EVERY_CONTEXT_ACTIVITY(value, path, found)
    if value == {}:
        found.add(path, "XAPI-00095", "is empty; name an activity, or leave the property out")


# --- result (2.4.5), attachments (2.4.11) ---------------------------------------------------------------------------

_SCORED = table(
    "XAPI-00079",
    {
        "scaled": number("XAPI-00083"),
        "raw": number("XAPI-00082"),
        "min": number("XAPI-00081"),
        "max": number("XAPI-00080"),
    },
)


def _score(value: Any, path: str, found: Found) -> None:
    _SCORED(value, path, found)
    if type(value) is not dict:
        return
    scaled, raw, least, most = (_numeric(value.get(name)) for name in ("scaled", "raw", "min", "max"))
    if scaled is not None and not -1 <= scaled <= 1:
        found.add(f"{path}.scaled", "XAPI-00083", "does not lie between -1 and 1")
    if least is not None and most is not None and least >= most:
        found.add(f"{path}.min", "XAPI-00081", "is not less than max")
    if raw is not None and ((least is not None and raw < least) or (most is not None and raw > most)):
        found.add(f"{path}.raw", "XAPI-00082", "does not lie between min and max")


def _numeric(value: Any) -> float | None:
    return value if type(value) is int or type(value) is float else None


RESULT = table(
    "XAPI-00006",
    {
        "score": _score,
        "success": boolean("XAPI-00074"),
        "completion": boolean("XAPI-00075"),
        "response": text("XAPI-00076"),
        "duration": text("XAPI-00124", formats.is_duration, "a duration of ISO 8601, like PT1H30M"),
        "extensions": extensions("XAPI-00078"),
    },
)
ATTACHMENTS = array(
    "XAPI-00025",
    table(
        "XAPI-00025",
        {
            "usageType": _iri("XAPI-00107"),
            "display": language_map("XAPI-00106"),
            "description": language_map("XAPI-00106"),
            "contentType": text("XAPI-00105", formats.is_media_type, "a media type, like text/plain"),
            "length": length,
            "sha2": text("XAPI-00103", formats.is_sha2, "a SHA-2 in hexadecimal digits"),
            "fileUrl": _iri("XAPI-00104"),
        },
        {
            "usageType": "XAPI-00107",
            "display": "XAPI-00106",
            "contentType": "XAPI-00105",
            "length": "XAPI-00102",
            "sha2": "XAPI-00103",
        },
    ),
)

# --- context (2.4.6) ------------------------------------------------------------------------------------------------

CONTEXT: dict[str, Check] = {
    "registration": uuid("XAPI-00087"),
    "instructor": actor("XAPI-00087"),
    "team": actor("XAPI-00088", agent=False),
    "contextActivities": _context_activities,
    "revision": text("XAPI-00089"),
    "platform": text("XAPI-00090"),
    "language": text("XAPI-00091", formats.is_language_tag, "a language tag of RFC 5646, like en-GB", "XAPI-00013"),
    "statement": REFERENCE,
    "extensions": extensions("XAPI-00120"),
}


def taking_part(kind: str, name: str, who: Check) -> Check:
    """contextAgents and contextGroups of 2.0 (IEEE 9274.1.1, 4.2.2.6)."""
    types = array(None, text(None, formats.is_iri, "an IRI"), least=1)
    parts = {"objectType": one_of([kind], None), name: who, "relevantTypes": types}
    return array(None, table(None, parts, {"objectType": None, name: None}))
