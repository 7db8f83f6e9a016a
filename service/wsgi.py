"""The HTTP process: granian in front of the application, ended when the process that supervises it is gone."""

import signal
import socket
from collections.abc import Callable
from multiprocessing import parent_process
from threading import Thread
from typing import TYPE_CHECKING

from service import garbage
from service.children import die_with_parent
from service.logs import configure
from service.settings import settings

if TYPE_CHECKING:
    from flask import Flask


MOST_CONNECTIONS = 1024
"""Connections that are held open at once; as many more wait for one of them to end."""


def application() -> "Flask":
    """What granian calls, once, in the process that answers requests."""
    end_with_supervisor()
    from service.app import create_app  # here, because the process that watches this one has no need of it
    from service.http.receiving import Receiving

    found = settings()
    made = create_app(found)
    receiving = Receiving(made.wsgi_app, found.port, found.threads)
    made.wsgi_app = receiving  # type: ignore[method-assign]
    receiving.watch()
    _when_told_to_stop(made.extensions["plaudit"].streams.closing.set)
    settle()
    return made


def end_with_supervisor() -> None:
    """Ends this process when the one that watches it does, also if that was killed before we came to ask for it.

    So it must not be looked up here who our parent is: an orphan has another one, and would keep the port for ever. And
    until granian sets handlers of this process we have inherited those of the other, which would swallow the signal.
    """
    supervisor = parent_process()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, signal.SIG_DFL)
    assert supervisor is not None
    assert supervisor.pid is not None
    die_with_parent(supervisor.pid)


def _when_told_to_stop(call: Callable[[], None]) -> None:
    """Calls it as soon as SIGTERM or SIGINT comes, for an answer without an end would keep granian waiting for it.

    granian sets handlers of its own after this, so we listen where Python itself writes down which signals came.
    """
    ours, pythons = socket.socketpair()
    pythons.setblocking(False)
    signal.set_wakeup_fd(pythons.detach(), warn_on_full_buffer=False)

    def listen() -> None:
        while ours.recv(1)[0] not in (signal.SIGTERM, signal.SIGINT):
            pass
        call()

    Thread(target=listen, name="signals", daemon=True).start()


def settle() -> None:
    """Log as all processes do, and tell the garbage collector that what is there will stay, and to look less often."""
    configure()
    garbage.settle()


def main() -> None:
    """Listen until SIGTERM, and let requests in flight finish then."""
    from granian.constants import Interfaces
    from granian.log import LogLevels
    from granian.server import Server

    found = settings()
    Server(
        "service.wsgi:application",
        factory=True,
        address=found.host,
        port=found.port,
        interface=Interfaces.WSGI,
        workers=1,
        blocking_threads=found.threads,
        backlog=MOST_CONNECTIONS,
        backpressure=MOST_CONNECTIONS,
        websockets=False,
        log_level=LogLevels.error,
        workers_kill_timeout=15,
    ).serve()


if __name__ == "__main__":
    main()
