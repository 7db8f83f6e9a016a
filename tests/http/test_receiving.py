"""A body must come in time: who stalls is told so and let go, and nobody else notices."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest

from service.http import receiving
from service.http.receiving import Receiving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a connection was last used")
HEAD = b"POST / HTTP/1.1\r\nHost: plaudit\r\nContent-Length: 5\r\n\r\n"


class Threaded(WSGIServer):
    """A thread for each connection, as granian has them."""

    def process_request(self, request: Any, address: Any) -> None:
        threading.Thread(target=self.process_request_thread, args=(request, address), daemon=True).start()

    def process_request_thread(self, request: Any, address: Any) -> None:
        self.finish_request(request, address)
        self.shutdown_request(request)


class Quiet(WSGIRequestHandler):
    def log_message(self, *_: Any) -> None: ...


def echo(environ: Any, start_response: Any) -> list[bytes]:
    body = environ["wsgi.input"].read(5)
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@pytest.fixture
def served() -> Iterator[tuple[Receiving, int]]:
    """An application with four threads that answers what it is sent."""
    with make_server("127.0.0.1", 0, echo, Threaded, Quiet) as server:
        watched = Receiving(echo, server.server_port, threads=4)
        server.set_app(watched)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield watched, server.server_port
        server.shutdown()


def until(true: Any) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def held(client: socket.socket) -> bytes:
    client.settimeout(20)
    return client.recv(1000)


def test_a_stalled_body_is_ended_with_408_and_no_other_connection(
    served: tuple[Receiving, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, port = served
    with (
        socket.create_connection(("127.0.0.1", port)) as stalled,
        socket.create_connection(("127.0.0.1", port)) as idle,
    ):
        stalled.sendall(HEAD + b"abc")
        until(lambda: len(watched._reads) == 1)
        time.sleep(0.2)
        assert watched.look() == 0
        monkeypatch.setattr(receiving, "LONGEST_SECONDS", 0.1)
        assert watched.look() == 1
        assert held(stalled).startswith(b"HTTP/1.1 408 ")
        until(lambda: not watched._reads)
        idle.sendall(HEAD + b"abcde")
        assert held(idle).startswith(b"HTTP/1.0 200 ")


def test_while_half_of_the_threads_wait_for_bodies_they_must_come_sooner(
    served: tuple[Receiving, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, port = served
    monkeypatch.setattr(receiving, "CROWDED_SECONDS", 0.1)
    with ExitStack() as stack:
        stalled = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(2)]
        stalled[0].sendall(HEAD)
        until(lambda: len(watched._reads) == 1)
        time.sleep(0.2)
        assert watched.look() == 0
        stalled[1].sendall(HEAD)
        until(lambda: len(watched._reads) == 2)
        time.sleep(0.2)
        assert watched.look() == 2
        assert [held(one)[:13] for one in stalled] == [b"HTTP/1.1 408 "] * 2
        until(lambda: not watched._reads)
