"""Who asks, behind web servers: what they say is believed of those that are trusted, and of nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine

from service.app import create_app
from service.boards import PREFIX
from service.http import clients
from service.http.auth import ensure_default_source
from service.http.forwarded import Forwarded, house
from service.settings import Settings
from tests.http.allowing import METADATA
from tests.http.test_xapi import pushed
from tests.written import said

PROXY, OTHER, SOMEBODY = "10.0.0.1", "10.0.0.2", "203.0.113.7"
Behind = Callable[..., FlaskClient]


def asking(peer: str, forwarded: str | None, *trusted: str) -> str:
    """Who asks, for the application."""
    heard: list[str] = []

    def app(environ: dict[str, Any], _: Any) -> list[bytes]:
        heard.append(environ["REMOTE_ADDR"])
        return []

    environ = {"REMOTE_ADDR": peer} | ({} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded})
    Forwarded(app, [ip_network(one) for one in trusted])(environ, lambda *_: None)  # type: ignore[arg-type]
    return heard[0]


@pytest.mark.parametrize(
    ("peer", "forwarded", "who"),
    [
        (PROXY, None, PROXY),
        (PROXY, "", PROXY),
        (PROXY, SOMEBODY, SOMEBODY),
        (PROXY, f"{SOMEBODY}:4711", SOMEBODY),
        (PROXY, f"198.51.100.1, {SOMEBODY}", SOMEBODY),
        (PROXY, f"{SOMEBODY}, {OTHER}", SOMEBODY),
        (PROXY, f"198.51.100.1,{SOMEBODY},{OTHER},10.9.9.9", SOMEBODY),
        (PROXY, f"{OTHER}, 10.9.9.9", OTHER),
        (PROXY, "unknown", PROXY),
        (PROXY, f"{SOMEBODY}, unknown", PROXY),
        (f"::ffff:{PROXY}", f"::ffff:{SOMEBODY}", SOMEBODY),
        (PROXY, "[2001:db8::1]:443", "2001:db8::1"),
        (PROXY, "2001:db8::1", "2001:db8::1"),
        ("::1", SOMEBODY, SOMEBODY),
        (SOMEBODY, "198.51.100.1", SOMEBODY),
        ("", "198.51.100.1", ""),
    ],
)
def test_the_first_from_the_end_that_is_not_trusted_asks(peer: str, forwarded: str | None, who: str) -> None:
    assert asking(peer, forwarded, "10.0.0.0/8", "::1") == who


def test_an_address_counts_with_its_network() -> None:
    assert house("203.0.113.7") == house("::ffff:203.0.113.7") == "203.0.113.7"
    assert house("2001:db8::1") == house("2001:db8::ffff:1") != house("2001:db8:0:1::1")
    assert house("") == ""


@pytest.fixture
def behind(settings: Settings, engine: Engine, redis: Redis) -> Behind:
    """The service, and whose word it takes."""
    return lambda *trusted: create_app(
        replace(settings, trusted_proxies=tuple(map(ip_network, trusted))), engine=engine, redis=redis
    ).test_client()


def registers(web: FlaskClient, forwarded: str, peer: str = PROXY) -> int:
    environ = {"REMOTE_ADDR": peer}
    headers = {"X-Forwarded-For": forwarded, "Forwarded": f"for={forwarded}", "X-Real-IP": forwarded}
    return web.post("/oauth2/register", json=METADATA, headers=headers, environ_base=environ).status_code


def test_behind_a_trusted_server_each_address_has_its_own_limit(behind: Behind, redis: Redis) -> None:
    web = behind("10.0.0.0/8")
    redis.set(f"{PREFIX}asked:registrations:{SOMEBODY}", clients.AN_HOUR, ex=60)
    assert registers(web, SOMEBODY) == 429
    assert registers(web, f"198.51.100.1, {SOMEBODY}") == 429
    assert registers(web, "198.51.100.1") == 201


def test_a_forged_header_changes_nothing(behind: Behind, redis: Redis) -> None:
    redis.set(f"{PREFIX}asked:registrations:{SOMEBODY}", clients.AN_HOUR, ex=60)
    redis.set(f"{PREFIX}asked:registrations:{PROXY}", clients.AN_HOUR, ex=60)
    assert registers(behind("10.0.0.0/8"), "198.51.100.1", peer=SOMEBODY) == 429
    assert registers(behind(), "198.51.100.1") == 429


def test_addresses_are_those_of_the_settings_whatever_a_request_says(behind: Behind, settings: Settings) -> None:
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher"}
    for path in ("/.well-known/oauth-authorization-server/oauth2", "/ims/ob/v3p0/discovery", "/openapi.json", "/"):
        answer = behind("127.0.0.0/8").get(path, headers=evil)
        assert (answer.status_code, b"evil" in answer.data, b"gopher" in answer.data) == (200, False, False), path


def test_pushes_are_answered_before_and_as_without(behind: Behind, engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        ensure_default_source(connection, settings)
    web = behind("127.0.0.1")
    for query in ({}, {"a": "b"}):
        answer = pushed(web, said(1), headers={"X-Forwarded-For": "junk, [::1"}, query=query)
        assert answer.status_code == 200
