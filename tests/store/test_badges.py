"""Awards of badges follow their ground, and decisions about them stay."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

import pytest
from sqlalchemy import Connection, Engine, event, select

from service.core import windows
from service.core.rule import Duration
from service.store import badges
from service.store.tables import badge_award, claim_link, credential, status_list
from tests.badges import stored
from tests.badges.stored import NOW, change


def states(connection: Connection, learner: int) -> list[str]:
    return [award.state for award in badges.awards_of(connection, learner, NOW)]


def test_an_award_is_an_offer(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        stored.offer(connection, ana)
        (award,) = badges.awards_of(connection, ana, NOW)
    assert (award.state, award.credential, award.statements) == ("offered", None, stored.STATEMENTS)
    assert (award.achievement, award.said.name, award.learner_name) == (stored.KEEN, "keen-learner", "Ana")


def test_the_same_change_again_changes_nothing(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana), change(ana)])
        badges.settle(connection, [change(ana)])
        assert states(connection, ana) == ["offered"]


def test_of_several_changes_of_one_award_the_last_holds(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana), change(ana, grounded=False), change(ana)])
        assert states(connection, ana) == ["offered"]


def test_an_offer_that_loses_its_ground_is_gone_and_comes_back_with_it(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        badges.settle(connection, [change(ana, grounded=False)])
        assert states(connection, ana) == []
        assert stored.offer(connection, ana) == award
        assert states(connection, ana) == ["offered"]


def test_losing_what_was_never_there_is_nothing(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, grounded=False)])
        assert connection.execute(select(badge_award)).all() == []


@pytest.mark.parametrize(
    ("if_undone", "state", "review", "revoked"),
    [("revoke", "revoked", False, True), ("keep", "claimed", False, False), ("ask", "claimed", True, False)],
)
def test_a_claimed_badge_that_loses_its_ground_is_treated_as_its_rule_says(
    engine: Engine, ana: int, if_undone: Literal["revoke", "keep", "ask"], state: str, review: bool, revoked: bool
) -> None:
    with engine.begin() as connection:
        stored.claim(connection, stored.offer(connection, ana))
        badges.settle(connection, [change(ana, grounded=False, if_undone=if_undone)])
        (award,) = badges.awards_of(connection, ana, NOW)
        assert (award.state, award.review, award.standing) == (state, review, False)
        assert (connection.execute(select(credential.c.revoked)).scalar_one() is not None) is revoked
        assert connection.execute(select(status_list.c.dirty)).scalar_one() is revoked


def test_ground_that_returns_after_a_revocation_is_offered_again(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        first = stored.claim(connection, award)
        badges.settle(connection, [change(ana, grounded=False, if_undone="revoke")])
        assert stored.offer(connection, ana) == award
        assert states(connection, ana) == ["offered"]
        second = stored.claim(connection, award)
        assert second != first
        revoked = connection.execute(select(credential.c.id).where(credential.c.revoked.is_not(None))).scalars().all()
        assert revoked == [first]


def test_ground_that_returns_before_a_review_leaves_the_badge_claimed(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        held = stored.claim(connection, stored.offer(connection, ana))
        badges.settle(connection, [change(ana, grounded=False, if_undone="ask")])
        badges.settle(connection, [change(ana)])
        (award,) = badges.awards_of(connection, ana, NOW)
        assert (award.state, award.review, award.credential) == ("claimed", False, held)


def test_hundreds_of_changes_take_a_few_statements(engine: Engine, ana: int) -> None:
    executed: list[str] = []
    with engine.begin() as connection:
        event.listen(connection, "before_cursor_execute", lambda *given: executed.append(given[2]))
        badges.settle(connection, [change(ana, key=str(number)) for number in range(300)])
        badges.settle(connection, [change(ana, key=str(number), grounded=number % 2 == 0) for number in range(300)])
        assert len(executed) <= 5
        assert len(badges.awards_of(connection, ana, NOW)) == 150


def test_an_award_that_the_admin_revoked_is_not_offered_again_by_a_recount(engine: Engine, ana: int) -> None:
    from service.store import credentials

    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        stored.claim(connection, award)
        assert credentials.revoke(connection, award, "given by mistake", NOW)
        assert not credentials.revoke(connection, award, "again", NOW)
        badges.settle(connection, [change(ana)])
        assert states(connection, ana) == ["revoked"]


@pytest.mark.parametrize(
    ("if_undone", "lost_first"), [("revoke", False), ("keep", False), ("keep", True), ("ask", False), ("ask", True)]
)
def test_what_the_admin_revoked_stays_revoked_when_its_ground_goes_and_comes_back(
    engine: Engine, ana: int, if_undone: Literal["revoke", "keep", "ask"], lost_first: bool
) -> None:
    from service.store import credentials

    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        stored.claim(connection, award)
        for lose in sorted([True, False], reverse=lost_first):
            if lose:
                badges.settle(connection, [change(ana, grounded=False, if_undone=if_undone)])
            else:
                assert credentials.revoke(connection, award, "given by mistake", NOW)
        badges.settle(connection, [change(ana)])
        assert states(connection, ana) == ["revoked"]


def test_only_the_hash_of_a_link_is_kept(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        token, expires = badges.make_link(connection, stored.offer(connection, ana), NOW)
        (row,) = connection.execute(select(claim_link)).all()
        assert len(token) >= 43
        assert token.encode() not in row.hash
        assert expires == NOW + badges.LINK_LIFE


@pytest.mark.parametrize(
    ("life", "until"),
    [
        (None, None),
        (Duration(2, "years"), datetime(2026, 2, 28, 12, tzinfo=UTC)),
        (Duration(1, "months"), datetime(2024, 3, 29, 12, tzinfo=UTC)),
        (Duration(10, "days"), datetime(2024, 3, 10, 12, tzinfo=UTC)),
        (Duration(9000, "years"), None),
        (Duration(10**12, "days"), None),
    ],
)
def test_a_badge_ends_its_life_after_it_was_earned(life: Duration | None, until: datetime | None) -> None:
    assert windows.expiry(datetime(2024, 2, 29, 12, tzinfo=UTC), life, None) == until


def test_an_award_whose_achievement_was_taken_away_is_shown_by_what_its_rule_says(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, achievement="forgotten")])
        (award,) = badges.awards_of(connection, ana, NOW)
        assert (award.achievement.name, award.achievement.title) == ("forgotten", "Keen learner")
