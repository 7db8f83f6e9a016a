"""The whole service as one process tree, from start to stop: servers, schema, rules, HTTP server and workers.

Every child is told by the kernel to end when this process dies without a word; a child that dies is started again.
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

import click

from service import children
from service.embedded import Postgres, Valkey
from service.errors import Refusal
from service.migrate import migrate
from service.settings import Settings, local_url
from service.store.engine import engine
from service.store.sources import ensure_default_source
from service.stores import Stores

_QUICK_SECONDS, _QUICK_DEATHS = 10, 5
_LONGEST_PAUSE_SECONDS = 10
_ANSWER_SECONDS = 60
_PATIENCE_SECONDS = 30  # for requests in flight, and for a worker's job


@contextmanager
def serving(found: Settings) -> Iterator["Service"]:
    """The service, from when it answers to the end of the block; to be used in the main thread.

    SIGTERM and Ctrl-C raise KeyboardInterrupt in the block, or before it. Raises Refusal when it cannot start.
    """
    service = Service(found)
    with _signals_interrupt():
        try:
            service.start()
            yield service
        finally:
            service.stop()


class Service:
    """The process tree. `settings` are those in effect, with the addresses filled in; `url` is where it listens."""

    def __init__(self, found: Settings) -> None:
        address, port = _free(found.host, found.port)
        self.url = local_url(found.host, port)
        public_url = self.url if found.public_url == local_url(found.host, 0) else found.public_url
        self._stores = Stores(replace(found, host=address, port=port, public_url=public_url))
        self.settings = self._stores.settings
        self._http: list[_Child] = []
        self._workers: list[_Child] = []
        self._servers: list[_Child] = []

    def start(self) -> None:
        """Start everything; returns once the service answers."""
        self.settings = self._stores.start()
        self._servers = [_Child(type(each).__name__, _starter(each), each.child) for each in self._stores.servers]
        migrate(self.settings.database_url)
        _prepare(self.settings)
        environ = _environ(self.settings)
        self._http = [_Child("The HTTP server", lambda: _python(["-m", "service.wsgi"], environ))]
        self._workers = [
            _Child("A worker", lambda: _python(["-m", "service", "worker"], environ), needed=False)
            for _ in range(self.settings.workers)
        ]
        self._wait_for_an_answer()

    def watch(self) -> None:
        """Start again whatever dies, for ever. Raises Refusal when that does not help."""
        while True:
            self._look()
            time.sleep(0.2)

    def stop(self) -> None:
        """First no more requests, then no more work, then the servers."""
        for group in (self._http, self._workers):
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.stop()
        self._stores.stop()

    def _look(self) -> None:
        for child in (*self._servers, *self._http, *self._workers):
            child.look()

    def _wait_for_an_answer(self) -> None:
        deadline = time.monotonic() + _ANSWER_SECONDS
        while not _answers(self.url + "/readyz"):
            if time.monotonic() > deadline:
                raise Refusal(f"The service did not answer at {self.url}/readyz within {_ANSWER_SECONDS} seconds.")
            self._look()
            time.sleep(0.05)


class _Child:
    """A process that is started again, later each time, when it dies.

    Five quick deaths in a row of one without which nothing can be stored (`needed`) are the end of the service.
    """

    def __init__(
        self,
        name: str,
        begin: Callable[[], subprocess.Popen[bytes]],
        begun: subprocess.Popen[bytes] | None = None,
        needed: bool = True,
    ) -> None:
        self._name, self._begin, self._needed = name, begin, needed
        self._process = begun or begin()
        self._since = time.monotonic()
        self._quick_deaths = 0
        self._due: float | None = None

    def look(self) -> None:
        now = time.monotonic()
        if self._due is None and (status := self._process.poll()) is not None:
            self._quick_deaths = self._quick_deaths + 1 if now - self._since < _QUICK_SECONDS else 1
            if self._quick_deaths >= _QUICK_DEATHS and self._needed:
                raise Refusal(f"{self._name} ended {_QUICK_DEATHS} times right after its start, last with {status}.")
            click.echo(f"{self._name} ended with {status} and is started again.", err=True)
            self._due = now + min(0.1 * 2**self._quick_deaths, _LONGEST_PAUSE_SECONDS)
        elif self._due is not None and now >= self._due:
            self._process, self._since, self._due = self._begin(), time.monotonic(), None

    def ask_to_stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        children.stop(self._process, signal.SIGTERM, _PATIENCE_SECONDS)


def _starter(server: Postgres | Valkey) -> Callable[[], subprocess.Popen[bytes]]:
    def start() -> subprocess.Popen[bytes]:
        server.start()
        assert server.child is not None
        return server.child

    return start


def _python(arguments: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return children.spawn([sys.executable, *arguments], farewell=signal.SIGTERM, environ=environ)


def _environ(effective: Settings) -> dict[str, str]:
    """What a child reads: our environment, and over it all that we have chosen or filled in."""
    host = f"[{effective.host}]" if ":" in effective.host else effective.host
    return {
        **os.environ,
        "PLAUDIT_DATABASE_URL": effective.database_url,
        "PLAUDIT_REDIS_URL": effective.redis_url,
        "PLAUDIT_DATA_DIR": str(effective.data_dir),
        "PLAUDIT_RULES_DIR": str(effective.rules_dir),
        "PLAUDIT_BIND": f"{host}:{effective.port}",
        "PLAUDIT_PUBLIC_URL": effective.public_url,
    }


def _prepare(effective: Settings) -> None:
    """The default source, and the rules directory in force; one with errors leaves those as they are that were."""
    from service.replay import any_rules, apply_rules_directory

    connected = engine(effective.database_url)
    with connected.begin() as connection:
        ensure_default_source(connection, effective)
    try:
        apply_rules_directory(connected, effective.rules_dir, effective.time_zone)
    except Refusal as refusal:
        if not any_rules(connected):
            raise
        click.echo(str(refusal), err=True)
    finally:
        connected.dispose()


def _free(host: str, port: int) -> tuple[str, int]:
    """The numeric address and the port to listen at, a free one for port 0. Raises Refusal when they cannot be had."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            return str(place[0]), int(probe.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what = f"Port {port} of {host} is taken by another program: stop that one, or set PLAUDIT_BIND to another"
        else:
            what = f"Nothing can listen at port {port} of {host} ({error.strerror}): set PLAUDIT_BIND to another"
        raise Refusal(f"{what} address, like 127.0.0.1:{port % 65535 + 1}.") from error


def _answers(url: str) -> bool:
    """Whether the service is ready; one that has no such page is, too."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - our own http address
            return True
    except urllib.error.HTTPError as error:
        return error.code == 404
    except OSError:
        return False


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM is Ctrl-C; and after the first of either, no further one disturbs the clearing up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, lambda *_: None)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for each, previous in before.items():
            signal.signal(each, previous)
