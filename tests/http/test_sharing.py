"""A badge is its learner's: nobody else sees it until they share it, and nobody any more once they are forgotten."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert, select, update

from service import erasure
from service.core.achievement import Creator
from service.store import achievements, badges
from service.store.engine import driver
from service.store.tables import achievement_version, claim_link, credential, learner, rule_version
from tests.badges import stored
from tests.badges.stored import ISSUER, NOW
from tests.http.people import token_of

ADMIN = {"Authorization": "Bearer admin-token"}
HTML = {"Accept": "text/html"}


@pytest.fixture
def public_url(ana: int) -> str:
    return ISSUER.public_url


@pytest.fixture
def link(engine: Engine, award: UUID) -> str:
    with engine.begin() as connection:
        return badges.make_link(connection, award, NOW)[0]


def taken(client: FlaskClient, link: str) -> str:
    """Take the badge on its page: the path of its credential."""
    assert client.post(f"/claim/{link}", data={"decision": "accept"}).status_code == 303
    credential = client.get(f"/api/v1/claims/{link}").get_json()["credential"]
    return str(credential).removeprefix(ISSUER.public_url)


def test_a_badge_is_private_until_it_is_shared_and_can_be_made_so_again(client: FlaskClient, link: str) -> None:
    path = taken(client, link)
    for form in ("", ".pdf"):
        answer = client.get(path + form, headers=HTML)
        assert (answer.status_code, answer.mimetype) == (404, "text/html")
        assert "There is no public badge at this address." in answer.text
        assert (
            client.get(path + form, headers=HTML | {"Accept-Language": "de"}).text.count("kein öffentliches Badge") == 1
        )
    client.post(f"/claim/{link}", data={"decision": "share"})
    assert client.get(path, headers=HTML).status_code == 200
    assert "linkedin.com/profile/add" in client.get(f"/claim/{link}").text
    client.post(f"/claim/{link}", data={"decision": "hide"})
    assert client.get(path, headers=HTML).status_code == 404
    assert "linkedin.com/profile/add" not in client.get(f"/claim/{link}").text


def test_a_verifier_who_was_given_the_address_fetches_what_was_signed(client: FlaskClient, link: str) -> None:
    path = taken(client, link)
    for form in ("", ".json", ".jwt", ".png", ".svg"):
        assert client.get(path + form).status_code == 200
    assert client.get(path.replace("/credentials/", "/ob2/assertions/")).status_code == 200


def test_the_learner_sees_its_page_without_sharing_it(client: FlaskClient, engine: Engine, ana: int, link: str) -> None:
    path = taken(client, link)
    assert client.get(f"{path}?holder={link}", headers=HTML).status_code == 200
    assert client.get(f"{path}?holder=made-up", headers=HTML).status_code == 404
    with engine.begin() as connection:
        bob = connection.execute(insert(learner).values(name="Bob").returning(learner.c.id)).scalar_one()
    for whose, status in ((ana, 200), (bob, 404)):
        token = token_of(engine, whose)
        assert client.get(path, headers=HTML | {"Authorization": f"Bearer {token}"}).status_code == status
    assert client.get(path, headers=HTML | ADMIN).status_code == 200


def test_another_badges_link_does_not_open_it(client: FlaskClient, engine: Engine, ana: int, link: str) -> None:
    path = taken(client, link)
    with engine.begin() as connection:
        badges.settle(connection, [stored.change(ana, key="2")])
        other = next(one for one in badges.awards_of(connection, ana, NOW) if one.state == "offered")
        foreign, _ = badges.make_link(connection, other.id, NOW)
    assert client.get(f"{path}?holder={foreign}", headers=HTML).status_code == 404


def test_a_link_that_ended_opens_and_shares_nothing_any_more(client: FlaskClient, engine: Engine, link: str) -> None:
    path = taken(client, link)
    with engine.begin() as connection:
        connection.execute(claim_link.update().values(expires=NOW))
    assert client.get(f"{path}?holder={link}", headers=HTML).status_code == 404
    assert client.post(f"/claim/{link}", data={"decision": "share"}).status_code == 410
    assert client.get(f"/claim/{link}").status_code == 410


def test_a_front_end_shares_it_too(client: FlaskClient, engine: Engine, award: UUID, link: str) -> None:
    where = f"/api/v1/badges/{award}/sharing"
    assert client.put(where, headers=ADMIN, json={"shared": True}).status_code == 409
    path = taken(client, link)
    assert client.put(where, json={"shared": True}).status_code == 401
    answer = client.put(where, headers=ADMIN, json={"shared": True})
    assert answer.get_json()["shared"] is True
    assert client.get(path, headers=HTML).status_code == 200
    assert client.put(where, headers=ADMIN, json={"shared": False}).get_json()["shared"] is False
    assert client.get(path, headers=HTML).status_code == 404


def test_who_is_forgotten_leaves_an_id_and_a_bit(client: FlaskClient, engine: Engine, ana: int, link: str) -> None:
    path = taken(client, link)
    client.post(f"/claim/{link}", data={"decision": "share"})
    kept = client.get(path)
    with engine.begin() as connection:
        erasure.erase(connection, ana)
    assert client.get(path).status_code == 404
    assert client.get(path, headers=ADMIN).status_code == 404
    assert client.get(f"/claim/{link}").status_code == 404
    with engine.begin() as connection:
        row = connection.execute(select(credential)).one()
    assert (row.body, row.jws) == (b"", None)
    assert row.revoked is not None
    salt = kept.get_json(force=True)["credentialSubject"]["identifier"][0]["salt"]
    assert salt.encode() not in row.body
    status = kept.get_json(force=True)["credentialStatus"]
    listed = client.get(status["statusListCredential"].removeprefix(ISSUER.public_url)).get_json(force=True)
    from service.badges.status import decode, is_set

    assert is_set(decode(listed["credentialSubject"]["encodedList"]), int(status["statusListIndex"]))


@pytest.mark.parametrize(("accept", "words"), [("de-AT,en;q=0.5", "Badge annehmen"), ("fr", "Take the badge")])
def test_pages_speak_the_readers_language(client: FlaskClient, link: str, accept: str, words: str) -> None:
    page = client.get(f"/claim/{link}", headers={"Accept-Language": accept})
    assert words in page.text
    assert f'<html lang="{page.headers["Content-Language"]}">' in page.text
    assert "Accept-Language" in page.headers["Vary"]


def test_achievements_and_issuers_have_pages_that_can_be_previewed(client: FlaskClient) -> None:
    for path, title in (("/achievements/keen-learner", "Keen learner"), ("/issuers/main", "Plaudit")):
        page = client.get(path, headers=HTML)
        assert f'<meta property="og:title" content="{title}">' in page.text
        address = page.text.split('property="og:image" content="')[1].split('"')[0]
        image = client.get(address.removeprefix(ISSUER.public_url))
        assert (image.status_code, image.mimetype) == (200, "image/png")
    profile = client.get("/issuers/main").get_json(force=True)
    assert profile["id"] == ISSUER.did
    assert client.get("/issuers/other").status_code == 404


def test_a_new_link_is_asked_for_only_where_it_can_be_sent(client: FlaskClient, engine: Engine, link: str) -> None:
    client.post(f"/claim/{link}", data={"decision": "decline"})
    assert "Send me a new link" not in client.get(f"/claim/{link}").text
    assert client.post(f"/claim/{link}", data={"decision": "send"}).status_code == 503
    assert client.post("/claim/made-up", data={"decision": "send"}).status_code == 404


def test_pages_are_in_the_readers_language_and_show_what_was_signed(
    client: FlaskClient, engine: Engine, link: str
) -> None:
    titles = {"en": "Keen learner", "de": "Wissbegierig", "ar": "متعلم مجتهد"}
    about = msgspec.structs.replace(stored.KEEN, title=titles, description={"en": "Five courses", "de": "Fünf Kurse"})
    with engine.begin() as connection:
        connection.execute(update(achievement_version).values(resolved=msgspec.json.encode(about)))
    path = taken(client, link)
    client.post(f"/claim/{link}", data={"decision": "share"})
    for page in (path, "/achievements/keen-learner", "/issuers/main"):
        german, arabic, french = (
            client.get(page, headers=HTML | {"Accept-Language": tag}) for tag in ("de", "ar", "fr")
        )
        assert '<html lang="de">' in german.text
        assert "Wissbegierig" in german.text
        assert '<html lang="en">' in arabic.text
        assert re.search(r'dir="auto" lang="ar">متعلم مجتهد<', arabic.text)
        assert "Keen learner" in french.text
        assert "Accept-Language" in german.headers["Vary"]
    text = client.get(path, headers=HTML | {"Accept-Language": "de"}).text
    assert '<meta property="og:title" content="Wissbegierig">' in text
    assert '<h1 dir="auto">Wissbegierig</h1>' in text
    assert re.search(r'Wie es signiert wurde</summary>\s*<p class="text" dir="auto" lang="en">Keen learner</p>', text)
    assert "As it was signed" not in client.get(path, headers=HTML).text


def test_the_page_says_who_made_the_achievement_and_which_version_it_is(
    client: FlaskClient, engine: Engine, ana: int
) -> None:
    maker = Creator("Ministry of Skills", "https://skills.example.org/")
    with engine.begin() as connection:
        said = msgspec.structs.replace(stored.KEEN, creator=maker, version="2.1")
        achievements.keep(driver(connection), said, (stored.SVG, "image/svg+xml"))
        credential = stored.claim(connection, stored.offer(connection, ana))
    page = client.get(f"/credentials/{credential}", headers=HTML).text
    assert f'<a href="{maker.url}" rel="noopener noreferrer">{maker.name}</a>' in page
    assert "<dt>Version</dt><dd>2.1</dd>" in page


def test_whoever_holds_a_badge_sees_that_it_holds_no_more(client: FlaskClient, engine: Engine, link: str) -> None:
    taken(client, link)
    with engine.begin() as connection:
        connection.execute(update(credential).values(expires=NOW - timedelta(days=1)))
    page = client.get(f"/claim/{link}").text
    assert ">Expired<" in page
    assert "It shows what was achieved by then." in page


def test_why_it_was_earned_is_said_in_the_readers_language(client: FlaskClient, engine: Engine, link: str) -> None:
    said = msgspec.structs.replace(
        stored.RULE, title={"en": "Keen", "de": "Eifrig"}, how_to_earn={"en": "A", "de": "Ä"}
    )
    with engine.begin() as connection:
        connection.execute(update(rule_version).values(resolved=msgspec.json.encode(said)))
    assert "Eifrig: Ä" in client.get(f"/claim/{link}", headers={"Accept-Language": "de"}).text
    assert "Keen: A" in client.get(f"/claim/{link}").text
