"""The check of badges over HTTP: as a page without scripts and for programs, of ours without asking the network."""

from __future__ import annotations

import io
from threading import BoundedSemaphore
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, update

from service.badges.fetching import Unreachable
from service.http import verify
from service.store import badges
from service.store.tables import badge_award
from tests.badges import stored
from tests.badges.stored import ISSUER, change

ADMIN = {"Authorization": "Bearer admin-token"}


@pytest.fixture
def credential(engine: Engine, ana: int) -> UUID:
    with engine.begin() as connection:
        return stored.claim(connection, stored.offer(connection, ana))


@pytest.fixture
def public_url(ana: int) -> str:
    return ISSUER.public_url


@pytest.mark.parametrize("ending", ["json", "jwt", "png", "svg"])
@pytest.mark.parametrize("email", ["", "ana@acme.example.org"])
def test_every_form_of_ours_holds(client: FlaskClient, credential: UUID, ending: str, email: str) -> None:
    content = client.get(f"/credentials/{credential}.{ending}").data
    answer = client.post("/verify", data={"file": (io.BytesIO(content), "badge"), "email": email})
    assert answer.status_code == 200
    assert "This badge holds" in answer.text
    assert ("It was awarded to ana@acme.example.org." in answer.text) == bool(email)


@pytest.mark.parametrize("path", ["credentials/{}", "ob2/assertions/{}", "ob2/assertions/{}.png"])
def test_an_address_of_ours_is_read_without_the_network(client: FlaskClient, credential: UUID, path: str) -> None:
    answer = client.post("/api/v1/verify", headers=ADMIN, json={"badge": ISSUER.url(path.format(credential))})
    assert answer.status_code == 200
    told = answer.get_json()
    assert (told["outcome"], told["name"]) == ("good", "Keen learner")
    assert {one["outcome"] for one in told["findings"]} == {"good"}


def test_a_revoked_badge_does_not_hold_in_any_form(
    client: FlaskClient, engine: Engine, ana: int, credential: UUID
) -> None:
    assert "This badge holds" in client.get(f"/verify/{credential}").text
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, grounded=False, if_undone="revoke")])
    page = client.get(f"/verify/{credential}").text
    assert "This badge does not hold" in page
    assert "Its issuer has revoked it." in page
    for path in ("credentials", "ob2/assertions"):
        answer = client.post("/api/v1/verify", headers=ADMIN, json={"badge": ISSUER.url(f"{path}/{credential}")})
        assert answer.get_json()["outcome"] == "bad"


def test_of_a_badge_that_is_not_shared_a_certificate_tells_whether_it_holds_and_its_address_all_of_it(
    client: FlaskClient, engine: Engine, credential: UUID
) -> None:
    with engine.begin() as connection:
        connection.execute(update(badge_award).values(shared=None))
    page = client.get(f"/verify/{credential}").text
    assert "This badge holds" in page
    assert "Keen learner" not in page
    answer = client.post("/api/v1/verify", headers=ADMIN, json={"badge": ISSUER.url(f"credentials/{credential}")})
    assert (answer.get_json()["outcome"], answer.get_json()["name"]) == ("good", "Keen learner")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:6379/", "http://169.254.169.254/latest/meta-data", "http://localhost/", "file:///etc/passwd"],
)
def test_nobody_is_asked_who_is_not_public(client: FlaskClient, url: str) -> None:
    answer = client.post("/verify", data={"badge": url})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text


def test_only_public_documents_of_ours_are_read(client: FlaskClient) -> None:
    answer = client.post("/api/v1/verify", headers=ADMIN, json={"badge": ISSUER.url("metrics")})
    assert answer.status_code == 422


def test_what_was_pasted_stands_there_again(client: FlaskClient, credential: UUID) -> None:
    address = ISSUER.url(f"credentials/{credential}")
    assert f">{address}</textarea>" in client.post("/verify", data={"badge": address}).text
    assert "&lt;b&gt;</textarea>" in client.post("/verify", data={"badge": "<b>"}).text


def test_who_shows_a_certificate_is_told_where_the_badge_is(client: FlaskClient) -> None:
    answer = client.post("/verify", data={"file": (io.BytesIO(b"%PDF-1.7 x"), "badge.pdf")})
    assert (answer.status_code, "The badge is attached to it" in answer.text) == (422, True)


def test_a_form_with_nothing_in_it_is_told_so_and_one_with_markup_is_harmless(client: FlaskClient) -> None:
    assert "Choose a file" in client.post("/verify", data={}).text
    page = client.post("/verify", data={"badge": "hello", "email": '"><script>alert(1)</script>'}).text
    assert "<script>alert" not in page
    assert client.get("/verify").status_code == 200


def test_more_checks_at_once_than_there_is_room_for_are_put_off(
    client: FlaskClient, credential: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_at_once", BoundedSemaphore(1))
    with verify._at_once:
        answer = client.post("/api/v1/verify", headers=ADMIN, json={"badge": "x"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert client.get(f"/verify/{credential}").status_code == 200


def test_one_check_reads_so_many_documents_and_no_more(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "fetch", lambda url: b"{}")
    with client.application.test_request_context("/"):
        reader = verify.Reader()
        for number in range(verify.MOST_READ):
            assert reader(f"https://other.example.org/{number}") == b"{}"
            assert reader(f"https://other.example.org/{number}#key") == b"{}"
        with pytest.raises(Unreachable, match="more documents"):
            reader("https://other.example.org/one-more")


def test_what_came_of_it_is_told_in_the_readers_language(client: FlaskClient, credential: UUID) -> None:
    german = {"Accept-Language": "de"}
    page = client.get(f"/verify/{credential}", headers=german).text
    assert '<html lang="de">' in page
    assert "Dieses Badge gilt" in page
    assert "Es wurde von seinem Aussteller signiert" in page
    refused = client.post("/verify", headers=german, data={"badge": "https://127.0.0.1/badge"}).text
    assert "127.0.0.1 ist keine öffentliche Website; nur solche werden gefragt." in refused
    assert "unter seiner Adresse nicht zu bekommen" in refused
    told = client.post("/api/v1/verify", headers=ADMIN | german, json={"badge": "hello"})
    assert told.get_json()["detail"].startswith("Das ist kein Open Badge")
