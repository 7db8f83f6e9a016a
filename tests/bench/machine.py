"""The machine the figures come from, and what it can do by itself; figures of two machines compare through this."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import threading
import time
from collections.abc import Iterable
from pathlib import Path

import psutil


def described() -> list[str]:
    """Processor, memory, system, Python and commit, a line each."""
    model = next(
        (line.split(":", 1)[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    memory = psutil.virtual_memory().total / 2**30
    return [
        f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, commit {commit or 'unknown'}, load before {os.getloadavg()[0]:.2f}",
    ]


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def calibration() -> tuple[float, float]:
    """(million turns of an empty Python loop a second, MiB of SHA-256 a second), of one core's CPU time."""
    began = time.process_time()
    for _ in range(3_000_000):
        pass
    turns = 3 / (time.process_time() - began)
    block = bytes(1 << 20)
    began = time.process_time()
    for _ in range(64):
        hashlib.sha256(block).digest()
    return turns, 64 / (time.process_time() - began)


def fsync_milliseconds(directory: Path, times: int = 200) -> tuple[float, float]:
    """(median, 99th percentile) of writing 4 KiB and waiting until the disk has it."""
    took = []
    with (directory / "fsync.probe").open("wb") as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    took.sort()
    return took[times // 2], took[int(times * 0.99)]


def cpu_seconds(processes: Iterable[psutil.Process]) -> float:
    """CPU that these processes, and the children they have outlived, have used so far."""
    total = 0.0
    for process in processes:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


SAMPLED_SECONDS = 0.1


class Most(threading.Thread):
    """Looks how much memory this process and its children have, but these others, until it is asked for the most."""

    def __init__(self, others: Iterable[psutil.Process] = ()) -> None:
        super().__init__(daemon=True)
        self.others, self.most, self.over = {one.pid for one in others}, 0, threading.Event()
        self.start()

    def run(self) -> None:
        own = psutil.Process()
        while not self.over.wait(SAMPLED_SECONDS):
            children = (one for one in own.children() if one.pid not in self.others)
            self.most = max(self.most, sum(_resident(one) for one in (own, *children)))

    def mebibytes(self) -> float:
        self.over.set()
        self.join()
        return self.most / 2**20


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
