"""Whether the process lives, and whether it can do its work."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify
from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.http.problems import RETRY_SECONDS, Problem
from service.http.services import services

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """The process lives."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> Response:
    """The database and Redis answer; if not, 503 says which is away."""
    found = {"database": _database(), "redis": _redis()}
    away = [name for name, state in found.items() if state != "ok"]
    if away:
        detail = f"The {' and the '.join(away)} {'do' if len(away) > 1 else 'does'} not answer."
        extra: dict[str, Any] = found
        raise Problem(503, detail, headers={"Retry-After": str(RETRY_SECONDS)}, **extra)
    return jsonify(status="ok", **found)


def _database() -> str:
    try:
        with services().engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except (DBAPIError, PoolTimeout):
        return "away"
    return "ok"


def _redis() -> str:
    try:
        services().redis.ping()
    except RedisError:
        return "away"
    return "ok"
