"""What is served over HTTP is enough for verifiers written by others, before a revocation and after it."""

from __future__ import annotations

import json
import urllib.request

import pytest
from sqlalchemy import Engine

from service.badges import issuing
from service.settings import Settings
from service.store import badges
from tests.badges import stored
from tests.badges.live import serving
from tests.badges.stored import ISSUER, NOW, SECRET, change
from tests.badges.verifiers import verdicts


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
def test_a_credential_signed_before_a_rotation_of_keys_is_still_valid(settings: Settings, engine: Engine) -> None:
    ana = stored.prepare(engine)
    with engine.begin() as connection:
        id_ = stored.claim(connection, stored.offer(connection, ana))
        issuing.rotate(connection, "main", SECRET, NOW)
    with serving(settings, engine, ISSUER.public_url) as address:
        with urllib.request.urlopen(f"{address}/credentials/{id_}") as answer:
            credential = json.load(answer)
        given = verdicts(credential, origins={ISSUER.public_url: address})
    assert given == {"digitalbazaar": "", "dcc": "", "openbadgeslib": ""}
