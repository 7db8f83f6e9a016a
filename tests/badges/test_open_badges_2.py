"""The same award as Open Badges 2.0 satisfies the official validator."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine

from service.badges import baking
from service.settings import Settings
from service.store import badges
from tests.badges import stored
from tests.badges.live import serving
from tests.badges.stored import ISSUER, change
from tests.badges.verifiers import old_verdict

ANA = {"email": "ana@acme.example.org"}


@pytest.fixture
def credential(engine: Engine) -> UUID:
    ana = stored.prepare(engine)
    with engine.begin() as connection:
        return stored.claim(connection, stored.offer(connection, ana))


@pytest.fixture
def address(settings: Settings, engine: Engine, credential: UUID) -> Iterator[str]:
    with serving(settings, engine, ISSUER.public_url) as found:
        yield found


def get(address: str) -> Any:
    with urllib.request.urlopen(address) as answer:
        return json.load(answer)


def test_every_document_is_at_the_address_that_is_its_id(address: str, credential: UUID) -> None:
    for path in (f"ob2/assertions/{credential}", f"ob2/badges/{credential}", "ob2/issuers/main"):
        assert get(f"{address}/{path}")["id"] == ISSUER.url(path)


def test_the_official_validator_accepts_it_for_its_holder_until_it_is_revoked(
    address: str, credential: UUID, engine: Engine, tmp_path: Path
) -> None:
    origins, hosted = {ISSUER.public_url: address}, ISSUER.url(f"ob2/assertions/{credential}")
    assert old_verdict(hosted, origins, ANA) == ""
    assert old_verdict(hosted, origins, {"email": "eve@acme.example.org"})
    for ending in ("png", "svg"):
        with urllib.request.urlopen(f"{address}/ob2/assertions/{credential}.{ending}") as answer:
            picture = answer.read()
        assert json.loads(baking.unbake(picture) or "")["id"] == hosted
        baked = tmp_path / f"badge.{ending}"
        baked.write_bytes(picture)
        assert old_verdict(str(baked), origins, ANA) == ""
    with engine.begin() as connection:
        badges.settle(connection, [change(1, grounded=False, if_undone="revoke")])
    assert old_verdict(hosted, origins)


def test_a_revoked_assertion_is_gone_and_says_why(address: str, credential: UUID, engine: Engine) -> None:
    with engine.begin() as connection:
        badges.settle(connection, [change(1, grounded=False, if_undone="revoke")])
    with pytest.raises(urllib.error.HTTPError) as gone:
        get(f"{address}/ob2/assertions/{credential}")
    assert gone.value.code == 410
    told = json.load(gone.value)
    assert (told["id"], told["revoked"]) == (ISSUER.url(f"ob2/assertions/{credential}"), True)
    assert told["revocationReason"] == "what it was awarded for was withdrawn"
