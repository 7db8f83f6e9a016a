"""What the views need and the application holds: one value, made by `create_app`, found with `services()`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from flask import current_app
from redis import Redis
from sqlalchemy import Engine

from service.intake import Intake
from service.needing import InForce
from service.settings import Settings

if TYPE_CHECKING:
    from service.http.auth import Sources, Tokens
    from service.http.leaderboards import BoardsInForce, Names
    from service.http.metrics import Metrics
    from service.http.streams import Streams


@dataclass
class Services:
    """The stores, the settings, and what is remembered in this process for a few seconds."""

    settings: Settings
    engine: Engine
    redis: Redis
    tokens: Tokens
    sources: Sources
    boards: BoardsInForce
    names: Names
    metrics: Metrics
    streams: Streams
    intake: Intake
    needing: InForce


def services() -> Services:
    """The services of the application that answers this request."""
    return cast("Services", current_app.extensions["plaudit"])
