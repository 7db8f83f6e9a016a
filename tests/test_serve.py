"""`plaudit serve` from outside: it answers, recovers, and stops without leaving anything behind."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children only on Linux")


@dataclass
class Served:
    """A service of one test: its process, what it said, and where it listens."""

    process: subprocess.Popen[str]
    url: str
    said: str

    def tree(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, words: str) -> psutil.Process:
        return next(each for each in self.tree() if words in " ".join(each.cmdline()))

    def get(self, path: str) -> int:
        with urllib.request.urlopen(self.url + path, timeout=10) as answer:
            return int(answer.status)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(60)


Serve = Callable[..., Served]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a service in a folder of this test; what is left of it at the end is killed."""
    folder = Path(tempfile.mkdtemp(prefix="plaudit-serve-"))
    folder.chmod(0o755)
    started: list[Served] = []

    def start(**environ: str) -> Served:
        process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve"],
            stdout=subprocess.PIPE,
            stderr=(folder / "stderr").open("a"),
            text=True,
            env=environment(folder) | environ,
        )
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said, (folder / "stderr").read_text()
        said += process.stdout.readline() if "PLAUDIT_ADMIN_TOKEN" not in environ else ""
        started.append(Served(process, re.findall(r"http://\S+", said)[0], said))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.stop()
        assert served.process.stdout is not None
        served.process.stdout.close()
    shutil.rmtree(folder)


def environment(folder: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PLAUDIT_")}
    return ours | {"PLAUDIT_DATA_DIR": str(folder / "var"), "PLAUDIT_BIND": "127.0.0.1:0"}


def refused(folder: Path, **environ: str) -> str:
    """What a service says that does not start."""
    command = [sys.executable, "-m", "service", "serve"]
    ended = subprocess.run(
        command, env=environment(folder) | environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


def wait_until(true: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def gone(processes: list[psutil.Process]) -> bool:
    return not [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_it_says_where_it_listens_once_it_answers_and_where_the_secrets_are(serve: Serve) -> None:
    served = serve()
    assert served.get("/healthz") == 200
    assert re.search(
        r"Secrets made at random are in \S+/var/secrets: secret-key, admin-token, source-password", served.said
    )


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_without_leaving_a_process_and_says_it_went_well(serve: Serve, how: signal.Signals) -> None:
    served = serve()
    tree = served.tree()
    assert len(tree) > 4
    assert served.stop(how) == 0
    assert gone(tree)


def test_a_request_that_is_still_being_sent_is_answered_before_it_stops(serve: Serve) -> None:
    served = serve(PLAUDIT_ADMIN_TOKEN="admin")
    where = urlsplit(served.url)
    with socket.create_connection((where.hostname, where.port)) as connection:
        head = "POST /xapi/statements HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer admin\r\nContent-Length: 2\r\n\r\n"
        connection.sendall(head.encode())
        time.sleep(0.5)
        served.process.terminate()
        time.sleep(0.5)
        connection.sendall(b"[]")
        assert connection.recv(100).startswith(b"HTTP/1.1 ")
    assert served.process.wait(60) == 0


@linux_only
def test_after_a_kill_nothing_goes_on_and_the_next_start_recovers(serve: Serve) -> None:
    served = serve()
    tree = served.tree()
    served.process.kill()
    served.process.wait()
    again = serve()
    assert again.get("/readyz") == 200
    wait_until(lambda: gone(tree))


@pytest.mark.parametrize("words", ["service.wsgi", "service worker", "valkey-server", "postgres -D"])
def test_a_child_that_dies_is_started_again(serve: Serve, words: str) -> None:
    served = serve()
    child = served.child(words)
    child.kill()
    wait_until(lambda: gone([child]))

    def well() -> bool:
        try:
            return served.child(words).pid != child.pid and served.get("/readyz") == 200
        except (StopIteration, psutil.Error, OSError):
            return False

    wait_until(well)


def test_a_port_that_is_taken_is_one_sentence_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(tmp_path, PLAUDIT_BIND=f"127.0.0.1:{port}")
    assert said.startswith(f"Port {port} of 127.0.0.1 is taken by another program: ")
    assert "set PLAUDIT_BIND" in said
    assert not (tmp_path / "var" / "postgres").exists()


def test_an_address_of_another_machine_is_one_sentence(tmp_path: Path) -> None:
    said = refused(tmp_path, PLAUDIT_BIND="192.0.2.1:8000")
    assert said.startswith("Nothing can listen at port 8000 of 192.0.2.1")
    assert len(said.splitlines()) == 1


def test_a_second_service_on_the_same_folder_is_told_and_the_first_goes_on(serve: Serve) -> None:
    served = serve()
    said = refused(Path(served.said.split(" are in ")[1].split("/var/")[0]))
    assert f"/var is taken by another Plaudit (process {served.process.pid}): " in said
    assert served.get("/healthz") == 200


def test_with_addresses_given_it_starts_no_servers(serve: Serve, environ: dict[str, str]) -> None:
    served = serve(**{name: value for name, value in environ.items() if name.startswith("PLAUDIT_")})
    assert served.get("/readyz") == 200
    assert "Secrets" not in served.said
    assert not [each for each in served.tree() if "postgres" in each.name() or "valkey" in each.name()]


ORPHAN = """
import multiprocessing, os, signal, sys, time
from service.wsgi import end_with_supervisor

supervisor, begins_late = os.getpid(), sys.argv[1] == "late"
forked = multiprocessing.get_context("fork")
began = forked.Event()
signal.signal(signal.SIGTERM, lambda *_: None)

def answer_requests():
    while begins_late and os.getppid() == supervisor:
        time.sleep(0.01)
    print("began", flush=True)
    end_with_supervisor()
    began.set()
    time.sleep(5)
    print("lives on", flush=True)

forked.Process(target=answer_requests).start()
if not begins_late:
    began.wait()
os._exit(0)
"""


@linux_only
@pytest.mark.parametrize("when", ["early", "late"])
def test_a_process_whose_supervisor_is_killed_while_it_begins_does_not_live_on(when: str) -> None:
    done = subprocess.run([sys.executable, "-c", ORPHAN, when], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "began\n"
