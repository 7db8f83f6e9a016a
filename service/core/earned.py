"""What an LRS is told of an award: an xAPI statement that a learner earned it, and one that voids that.

After the xAPI profile of Open Badges (http://specification.openbadges.org/xapi) and the verb of the registry. The actor
is an agent as that LRS itself sent it: one identifier and a name, and nothing that another source has told.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from service.core.agents import Agent, by_each, identifier
from service.core.rule import Text
from service.core.statement import VOIDED

EARNED = "http://id.tincanapi.com/verb/earned"
PROFILE = "http://specification.openbadges.org/xapi"
BADGE = "http://activitystrea.ms/schema/1.0/badge"
BADGE_CLASS = "http://specification.openbadges.org/xapi/extensions/badgeclass"
BADGE_ASSERTION = "http://specification.openbadges.org/xapi/extensions/badgeassertion"
PLATFORM = "Plaudit"

Json = dict[str, Any]


class Earned(msgspec.Struct, frozen=True):
    """An award as an LRS is told of it. unit: a currency, or `badge:<achievement>`. amount: points, or 1.

    title: of the achievement, or of the rule that gives points. credential: the id of what was signed, if its learner
    has made that public.
    """

    actor: Agent
    happened: datetime
    unit: str
    amount: int
    rule: str
    title: Text
    description: Text = ""
    credential: str | None = None


def number(public_url: str, source: str, award: tuple[object, ...], generation: int) -> UUID:
    """The id of the statement that tells this LRS of this award for the how-manieth time: always the same (UUIDv5)."""
    return uuid5(NAMESPACE_URL, "\n".join(map(str, (public_url, "write-back", source, *award, generation))))


def voider(statement: UUID) -> UUID:
    """The id of the statement that voids this one."""
    return uuid5(statement, "voided")


def earned(own: UUID, told: Earned, public_url: str) -> Json:
    """The statement of an award (xAPI 1.0.3, Data 2.2)."""
    badge = told.unit.startswith("badge:")
    return {
        "id": str(own),
        "actor": _actor(told.actor),
        "verb": {"id": EARNED, "display": {"en": "earned", "de": "erhielt"}},
        "object": _badge(told, public_url) if badge else _points(told, public_url),
        **_result(told, badge, public_url),
        "context": {
            "platform": PLATFORM,
            **({"contextActivities": {"category": [{"objectType": "Activity", "id": PROFILE}]}} if badge else {}),
        },
        "timestamp": told.happened.isoformat().replace("+00:00", "Z"),
    }


def voiding(statement: UUID, public_url: str) -> Json:
    """The statement that takes that one back (Data 2.3.2)."""
    return {
        "id": str(voider(statement)),
        "actor": {"objectType": "Agent", "name": PLATFORM, "account": {"homePage": public_url, "name": "plaudit"}},
        "verb": {"id": VOIDED, "display": {"en": "voided"}},
        "object": {"objectType": "StatementRef", "id": str(statement)},
        "context": {"platform": PLATFORM},
    }


def one_of(agent: Agent, keys: frozenset[str]) -> Agent | None:
    """The agent by that identifier of its own which is among these keys, with its name; None if none is."""
    return next((one for one in by_each(agent) if identifier(one) in keys), None)


def _actor(agent: Agent) -> Json:
    said = {name: value for name, value in msgspec.to_builtins(agent).items() if value is not None}
    return {"objectType": "Agent", **said}


def _badge(told: Earned, public_url: str) -> Json:
    address = f"{public_url}/achievements/{told.unit.removeprefix('badge:')}"
    about = {"@id": address, "image": f"{address}.png", "criteria": address}
    return {
        "objectType": "Activity",
        "id": address,
        "definition": {
            "type": BADGE,
            "name": _languages(told.title),
            **({"description": _languages(told.description)} if told.description else {}),
            "extensions": {BADGE_CLASS: about},
        },
    }


def _points(told: Earned, public_url: str) -> Json:
    definition = {"name": _languages(told.title or told.rule)}
    return {"objectType": "Activity", "id": f"{public_url}/api/v1/rules/{told.rule}", "definition": definition}


def _result(told: Earned, badge: bool, public_url: str) -> Json:
    if not badge:
        return {"result": {"score": {"raw": told.amount}, "response": f"{told.amount} {told.unit}"}}
    if told.credential is None:
        return {}
    return {"result": {"extensions": {BADGE_ASSERTION: {"@id": f"{public_url}/ob2/assertions/{told.credential}"}}}}


def _languages(text: Text) -> Mapping[str, str]:
    return {"en": text} if isinstance(text, str) else dict(text)
