"""Whether a statement keeps to every sentence of the xAPI specification, and which sentences it breaks.

The strict tier of intake. One table for each object of the specification says which properties it may have, how each is
checked and which it must have; the tables are made once for each version, and checking walks a decoded statement
through them. A finding names the requirement by its number in ADL's list of LRS conformance requirements.
Sections are those of xAPI 1.0.3, part 2 (Data); 2.0 is IEEE 9274.1.1.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NoReturn

import msgspec

from service.core import formats
from service.core.properties import (
    ACTIVITY,
    ATTACHMENTS,
    CONTEXT,
    REFERENCE,
    RESULT,
    VERB,
    a_group,
    actor,
    an_agent,
    authority,
    taking_part,
    uuid,
)
from service.core.shapes import (
    Check,
    Enough,
    Finding,
    Found,
    kind_of,
    one_of,
    shown,
    table,
    text,
)
from service.core.statement import VOIDED

Version = Literal["1.0.3", "2.0.0"]
VERSIONS: tuple[Version, ...] = ("1.0.3", "2.0.0")


def version_of(told: str | None) -> Version:
    """The version whose sentences count for what a header or a statement says; 1.0.3 where nothing is said."""
    return "2.0.0" if told is not None and told.startswith("2.") else "1.0.3"


class _Told(msgspec.Struct):
    version: Any = None


def version_told(raw: bytes, header: str | None = None) -> Version:
    """The version of a statement: what it says itself, else what the header of its request says."""
    try:
        told = msgspec.json.decode(raw, type=_Told).version
    except (msgspec.MsgspecError, ValueError, RecursionError):
        told = None
    return version_of(told if type(told) is str else header)


def findings(raw: bytes, version: Version = "1.0.3") -> Sequence[Finding]:
    """What a statement breaks, in the order of its properties; `raw` must be JSON, or the one finding says so."""
    found = Found()
    try:
        statement, twice = _decoded(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        return [Finding("$", "XAPI-00014", f"is no JSON: {error}")]
    try:
        if twice is not None:
            found.add("$", "XAPI-00021", f"holds the property {twice[:40]!r} twice in one object; send it once")
        if not _keeps_to_all(statement, version):
            _STATEMENTS[version](statement, "$", found)
    except Enough:
        pass
    return found


def _keeps_to_all(statement: Any, version: Version) -> bool:
    """Whether nothing is wrong; where and what is not asked, which takes longer."""
    try:
        _STATEMENTS[version](statement, "", Found(most=1))
    except Enough:
        return False
    return True


# --- decoding -------------------------------------------------------------------------------------------------------

_KEYS = re.compile(rb'"[ \t\r\n]*:')


def _decoded(raw: bytes) -> tuple[Any, str | None]:
    """The value, and a key that stands twice in one object.

    Looking for keys takes a slow parser, so it is asked only where there may be one.
    """
    try:
        value = msgspec.json.decode(raw)
    except msgspec.ValidationError:  # a number beyond what msgspec decodes
        return _slowly(raw)
    return (value, None) if _keeps_every_key(value, raw) else _slowly(raw)


def _keeps_every_key(value: Any, raw: bytes) -> bool:
    """Whether no key was lost when this value was decoded; where texts are escaped it may be False all the same.

    A colon stands behind each key and in texts, which stay as they are: written again the value has as many.
    """
    if b"\\" not in raw:
        return msgspec.json.encode(value).count(b":") == raw.count(b":")
    return _keys(value) == len(_KEYS.findall(raw))


def _keys(value: Any) -> int:
    if type(value) is dict:
        return len(value) + sum([_keys(item) for item in value.values() if type(item) is dict or type(item) is list])
    if type(value) is list:
        return sum([_keys(item) for item in value if type(item) is dict or type(item) is list])
    return 0


def _slowly(raw: bytes) -> tuple[Any, str | None]:
    twice: list[str] = []

    def made(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        once = dict(pairs)
        if len(once) < len(pairs):
            times = Counter(key for key, _ in pairs)
            twice.append(next(key for key, number in times.items() if number > 1))
        return once

    whole = json.loads(raw, object_pairs_hook=made, parse_int=float, parse_constant=_constant)
    return whole, next(iter(twice), None)


def _constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


_CONTEXTS: dict[Version, Check] = {
    "1.0.3": table("XAPI-00006", CONTEXT),
    "2.0.0": table(
        "XAPI-00006",
        {
            **CONTEXT,
            "contextAgents": taking_part("contextAgent", "agent", actor("XAPI-00034", group=False)),
            "contextGroups": taking_part("contextGroup", "group", actor("XAPI-00037", agent=False)),
        },
    ),
}

# --- statements -----------------------------------------------------------------------------------------------------

_LRS_VERSIONS: dict[Version, re.Pattern[str]] = {
    "1.0.3": re.compile(r"1\.0(?:\.\d+)?", re.ASCII),
    "2.0.0": re.compile(r"(?:1\.0(?:\.\d+)?|2\.0\.\d+)", re.ASCII),
}
_LATE = {"id": "XAPI-00070", "stored": "XAPI-00069", "version": "XAPI-00068", "authority": "XAPI-00067"}


def _kinds(objects: Mapping[str, Check], nested: str) -> Check:
    """What a statement is about, by its objectType. nested: what a kind breaks that is known but not allowed here."""

    def check(value: Any, path: str, found: Found) -> None:
        if type(value) is not dict:
            found.add(path, "XAPI-00046", f"is {kind_of(value)}; write an object")
            return
        kind = value.get("objectType", "Activity")
        inner = objects.get(kind) if type(kind) is str else None
        if inner is None:
            broken = nested if kind == "SubStatement" else "XAPI-00046"
            told = shown(kind) if type(kind) is str else kind_of(kind)
            found.add(f"{path}.objectType", broken, f"is {told}; write one of {', '.join(objects)}")
        else:
            inner(value, path, found)

    return check


def _about(properties: Mapping[str, Check], unknown: Mapping[str, str] | None = None) -> Check:
    """A statement or SubStatement, and what must hold between its parts."""
    must = {"actor": "XAPI-00003", "verb": "XAPI-00004", "object": "XAPI-00005"}
    whole = table("XAPI-00014", properties, must, unknown)

    def check(value: Any, path: str, found: Found) -> None:
        whole(value, path, found)
        if type(value) is not dict:
            return
        thing, context, verb = value.get("object"), value.get("context"), value.get("verb")
        kind = thing.get("objectType", "Activity") if type(thing) is dict else None
        if type(context) is dict and kind not in ("Activity", None):
            for name, broken in (("revision", "XAPI-00084"), ("platform", "XAPI-00085")):
                if name in context:
                    found.add(f"{path}.context.{name}", broken, "may stand there only if the object is an Activity")
        if type(verb) is dict and verb.get("id") == VOIDED and kind != "StatementRef":
            found.add(
                f"{path}.object.objectType", "XAPI-00017", "is not StatementRef; a voiding statement names another"
            )

    return check


def _statement(version: Version) -> Check:
    stamp = formats.is_timestamp if version == "1.0.3" else formats.is_rfc_3339
    wanted = "a time like 2026-11-22T09:30:00Z"
    shared: dict[str, Check] = {
        "actor": actor("XAPI-00031"),
        "verb": VERB,
        "result": RESULT,
        "context": _CONTEXTS[version],
        "timestamp": text("XAPI-00022", stamp, wanted, "XAPI-00123"),
        "attachments": ATTACHMENTS,
    }
    objects: dict[str, Check] = {
        "Activity": ACTIVITY,
        "Agent": an_agent,
        "Group": a_group,
        "StatementRef": REFERENCE,
    }
    plain = _kinds(objects, nested="XAPI-00071")
    sub = _about({**shared, "objectType": one_of(["SubStatement"], "XAPI-00046"), "object": plain}, _LATE)
    return _about(
        {
            "id": uuid("XAPI-00028", "XAPI-00027"),
            **shared,
            "object": _kinds({**objects, "SubStatement": sub}, nested="XAPI-00046"),
            "stored": text("XAPI-00023", stamp, wanted),
            "authority": authority,
            "version": text(
                "XAPI-00101", lambda text: _LRS_VERSIONS[version].fullmatch(text) is not None, f"{version[:3]} or like"
            ),
        }
    )


_STATEMENTS: dict[Version, Check] = {version: _statement(version) for version in VERSIONS}
