"""Badges are issued anew when their holder is known by other addresses: once, when it has settled, to nobody's harm."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, delete, insert, select, update

from service import reissuing
from service.badges import documents
from service.reissuing import SETTLE, judged, reissue
from service.settings import Settings
from service.store import credentials, readdressed
from service.store.engine import driver
from service.store.tables import credential, identifier, learner
from service.store.tables import readdressed as noted
from tests.badges import stored

LATER = datetime.now(UTC) + 2 * SETTLE


@pytest.fixture
def award(engine: Engine, award: UUID) -> UUID:
    """The badge, taken."""
    with engine.begin() as connection:
        stored.claim(connection, award)
    return award


def change(engine: Engine, learner: int, *, add: str | None = None, remove: str | None = None) -> None:
    with engine.begin() as connection:
        if add:
            connection.execute(insert(identifier).values(key=f"sha1:{add}", learner=learner, mbox=f"mailto:{add}"))
        if remove:
            connection.execute(delete(identifier).where(identifier.c.mbox == f"mailto:{remove}"))
        readdressed.note(driver(connection), [learner])


def held(engine: Engine) -> list[tuple[str | None, bool, set[str]]]:
    """Every credential, the oldest first: why it is revoked, whether it was replaced, and the addresses it names."""
    with engine.connect() as connection:
        rows = connection.execute(select(credential).order_by(credential.c.issued)).all()
    return [(row.revoked_because, row.replaced_by is not None, named(json.loads(row.body))) for row in rows]


def named(said: dict[str, Any]) -> set[str]:
    known = ("ana@acme.example.org", "ana@new.example.org", "bob@acme.example.org")
    identities = {(one["identityHash"], one["salt"]) for one in said["credentialSubject"]["identifier"]}
    return {
        address
        for address in known
        for digest, salt in identities
        if documents._identity(documents.recipient("", address, salt))["identityHash"] == digest
    }


def test_a_new_address_gives_a_new_badge_and_leaves_the_old_one_holding(
    settings: Settings, engine: Engine, ana: int, award: UUID
) -> None:
    change(engine, ana, add="ana@new.example.org")
    assert reissue(settings, engine) == 0  # it may not be all of the change
    assert [reissue(settings, engine, LATER) for _ in range(3)] == [1, 0, 0]
    old, new = held(engine)
    assert old == (None, True, {"ana@acme.example.org"})
    assert new == (None, False, {"ana@acme.example.org", "ana@new.example.org"})
    with engine.connect() as connection:
        assert connection.execute(select(noted)).all() == []

    with engine.begin() as connection:  # what happens to the badge happens to both
        assert credentials.revoke(connection, award, "a mistake", LATER)
    assert [one[0] for one in held(engine)] == ["a mistake", "a mistake"]


def test_an_address_that_was_never_theirs_revokes_what_names_it(
    settings: Settings, engine: Engine, ana: int, award: UUID
) -> None:
    change(engine, ana, add="bob@acme.example.org")
    reissue(settings, engine, LATER)
    change(engine, ana, remove="bob@acme.example.org")
    assert reissue(settings, engine, LATER + SETTLE) == 1
    first, second, third = held(engine)
    assert first == (None, True, {"ana@acme.example.org"})
    assert second == (reissuing.BECAUSE, True, {"ana@acme.example.org", "bob@acme.example.org"})
    assert third == (None, False, {"ana@acme.example.org"})


def test_what_changes_nothing_in_the_badge_issues_nothing(
    settings: Settings, engine: Engine, ana: int, award: UUID
) -> None:
    with engine.begin() as connection:
        connection.execute(insert(identifier).values(key="openid:https://id.example.org/other", learner=ana))
        connection.execute(update(learner).values(name="Ana Gómez"))
        readdressed.note(driver(connection), [ana])
    assert reissue(settings, engine, LATER) == 0
    assert len(held(engine)) == 1


def test_a_suspended_or_expired_badge_stays_as_it_is(settings: Settings, engine: Engine, ana: int, award: UUID) -> None:
    with engine.begin() as connection:
        connection.execute(update(credential).values(suspended=LATER, suspended_because="under review"))
    change(engine, ana, add="ana@new.example.org")
    assert reissue(settings, engine, LATER) == 0
    change(engine, ana, add="bob@acme.example.org")
    with engine.begin() as connection:
        connection.execute(update(credential).values(suspended=None, expires=LATER - timedelta(days=1)))
    assert reissue(settings, engine, LATER) == 0


def test_many_changes_are_worked_off_in_pieces(
    settings: Settings, engine: Engine, ana: int, award: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reissuing, "MOST", 3)
    change(engine, ana, add="ana@new.example.org")
    with engine.begin() as connection:
        readdressed.note(driver(connection), range(ana + 1, ana + 8))
    left = []
    for _ in range(4):
        reissue(settings, engine, LATER)
        with engine.connect() as connection:
            left.append(len(connection.execute(select(noted)).all()))
    assert left == [5, 2, 0, 0]
    assert len(held(engine)) == 2


def test_addresses_of_who_holds_a_badge_and_merges_are_noted(engine: Engine, ana: int, award: UUID) -> None:
    from service.store import identity, people

    with engine.begin() as connection:
        bob = connection.scalar(insert(learner).values(name="Bob").returning(learner.c.id))
        keys = [{"key": "sha1:5678", "learner": ana}, {"key": "sha1:9", "learner": bob}]
        connection.execute(insert(identifier), keys)
        addresses = {"sha1:5678": "ana@new.example.org", "sha1:9": "bob@acme.example.org"}
        identity.add_addresses(driver(connection), addresses)
        assert [row.learner for row in connection.execute(select(noted))] == [ana]
        connection.execute(delete(noted))
        people.place(driver(connection), {ana: ana})
        assert [row.learner for row in connection.execute(select(noted))] == [ana]


def test_a_learner_known_by_something_else_first_is_named_by_the_address_then() -> None:
    one = documents.recipient("account:https://hr.example.org ana", None, "salt")
    said = {"credentialSubject": {"identifier": [documents._identity(one)]}}
    account = ("account:https://hr.example.org ana", None)
    assert judged(said, [account]) == "right"
    assert judged(said, [("sha1:1", "mailto:ana@new.example.org"), account]) == "incomplete"
    assert judged(said, [("sha1:1", "mailto:ana@new.example.org")]) == "wrong"
