"""Whom a statement names, and the key by which each of them is told from others (xAPI 1.0.3, Data 2.4.2)."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from msgspec import Struct

LONGEST_KEY = 600
"""Characters of an identifier key; of four bytes each they still fit into an index of the database."""


class Account(Struct, frozen=True, rename="camel"):
    home_page: str | None = None
    name: str | None = None


class Agent(Struct, frozen=True, rename={"object_type": "objectType"}):
    """An Agent, or a Group with its members (Data 2.4.2)."""

    object_type: str | None = None
    name: str | None = None
    mbox: str | None = None
    mbox_sha1sum: str | None = None
    openid: str | None = None
    account: Account | None = None
    member: tuple[Agent, ...] | None = None


def identifier(agent: Agent) -> str | None:
    """The key that tells this agent from others (Data 2.4.2.3): `sha1:…`, `openid:…`, `account:<homePage> <name>`.

    An mbox and its mbox_sha1sum have the same key. The domain of an address is compared in lower case.
    """
    if agent.mbox is not None:
        return _mailbox_key(agent.mbox)
    if agent.mbox_sha1sum is not None:
        return "sha1:" + agent.mbox_sha1sum.lower()
    if agent.openid:
        return _short(f"openid:{agent.openid}")
    if agent.account is not None and agent.account.home_page and agent.account.name:
        return _short(f"account:{agent.account.home_page} {agent.account.name}")
    return None


def identifiers(agent: Agent) -> tuple[str, ...]:
    """The keys of all identifiers that an agent carries; the first is the one that it goes by."""
    if (agent.mbox is not None) + (agent.mbox_sha1sum is not None) + bool(agent.openid) + bool(agent.account) < 2:
        key = identifier(agent)
        return () if key is None else (key,)
    return tuple(dict.fromkeys(key for one in by_each(agent) if (key := identifier(one)) is not None))


def by_each(agent: Agent) -> tuple[Agent, ...]:
    """The agent by each of the identifiers that there are, alone, with its name; some may have none."""
    return (
        Agent(mbox=agent.mbox, name=agent.name),
        Agent(mbox_sha1sum=agent.mbox_sha1sum, name=agent.name),
        Agent(openid=agent.openid, name=agent.name),
        Agent(account=agent.account, name=agent.name),
    )


def members(agent: Agent | None) -> tuple[Agent, ...]:
    """The people an actor, instructor or team stands for: an Agent is itself, a Group its members with identifiers."""
    if agent is None:
        return ()
    if agent.object_type == "Group" or agent.member is not None:
        return tuple(one for member in agent.member or () for one in members(member))
    return (agent,) if identifier(agent) is not None else ()


def keys(agent: Agent | None) -> tuple[str, ...]:
    """The identifier keys of the people that an actor, instructor or team stands for."""
    if agent is None:
        return ()
    if agent.object_type == "Group" or agent.member is not None:
        return tuple(key for member in agent.member or () for key in keys(member))
    key = identifier(agent)
    return () if key is None else (key,)


def mailbox(mbox: str) -> str:
    """`mailto:` and the address, the domain in lower case: the text whose SHA-1 identifies the learner."""
    local, _, domain = mbox[7:].rpartition("@")
    return f"mailto:{local}@{domain.lower()}"


@lru_cache(maxsize=65_536)
def _mailbox_key(mbox: str) -> str:
    return "sha1:" + hashlib.sha1(mailbox(mbox).encode(), usedforsecurity=False).hexdigest()


def _short(key: str) -> str:
    if len(key) <= LONGEST_KEY:
        return key
    return "long:" + hashlib.sha256(key.encode()).hexdigest()
