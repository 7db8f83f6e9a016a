"""When two statements with one id say the same: the digest of what must be equal.

Following xAPI Data 2.3.1, what an LRS may add or change does not count: id, authority, stored, timestamp, version,
attachments, display texts, activity definitions, names of agents, the order of group members, and letter case where it
means nothing. The digest is computed only when an id comes a second time (and for statements without an id), so it
costs a new statement nothing.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(order="deterministic").encode

COMPARED = ("actor", "verb", "object", "result", "context")
LEFT_OUT = ("definition", "display", "name")


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
    return float(value) if type(value) is int and abs(value) < 2**53 else value


def _essence_of_object(value: dict[str, Any]) -> dict[str, Any]:
    is_account = "homePage" in value
    kept = {key: _essence(item) for key, item in value.items() if key not in LEFT_OUT or (is_account and key == "name")}
    if kept.get("objectType") in ("Agent", "Activity"):
        del kept["objectType"]
    if isinstance(kept.get("mbox"), str):
        local, _, domain = kept["mbox"].rpartition("@")
        kept["mbox"] = f"{local}@{domain.lower()}"
    if isinstance(kept.get("mbox_sha1sum"), str):
        kept["mbox_sha1sum"] = kept["mbox_sha1sum"].lower()
    if isinstance(kept.get("contextActivities"), dict):
        kept["contextActivities"] = {key: _as_list(some) for key, some in kept["contextActivities"].items()}
    if isinstance(kept.get("member"), list):
        kept["member"] = sorted(kept["member"], key=_encode)
    return kept


def _as_list(activities: Any) -> Any:
    """A single activity stands for a list of one, as in 1.0.x (Data 2.4.6.2)."""
    return [activities] if isinstance(activities, dict) else activities
