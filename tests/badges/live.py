"""The application behind a real port on loopback, for verifiers and browsers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Thread

from sqlalchemy import Engine
from werkzeug.serving import make_server

from service.app import create_app
from service.settings import Settings


@contextmanager
def serving(settings: Settings, engine: Engine, public_url: str = "") -> Iterator[str]:
    """The address at which the application answers; it calls itself by `public_url`, or by that address."""
    app = create_app(settings, engine=engine)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    address = f"http://127.0.0.1:{server.port}"
    app.extensions["plaudit"].settings = replace(settings, public_url=public_url or address)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        server.shutdown()
        thread.join()
