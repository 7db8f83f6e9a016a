"""A small LRS for tests: it has statements, gives them in pages whose addresses end, and takes statements."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.written import Json

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
AUTHORIZATION = "Basic " + b64encode(b"plaudit:the password").decode()


class SmallLrs:
    """Statements in the order in which they were stored, one a minute. failing: what the next answers are instead.

    body: bytes that answer whatever is asked for.
    """

    def __init__(self, page: int = 2) -> None:
        self.page = page
        self.statements: list[Json] = []
        self.asked: list[str] = []
        self.failing: list[int] = []
        self.body = b""
        self.expired = False
        self.next = ""
        self.url = ""

    def store(self, *statements: Json) -> None:
        for one in statements:
            stored = BEGINNING + timedelta(minutes=len(self.statements))
            self.statements.append({**one, "stored": stored.isoformat().replace("+00:00", "Z")})

    def result(self, address: str) -> tuple[int, Any]:
        """The page at this address."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.asked.append(address)
        if self.failing:
            return self.failing.pop(0), "failing"
        if self.body:
            return 200, self.body
        if "from" in asked and self.expired:
            self.expired = False
            return 404, "this page is gone"
        assert "from" in asked or asked["ascending"] == "true"
        since = datetime.fromisoformat(asked["since"]) if "since" in asked else datetime.min.replace(tzinfo=UTC)
        found = [one for one in self.statements if datetime.fromisoformat(one["stored"]) > since]
        start = int(asked.get("from", 0))
        end = start + self.page
        more = (
            f"/xapi/statements?from={end}&since={asked.get('since', '0001-01-01T00:00:00Z')}"
            if end < len(found)
            else ""
        )
        return 200, {"statements": found[start:end], "more": self.next or more}


@contextmanager
def served(lrs: SmallLrs) -> Iterator[SmallLrs]:
    """The LRS at work, at its `url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(*lrs.result(self.path))

        def do_PUT(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            lrs.asked.append(self.path)
            if lrs.failing:
                return self._answer(lrs.failing.pop(0), "failing")
            known = body["id"] in {one["id"] for one in lrs.statements}
            if not known:
                lrs.store(body)
            return self._answer(409 if known else 204, None)

        def _answer(self, status: int, content: Any) -> None:
            status = status if self.headers["Authorization"] == AUTHORIZATION else 401
            self.send_response(status)
            body = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        lrs.url = f"http://127.0.0.1:{server.server_port}/xapi"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield lrs
        server.shutdown()
