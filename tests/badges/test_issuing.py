"""Claims make one credential, revocations flip one bit, and keys live as long as what they signed."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, func, select, update

from service.badges import about, documents, issuing, keyring, lists, verification
from service.badges.issuing import Refused
from service.badges.keys import WrongSecret
from service.core import windows
from service.store import badges, credentials
from service.store.tables import claim_link, credential, identifier, signing_key, status_list
from tests.badges import stored
from tests.badges.stored import ISSUER, ISSUERS, NOW, SECRET, change


def problems(connection: Connection, id_: UUID) -> tuple[str, ...]:
    """What our own judge says of a credential as it is kept now."""
    found = credentials.find_credential(connection, id_)
    assert found is not None
    body = json.loads(found.body)
    number = int(body["credentialStatus"]["statusListCredential"].rpartition("/")[2])
    listed = credentials.find_list(connection, number)
    assert listed is not None
    did = documents.did_document(ISSUER, keyring.public_keys(connection, "main", NOW))
    return verification.problems(body, did, json.loads(listed.body or b""), NOW + timedelta(seconds=1))


def test_an_accepted_offer_is_a_valid_credential(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        id_ = stored.claim(connection, stored.offer(connection, ana))
        assert problems(connection, id_) == ()
        (award,) = badges.awards_of(connection, ana, NOW)
        assert (award.state, award.credential) == ("claimed", id_)


def test_the_credential_says_who_what_why_and_how_long(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        found = credentials.find_credential(connection, stored.claim(connection, stored.offer(connection, ana)))
    assert found is not None
    body = json.loads(found.body)
    (identity,) = body["credentialSubject"]["identifier"]
    assert identity["identityType"] == "emailAddress"
    assert body["credentialSubject"]["achievement"]["name"] == "Keen learner"
    assert body["evidence"][0]["narrative"].startswith("Keen learner: Complete five different courses.")
    assert body["validUntil"] == documents.moment(windows.expiry(stored.EARNED, stored.RULE.expires, None) or NOW)
    assert body["awardedDate"] == documents.moment(stored.EARNED)
    assert b"Ana" not in found.body


def test_a_learner_without_a_known_address_is_named_by_one_identifier(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        connection.execute(update(identifier).values(mbox=None))
        found = credentials.find_credential(connection, stored.claim(connection, stored.offer(connection, ana)))
    assert found is not None
    (identity,) = json.loads(found.body)["credentialSubject"]["identifier"]
    assert identity["identityType"] == "identifier"


def test_accepting_again_gives_the_same_credential(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        first, second = (badges.make_link(connection, award, NOW)[0] for _ in range(2))
        given = {issuing.accept(connection, token, ISSUERS, SECRET, NOW) for token in (first, first, second)}
        assert len(given) == 1


def test_two_who_accept_at_once_get_one_credential(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        tokens = [badges.make_link(connection, award, NOW)[0] for _ in range(4)]

    def accept(token: str) -> UUID:
        with engine.begin() as connection:
            return issuing.accept(connection, token, ISSUERS, SECRET, NOW)

    with ThreadPoolExecutor(8) as pool:
        given = set(pool.map(accept, tokens * 2))
    with engine.begin() as connection:
        assert connection.execute(select(credential.c.id)).scalars().all() == list(given)


def test_claims_of_many_at_once_share_a_list_and_no_index(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, key=str(number)) for number in range(6)])
        links = [badges.make_link(connection, one.id, NOW)[0] for one in badges.awards_of(connection, ana, NOW)]

    def accept(token: str) -> UUID:
        with engine.begin() as connection:
            return issuing.accept(connection, token, ISSUERS, SECRET, NOW)

    with ThreadPoolExecutor(6) as pool:
        given = list(pool.map(accept, links))
    with engine.begin() as connection:
        places = connection.execute(select(credential.c.status_list, credential.c.status_index)).all()
        assert len(set(places)) == 6
        assert all(problems(connection, id_) == () for id_ in given)
        assert connection.execute(select(func.sum(status_list.c.used))).scalar_one() == 6


def refusal(connection: Connection, token: str) -> str:
    with pytest.raises(Refused) as caught:
        issuing.accept(connection, token, ISSUERS, SECRET, NOW)
    return caught.value.why


def test_an_unknown_link_is_refused(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        assert refusal(connection, "made-up") == "unknown"


def test_an_expired_link_is_refused(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        token, _ = badges.make_link(connection, stored.offer(connection, ana), NOW - badges.LINK_LIFE)
        assert refusal(connection, token) == "expired"


def test_a_badge_past_its_own_life_is_not_taken(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, happened=NOW - timedelta(days=1000))])
        (award,) = badges.awards_of(connection, ana, NOW)
        assert award.state == "expired"
        assert refusal(connection, badges.make_link(connection, award.id, NOW)[0]) == "expired"


def test_what_lost_its_ground_is_not_taken(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        token, _ = badges.make_link(connection, stored.offer(connection, ana), NOW)
        badges.settle(connection, [change(ana, grounded=False)])
        assert refusal(connection, token) == "withdrawn"


def test_a_link_that_declined_takes_nothing_and_a_new_one_does(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        token, _ = badges.make_link(connection, award, NOW)
        issuing.decline(connection, token, NOW)
        issuing.decline(connection, token, NOW)
        assert badges.awards_of(connection, ana, NOW)[0].state == "declined"
        assert refusal(connection, token) == "used"
        stored.claim(connection, award)
        assert badges.awards_of(connection, ana, NOW)[0].state == "claimed"


def test_a_badge_that_was_taken_is_not_declined(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        token, _ = badges.make_link(connection, stored.offer(connection, ana), NOW)
        issuing.accept(connection, token, ISSUERS, SECRET, NOW)
        with pytest.raises(Refused, match="already been taken"):
            issuing.decline(connection, token, NOW)


def test_a_revocation_flips_the_bit_when_the_list_is_signed_again(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        kept = stored.claim(connection, stored.offer(connection, ana))
        badges.settle(connection, [change(ana, key="2")])
        (other,) = [one.id for one in badges.awards_of(connection, ana, NOW) if one.credential is None]
        revoked = stored.claim(connection, other)
        badges.settle(connection, [change(ana, key="2", grounded=False, if_undone="revoke")])
        assert lists.sign_dirty(connection, ISSUERS, SECRET, NOW) == 1
        assert lists.sign_dirty(connection, ISSUERS, SECRET, NOW) == 0
        assert problems(connection, kept) == ()
        assert problems(connection, revoked) == ("$.credentialStatus: revoked",)


def test_a_bit_stays_set_whatever_comes_after(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        first = stored.claim(connection, award)
        badges.settle(connection, [change(ana, grounded=False, if_undone="revoke")])
        badges.settle(connection, [change(ana)])
        second = stored.claim(connection, award)
        lists.sign_dirty(connection, ISSUERS, SECRET, NOW)
        assert problems(connection, first) == ("$.credentialStatus: revoked",)
        assert problems(connection, second) == ()


def test_a_full_list_is_followed_by_another(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        stored.claim(connection, stored.offer(connection, ana))
        connection.execute(update(status_list).values(used=lists.MOST_IN_A_LIST))
        badges.settle(connection, [change(ana, key="2")])
        (other,) = [one.id for one in badges.awards_of(connection, ana, NOW) if one.credential is None]
        assert problems(connection, stored.claim(connection, other)) == ()
        assert len(connection.execute(select(status_list.c.id)).all()) == 2


def test_a_credential_outlives_the_key_it_was_signed_with(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        before = stored.claim(connection, award)
        assert keyring.rotate(connection, "main", SECRET, NOW) == "key-2"
        badges.settle(connection, [change(ana, key="2")])
        (other,) = [one.id for one in badges.awards_of(connection, ana, NOW) if one.credential is None]
        after = stored.claim(connection, other)
        assert problems(connection, before) == problems(connection, after) == ()
        bodies = [credentials.find_credential(connection, id_) for id_ in (before, after)]
        used = [json.loads(one.body)["proof"][0]["verificationMethod"].partition("#")[2] for one in bodies if one]
        assert used == ["key-1", "key-2"]


def test_one_key_is_made_however_many_start_at_once(engine: Engine) -> None:
    def start(_: int) -> None:
        with engine.begin() as connection:
            keyring.ensure_keys(connection, "main", SECRET, NOW)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(start, range(6)))
    with engine.begin() as connection:
        assert connection.execute(select(signing_key.c.id)).scalars().all() == ["key-1", "rsa-1"]


def test_control_characters_that_an_author_wrote_do_not_hinder_a_claim() -> None:
    assert about.words("a\tb\r\nc\x07 ünï") == "a b\nc ünï"


def test_a_text_is_taken_in_english_or_in_the_first_language_there_is() -> None:
    assert about.words({"de": "Fleißig", "en": "Keen"}) == "Keen"
    assert about.words({"de": "Fleißig", "fr": "Assidu"}) == "Fleißig"


def test_a_key_under_another_secret_signs_nothing_and_says_so(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        token, _ = badges.make_link(connection, stored.offer(connection, ana), NOW)
        with pytest.raises(WrongSecret, match="PLAUDIT_SECRET_KEY"):
            issuing.accept(connection, token, ISSUERS, "another secret", NOW)
        assert connection.execute(select(claim_link.c.used)).scalar_one() is None


def test_the_credential_of_a_new_period_follows_that_of_the_last_one(engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        first = stored.offer(connection, ana)
        old = stored.claim(connection, first)
        badges.settle(connection, [change(ana, key="renewal", happened=NOW)])
        second = next(one.id for one in badges.awards_of(connection, ana, NOW) if one.state == "offered")
        token, _ = badges.make_link(connection, second, NOW)
        new = issuing.accept(connection, token, ISSUERS, SECRET, NOW)
        before, after = (credentials.find_credential(connection, id_) for id_ in (old, new))
        assert before is not None
        assert after is not None
        assert (before.replaced_by, before.revoked, after.replaced_by) == (new, None, None)
        assert after.expires is not None
        assert before.expires is not None
        assert after.expires > before.expires
        renewed = badges.award(connection, second, NOW)
        assert renewed is not None
        assert renewed.shared is not None  # as the one before it
