"""A statement cut down to what rules can see, and, on erasure, said of nobody who could be known by it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from service.core.people import identifiers
from service.core.statement import Account, Agent, Object, Statement, decoded, identifier

NOBODY = "https://plaudit.invalid/erased"
"""The home page of accounts that stand for learners who were erased."""


def reduced(raw: bytes, own: UUID) -> bytes:
    """The statement with only those properties that rules can see. own: the id it is stored under."""
    return _written(msgspec.structs.replace(decoded(raw), id=own))


def erased(raw: bytes, own: UUID, people: Mapping[str, str]) -> bytes:
    """The reduced statement, in which those of these identifier keys are accounts of these names, and nothing more."""
    statement = msgspec.structs.replace(decoded(raw), id=own)
    context = statement.context
    if context is not None:
        instructor, team = _agent(context.instructor, people), _agent(context.team, people)
        context = msgspec.structs.replace(context, instructor=instructor, team=team)
    changed = {"actor": _agent(statement.actor, people), "object": _object(statement.object, people)}
    return _written(msgspec.structs.replace(statement, context=context, **changed))


def account(name: str) -> Account:
    """Who a learner is after erasure."""
    return Account(NOBODY, name)


def _agent(agent: Agent | None, people: Mapping[str, str]) -> Agent | None:
    if agent is None:
        return None
    if name := next((people[key] for key in identifiers(agent) if key in people), None):
        agent = Agent(agent.object_type, account=account(name), member=agent.member)
    if agent.member is None:
        return agent
    members = tuple(one for member in agent.member if (one := _agent(member, people)) is not None)
    return msgspec.structs.replace(agent, member=members)


def _object(thing: Object | None, people: Mapping[str, str]) -> Object | None:
    if thing is None or (agent := thing.agent) is None:
        return thing
    changed = _agent(agent, people)
    assert changed is not None
    return Object(
        thing.object_type,
        name=changed.name,
        mbox=changed.mbox,
        mbox_sha1sum=changed.mbox_sha1sum,
        openid=changed.openid,
        account=changed.account,
        member=changed.member,
    )


def _written(statement: Statement) -> bytes:
    return msgspec.json.encode(_said(msgspec.to_builtins(statement)))


def _said(value: Any) -> Any:
    """The value without what it does not say."""
    if isinstance(value, dict):
        return {name: _said(one) for name, one in value.items() if one is not None and one != ()}
    return [_said(one) for one in value] if isinstance(value, list | tuple) else value


def key_of(name: str) -> str:
    """The identifier key of an erased learner's account."""
    key = identifier(Agent(account=account(name)))
    assert key is not None
    return key
