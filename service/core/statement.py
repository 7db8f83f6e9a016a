"""An xAPI statement as a value: what the rules look at, decoded and checked in one pass by msgspec.

Only what can be matched, attributed or scored is read; everything else is skipped, not judged. A statement is
*usable* when it names an actor with an identifier, a verb and an object; `Unusable` says which property is in the
way. An id that is no UUID, a time that is no time, and an instructor or team that names nobody count as not said.
Sections are those of the xAPI specification 1.0.3, part 2 (Data).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from service.core.agents import Account, Agent, identifier
from service.core.fingerprint import fingerprint

VOIDED = "http://adlnet.gov/expapi/verbs/voided"
PERSONS = ("Agent", "Group")
"""The objectTypes of whoever can act."""
DEEPEST = 100
"""Levels of arrays and objects in a statement: whoever reads it again, wherever that is, has room for as many."""


class Unusable(Exception):
    """A statement that can never be used, and why.

    path: JSONPath of the property, from the statement (`$.actor.mbox`).
    message: what is wrong there and what to send instead.
    """

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message


class Verb(Struct, frozen=True):
    id: str | None = None


class Definition(Struct, frozen=True):
    type: str | None = None


class Activity(Struct, frozen=True):
    id: str | None = None
    definition: Definition | None = None


class Object(Struct, frozen=True, rename={"object_type": "objectType"}):
    """What the actor acted on: an Activity (the default), Agent, Group, StatementRef or SubStatement (Data 2.4.4)."""

    object_type: str | None = None
    id: str | None = None
    definition: Definition | None = None
    name: str | None = None
    mbox: str | None = None
    mbox_sha1sum: str | None = None
    openid: str | None = None
    account: Account | None = None
    member: tuple[Agent, ...] | None = None

    @property
    def agent(self) -> Agent | None:
        """The object as an Agent or Group, if it is one."""
        if self.object_type not in PERSONS:
            return None
        return Agent(self.object_type, self.name, self.mbox, self.mbox_sha1sum, self.openid, self.account, self.member)


class Score(Struct, frozen=True):
    scaled: float | None = None
    raw: float | None = None


class Result(Struct, frozen=True):
    score: Score | None = None
    success: bool | None = None
    completion: bool | None = None
    duration: Any = None
    response: Any = None


class ContextActivities(Struct, frozen=True):
    """A single activity stands for a list of one, as in 1.0.x (Data 2.4.6.2)."""

    parent: Activity | tuple[Activity, ...] = ()
    grouping: Activity | tuple[Activity, ...] = ()
    category: Activity | tuple[Activity, ...] = ()


class Context(Struct, frozen=True, rename={"activities": "contextActivities"}):
    registration: str | None = None
    instructor: Agent | None = None
    team: Agent | None = None
    platform: str | None = None
    language: str | None = None
    activities: ContextActivities | None = None


class Statement(Struct, frozen=True):
    """The part of a statement that rules can see."""

    actor: Agent | None = None
    verb: Verb | None = None
    object: Object | None = None
    id: UUID | None = None
    result: Result | None = None
    context: Context | None = None
    timestamp: str | None = None
    stored: str | None = None
    attachments: Any = None

    @property
    def verb_id(self) -> str:
        return (self.verb and self.verb.id) or ""

    @property
    def type(self) -> str | None:
        """The activity type of the object, if it has one."""
        return self.object.definition.type if self.object and self.object.definition else None

    @property
    def object_id(self) -> str | None:
        """What tells this object from others: the activity's id, or the agent's identifier key."""
        thing = self.object
        if thing is None:
            return None
        if thing.object_type is None or thing.object_type not in PERSONS:
            return thing.id
        agent = thing.agent
        return identifier(agent) if agent else None

    @property
    def voids(self) -> UUID | None:
        """The id of the statement that this one voids (Data 2.3.2)."""
        if self.verb_id != VOIDED or self.object is None or self.object.object_type != "StatementRef":
            return None
        return UUID(self.object.id)


class Fact(Struct, frozen=True):
    """A statement with what intake knows of it. `happened` is event time, never later than it was received.

    raw: the whole statement as it came, for what is looked up in it by path.
    """

    id: UUID
    happened: datetime
    source: str
    capture: str
    statement: Statement
    received: datetime
    raw: bytes = b""


class _Misnamed(Statement, frozen=True):
    id: Any = None


_decode_named = msgspec.json.Decoder(Statement).decode
_decode_misnamed = msgspec.json.Decoder(_Misnamed).decode


def _decode(raw: bytes) -> Statement:
    """The statement; an id that is no UUID is none at all."""
    try:
        return _decode_named(raw)
    except msgspec.ValidationError as error:
        if not str(error).endswith(" - at `$.id`"):
            raise
    misnamed = _decode_misnamed(raw)
    return Statement(**{name: getattr(misnamed, name) for name in Statement.__struct_fields__ if name != "id"})


def read(raw: bytes, received: datetime, source: str = "default", capture: str = "xapi") -> Fact:
    """The statement in `raw` as a fact; raises Unusable when it can never be used.

    received: aware UTC; bounds event time from above and stands in for a missing timestamp.
    A statement without an id gets one made from its source, content and timestamp, so that a repeat has the same.
    """
    if raw.count(b"{") + raw.count(b"[") > DEEPEST and _depth(raw) > DEEPEST:
        raise Unusable("$", f"is nested more than {DEEPEST} levels deep")
    statement = _without_nobody(decoded(raw))
    check(statement)
    happened = _happened(statement, received)
    own = statement.id or uuid5(NAMESPACE_URL, f"{source} {fingerprint(raw).hex()} {statement.timestamp}")
    return Fact(own, happened, source, capture, statement, received, raw)


def read_again(raw: bytes, own: UUID, received: datetime, source: str, capture: str) -> Fact:
    """A statement that has been read before and was found usable, as a fact under the id that it was stored with."""
    statement = _without_nobody(_decode(raw))
    return Fact(own, _happened(statement, received), source, capture, statement, received, raw)


def _happened(statement: Statement, received: datetime) -> datetime:
    """Event time; what is no time counts as not said."""
    told = moment(statement.timestamp) or moment(statement.stored)
    return min(told, received) if told is not None else received


def decoded(raw: bytes) -> Statement:
    """The statement in `raw`, types checked and nothing more; Unusable names the place of the first wrong type."""
    try:
        if not raw.isascii():
            raw.decode()  # because what is skipped is not decoded below
        return _decode(raw)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `")
        raise Unusable(path.rstrip("`") or "$", message) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unusable("$", f"is no JSON: {error}") from None


_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A text, also one that never ends; possessive, so that looking for its end never starts over."""


def _depth(raw: bytes) -> int:
    """How many arrays and objects lie in each other, at most."""
    brackets = re.sub(rb"[^][{}]+", b"", _TEXTS.sub(b"", raw))
    return max(accumulate(1 if bracket in b"[{" else -1 for bracket in brackets), default=0)


def check(statement: Statement) -> None:
    """Raises Unusable unless the statement can be attributed and matched."""
    if statement.actor is None:
        raise Unusable("$.actor", "is missing; name who did it")
    _check_agent(statement.actor, "$.actor")
    if not statement.verb_id:
        raise Unusable("$.verb.id", "is missing; name the verb by its IRI")
    _check_text(statement.verb_id, "$.verb.id")
    _check_object(statement.object)


def has_id(raw: bytes) -> bool:
    """Whether a statement that was read says its own id."""
    return _decode(raw).id is not None


def _without_nobody(statement: Statement) -> Statement:
    """The statement without an instructor or team that names nobody: whoever acted has acted all the same."""
    context = statement.context
    if context is None or (context.instructor is None and context.team is None):
        return statement
    instructor, team = _somebody(context.instructor), _somebody(context.team)
    if instructor is context.instructor and team is context.team:
        return statement
    return replace(statement, context=replace(context, instructor=instructor, team=team))


def _somebody(agent: Agent | None) -> Agent | None:
    if agent is None:
        return None
    try:
        _check_agent(agent, "")
    except Unusable:
        return None
    return agent


def _check_object(thing: Object | None) -> None:
    if thing is None:
        raise Unusable("$.object", "is missing; name what it was done to")
    agent = thing.agent
    if agent is not None:
        _check_agent(agent, "$.object")
    elif thing.object_type == "StatementRef":
        _check_reference(thing.id)
    elif thing.object_type != "SubStatement":
        if not thing.id:
            raise Unusable("$.object.id", "is missing; name the activity by its IRI")
        _check_text(thing.id, "$.object.id")


def _check_reference(text: str | None) -> None:
    try:
        UUID(text or "")
    except ValueError:
        raise Unusable("$.object.id", "is no UUID; a StatementRef names a statement by its id") from None


def _check_agent(agent: Agent, path: str) -> None:
    if agent.mbox is not None:
        _check_text(agent.mbox, f"{path}.mbox")
        if not _is_mailbox(agent.mbox):
            raise Unusable(f"{path}.mbox", "is no mailto: IRI; write mailto:name@example.com")
    if agent.mbox_sha1sum is not None and not _is_sha1(agent.mbox_sha1sum):
        raise Unusable(f"{path}.mbox_sha1sum", "is no SHA-1; write 40 hexadecimal digits")
    key = identifier(agent)
    if key is not None:
        _check_text(key, path)
    elif not agent.member:
        raise Unusable(path, "has no identifier; give mbox, mbox_sha1sum, openid or account with homePage and name")
    for position, member in enumerate(agent.member or ()):
        _check_agent(member, f"{path}.member[{position}]")


def _check_text(text: str, path: str) -> None:
    if "\0" in text:
        raise Unusable(path, "holds a NUL character, which no IRI may")


def _is_mailbox(mbox: str) -> bool:
    return mbox[:7].lower() == "mailto:" and "@" in mbox[7:]


def _is_sha1(text: str) -> bool:
    return len(text) == 40 and all(digit in "0123456789abcdefABCDEF" for digit in text)


def moment(text: str | None) -> datetime | None:
    """An ISO 8601 timestamp as UTC (Data 4.5), None if it is none; one without an offset is read as UTC."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text.upper())
        if read.tzinfo is UTC:
            return read
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
