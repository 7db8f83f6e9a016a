"""Badges over HTTP: lists, links, claims, credentials and what verifiers need, each to whom it belongs."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, insert, update
from werkzeug.test import TestResponse

from service.badges import baking, verification
from service.store import badges
from service.store.achievements import digest_of
from service.store.tables import achievement_version, badge_award, claim_link, learner, token
from service.store.tokens import digest
from tests.badges import stored
from tests.badges.stored import ISSUER, NOW, change
from tests.http import people

PICTURE = digest_of(stored.SVG)
ADMIN = {"Authorization": "Bearer admin-token"}


@pytest.fixture
def public_url(ana: int) -> str:
    return ISSUER.public_url


@pytest.fixture
def link(client: FlaskClient, award: UUID) -> str:
    """The token of a new link."""
    made = client.post(f"/api/v1/badges/{award}/claim-link", headers=ADMIN)
    assert made.status_code == 201
    return str(made.get_json()["url"]).rpartition("/")[2]


def scoped(engine: Engine, *scopes: str, learner: int | None = None) -> dict[str, str]:
    """The header of a new token with these scopes."""
    secret = f"secret of {scopes} {learner}"
    with engine.begin() as connection:
        connection.execute(insert(token).values(name="t", hash=digest(secret), scopes=list(scopes), learner=learner))
    return {"Authorization": f"Bearer {secret}"}


def held(client: FlaskClient, learner: int) -> list[dict[str, Any]]:
    answer = client.get(f"/api/v1/learners/{learner}/badges", headers=ADMIN)
    assert answer.status_code == 200
    return list(answer.get_json()["badges"])


def accepted(client: FlaskClient, link: str) -> str:
    """Take the badge: the path of its credential."""
    answer = client.post(f"/api/v1/claims/{link}", json={"decision": "accept", "share": True})
    assert answer.status_code == 200
    return str(answer.get_json()["credential"]).removeprefix(ISSUER.public_url)


def refused(answer: TestResponse, status: int, why: str | None = None) -> None:
    assert (answer.status_code, answer.mimetype) == (status, "application/problem+json")
    if why:
        assert answer.get_json()["why"] == why


def invalid(client: FlaskClient, path: str) -> tuple[str, ...]:
    """Why the credential that is served does not hold, by what else is served; empty: it does."""
    credential = client.get(path).get_json(force=True)
    listed = credential["credentialStatus"]["statusListCredential"].removeprefix(ISSUER.public_url)
    served = [client.get(where).get_json(force=True) for where in ("/issuers/main/did.json", listed)]
    return verification.problems(credential, served[0], served[1], NOW + timedelta(hours=1))


# --- lists and links --------------------------------------------------------------------------------------------------


def test_a_learners_badges_are_listed(client: FlaskClient, ana: int, award: UUID) -> None:
    (badge,) = held(client, ana)
    assert badge["award"] == str(award)
    assert (badge["achievement"], badge["rule"]) == ("keen-learner", "keen-learner")
    assert (badge["state"], badge["credential"]) == ("offered", None)
    assert badge["earned"].startswith(f"{stored.EARNED:%Y-%m-%d}")


def test_badges_come_in_pages(client: FlaskClient, engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, key=str(number)) for number in range(5)])
    path = f"/api/v1/learners/{ana}/badges"
    first = client.get(f"{path}?limit=3", headers=ADMIN)
    assert len(first.get_json()["badges"]) == 3
    assert first.headers["Link"] == f'<{path}?limit=3&offset=3>; rel="next"'
    rest = client.get(f"{path}?limit=3&offset=3", headers=ADMIN)
    assert len(rest.get_json()["badges"]) == 2
    assert "Link" not in rest.headers
    refused(client.get(f"{path}?limit=201", headers=ADMIN), 400)


def test_badges_of_nobody_are_not_found(client: FlaskClient) -> None:
    refused(client.get("/api/v1/learners/999/badges", headers=ADMIN), 404)


def test_badges_are_shown_to_readers_and_to_the_learner_alone(client: FlaskClient, engine: Engine, ana: int) -> None:
    path = f"/api/v1/learners/{ana}/badges"
    assert client.get(path).status_code == 401
    assert client.get(path, headers=scoped(engine, "read")).status_code == 200
    assert client.get(path, headers=scoped(engine, "learner", learner=ana)).status_code == 200
    with engine.begin() as connection:
        from service.store.tables import learner

        other = connection.execute(insert(learner).values(name="Bob").returning(learner.c.id)).scalar_one()
    assert client.get(path, headers=scoped(engine, "learner", learner=other)).status_code == 403


def test_a_link_is_made_for_the_learner_and_the_admin_only(
    client: FlaskClient, engine: Engine, ana: int, award: UUID
) -> None:
    path = f"/api/v1/badges/{award}/claim-link"
    assert client.post(path).status_code == 401
    assert client.post(path, headers=scoped(engine, "read")).status_code == 403
    made = client.post(path, headers=scoped(engine, "learner", learner=ana))
    assert made.status_code == 201
    assert made.get_json()["url"].startswith("https://badges.example.org/claim/")
    assert made.get_json()["expires"]


def test_a_learners_token_learns_nothing_of_another_learners_award(
    client: FlaskClient, engine: Engine, award: UUID
) -> None:

    with engine.begin() as connection:
        bob = connection.execute(insert(learner).values(name="Bob").returning(learner.c.id)).scalar_one()
    headers = scoped(engine, "learner", learner=bob)
    refused(client.post(f"/api/v1/badges/{award}/claim-link", headers=headers), 404)
    refused(client.post(f"/api/v1/badges/{UUID(int=5)}/claim-link", headers=headers), 404)


def test_no_link_is_made_for_a_badge_that_was_taken(client: FlaskClient, award: UUID, link: str) -> None:
    path = accepted(client, link)
    answer = client.post(f"/api/v1/badges/{award}/claim-link", headers=ADMIN)
    refused(answer, 409)
    assert answer.get_json()["credential"] == ISSUER.public_url + path


def test_no_link_is_made_for_a_badge_that_lost_its_ground(
    client: FlaskClient, engine: Engine, ana: int, award: UUID
) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, grounded=False)])
    refused(client.post(f"/api/v1/badges/{award}/claim-link", headers=ADMIN), 409)
    assert held(client, ana) == []


# --- claims -----------------------------------------------------------------------------------------------------------


def test_a_claim_says_what_was_earned_and_why(client: FlaskClient, link: str) -> None:
    answer = client.get(f"/api/v1/claims/{link}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    claim = answer.get_json()
    assert (claim["state"], claim["learner"], claim["issuer"]) == ("offered", "Ana", "Plaudit")
    assert claim["achievement"]["name"] == "Keen learner"
    assert claim["achievement"]["image"] == f"https://badges.example.org/images/{PICTURE}.png"
    assert claim["reason"] == "Keen learner: Complete five different courses."
    assert claim["statements"] == [str(statement) for statement in stored.STATEMENTS]
    assert any("fingerprint" in sentence for sentence in claim["visible"])


def test_looking_at_a_link_does_not_use_it(client: FlaskClient, link: str) -> None:
    for _ in range(3):
        assert client.get(f"/api/v1/claims/{link}").get_json()["state"] == "offered"
        assert client.get(f"/claim/{link}").status_code == 200
    assert accepted(client, link)


def test_a_claim_makes_a_credential_that_holds(client: FlaskClient, ana: int, link: str) -> None:
    path = accepted(client, link)
    assert invalid(client, path) == ()
    (badge,) = held(client, ana)
    assert (badge["state"], badge["credential"]) == ("claimed", ISSUER.public_url + path)
    assert accepted(client, link) == path


def test_a_badge_is_declined_and_its_link_is_used_up(client: FlaskClient, ana: int, award: UUID, link: str) -> None:
    answer = client.post(f"/api/v1/claims/{link}", json={"decision": "decline"})
    assert answer.get_json() == {"state": "declined", "credential": None}
    assert held(client, ana)[0]["state"] == "declined"
    refused(client.post(f"/api/v1/claims/{link}", json={"decision": "accept"}), 409, "used")
    assert client.post(f"/api/v1/badges/{award}/claim-link", headers=ADMIN).status_code == 201


def test_a_used_link_does_not_open_what_is_offered_again(
    client: FlaskClient, engine: Engine, ana: int, award: UUID, link: str
) -> None:
    accepted(client, link)
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, grounded=False, if_undone="revoke")])
        badges.settle(connection, [change(ana)])
    assert held(client, ana)[0]["state"] == "offered"
    refused(client.get(f"/api/v1/claims/{link}"), 409, "used")
    refused(client.post(f"/api/v1/claims/{link}", json={"decision": "accept"}), 409, "used")
    assert "This link has been used" in client.get(f"/claim/{link}").text
    assert client.post(f"/api/v1/badges/{award}/claim-link", headers=ADMIN).status_code == 201


def test_a_wrong_decision_is_named(client: FlaskClient, link: str) -> None:
    answer = client.post(f"/api/v1/claims/{link}", json={"decision": "maybe"})
    refused(answer, 422)
    assert answer.get_json()["errors"][0]["path"] == "$.decision"
    refused(client.post(f"/api/v1/claims/{link}", data="{", content_type="application/json"), 400)
    refused(client.post(f"/api/v1/claims/{link}", data={"decision": "accept"}), 415)


@pytest.mark.parametrize("made_up", ["x", "%00", "ü" * 40, "a" * 5000])
def test_an_unknown_link_is_not_found(client: FlaskClient, made_up: str) -> None:
    refused(client.get(f"/api/v1/claims/{made_up}"), 404, "unknown")
    refused(client.post(f"/api/v1/claims/{made_up}", json={"decision": "accept"}), 404, "unknown")
    page = client.get(f"/claim/{made_up}")
    assert (page.status_code, page.mimetype) == (404, "text/html")


def test_an_expired_link_is_gone(client: FlaskClient, engine: Engine, link: str) -> None:
    with engine.begin() as connection:
        connection.execute(update(claim_link).values(expires=NOW - timedelta(days=1)))
    refused(client.get(f"/api/v1/claims/{link}"), 410, "expired")
    refused(client.post(f"/api/v1/claims/{link}", json={"decision": "accept"}), 410, "expired")
    assert "Ask for a new one" in client.get(f"/claim/{link}").text


# --- the page ---------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_badge_and_takes_it_without_a_script(client: FlaskClient, link: str) -> None:
    page = client.get(f"/claim/{link}")
    assert page.mimetype == "text/html"
    assert "Ana, you have earned “Keen learner”" in page.text
    assert "<script src" not in page.text
    taken = client.post(f"/claim/{link}", data={"decision": "accept"})
    assert taken.status_code == 303
    after = client.get(f"/claim/{link}").text
    assert "is yours" in after
    assert f".json?holder={link}" in after


def test_the_page_declines(client: FlaskClient, ana: int, link: str) -> None:
    assert client.post(f"/claim/{link}", data={"decision": "decline"}).status_code == 303
    assert "You left “Keen learner” for now" in client.get(f"/claim/{link}").text
    assert client.post(f"/claim/{link}", data={"decision": "accept"}).status_code == 409
    assert held(client, ana)[0]["state"] == "declined"


def test_a_form_without_a_decision_decides_nothing(client: FlaskClient, ana: int, link: str) -> None:
    assert client.post(f"/claim/{link}").status_code == 303
    assert held(client, ana)[0]["state"] == "offered"


def test_pages_load_nothing_from_elsewhere_and_tell_nobody_their_address(client: FlaskClient, link: str) -> None:
    headers = client.get(f"/claim/{link}").headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"


def test_texts_cannot_break_out_of_the_page(client: FlaskClient, engine: Engine, link: str) -> None:
    import msgspec

    evil = msgspec.structs.replace(stored.KEEN, title='<script>alert("x")</script>', description="</style><b>")
    with engine.begin() as connection:
        connection.execute(update(achievement_version).values(resolved=msgspec.json.encode(evil)))
    assert "&lt;script&gt;" in client.get(f"/claim/{link}").text
    path = accepted(client, link)
    for text in (client.get(f"/claim/{link}").text, client.get(path, headers={"Accept": "text/html"}).text):
        assert "<script>alert" not in text
        assert "</style><b>" not in text


# --- what is published ------------------------------------------------------------------------------------------------


def test_a_credential_is_served_as_the_bytes_that_were_signed(client: FlaskClient, engine: Engine, link: str) -> None:
    from service.store import credentials

    path = accepted(client, link)
    with engine.connect() as connection:
        kept = credentials.find_credential(connection, UUID(path.rpartition("/")[2]))
    assert kept is not None
    answer = client.get(path)
    assert (answer.data, answer.mimetype) == (kept.body, "application/vc+ld+json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Accept" in answer.headers["Vary"]
    assert client.get(f"{path}.json").data == kept.body


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        ("*/*", "application/vc+ld+json"),
        ("application/json", "application/json"),
        ("application/ld+json", "application/ld+json"),
        ("application/vc, application/vc+ld+json;q=0.9, */*;q=0.1", "application/vc"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/vc+ld+json, text/html;q=0.5", "application/vc+ld+json"),
    ],
)
def test_a_credential_has_the_form_that_the_reader_likes(
    client: FlaskClient, link: str, accept: str, given: str
) -> None:
    assert client.get(accepted(client, link), headers={"Accept": accept}).mimetype == given


def test_a_form_that_there_is_not_is_refused(client: FlaskClient, link: str) -> None:
    refused(client.get(accepted(client, link), headers={"Accept": "image/png"}), 406)


def test_a_credential_that_there_is_not_is_not_found(client: FlaskClient) -> None:
    refused(client.get(f"/credentials/{UUID(int=7)}"), 404)
    refused(client.get("/credentials/7"), 404)


def test_the_page_of_a_credential_tells_people_what_it_is(client: FlaskClient, link: str) -> None:
    page = client.get(accepted(client, link), headers={"Accept": "text/html"})
    assert 'property="og:title" content="Keen learner"' in page.text
    assert ">Valid<" in page.text
    assert "Ana" not in page.text
    assert "e-mail address" in page.text
    assert f'src="../images/{PICTURE}.png"' in page.text


def test_a_revocation_shows_in_the_status_list_the_list_of_badges_and_the_page(
    client: FlaskClient, engine: Engine, ana: int, link: str
) -> None:
    path = accepted(client, link)
    before = client.get("/status/1")
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, grounded=False, if_undone="revoke")])
    assert invalid(client, path) == ("$.credentialStatus: revoked",)
    assert held(client, ana)[0]["state"] == "revoked"
    assert ">Withdrawn<" in client.get(path, headers={"Accept": "text/html"}).text
    refused(client.get(f"/api/v1/claims/{link}"), 410, "withdrawn")
    told = client.get(f"/claim/{link}")
    assert (told.status_code, "Your badge was withdrawn" in told.text, "It no longer holds." in told.text) == (
        410,
        True,
        True,
    )
    after = client.get("/status/1", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200


def test_an_admin_withdraws_a_badge_with_a_reason(client: FlaskClient, engine: Engine, award: UUID, link: str) -> None:
    where = f"/api/v1/badges/{award}/revoke"
    refused(client.post(where, headers=ADMIN, json={"because": "x"}), 409)
    path = accepted(client, link)
    refused(client.post(where, headers=scoped(engine, "read"), json={"because": "x"}), 403)
    refused(client.post(where, headers=ADMIN, json={}), 422)
    answer = client.post(where, headers=ADMIN, json={"because": "given by mistake"})
    assert answer.get_json()["state"] == "revoked"
    assert invalid(client, path) == ("$.credentialStatus: revoked",)
    assert "given by mistake" in client.get(path, headers={"Accept": "text/html"}).text


def test_the_status_list_may_be_kept_for_a_while_and_is_not_sent_twice(client: FlaskClient, link: str) -> None:
    accepted(client, link)
    answer = client.get("/status/1")
    assert answer.headers["Cache-Control"] == "public, max-age=60"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    again = client.get("/status/1", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    refused(client.get("/status/2"), 404)
    refused(client.get(f"/status/{2**40}"), 404)


def test_the_did_document_and_the_keys_are_for_everybody(client: FlaskClient) -> None:
    did = client.get("/issuers/main/did.json")
    assert did.get_json(force=True)["id"] == "did:web:badges.example.org:issuers:main"
    keys = client.get("/.well-known/jwks.json")
    assert keys.mimetype == "application/jwk-set+json"
    assert [key["kid"] for key in keys.get_json(force=True)["keys"]] == [
        "did:web:badges.example.org:issuers:main#key-1"
    ]
    assert {did.headers["Access-Control-Allow-Origin"], keys.headers["Access-Control-Allow-Origin"]} == {"*"}
    refused(client.get("/issuers/other/did.json"), 404)


def test_an_achievement_is_a_document_a_page_and_an_image(client: FlaskClient) -> None:
    path = "/achievements/keen-learner"
    answer = client.get(path)
    assert answer.mimetype == "application/ld+json"
    assert json.loads(answer.data)["id"] == ISSUER.public_url + path
    assert "Keen learner" in client.get(path, headers={"Accept": "text/html"}).text
    image = client.get(f"{path}/image")
    assert (image.data, image.mimetype) == (stored.SVG, "image/svg+xml")
    assert "sandbox" in image.headers["Content-Security-Policy"]
    drawn = client.get(f"/images/{PICTURE}.png")
    assert (drawn.mimetype, drawn.data[:4]) == ("image/png", b"\x89PNG")
    assert client.get(f"/images/{PICTURE}.png").data == drawn.data
    assert "immutable" in client.get(f"/images/{PICTURE}.svg").headers["Cache-Control"]
    refused(client.get("/images/none.png"), 404)
    refused(client.get("/achievements/none"), 404)
    refused(client.get("/achievements/none/image"), 404)


def test_a_badge_whose_achievement_was_taken_away_can_still_be_claimed(
    client: FlaskClient, engine: Engine, link: str
) -> None:
    with engine.begin() as connection:
        connection.execute(update(badge_award).values(achievement_version=None))
    assert client.get(f"/claim/{link}").status_code == 200
    assert invalid(client, accepted(client, link)) == ()


@pytest.mark.parametrize(
    ("ending", "media_type"),
    [
        ("json", "application/vc+ld+json"),
        ("jwt", "text/plain"),
        ("png", "image/png"),
        ("svg", "image/svg+xml"),
        ("pdf", "application/pdf"),
    ],
)
def test_a_credential_can_be_saved_in_every_form(client: FlaskClient, link: str, ending: str, media_type: str) -> None:
    answer = client.get(f"{accepted(client, link)}.{ending}")
    assert (answer.status_code, answer.mimetype) == (200, media_type)
    assert f'.{ending}"' in answer.headers["Content-Disposition"]


def test_baked_pictures_carry_the_signed_bytes(client: FlaskClient, link: str) -> None:
    path = accepted(client, link)
    signed = client.get(f"{path}.json").get_data(as_text=True)
    assert {baking.unbake(client.get(f"{path}.{ending}").data) for ending in ("png", "svg")} == {signed}


def test_a_certificate_with_the_name_is_for_its_learner(
    client: FlaskClient, engine: Engine, ana: int, award: UUID, link: str
) -> None:
    path = f"/api/v1/badges/{award}/certificate.pdf"
    assert client.get(path, headers=ADMIN).status_code == 404
    accepted(client, link)
    somebody = people.learner(engine)
    answers = [client.get(path, headers=scoped(engine, "learner", learner=learner)) for learner in (ana, somebody)]
    assert [answer.status_code for answer in answers] == [200, 404]
    assert client.get(path).status_code == 401


def test_the_certificate_names_its_holder_to_the_holder_alone(client: FlaskClient, link: str) -> None:
    path = f"{accepted(client, link)}.pdf"
    assert b"/Title <feff0041006e00610020" in client.get(f"{path}?holder={link}").data
    assert b"/Title <feff0041006e00610020" not in client.get(path).data
    assert b"/Title <feff0041006e00610020" not in client.get(f"{path}?holder=another").data
