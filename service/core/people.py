"""Who is one person: what people decided about learners that turned out to be the same, as a value.

Every identifier is met as a learner of its own. A merge says that one learner is the same person as another; what is
theirs goes by the learner that was kept. Only merges in force count, in the order in which they were made, so taking
one back ends where it would have ended without it.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from service.core.agents import Account, Agent, identifier, members
from service.core.statement import Statement


def persons(merges: Iterable[tuple[int, int]]) -> dict[int, int]:
    """By whom those learners go who go by another, from (gone, kept) of the merges in force, in their order.

    Both sides stand for whatever person they belong to at that moment, so a chain of merges has one end.
    """
    above: dict[int, int] = {}

    def top(learner: int) -> int:
        while learner in above:
            learner = above[learner]
        return learner

    for gone, kept in merges:
        lower, upper = top(gone), top(kept)
        if lower != upper:
            above[lower] = upper
    return {learner: top(learner) for learner in above}


def cast(statement: Statement) -> Iterable[Agent]:
    """Everybody who takes part in a statement, in whatever role, groups as their members."""
    context = statement.context
    taking_part = members(statement.actor)
    if statement.object is not None and statement.object.object_type in ("Agent", "Group"):
        taking_part += members(statement.object.agent)
    if context is not None and (context.instructor or context.team):
        taking_part += members(context.instructor) + members(context.team)
    return taking_part


def named(text: str) -> int | Agent:
    """Whom somebody means who writes a learner's id, an address, a URI, an account or an agent as JSON.

    An account is written as its homePage and its name with a space between. ValueError where it is none of these.
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    agent = None if "\0" in text else _agent(text)
    if agent is None or identifier(agent) is None:
        raise ValueError(
            f"{text[:100]!r} names nobody: write a learner's id, mailto:name@example.com, an OpenID, "
            "an account's homePage and name with a space between, or an xAPI agent as JSON"
        )
    if agent.mbox is not None and not agent.mbox.lower().startswith("mailto:"):
        raise ValueError(f"{agent.mbox[:100]!r} is no address: write it as mailto:name@example.com")
    return agent


def _agent(text: str) -> Agent | None:
    if text.startswith("{"):
        try:
            return msgspec.json.decode(text, type=Agent)
        except msgspec.DecodeError as error:
            raise ValueError(f"{text[:100]!r} is no xAPI agent: {error}") from None
    home, _, name = text.partition(" ")
    if "://" in home:
        return Agent(account=Account(home, name.strip())) if name else Agent(openid=home)
    if "@" in text:
        return Agent(mbox=text if text.lower().startswith("mailto:") else f"mailto:{text}")
    return None
