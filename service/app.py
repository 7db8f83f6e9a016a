"""The application: the modules of `service.http` put together, with the stores they work on.

`python -m service.app` writes `openapi/openapi.json`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from time import perf_counter
from typing import TYPE_CHECKING, Any

import flask
import flask_smorest
from flask import Flask, Response, request
from redis import Redis
from sqlalchemy import Engine

from service import boards, http, shipped
from service.http import openapi, problems
from service.http.auth import Sources, Tokens
from service.http.express import Express
from service.http.forwarded import Forwarded
from service.http.leaderboards import BoardsInForce, Names
from service.http.metrics import Metrics
from service.http.services import Services, services
from service.http.streams import SHARE, Streams
from service.intake import Intake
from service.jobs import wake
from service.needing import InForce
from service.settings import Settings
from service.store.engine import engine as connected

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["Services", "create_app", "services", "write_openapi"]

SECURITY_HEADERS = (
    ("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)


def create_app(settings: Settings, *, engine: Engine | None = None, redis: Redis | None = None) -> Flask:
    """The application on these stores; those left out are those of the settings. Nothing is connected to yet."""
    app = Flask("plaudit", static_folder=None, template_folder=None, root_path=str(Path(__file__).parent))
    app.config.update(openapi.config(), MAX_CONTENT_LENGTH=settings.max_bytes)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.json.compact = True  # type: ignore[attr-defined]
    app.url_map.merge_slashes = False  # it would redirect, to whatever host the request names
    app.extensions["plaudit"] = _services(
        settings,
        connected(settings.database_url) if engine is None else engine,
        boards.client(settings.redis_url) if redis is None else redis,
    )
    problems.register(app)
    api = openapi.Api(app)
    for blueprint in _blueprints():
        (api if isinstance(blueprint, flask_smorest.Blueprint) else app).register_blueprint(blueprint)
    app.extensions["plaudit-openapi"] = openapi.document(app, api)
    app.after_request(partial(_counted, app.extensions["plaudit"].metrics))
    if settings.trusted_proxies:
        app.wsgi_app = Forwarded(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    app.wsgi_app = Express(Answering(app.wsgi_app), app.extensions["plaudit"], SECURITY_HEADERS)  # type: ignore[method-assign]
    return app


def _services(settings: Settings, engine: Engine, redis: Redis) -> Services:
    return Services(
        settings=settings,
        engine=engine,
        redis=redis,
        intake=Intake(engine, partial(wake, redis)),
        tokens=Tokens(engine, settings.admin_token),
        sources=Sources(engine, settings.admin_token, settings.secret_key),
        boards=BoardsInForce(engine),
        names=Names(engine),
        metrics=Metrics(engine, redis),
        streams=Streams(settings.threads // SHARE),
        needing=InForce(),
    )


def _blueprints() -> Iterator[flask.Blueprint]:
    """The blueprint of every module of `service.http` that has one: to add a resource is to add a module."""
    for module in sorted(iter_modules(http.__path__), key=lambda module: module.name):
        blueprint = getattr(import_module(f"service.http.{module.name}"), "blueprint", None)
        if blueprint is not None:
            yield blueprint


class Answering:
    """The WSGI application with the security headers on every answer that does not set them itself.

    Here and not in Flask's hooks, because there they would cost a quarter of the time of a small request.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ["plaudit.began"] = perf_counter()

        def start(status: str, headers: list[tuple[str, str]], *failed: Any) -> Callable[[bytes], object]:
            names = {name.lower() for name, _ in headers}
            headers += [(name, value) for name, value in SECURITY_HEADERS if name.lower() not in names]
            return start_response(status, headers, *failed)

        return self._app(environ, start)


def _counted(metrics: Metrics, response: Response) -> Response:
    asked = request._get_current_object()  # type: ignore[attr-defined]
    seconds = perf_counter() - asked.environ["plaudit.began"] if "plaudit.began" in asked.environ else 0.0
    method = asked.method if asked.url_rule is not None else "unknown"
    metrics.answered(method, asked.endpoint or "none", response.status_code, seconds)
    return response


def write_openapi(path: Path) -> None:
    """The OpenAPI document of the code as it is; nothing is connected to."""
    app = create_app(_nowhere(), redis=Redis())
    document = json.dumps(app.extensions["plaudit-openapi"], indent=2, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document + "\n", encoding="utf-8")


def _nowhere() -> Settings:
    from zoneinfo import ZoneInfo

    return Settings(
        database_url="postgresql://nowhere/plaudit",
        redis_url="redis://nowhere",
        data_dir=Path("nowhere"),
        host="127.0.0.1",
        port=8000,
        public_url="http://127.0.0.1:8000",
        rules_dir=Path("nowhere"),
        secret_key="nowhere",  # noqa: S106
        admin_token="nowhere",  # noqa: S106
        source_user="nowhere",
        source_password="nowhere",  # noqa: S106
        workers=0,
        threads=1,
        max_statements=500,
        max_bytes=1 << 20,
        time_zone=ZoneInfo("UTC"),
    )


if __name__ == "__main__":
    write_openapi(Path(sys.argv[1]) if len(sys.argv) > 1 else shipped.openapi() / "openapi.json")
