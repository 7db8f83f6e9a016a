"""A wallet library written by others takes our badges, in both formats, and verifiers written by others accept them."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest
from sqlalchemy import Engine

from service.settings import Settings
from service.store import badges
from tests.badges import stored
from tests.badges.live import serving
from tests.badges.stored import ISSUER, NOW, change
from tests.badges.verifiers import jwt_verdicts, taken_by_wallet, verdicts


@pytest.mark.js
def test_a_wallet_takes_what_verifiers_accept(settings: Settings, engine: Engine) -> None:
    ana = stored.prepare(engine)
    with engine.begin() as connection:
        badges.settle(connection, [change(ana, key="1"), change(ana, key="2")])
        first, second = (one.id for one in badges.awards_of(connection, ana, NOW))
        for award in (first, second):
            stored.claim(connection, award)
    with serving(settings, engine, ISSUER.public_url) as address:

        def asked(path: str, body: dict[str, Any] | None = None, accept: str = "*/*") -> bytes:
            headers = {"Accept": accept, "Authorization": "Bearer admin-token", "Content-Type": "application/json"}
            content = None if body is None else json.dumps(body).encode()
            with urllib.request.urlopen(urllib.request.Request(f"{address}/{path}", content, headers)) as answer:
                return bytes(answer.read())

        guarded = json.loads(asked(f"api/v1/badges/{first}/wallet-offer", {"tx_code": True}))
        plain = json.loads(asked(f"api/v1/badges/{second}/wallet-offer", {"format": "jwt_vc_json"}))
        offers = [
            {"link": guarded["url"], "txCode": guarded["tx_code"], "by": "did"},
            {"link": plain["url"], "txCode": None, "by": "jwk"},
        ]
        origins = {ISSUER.public_url: address}
        one, other = taken_by_wallet(offers, origins)
        assert (one.get("format"), other.get("format")) == ("ldp_vc", "jwt_vc_json"), (one, other)
        assert one["draft"] == other["draft"] == "V1", "it knows our metadata as that of version 1.0"
        assert one["known"]
        assert other["known"]
        assert one["credential"]["credentialSubject"]["id"] == one["subject"]
        assert verdicts(one["credential"], origins=origins) == {"digitalbazaar": "", "dcc": "", "openbadgeslib": ""}

        did = json.loads(asked("issuers/main/did.json"))
        documents = {
            ISSUER.url("issuers/main/did.json"): did,
            ISSUER.url("status/1"): asked("status/1", accept="application/vc+jwt").decode(),
        }
        assert jwt_verdicts(other["credential"], did, documents) == {"jose": "", "openbadgeslib": ""}
