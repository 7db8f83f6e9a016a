"""Statements in what senders wrap around them: `{"statements": […]}`, `{"statement": …}` and `{"type", "data"}`.

| sender | what it sends |
|---|---|
| ADL LRS | `{"statements": […], "id": "<hook>"}` |
| Learning Locker, full document | its own record, with the statement under `statement` |
| TrainingArc | `{"statementId", "organizationId", "receivedAt", "statement"}` |
| 360Learning | `{"type", "timestamp", "data"}`, in milliseconds; the statement's id is its `uuid` |

A statement stays as its own bytes; only what its envelope knows and it does not say itself is added in front: its id,
and when it happened. An object that looks like a statement is one, whatever else it holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from service.capture.xapi import Malformed

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_STATEMENT = frozenset(("actor", "verb", "object"))
_SCORM_CLOUD = frozenset(("registrationCompletion", "registrationSuccess", "activityDetails"))


def opened(text: bytes) -> list[bytes] | None:
    """The statements in an envelope; None where `text` is a statement, or nothing that anybody wraps."""
    members = _object(text)
    if members is None:
        return None
    if members.keys() & _STATEMENT:
        return [_named(text, members)] if "uuid" in members and "id" not in members else None
    if members.keys() & _SCORM_CLOUD:
        raise Malformed(
            "This is a registration result of SCORM Cloud, not an xAPI statement; let SCORM Cloud forward statements."
        )
    for name in ("statements", "statement", "data"):
        if name in members and (name != "data" or "type" in members):
            return [_enclosed(inner, members) for inner in _several(bytes(members[name]))]
    return None


def _several(text: bytes) -> list[bytes]:
    return [bytes(one) for one in _split(text)] if text.lstrip()[:1] == b"[" else [text]


def _enclosed(inner: bytes, envelope: Mapping[str, msgspec.Raw]) -> bytes:
    """A statement of an envelope, with what only the envelope says."""
    members = _object(inner)
    if not members:
        return inner
    told = [_member("id", _uuid(members.get("uuid")) or _uuid(envelope.get("statementId")))]
    if "timestamp" not in members:
        told.append(_member("timestamp", _time(envelope.get("timestamp"))))
    return _added(inner, told if "id" not in members else told[1:])


def _named(text: bytes, members: Mapping[str, msgspec.Raw]) -> bytes:
    return _added(text, [_member("id", _uuid(members["uuid"]))])


def _added(text: bytes, told: list[bytes]) -> bytes:
    """The object with these members in front of its own."""
    text = text.lstrip()
    return b"{" + b"".join(told) + text[1:]


def _member(name: str, value: str | None) -> bytes:
    return b"" if value is None else msgspec.json.encode({name: value})[1:-1] + b","


def _object(text: bytes) -> dict[str, msgspec.Raw] | None:
    """The members of a JSON object, undecoded; None if it is none."""
    try:
        return _members(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _uuid(raw: msgspec.Raw | None) -> str | None:
    try:
        return str(UUID(msgspec.json.decode(raw, type=str))) if raw is not None else None
    except ValueError:
        return None


def _time(raw: msgspec.Raw | None) -> str | None:
    """Milliseconds since 1970 as a timestamp; what is already a text is taken as it is."""
    try:
        value = msgspec.json.decode(raw, type=int | float | str) if raw is not None else None
        if value is None or isinstance(value, str):
            return value
        return datetime.fromtimestamp(value / 1000, UTC).isoformat()
    except (ValueError, OverflowError, OSError):
        return None
