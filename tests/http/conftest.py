"""The application on the fresh stores, and callers with tokens."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from service.app import create_app
from service.settings import Settings
from service.store import tokens


@dataclass(frozen=True)
class Caller:
    """Somebody with a token, or nobody."""

    client: FlaskClient
    token: str | None = None

    def __call__(self, path: str, method: str = "GET", **options: Any) -> TestResponse:
        headers = dict(options.pop("headers", {}))
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return self.client.open(path, method=method, headers=headers, **options)


@pytest.fixture
def public_url(settings: Settings) -> str:
    """What the service calls itself; modules about badges say something else."""
    return settings.public_url


@pytest.fixture
def app(settings: Settings, public_url: str, engine: Engine, redis: Redis) -> Flask:
    return create_app(replace(settings, public_url=public_url), engine=engine, redis=redis)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as made:
        yield made


@pytest.fixture
def anybody(client: FlaskClient) -> Caller:
    return Caller(client)


@pytest.fixture
def admin(client: FlaskClient, settings: Settings) -> Caller:
    return Caller(client, settings.admin_token)


@pytest.fixture
def reader(client: FlaskClient, engine: Engine) -> Caller:
    with engine.begin() as connection:
        return Caller(client, tokens.add_token(connection, "reader", ["read"]))
