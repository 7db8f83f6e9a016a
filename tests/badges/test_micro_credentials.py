"""A micro-credential says what it must, and stands on badges that can each be verified."""

from __future__ import annotations

import json
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, update

from service.badges import issuing
from service.badges.issuing import Refused
from service.core.achievement import Achievement
from service.core.language import load
from service.core.rule import Each, Grant, Rule
from service.core.statement import read
from service.store import badges, credentials, offers
from service.store.achievements import keep
from service.store.badges import Award
from service.store.engine import driver
from service.store.tables import badge_award, rule, rule_version, source, statement
from tests.badges import stored
from tests.badges.stored import ISSUER, ISSUERS, NOW, SECRET, change
from tests.badges.test_about import ethics
from tests.core.test_achievement_document import FULL
from tests.written import said

ASSESSED, UNASSESSED = {"success": True}, {"duration": "PT1H"}


def micro(connection: Connection, ana: int, achievement: Achievement, result: object = ASSESSED) -> Award:
    """The badge is offered, and on it stands a micro-credential."""
    stored.offer(connection, ana)
    keep(driver(connection), achievement, None)
    value = Rule(name="stack", when=(), give=(Grant(micro_credential="data-ethics"),), kind=Each())
    needing = json.loads(msgspec.json.encode(value)) | {
        "how_to_earn": "Hold it.",
        "how_to_renew": "Show it again.",
        "kind": {"type": "needs", "all_of": [{"type": "badge", "badge": "keen-learner"}]},
    }
    number = connection.execute(insert(rule).values(name="stack").returning(rule.c.id)).scalar_one()
    version = {"rule": number, "version": 1, "text": "", "resolved": json.dumps(needing).encode()}
    connection.execute(insert(rule_version).values(version))
    for id_ in stored.STATEMENTS:
        raw = msgspec.json.encode(said(id_.int, result=result))
        fact = read(raw, NOW)
        row = {"id": id_, "source": 1, "happened": fact.happened, "received": NOW, "raw": raw}
        connection.execute(insert(statement).values(row))
    more = {"rule": number, "key": "all", "achievement": "data-ethics", "kind": "micro_credential"}
    badges.settle(connection, [change(ana, **more)])
    return next(one for one in badges.awards_of(connection, ana, NOW) if one.micro)


@pytest.fixture
def ana(engine: Engine) -> int:
    number = stored.prepare(engine)
    with engine.begin() as connection:
        connection.execute(insert(source).values(name="default", username="default"))
    return number


def accept(connection: Connection, award: Award) -> UUID:
    token, _ = badges.make_link(connection, award.id, NOW)
    return issuing.accept(connection, token, ISSUERS, SECRET, NOW)


def test_taking_it_takes_the_badges_it_stands_on_and_names_each(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        id_ = accept(connection, micro(connection, ana, ethics(results=())))
        body = credentials.find_credential(connection, id_)
        states = {one.achievement.name: one for one in badges.awards_of(connection, ana, NOW)}
        assert body is not None
        said_of_it = json.loads(body.body)
    beneath = states["keen-learner"]
    assert (beneath.state, states["data-ethics"].state) == ("claimed", "claimed")
    evidence = said_of_it["evidence"]
    assert [one.get("id") for one in evidence] == [None, ISSUER.url(f"credentials/{beneath.credential}")]
    assert evidence[1]["name"] == "Keen learner"
    assert b"PT1H" not in body.body
    assert b"success" not in body.body


def test_a_badge_that_was_taken_before_is_named_and_not_issued_again(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = micro(connection, ana, ethics(results=()))
        (keen,) = (one for one in badges.awards_of(connection, ana, NOW) if not one.micro)
        before = accept(connection, keen)
        body = credentials.find_credential(connection, accept(connection, award))
        assert body is not None
        assert json.loads(body.body)["evidence"][1]["id"] == ISSUER.url(f"credentials/{before}")


def test_it_stands_on_what_was_there_when_it_was_earned(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = micro(connection, ana, ethics(results=()))
        assert len(offers.stands_on(connection, award.id)) == 1
        later = update(badge_award).where(badge_award.c.achievement == "keen-learner")
        connection.execute(later.values(happened=award.happened + timedelta(days=1)))
        assert offers.stands_on(connection, award.id) == []


def test_without_anything_assessed_it_is_not_issued_unless_it_says_why(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = micro(connection, ana, ethics(results=()), UNASSESSED)
        with pytest.raises(Refused, match="observed or assessed") as refused:
            accept(connection, award)
        assert refused.value.why == "incomplete"
        elements = award.achievement.micro_credential
        assert elements is not None
        reasoned = msgspec.structs.replace(elements, not_assessed="It certifies taking part.")
        keep(driver(connection), ethics(results=(), micro_credential=reasoned), None)
        connection.execute(update(badge_award).where(badge_award.c.id == award.id).values(achievement_version=2))
        id_ = accept(connection, award)
        assert credentials.find_credential(connection, id_) is not None


def test_what_renews_it_stands_on_what_it_renews(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        first = micro(connection, ana, ethics(results=()))
        number = connection.execute(select(badge_award.c.rule).where(badge_award.c.id == first.id)).scalar_one()
        more = {"rule": number, "achievement": "data-ethics", "kind": "micro_credential", "statements": (UUID(int=77),)}
        connection.execute(delete(badge_award).where(badge_award.c.achievement == "keen-learner"))
        badges.settle(connection, [change(ana, key="renewal 1", happened=first.happened + timedelta(days=1), **more)])
        renewal = next(one for one in badges.awards_of(connection, ana, NOW) if one.happened > first.happened)
        assert [issuing.reason(one) for one in (first, renewal)] == ["Hold it.", "Show it again."]
        assert credentials.find_credential(connection, accept(connection, renewal)) is not None
        connection.execute(update(badge_award).where(badge_award.c.id == first.id).values(undone=NOW))
        badges.settle(connection, [change(ana, key="later", happened=NOW, **more)])
        connection.execute(update(badge_award).where(badge_award.c.id == renewal.id).values(undone=NOW))
        with pytest.raises(Refused, match="observed or assessed"):
            accept(connection, next(one for one in badges.awards_of(connection, ana, NOW) if one.happened == NOW))


def test_without_its_elements_it_is_not_issued(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = micro(connection, ana, ethics(results=(), micro_credential=None))
        with pytest.raises(Refused, match="has to say"):
            accept(connection, award)
        assert connection.execute(select(badge_award.c.credential)).scalars().all() == [None, None]


def test_a_rule_gives_only_what_says_that_it_is_a_micro_credential() -> None:
    giving = """
rule: stack
title: Stack
how_to_earn: Do it.
status: live
when: {verb: "https://example.com/did"}
give: {micro_credential: data-ethics}
---
"""
    plain = FULL[: FULL.index("micro_credential:")]
    for text, wrong in ((FULL, []), (plain, ["write micro_credential: in it"]), ("", ["There is no achievement"])):
        _, problems = load([("a.yaml", (giving + text).encode())])
        errors = [problem.message for problem in problems if problem.severity == "error"]
        assert len(errors) == len(wrong)
        assert all(words in error for words, error in zip(wrong, errors, strict=True))
