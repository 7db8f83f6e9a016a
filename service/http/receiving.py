"""A time limit for receiving a body: whoever stalls in the middle of sending holds a thread no longer than that.

granian reads a body when it is asked for, in the thread that answers, and waits for the sender without end. It neither
lets us stop waiting nor says which connection it is. So every read is noted, and a thread of its own looks for those
that take too long and ends their connections: those from that address on which we have sent nothing since the read
began, though something was received after what we last sent. The kernel knows both (TCP_INFO, tcp(7)); elsewhere than
on Linux nothing is ended. A connection that is ended has been told 408 (RFC 9110, 15.5.9).
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import structlog

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

LONGEST_SECONDS = 30.0
"""How long a body may take."""
CROWDED_SECONDS = 5.0
"""The same while bodies are waited for by half of all threads."""
LOOK_SECONDS = 1.0
ANSWER = (
    b"HTTP/1.1 408 Request Timeout\r\nContent-Type: application/problem+json\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
PROBLEM = (
    b'{"title": "Request Timeout", "status": 408, "detail": "The body did not come in time; send it again at once."}'
)
_ESTABLISHED = 1
_INFO = struct.Struct("=8B24I4Q")
"""The beginning of struct tcp_info in linux/tcp.h; times in milliseconds."""
_LAST_SENT, _LAST_RECEIVED = 8 + 9, 8 + 11
_BYTES_SENT, _BYTES_RECEIVED = 32 + 2, 32 + 3
_TICK_SECONDS = 0.05
"""How exactly the kernel says when."""

log = structlog.get_logger(__name__)


class _Read(NamedTuple):
    """A body that is being received: from which address, since when (monotonic seconds)."""

    address: str
    began: float


class Receiving:
    """The WSGI application `app`, each body of which must come in time.

    port: where it listens. threads: how many answer requests.
    """

    def __init__(self, app: WSGIApplication, port: int, threads: int) -> None:
        self._app = app
        self._port = port
        self._threads = threads
        self._reads: dict[int, _Read] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("CONTENT_LENGTH") or "HTTP_TRANSFER_ENCODING" in environ:
            environ["wsgi.input"] = _Body(environ["wsgi.input"], environ.get("REMOTE_ADDR", ""), self._reads)
        return self._app(environ, start_response)

    def watch(self) -> None:
        """Starts the thread that ends connections whose bodies take too long."""
        if sys.platform == "linux":
            threading.Thread(target=self._watch, name="receiving", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_SECONDS)
            try:
                self.look()
            except OSError as error:
                log.warning("slow senders could not be looked for", error=repr(error))

    def look(self) -> int:
        """Ends the connections of bodies that have taken too long; answers how many."""
        reads, now = list(self._reads.values()), time.monotonic()
        longest = CROWDED_SECONDS if 2 * len(reads) >= self._threads else LONGEST_SECONDS
        slow = [read for read in reads if now - read.began > longest]
        if not slow:
            return 0
        began = {address: min(read.began for read in slow if read.address == address) for address, _ in slow}
        ended = sum(_end(one) for one in _connections(self._port) if _stalls(one, began, now))
        log.warning("bodies did not come in time", bodies=len(slow), connections_ended=ended)
        return ended


class _Body:
    """`wsgi.input`, which notes that it is being read."""

    def __init__(self, body: Any, address: str, reads: dict[int, _Read]) -> None:
        self._body, self._address, self._reads = body, address, reads
        self._began: float | None = None

    def read(self, *size: int) -> bytes:
        return bytes(self._noted(self._body.read, *size))

    def readline(self, *size: int) -> bytes:
        return bytes(self._noted(self._body.readline, *size))

    def readlines(self, *hint: int) -> list[bytes]:
        return list(self._noted(self._body.readlines, *hint))

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline():
            yield line

    def _noted(self, act: Callable[..., Any], *arguments: int) -> Any:
        self._began = self._began or time.monotonic()
        self._reads[id(self)] = _Read(self._address, self._began)
        try:
            return act(*arguments)
        finally:
            del self._reads[id(self)]


# --- connections ------------------------------------------------------------------------------------------------------


def _connections(port: int) -> Iterator[socket.socket]:
    """The connections that others have made to this port, each as a socket of its own that shares the connection."""
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if not os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(name))) as connection:
                if connection.family in (socket.AF_INET, socket.AF_INET6) and connection.getsockname()[1] == port:
                    yield connection


def _stalls(connection: socket.socket, began: dict[str, float], now: float) -> bool:
    """Whether this is from one of these addresses, and was told nothing of an answer since a read began from there."""
    try:
        since = began.get(connection.getpeername()[0])
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO.size)
    except OSError:  # it listens, or has ended
        return False
    if since is None or len(told) < _INFO.size:
        return False
    info = _INFO.unpack(told)
    sent, received = info[_LAST_SENT], info[_LAST_RECEIVED]
    asked = info[_BYTES_RECEIVED] > 0 and (
        info[_BYTES_SENT] <= 1 or received < sent
    )  # opening a connection counts as 1
    return bool(info[0] == _ESTABLISHED and asked and sent / 1000 >= now - since - _TICK_SECONDS)


def _end(connection: socket.socket) -> bool:
    """Says why, and closes both ways, so that whoever reads from it is told that nothing more will come."""
    with suppress(OSError):
        connection.send(ANSWER % (len(PROBLEM), PROBLEM), socket.MSG_DONTWAIT)
        connection.shutdown(socket.SHUT_RDWR)
        return True
    return False
