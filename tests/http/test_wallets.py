"""Badges into wallets (OpenID4VCI 1.0): the whole way in both formats, and everything that is refused on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from flask.testing import FlaskClient
from msgspec import structs
from sqlalchemy import Engine, select, update
from werkzeug.test import TestResponse

from service import erasure
from service.app import create_app
from service.badges import issuing, jws, verification, wallets
from service.core.achievement import Achievement
from service.core.issuer_document import Issuer
from service.settings import Settings
from service.store import achievements, badges, credentials, issuers
from service.store import wallets as store
from service.store.engine import driver
from service.store.tables import badge_award, credential, wallet_nonce, wallet_offer
from tests.badges import stored
from tests.badges.stored import ISSUER, ISSUERS, NOW, SECRET, change
from tests.badges.wallet import Wallet
from tests.http.people import token_of

HERE = ISSUER.public_url
WE = f"{HERE}/issuers/main"
"""The credential issuer identifier."""
ADMIN = {"Authorization": "Bearer admin-token"}
OFFERS = "/api/v1/badges/{}/wallet-offer"


@pytest.fixture
def award(engine: Engine, award: UUID) -> UUID:
    """The badge, taken."""
    with engine.begin() as connection:
        stored.claim(connection, award)
    return award


@pytest.fixture
def public_url(ana: int) -> str:
    return HERE


@pytest.fixture
def phone() -> Wallet:
    return Wallet.new()


def path_of(address: str) -> str:
    assert address.startswith(f"{HERE}/")
    return address.removeprefix(HERE)


def offered(client: FlaskClient, award: UUID, **wanted: Any) -> dict[str, Any]:
    """A new offer, as a front end gets it."""
    made = client.post(OFFERS.format(award), headers=ADMIN, json=wanted)
    assert made.status_code == 201
    return dict(made.get_json())


def code_of(offer: Mapping[str, Any]) -> str:
    return str(offer["credential_offer_uri"]).rpartition("/")[2]


def exchanged(client: FlaskClient, code: str, **more: str) -> TestResponse:
    return client.post("/wallet/token", data={"grant_type": wallets.GRANT, "pre-authorized_code": code, **more})


def access(client: FlaskClient, award: UUID, **wanted: Any) -> str:
    answer = exchanged(client, code_of(offered(client, award, **wanted)))
    assert answer.status_code == 200
    return str(answer.get_json()["access_token"])


def nonce(client: FlaskClient) -> str:
    return str(client.post("/wallet/nonce").get_json()["c_nonce"])


def asked(client: FlaskClient, token: str, proof: str | None, **more: Any) -> TestResponse:
    """What the credential endpoint answers; more: other members of the body, None takes one away."""
    said = {"credential_configuration_id": "keen-learner.ldp_vc", "proofs": {"jwt": [proof]}, **more}
    body = {name: value for name, value in said.items() if value is not None}
    return client.post("/wallet/credential", headers={"Authorization": f"Bearer {token}"}, json=body)


def fetched(client: FlaskClient, wallet: Wallet, token: str, **more: Any) -> Any:
    answer = asked(client, token, wallet.proof(WE, nonce(client)), **more)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    (one,) = answer.get_json()["credentials"]
    return one["credential"]


def denied(answer: TestResponse, error: str, status: int = 400) -> str:
    """The description of an error that is one of the specification's, in its characters."""
    assert (answer.status_code, answer.mimetype) == (status, "application/json")
    assert answer.get_json()["error"] == error
    assert answer.headers["Cache-Control"] == "no-store"
    said = str(answer.get_json()["error_description"])
    assert all(32 <= ord(one) < 127 and one not in '"\\' for one in said)
    return said


def problems(client: FlaskClient, body: Mapping[str, Any]) -> tuple[str, ...]:
    """Why a credential does not hold by what is served about it; empty: it does."""
    listed = path_of(body["credentialStatus"]["statusListCredential"])
    did, status = (client.get(where).get_json(force=True) for where in ("/issuers/main/did.json", listed))
    return verification.problems(dict(body), did, status, datetime.now(UTC) + timedelta(minutes=1))


# --- the way ----------------------------------------------------------------------------------------------------------


def test_a_wallet_finds_everything_from_the_link_alone(client: FlaskClient, award: UUID, phone: Wallet) -> None:
    link = urlsplit(offered(client, award)["url"])
    assert (link.scheme, link.netloc, link.path) == ("openid-credential-offer", "", "")
    (where,) = parse_qs(link.query)["credential_offer_uri"]
    offer = client.get(path_of(where))
    assert (offer.mimetype, offer.headers["Cache-Control"]) == ("application/json", "no-store")
    said = offer.get_json()
    assert said["credential_issuer"] == WE
    ((grant, details),) = said["grants"].items()
    metadata = client.get("/.well-known/openid-credential-issuer/issuers/main").get_json(force=True)
    server = client.get("/.well-known/oauth-authorization-server/issuers/main").get_json(force=True)
    assert metadata["credential_issuer"] == server["issuer"] == WE
    assert grant in server["grant_types_supported"]
    (name,) = said["credential_configuration_ids"]
    assert metadata["credential_configurations_supported"][name]["format"] == "ldp_vc"

    form = {"grant_type": grant, "pre-authorized_code": details["pre-authorized_code"]}
    token = client.post(path_of(server["token_endpoint"]), data=form).get_json()
    assert (token["token_type"], token["expires_in"]) == ("Bearer", 300)
    fresh = client.post(path_of(metadata["nonce_endpoint"])).get_json()["c_nonce"]
    body = {"credential_configuration_id": name, "proofs": {"jwt": [phone.proof(WE, fresh)]}}
    headers = {"Authorization": f"BEARER {token['access_token']}"}
    answer = client.post(path_of(metadata["credential_endpoint"]), json=body, headers=headers)
    ((badge,),) = (one.values() for one in answer.get_json()["credentials"])
    assert badge["credentialSubject"]["id"] == phone.did_key
    assert badge["credentialSubject"]["achievement"]["name"] == "Keen learner"
    assert badge["credentialSubject"]["identifier"], "whoever knows the address can still check whose it is"
    assert problems(client, badge) == ()


def test_a_wallet_takes_the_badge_as_a_json_web_token(client: FlaskClient, award: UUID, phone: Wallet) -> None:
    name = "keen-learner.jwt_vc_json"
    token = fetched(client, phone, access(client, award, format="jwt_vc_json"), credential_configuration_id=name)
    header, payload = jws.read(token)
    assert (header["alg"], header["typ"], payload["sub"]) == ("RS256", "JWT", phone.did_key)
    did = client.get("/issuers/main/did.json").get_json(force=True)
    published = {one["id"]: one.get("publicKeyJwk") for one in did["verificationMethod"]}
    assert jws.problems(token, lambda kid: jws.public_key(published[kid])) == ()
    served = client.get(path_of(payload["id"]), headers={"Accept": "application/vc+jwt"})
    assert served.text == token


def test_what_a_wallet_holds_supersedes_all_that_was_there_before(
    client: FlaskClient, engine: Engine, award: UUID, phone: Wallet
) -> None:
    with engine.begin() as connection:
        found = badges.award(connection, award, NOW)
        assert found is not None
        issuing.reissue(connection, found, ISSUERS, SECRET, NOW, None)  # as when an address changed: both hold
        first, second = connection.execute(select(credential).order_by(credential.c.replaced_by)).all()
        assert (first.revoked, second.revoked, first.replaced_by) == (None, None, second.id)
    badge = fetched(client, phone, access(client, award))
    for before in (first, second):
        with engine.connect() as connection:
            old = credentials.find_credential(connection, before.id)
        assert old is not None
        assert old.revoked is not None
        assert "superseded" in (old.revoked_because or "")
        assert any("revoked" in one for one in problems(client, json.loads(before.body)))
        leads = client.get(f"/credentials/{before.id}", headers={"Accept": "text/html"})
        assert (leads.status_code, leads.location) == (303, str(before.replaced_by or badge["id"].rpartition("/")[2]))
    with engine.connect() as connection:
        found = badges.award(connection, award, NOW)
    assert found is not None
    assert (found.state, badge["id"].endswith(str(found.credential))) == ("claimed", True)


def test_a_wallet_that_asks_again_gets_the_same_badge(
    client: FlaskClient, engine: Engine, award: UUID, phone: Wallet
) -> None:
    token = access(client, award)
    badge = fetched(client, phone, token)
    assert fetched(client, phone, token) == badge
    assert fetched(client, phone, access(client, award)) == badge
    as_jwt = access(client, award, format="jwt_vc_json")
    other = fetched(client, phone, as_jwt, credential_configuration_id="keen-learner.jwt_vc_json")
    assert jws.read(other)[1]["id"] == badge["id"]
    assert problems(client, badge) == ()


def test_another_wallet_supersedes_the_first(client: FlaskClient, award: UUID, phone: Wallet) -> None:
    tablet = Wallet.new("Ed25519")
    first = fetched(client, phone, access(client, award))
    second = fetched(client, tablet, access(client, award))
    assert second["credentialSubject"]["id"] == tablet.did_key
    assert any("revoked" in one for one in problems(client, first))
    assert problems(client, second) == ()


def test_a_badge_does_not_use_up_a_status_list(
    client: FlaskClient, award: UUID, phone: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuing, "MOST_A_DAY", 2)
    badge = fetched(client, phone, access(client, award))
    answer = client.post(OFFERS.format(award), headers=ADMIN, json={})
    assert (answer.status_code, "too often" in answer.get_json()["detail"]) == (409, True)
    assert client.post(f"/api/v1/badges/{award}/reissue", headers=ADMIN, json={"because": "x"}).status_code == 409
    assert problems(client, badge) == ()


def test_one_offer_is_for_one_key(client: FlaskClient, award: UUID, phone: Wallet) -> None:
    token = access(client, award)
    badge = fetched(client, phone, token)
    answer = asked(client, token, Wallet.new().proof(WE, nonce(client)))
    assert "another key" in denied(answer, "credential_request_denied")
    assert problems(client, badge) == ()


def test_a_badge_that_is_issued_anew_stays_with_its_wallet(client: FlaskClient, award: UUID, phone: Wallet) -> None:
    first = fetched(client, phone, access(client, award))
    anew = client.post(f"/api/v1/badges/{award}/reissue", headers=ADMIN, json={"because": "a new address"})
    assert anew.status_code == 200
    second = fetched(client, phone, access(client, award))
    assert second["id"] == anew.get_json()["credential"] != first["id"]
    assert second["credentialSubject"]["id"] == phone.did_key


# --- offers -----------------------------------------------------------------------------------------------------------


def test_offers_are_made_for_the_holder_and_the_admin(
    client: FlaskClient, engine: Engine, ana: int, award: UUID
) -> None:
    path = OFFERS.format(award)
    assert client.post(path, json={}).status_code == 401
    own = {"Authorization": f"Bearer {token_of(engine, ana)}"}
    assert client.post(path, json={}, headers=own).status_code == 201
    with engine.begin() as connection:
        link, _ = badges.make_link(connection, award, NOW)
    assert client.post(f"/api/v1/claims/{link}/wallet-offer", json={}).status_code == 201
    assert client.post("/api/v1/claims/made-up/wallet-offer", json={}).status_code == 404
    assert client.post(OFFERS.format(UUID(int=5)), json={}, headers=ADMIN).status_code == 404
    assert client.post(path, json={"format": "mso_mdoc"}, headers=ADMIN).status_code == 422


def test_an_offer_keeps_no_secret(client: FlaskClient, engine: Engine, award: UUID) -> None:
    offer = offered(client, award, tx_code=True)
    token = exchanged(client, code_of(offer), tx_code=offer["tx_code"]).get_json()["access_token"]
    with engine.connect() as connection:
        kept = repr(connection.execute(select(wallet_offer)).one())
    for secret in (code_of(offer), offer["tx_code"], token):
        assert secret not in kept


def test_a_new_offer_ends_the_one_before(client: FlaskClient, award: UUID) -> None:
    first, second = offered(client, award), offered(client, award)
    assert client.get(path_of(first["credential_offer_uri"])).status_code == 404
    denied(exchanged(client, code_of(first)), "invalid_grant")
    assert exchanged(client, code_of(second)).status_code == 200


def test_an_offer_is_taken_up_once(client: FlaskClient, award: UUID, phone: Wallet) -> None:
    offer = offered(client, award)
    token = exchanged(client, code_of(offer)).get_json()["access_token"]
    assert client.get(path_of(offer["credential_offer_uri"])).status_code == 404
    assert "was used" in denied(exchanged(client, code_of(offer)), "invalid_grant")
    # Two have the code, so neither gets the badge (RFC 6749, section 4.1.2).
    denied(asked(client, token, phone.proof(WE, nonce(client))), "invalid_token", 401)


def test_an_offer_ends_after_ten_minutes(client: FlaskClient, engine: Engine, award: UUID) -> None:
    offer = offered(client, award)
    with engine.begin() as connection:
        connection.execute(update(wallet_offer).values(expires=NOW))
    assert client.get(path_of(offer["credential_offer_uri"])).status_code == 404
    denied(exchanged(client, code_of(offer)), "invalid_grant")


def test_offers_are_forgotten_when_they_are_over(client: FlaskClient, engine: Engine, award: UUID) -> None:
    exchanged(client, code_of(offered(client, award)))
    with engine.begin() as connection:
        connection.execute(update(wallet_offer).values(expires=NOW - timedelta(hours=1)))
    offered(client, award)
    with engine.connect() as connection:
        assert connection.execute(select(wallet_offer.c.used)).scalars().all() == [None]


def test_where_wallets_cannot_come_none_is_made(settings: Settings, engine: Engine, award: UUID) -> None:
    app = create_app(replace(settings, public_url="http://badges.example.org"), engine=engine)
    with app.test_client() as client:
        answer = client.post(OFFERS.format(award), headers=ADMIN, json={})
    assert answer.status_code == 409
    assert "PLAUDIT_PUBLIC_URL" in answer.get_json()["detail"]


# --- badges that do not hold ------------------------------------------------------------------------------------------


def undone(engine: Engine, ana: int, award: UUID) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, grounded=False, if_undone="revoke")])


def in_review(engine: Engine, ana: int, award: UUID) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, grounded=False, if_undone="ask")])


def revoked(engine: Engine, ana: int, award: UUID) -> None:
    with engine.begin() as connection:
        credentials.revoke(connection, award, "it was a mistake", NOW)


def suspended(engine: Engine, ana: int, award: UUID) -> None:
    with engine.begin() as connection:
        connection.execute(update(credential).values(suspended=NOW, suspended_because="it is looked into"))


def expired(engine: Engine, ana: int, award: UUID) -> None:
    with engine.begin() as connection:
        connection.execute(update(credential).values(expires=NOW - timedelta(days=1)))


def erased(engine: Engine, ana: int, award: UUID) -> None:
    with engine.begin() as connection:
        erasure.erase(connection, ana)


ENDS: dict[Callable[[Engine, int, UUID], None], str] = {
    undone: "has been withdrawn",
    in_review: "has been withdrawn",
    revoked: "has been withdrawn",
    suspended: "suspended",
    expired: "is over",
    erased: "not known",
}


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_a_badge_that_does_not_hold_is_put_into_no_wallet(
    client: FlaskClient, engine: Engine, ana: int, award: UUID, phone: Wallet, end: Callable[[Engine, int, UUID], None]
) -> None:
    token, fresh = access(client, award), nonce(client)
    open_one = offered(client, award)
    end(engine, ana, award)
    answer = asked(client, token, phone.proof(WE, fresh))
    if end is erased:
        denied(answer, "invalid_token", 401)
    else:
        assert ENDS[end] in denied(answer, "credential_request_denied")
    assert client.get(path_of(open_one["credential_offer_uri"])).status_code == 404
    assert ENDS[end] in denied(exchanged(client, code_of(open_one)), "invalid_grant")
    refused = client.post(OFFERS.format(award), headers=ADMIN, json={})
    assert refused.status_code == 409
    with engine.connect() as connection:
        assert len(connection.execute(select(credential.c.id)).all()) == 1, "nothing was signed"
        assert end is not erased or connection.execute(select(wallet_offer)).all() == []


def test_a_badge_that_was_not_taken_is_not_offered_to_wallets(client: FlaskClient, engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
    for state in ("offered", "declined"):
        with engine.begin() as connection:
            connection.execute(update(badge_award).values(state=state))
        answer = client.post(OFFERS.format(award), headers=ADMIN, json={})
        assert (answer.status_code, answer.get_json()["detail"]) == (409, "This badge has not been taken.")


# --- the token endpoint -----------------------------------------------------------------------------------------------


def test_a_token_request_that_makes_no_sense_is_told_so(client: FlaskClient, award: UUID) -> None:
    code = code_of(offered(client, award))
    denied(client.post("/wallet/token"), "invalid_request")
    denied(client.post("/wallet/token", json={"grant_type": wallets.GRANT}), "invalid_request")
    denied(client.post("/wallet/token", data={"grant_type": "authorization_code"}), "unsupported_grant_type")
    denied(client.post("/wallet/token", data={"grant_type": wallets.GRANT}), "invalid_request")
    twice = {"grant_type": wallets.GRANT, "pre-authorized_code": [code, code]}
    denied(client.post("/wallet/token", data=twice), "invalid_request")
    for wrong in ("made-up", "é", "\0", code[:-1]):
        denied(exchanged(client, wrong), "invalid_grant")
    assert exchanged(client, code, tx_code="", nothing="known").status_code == 200


def test_a_transaction_code_is_asked_for_where_the_offer_says_so(client: FlaskClient, award: UUID) -> None:
    offer = offered(client, award, tx_code=True)
    assert len(offer["tx_code"]) == 6
    where = path_of(offer["credential_offer_uri"])
    grant = client.get(where, headers={"Accept-Language": "de"}).get_json()["grants"][wallets.GRANT]
    assert (grant["tx_code"]["input_mode"], grant["tx_code"]["length"]) == ("numeric", 6)
    assert grant["tx_code"]["description"].startswith("Der Code steht")
    denied(exchanged(client, code_of(offer)), "invalid_request")
    assert exchanged(client, code_of(offer), tx_code=offer["tx_code"]).status_code == 200

    plain = code_of(offered(client, award))
    denied(exchanged(client, plain, tx_code="123456"), "invalid_request")
    assert exchanged(client, plain).status_code == 200


def test_transaction_codes_cannot_be_guessed_one_by_one(client: FlaskClient, award: UUID) -> None:
    offer = offered(client, award, tx_code=True)
    wrong = f"{(int(offer['tx_code']) + 1) % 10**6:06}"
    for left in (4, 3, 2, 1, 0):
        assert f"Further attempts: {left}" in denied(exchanged(client, code_of(offer), tx_code=wrong), "invalid_grant")
    denied(exchanged(client, code_of(offer), tx_code=offer["tx_code"]), "invalid_grant")
    assert client.get(path_of(offer["credential_offer_uri"])).status_code == 404


def test_a_wallet_that_wants_identifiers_asks_by_them(client: FlaskClient, award: UUID, phone: Wallet) -> None:
    wanted = {"type": "openid_credential", "credential_configuration_id": "keen-learner.ldp_vc"}
    code = code_of(offered(client, award))
    for wrong in ("no JSON", "[]", "{}", "[1]", json.dumps([{**wanted, "credential_configuration_id": "another"}])):
        denied(exchanged(client, code, authorization_details=wrong), "invalid_authorization_details")
    granted = exchanged(client, code, authorization_details=json.dumps([wanted])).get_json()
    (details,) = granted["authorization_details"]
    (identifier,) = details["credential_identifiers"]
    assert details | wanted == details
    token, proof = granted["access_token"], phone.proof(WE, nonce(client))
    denied(asked(client, token, proof), "invalid_credential_request")
    by = {"credential_configuration_id": None}
    denied(asked(client, token, proof, **by, credential_identifier="another"), "unknown_credential_identifier")
    denied(asked(client, token, proof, **by), "invalid_credential_request")
    assert asked(client, token, proof, **by, credential_identifier=identifier).status_code == 200


# --- the credential endpoint ------------------------------------------------------------------------------------------


def test_an_access_token_is_needed_and_ends_after_five_minutes(
    client: FlaskClient, engine: Engine, award: UUID, phone: Wallet
) -> None:
    proof = phone.proof(WE, nonce(client))
    answer = client.post("/wallet/credential", json={})
    denied(answer, "invalid_token", 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    answer = asked(client, "made-up", proof)
    denied(answer, "invalid_token", 401)
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
    token = access(client, award)
    with engine.begin() as connection:
        connection.execute(update(wallet_offer).values(access_expires=NOW))
    denied(asked(client, token, proof), "invalid_token", 401)


def test_a_request_names_the_badge_of_its_offer(client: FlaskClient, award: UUID, phone: Wallet) -> None:
    token, proof = access(client, award), phone.proof(WE, nonce(client))
    others: list[Any] = ["keen-learner.jwt_vc_json", "unheard-of", ["keen-learner.ldp_vc"], {}]
    for other in others:
        denied(asked(client, token, proof, credential_configuration_id=other), "unknown_credential_configuration")
    denied(asked(client, token, proof, credential_configuration_id=None), "invalid_credential_request")
    denied(asked(client, token, proof, credential_identifier="x"), "invalid_credential_request")
    denied(asked(client, token, proof, credential_response_encryption={}), "invalid_credential_request")
    headers = {"Authorization": f"Bearer {token}"}
    for body in (b"", b"[]", b"no JSON", b"\xff", b'{"a":' * 5000):
        answer = client.post("/wallet/credential", headers=headers, data=body, content_type="application/json")
        denied(answer, "invalid_credential_request")
    denied(client.post("/wallet/credential", headers=headers, data={"a": "b"}), "invalid_credential_request")
    assert asked(client, token, proof, unheard_of=1).status_code == 200


def test_one_key_proof_is_needed(client: FlaskClient, award: UUID) -> None:
    token = access(client, award)
    others: list[Any] = [None, "x", {}, [], {"di_vp": [{}]}]
    for proofs in [*others, *({"jwt": wrong} for wrong in ([], "x", [1], ["a", "b"]))]:
        denied(asked(client, token, None, proofs=proofs), "invalid_proof")


def test_a_key_proof_has_to_hold(client: FlaskClient, award: UUID, phone: Wallet) -> None:
    token, fresh = access(client, award), nonce(client)
    denied(asked(client, token, phone.proof("https://other.example.org", fresh)), "invalid_proof")
    denied(asked(client, token, phone.proof(WE, None)), "invalid_proof")
    denied(asked(client, token, phone.proof(WE, fresh, {"kid": Wallet.new().kid})), "invalid_proof")
    assert asked(client, token, phone.proof(WE, fresh)).status_code == 200


def test_a_nonce_is_ours_and_fresh_and_holds_once(
    client: FlaskClient, engine: Engine, award: UUID, phone: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, fresh = access(client, award), nonce(client)
    for wrong in ("made-up", "", fresh[:-1], "é", "\ud800"):
        denied(asked(client, token, phone.proof(WE, wrong)), "invalid_nonce")
    proof = phone.proof(WE, fresh)
    assert asked(client, token, proof).status_code == 200
    assert "used before" in denied(asked(client, token, proof), "invalid_nonce")
    denied(asked(client, access(client, award), phone.proof(WE, fresh)), "invalid_nonce")
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: datetime.now(UTC).timestamp() - 301)
    old = nonce(client)
    monkeypatch.undo()
    denied(asked(client, access(client, award), phone.proof(WE, old)), "invalid_nonce")
    with engine.begin() as connection:
        assert not store.use_nonce(connection, fresh, datetime.now(UTC))
        assert store.use_nonce(connection, fresh, datetime.now(UTC) + timedelta(minutes=6))
        assert len(connection.execute(select(wallet_nonce)).all()) == 1


# --- metadata ---------------------------------------------------------------------------------------------------------


def test_wallets_are_told_what_each_badge_looks_like(client: FlaskClient, engine: Engine) -> None:
    in_two = Achievement("in-two", {"en": "In two", "de": "In zweien"}, "Two languages.", "Know both.")
    with engine.begin() as connection:
        achievements.keep(driver(connection), in_two, None)
    metadata = client.get("/.well-known/openid-credential-issuer/issuers/main").get_json(force=True)
    assert metadata["display"] == [{"name": "Plaudit"}]
    known = metadata["credential_configurations_supported"]
    assert set(known) == {f"{name}.{form}" for name in ("keen-learner", "in-two") for form in wallets.FORMATS}
    one = known["keen-learner.ldp_vc"]
    assert one["credential_signing_alg_values_supported"] == ["eddsa-rdfc-2022"]
    assert one["proof_types_supported"]["jwt"]["proof_signing_alg_values_supported"] == ["ES256", "ES384", "EdDSA"]
    assert one["cryptographic_binding_methods_supported"] == ["did:key", "did:jwk", "jwk"]
    assert one["credential_definition"]["@context"][0] == "https://www.w3.org/ns/credentials/v2"
    (display,) = one["credential_metadata"]["display"]
    assert (display["name"], "locale" in display) == ("Keen learner", False)
    assert client.get(path_of(display["logo"]["uri"])).mimetype == "image/png"
    token = known["in-two.jwt_vc_json"]
    assert (token["format"], token["credential_signing_alg_values_supported"]) == ("jwt_vc_json", ["RS256"])
    assert "@context" not in token["credential_definition"]
    names = {one["locale"]: one["name"] for one in token["credential_metadata"]["display"]}
    assert names == {"en": "In two", "de": "In zweien"}


def test_documents_lie_between_host_and_path_of_who_they_are_about(
    settings: Settings, engine: Engine, ana: int
) -> None:
    below = "https://acme.example.org/rewards"
    with create_app(replace(settings, public_url=below), engine=engine).test_client() as client:
        for name, member in (
            ("openid-credential-issuer", "credential_issuer"),
            ("oauth-authorization-server", "issuer"),
        ):
            told = client.get(f"/.well-known/{name}/rewards/issuers/main")
            assert told.get_json(force=True)[member] == f"{below}/issuers/main"
            for elsewhere in ("", "/issuers/main", "/rewards", "/rewards/issuers/nobody", "/rewardsx/issuers/main"):
                assert client.get(f"/.well-known/{name}{elsewhere}").status_code == 404


def test_scripts_of_any_site_may_ask(client: FlaskClient, award: UUID) -> None:
    for path in ("/wallet/token", "/wallet/nonce", "/wallet/credential"):
        answer = client.options(path)
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")
        assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert (
        client.get("/.well-known/openid-credential-issuer/issuers/main").headers["Access-Control-Allow-Origin"] == "*"
    )


# --- pages ------------------------------------------------------------------------------------------------------------


def test_the_page_of_a_link_offers_the_badge_to_wallets(client: FlaskClient, engine: Engine, ana: int) -> None:
    with engine.begin() as connection:
        award = stored.offer(connection, ana)
        link, _ = badges.make_link(connection, award, NOW)
    assert "wallet" in client.get(f"/claim/{link}").text
    shown = client.post(f"/claim/{link}", data={"decision": "wallet", "code": "yes"})
    assert (shown.status_code, shown.headers["Cache-Control"]) == (200, "no-store")
    assert 'href="openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fbadges.example.org' in shown.text
    assert "data:image/svg+xml" in shown.text
    code = shown.text.split("%2Fwallet%2Foffers%2F")[1].split('"')[0]
    digits = shown.text.split('<p class="code">')[1].split("<")[0]
    assert exchanged(client, code, tx_code=digits).status_code == 200
    with engine.connect() as connection:
        found = badges.award(connection, award, NOW)
    assert found is not None
    assert found.state == "claimed"


def test_the_holders_page_says_that_the_badge_is_in_a_wallet(
    client: FlaskClient, engine: Engine, award: UUID, phone: Wallet
) -> None:
    with engine.begin() as connection:
        link, _ = badges.make_link(connection, award, NOW)
    assert "Put it into a wallet" in client.get(f"/claim/{link}").text
    fetched(client, phone, access(client, award))
    assert "Put it into another wallet" in client.get(f"/claim/{link}").text
    jwt = client.post(f"/claim/{link}", data={"decision": "wallet-jwt"}).text
    code = jwt.split("%2Fwallet%2Foffers%2F")[1].split('"')[0]
    assert client.get(f"/wallet/offers/{code}").get_json()["credential_configuration_ids"] == [
        "keen-learner.jwt_vc_json"
    ]
    suspended(engine, 0, award)
    refused = client.post(f"/claim/{link}", data={"decision": "wallet"}, headers={"Accept-Language": "de"})
    assert refused.status_code == 409
    assert "zurzeit ausgesetzt" in refused.text


def test_a_page_on_plain_http_says_nothing_of_wallets(settings: Settings, engine: Engine, award: UUID) -> None:
    with engine.begin() as connection:
        link, _ = badges.make_link(connection, award, NOW)
    with create_app(replace(settings, public_url="http://badges.example.org"), engine=engine).test_client() as client:
        assert "a wallet" not in client.get(f"/claim/{link}").text


def test_each_issuer_goes_by_its_own_name_in_wallets(
    client: FlaskClient, engine: Engine, award: UUID, phone: Wallet
) -> None:
    with engine.begin() as connection:
        issuers.keep(driver(connection), Issuer("academy", "Acme Academy"), None)
        achievements.keep(driver(connection), structs.replace(stored.KEEN, issuer="academy"), None)
    who = f"{HERE}/issuers/academy"
    metadata = client.get("/.well-known/openid-credential-issuer/issuers/academy").get_json(force=True)
    assert (metadata["credential_issuer"], metadata["display"]) == (who, [{"name": "Acme Academy"}])
    assert "keen-learner.ldp_vc" in metadata["credential_configurations_supported"]
    ours = client.get("/.well-known/openid-credential-issuer/issuers/main").get_json(force=True)
    assert ours["credential_configurations_supported"] == {}
    offer = offered(client, award)
    assert client.get(path_of(offer["credential_offer_uri"])).get_json()["credential_issuer"] == who
    token = exchanged(client, code_of(offer)).get_json()["access_token"]
    denied(asked(client, token, phone.proof(WE, nonce(client))), "invalid_proof")
    ((badge,),) = (
        one.values() for one in asked(client, token, phone.proof(who, nonce(client))).get_json()["credentials"]
    )
    assert badge["issuer"]["id"].endswith(":main"), "whoever awarded it signs it anew"
    assert problems(client, badge) == ()


def test_two_wallets_at_once_do_not_both_get_it(client: FlaskClient, engine: Engine, award: UUID) -> None:
    def at_once(ask: Callable[[FlaskClient, int], TestResponse]) -> list[int]:
        with ThreadPoolExecutor(6) as pool:
            answers = pool.map(lambda number: ask(client.application.test_client(), number), range(6))
            return sorted(answer.status_code for answer in answers)

    code = code_of(offered(client, award))
    assert at_once(lambda own, _: exchanged(own, code)) == [200, *[400] * 5]
    token, keys = access(client, award), [Wallet.new() for _ in range(6)]
    proofs = [key.proof(WE, nonce(client)) for key in keys]
    assert at_once(lambda own, number: asked(own, token, proofs[number])) == [200, *[400] * 5]
    with engine.connect() as connection:
        standing = connection.execute(select(credential.c.id).where(credential.c.revoked.is_(None))).all()
    assert len(standing) == 1
