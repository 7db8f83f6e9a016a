"""When two statements with one id say the same: the digest of what must be equal.

Following xAPI Data 2.3.1, what an LRS may add or change does not count: id, authority, stored, timestamp, version,
attachments, display texts, activity definitions, names of agents, the order of group members, letter case where it
means nothing, and what a duration says beyond hundredths of a second (Data 4.6). Extensions count as they are.
The digest is computed only when an id comes a second time (and for statements without an id), so it costs a new
statement nothing.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(order="deterministic").encode

COMPARED = ("actor", "verb", "object", "result", "context")
LEFT_OUT = ("definition", "display", "name")
_CASELESS = ("mbox_sha1sum", "registration", "language")
_SECONDS = re.compile(r"[.,](\d?\d?)\d*(?=S$)", re.ASCII)


def fingerprint(raw: bytes) -> bytes:
    """SHA-256 over the compared parts of the statement in `raw`, which must be a JSON object.

    One that holds numbers beyond what can be decoded is compared byte by byte.
    """
    try:
        statement = msgspec.json.decode(raw)
    except msgspec.ValidationError:
        return hashlib.sha256(raw).digest()
    return hashlib.sha256(_encode({key: _essence(statement.get(key)) for key in COMPARED})).digest()


def _essence(value: Any) -> Any:
    if isinstance(value, dict):
        return _essence_of_object(value)
    if isinstance(value, list):
        return [_essence(item) for item in value]
    return _number(value)


def _essence_of_object(value: dict[str, Any]) -> dict[str, Any]:
    is_account = "homePage" in value
    kept = {
        key: _numbers(item) if key == "extensions" else _essence(item)
        for key, item in value.items()
        if key not in LEFT_OUT or (is_account and key == "name")
    }
    kind = kept.get("objectType")
    if kind in ("Agent", "Activity"):
        del kept["objectType"]
    elif kind == "StatementRef" and isinstance(kept.get("id"), str):
        kept["id"] = kept["id"].lower()
    for name in _CASELESS:
        if isinstance(kept.get(name), str):
            kept[name] = kept[name].lower()
    if isinstance(kept.get("mbox"), str):
        local, _, domain = kept["mbox"].rpartition("@")
        kept["mbox"] = f"{local[:7].lower()}{local[7:]}@{domain.lower()}"
    if isinstance(kept.get("duration"), str):
        kept["duration"] = _SECONDS.sub(_hundredths, kept["duration"])
    if isinstance(kept.get("contextActivities"), dict):
        kept["contextActivities"] = {key: _as_list(some) for key, some in kept["contextActivities"].items()}
    if isinstance(kept.get("member"), list):
        kept["member"] = sorted(kept["member"], key=_encode)
    return kept


def _numbers(value: Any) -> Any:
    """A value of which all counts: numbers alone may be written in several ways."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return _number(value)


def _number(value: Any) -> Any:
    return float(value) if type(value) is int and abs(value) < 2**53 else value


def _hundredths(fraction: re.Match[str]) -> str:
    digits = fraction[1].rstrip("0")
    return f".{digits}" if digits else ""


def _as_list(activities: Any) -> Any:
    """A single activity stands for a list of one, as in 1.0.x (Data 2.4.6.2)."""
    return [activities] if isinstance(activities, dict) else activities
