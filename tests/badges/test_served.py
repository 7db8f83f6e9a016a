"""What is served over HTTP is enough for verifiers written by others, before a revocation and after it."""

from __future__ import annotations

import json
import urllib.request

import pytest
from sqlalchemy import Engine

from service.badges import keyring
from service.settings import Settings
from service.store import badges
from tests.badges import stored
from tests.badges.live import serving
from tests.badges.stored import ISSUER, NOW, SECRET, change
from tests.badges.verifiers import jwt_verdicts, verdicts


@pytest.mark.js
def test_a_served_credential_is_valid_until_it_is_revoked(settings: Settings, engine: Engine) -> None:
    ana = stored.prepare(engine)
    with engine.begin() as connection:
        id_ = stored.claim(connection, stored.offer(connection, ana))
    with serving(settings, engine, ISSUER.public_url) as address:
        origins = {ISSUER.public_url: address}
        with urllib.request.urlopen(f"{address}/credentials/{id_}") as answer:
            credential = json.load(answer)
        assert verdicts(credential, origins=origins) == {"digitalbazaar": "", "dcc": "", "openbadgeslib": ""}

        with engine.begin() as connection:
            badges.settle(connection, [change(ana, grounded=False, if_undone="revoke")])
        assert all(verdicts(credential, origins=origins).values())


@pytest.mark.js
def test_a_served_jwt_is_valid_and_the_same_whenever_it_is_asked_for(settings: Settings, engine: Engine) -> None:
    ana = stored.prepare(engine)
    with engine.begin() as connection:
        id_ = stored.claim(connection, stored.offer(connection, ana))

    with serving(settings, engine, ISSUER.public_url) as address:

        def get(path: str, accept: str = "*/*") -> bytes:
            question = urllib.request.Request(f"{address}/{path}", headers={"Accept": accept})
            with urllib.request.urlopen(question) as answer:
                return bytes(answer.read())

        token = get(f"credentials/{id_}", "text/plain")
        did = json.loads(get("issuers/main/did.json"))
        assert token == get(f"credentials/{id_}.jwt") == get(f"credentials/{id_}", "text/plain")
        documents = {
            ISSUER.url("issuers/main/did.json"): did,
            ISSUER.url("status/1"): get("status/1", "application/vc+jwt").decode(),
        }
        assert {key["kid"] for key in json.loads(get(".well-known/jwks.json"))["keys"]} == set(did["assertionMethod"])
    assert jwt_verdicts(token.decode(), did, documents) == {"jose": "", "openbadgeslib": ""}


@pytest.mark.js
def test_a_credential_signed_before_a_rotation_of_keys_is_still_valid(settings: Settings, engine: Engine) -> None:
    ana = stored.prepare(engine)
    with engine.begin() as connection:
        id_ = stored.claim(connection, stored.offer(connection, ana))
        keyring.rotate(connection, "main", SECRET, NOW)
    with serving(settings, engine, ISSUER.public_url) as address:
        with urllib.request.urlopen(f"{address}/credentials/{id_}") as answer:
            credential = json.load(answer)
        given = verdicts(credential, origins={ISSUER.public_url: address})
    assert given == {"digitalbazaar": "", "dcc": "", "openbadgeslib": ""}
