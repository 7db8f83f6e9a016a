"""The service under load, as it runs in production: granian, a worker, PostgreSQL and Valkey, each its own process."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import psutil
from redis import Redis
from rq import Worker

from service import rule_health
from service.serve import Service, serving
from service.settings import settings
from tests.bench.machine import cpu_seconds

CONNECTIONS = 32


class Load(NamedTuple):
    """What a load did. cpu: microseconds a statement by process. Latencies in milliseconds. jobs: what RQ ran."""

    statements: int
    on_the_board: float
    cpu: dict[str, float]
    post_p50: float
    post_p99: float
    jobs: int

    @property
    def all_cpu(self) -> float:
        return sum(self.cpu.values())


class Running:
    """A service that is being measured."""

    def __init__(self, service: Service, directory: Path) -> None:
        self.service = service
        self.directory = directory
        found = service.settings
        self.authorization = "Basic " + b64encode(f"{found.source_user}:{found.source_password}".encode()).decode()
        self.bearer = f"Bearer {found.admin_token}"

    def processes(self) -> dict[str, list[psutil.Process]]:
        """The processes of the service by what they are; what one of them has begun is counted with it."""
        groups: dict[str, list[psutil.Process]] = {"http": [], "worker": [], "postgres": [], "valkey": []}
        kinds: dict[int, str] = {}
        for process in psutil.Process().children(recursive=True):
            line, of_parent = " ".join(process.cmdline()), kinds.get(process.ppid(), "http")
            kinds[process.pid] = next((kind for kind in ("valkey", "postgres", "worker") if kind in line), of_parent)
            if "tests.bench" not in line:
                groups[kinds[process.pid]].append(process)
        return groups

    def load(self, bodies: Sequence[bytes], statements: int, connections: int, rate: float = 0) -> Load:
        """Posts the bodies, waits until all of it is on the boards, and tells what it took."""
        groups = self.processes()
        before = {name: cpu_seconds(group) for name, group in groups.items()}
        jobs = self._jobs()
        began = time.perf_counter()
        told = self._send(bodies, connections, rate)
        self.settle()
        took = time.perf_counter() - began
        groups = {name: list({*groups[name], *since}) for name, since in self.processes().items()}
        cpu = {name: (cpu_seconds(group) - before[name]) / statements * 1e6 for name, group in groups.items()}
        latencies = sorted(latency / 1000 for latency in told["latencies"])
        p99 = latencies[min(int(len(latencies) * 0.99), len(latencies) - 1)]
        return Load(statements, statements / took, cpu, statistics.median(latencies), p99, self._jobs() - jobs)

    def _send(self, bodies: Sequence[bytes], connections: int, rate: float) -> Any:
        with tempfile.NamedTemporaryFile(dir=self.directory, suffix=".bodies") as file:
            file.write(b"\n".join(bodies))
            file.flush()
            address = [self.service.settings.host, str(self.service.settings.port), self.authorization]
            command = [sys.executable, "-m", "tests.bench.load", *address, str(connections), str(rate), file.name]
            return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)

    def _jobs(self) -> int:
        """How many jobs the workers have run; RQ writes it down when a job has ended."""
        with Redis.from_url(self.service.settings.redis_url) as redis:
            return sum(worker.successful_job_count for worker in Worker.all(connection=redis))

    def settle(self) -> None:
        """Returns when nothing is pending any more. Asks seldom, for what it costs to tell is not what is measured."""
        while self.get("/api/v1/intake")["pending"]:
            time.sleep(0.1)

    def rest(self) -> None:
        """Returns when a worker has looked at the health of the rules, so that it soon does so no more."""
        with Redis.from_url(self.service.settings.redis_url) as redis:
            while rule_health.kept(redis) is None:
                time.sleep(0.1)

    def get(self, path: str) -> Any:
        request = urllib.request.Request(self.service.url + path, headers={"Authorization": self.bearer})
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def memory(self) -> dict[str, float]:
        """MiB of each kind of process: what is its own, and not shared with others."""
        return {
            name: sum(process.memory_full_info().uss for process in group) / 2**20
            for name, group in self.processes().items()
        }

    def pages(self, seconds: float, path: str) -> list[float]:
        """How long a page takes to come, in milliseconds, asked for fifty times a second."""
        took, end = [], time.perf_counter() + seconds
        while time.perf_counter() < end:
            began = time.perf_counter()
            self.get(path)
            took.append((time.perf_counter() - began) * 1000)
            time.sleep(0.02)
        return sorted(took)

    def post_to_board(self, bodies: Sequence[bytes], board: str) -> list[float]:
        """How long it takes from posting a statement of one learner to seeing their points on a board, in ms."""
        agent = quote(json.dumps(json.loads(bodies[0])["actor"]))
        learner = self.get(f"/api/v1/learners?agent={agent}")["id"]
        page = f"/api/v1/leaderboards/{board}/around/{learner}?n=0"
        took = []
        for body in bodies:
            before = self.get(page)["entries"]
            began = time.perf_counter()
            request = urllib.request.Request(
                self.service.url + "/xapi/statements",
                body,
                {"Authorization": self.authorization, "Content-Type": "application/json"},
            )
            urllib.request.urlopen(request).close()
            while self.get(page)["entries"] == before:
                time.sleep(0.002)
            took.append((time.perf_counter() - began) * 1000)
        return sorted(took)


def nothing() -> None:
    """The job that does nothing."""


def beside(work: Any) -> threading.Thread:
    """Runs `work` in a thread."""
    thread = threading.Thread(target=work)
    thread.start()
    return thread


@contextmanager
def running(directory: Path, rules: Path) -> Iterator[Running]:
    """The service on a free port with a data directory of its own."""
    environ = {
        "PLAUDIT_DATA_DIR": str(directory / "data"),
        "PLAUDIT_RULES_DIR": str(rules),
        "PLAUDIT_BIND": "127.0.0.1:0",
    }
    with serving(settings(environ)) as service:
        yield Running(service, directory)
