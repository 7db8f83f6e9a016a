"""A learner, a rule and an achievement in the database, and an award of it: what claims start from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, Engine, insert, select

from service.badges import issuing, keyring
from service.badges.documents import Issuer
from service.badges.issuers import Issuers
from service.core.achievement import Achievement
from service.core.rule import Duration, Each, Grant, Rule
from service.store import achievements, badges, offers
from service.store.achievements import digest_of as digest_of
from service.store.badges import BadgeChange
from service.store.engine import driver
from service.store.tables import badge_award, identifier, learner, rule, rule_version

NOW = datetime.now(UTC)
EARNED = NOW - timedelta(days=3)
SECRET = "a secret key for tests only"
ISSUER = Issuer("main", "Plaudit", "https://badges.example.org")
ISSUERS = Issuers(ISSUER, {"main": ISSUER}, frozenset({"main"}))
STATEMENTS = tuple(UUID(int=number) for number in range(1, 4))
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4" fill="#1f6f54"/></svg>'

KEEN = Achievement(
    name="keen-learner",
    title="Keen learner",
    description="Completed five different courses within 90 days.",
    criteria="Complete five different courses with 80% or more within 90 days.",
    image="images/keen-learner.svg",
)
RULE = Rule(
    name="keen-learner",
    when=(),
    give=(Grant(badge="keen-learner"),),
    title="Keen learner",
    how_to_earn="Complete five different courses.",
    kind=Each(),
    expires=Duration(2, "years"),
)


def prepare(engine: Engine) -> int:
    """Write the learner, the rule, the achievement and the key: the learner's id. The rule's id is 1, its version 1."""
    with engine.begin() as connection:
        ana: int = connection.execute(insert(learner).values(name="Ana").returning(learner.c.id)).scalar_one()
        connection.execute(insert(identifier).values(key="openid:https://id.example.org/ana", learner=ana))
        connection.execute(insert(identifier).values(key="sha1:1234", learner=ana, mbox="mailto:ana@acme.example.org"))
        number = connection.execute(insert(rule).values(name="keen-learner").returning(rule.c.id)).scalar_one()
        assert number == 1
        resolved = msgspec.json.encode(RULE)
        connection.execute(insert(rule_version).values(rule=number, version=1, text="", resolved=resolved))
        achievements.keep(driver(connection), KEEN, (SVG, "image/svg+xml"))
        keyring.current_key(connection, "main", SECRET, NOW)
    return ana


def change(learner_id: int, *, grounded: bool = True, **more: Any) -> BadgeChange:
    """The award `1` of the rule, gained or lost."""
    about: dict[str, Any] = {"rule": 1, "version": 1, "key": "1", "achievement": "keen-learner", "happened": EARNED}
    about |= {"statements": STATEMENTS, **more}
    return BadgeChange(learner=learner_id, grounded=grounded, **about)


def offer(connection: Connection, learner_id: int) -> UUID:
    """Offer the badge: the award's id."""
    badges.settle(connection, [change(learner_id)])
    id_: UUID = connection.execute(select(badge_award.c.id).where(badge_award.c.learner == learner_id)).scalar_one()
    return id_


def claim(connection: Connection, award: UUID) -> UUID:
    """Take the badge by a new link and make it public: the credential's id."""
    token, _ = badges.make_link(connection, award, NOW)
    offers.share(connection, [award], NOW)
    return issuing.accept(connection, token, ISSUERS, SECRET, NOW)
