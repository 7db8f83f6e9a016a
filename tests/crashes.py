"""`make crashes`: processes killed at random under load; what was acknowledged is there, and nothing is paid twice.

`python -m tests.crashes [KILLS] [SEED]`. The victims are the HTTP server, the worker, PostgreSQL (the postmaster, or
one of its backends), Valkey, and now and then the whole service. Senders go on as senders do: they send again until
they are answered. At the end everything that was answered has to be stored, `plaudit verify` must find nothing, and
the leaderboard must say what the ledger says.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import psycopg

from service.embedded import Postgres

KILLS = 200
SENDERS = 3
PASSWORD = "the password of the crash test"
ADMIN = "the admin token of the crash test"
VICTIMS = {"http": "service.wsgi", "worker": "service worker", "postgres": "postgres", "valkey": "valkey-server"}
BOARD = "all-time"
VERBS = ("http://adlnet.gov/expapi/verbs/completed", "http://adlnet.gov/expapi/verbs/shared")
VOIDED = "http://adlnet.gov/expapi/verbs/voided"


@dataclass
class Sent:
    """What the senders were told is stored, and how often they had to send again."""

    acknowledged: set[str] = field(default_factory=set)
    again: int = 0


class Served:
    """A service of its own folder and port, started again when it ends, as a supervisor of the machine would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.starts = 0
        self._log = (folder / "log").open("ab")
        self.start()

    def start(self) -> None:
        self.starts += 1
        self.process = subprocess.Popen(
            [sys.executable, "-m", "service", "serve"], stdout=self._log, stderr=self._log, env=self.environ()
        )

    def environ(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PLAUDIT_")}
        return ours | {
            "PLAUDIT_DATA_DIR": str(self.folder / "var"),
            "PLAUDIT_BIND": f"127.0.0.1:{self.port}",
            "PLAUDIT_ADMIN_TOKEN": ADMIN,
            "PLAUDIT_SOURCE_USER": "crashes",
            "PLAUDIT_SOURCE_PASSWORD": PASSWORD,
        }

    def kill(self, kind: str, chance: random.Random) -> bool:
        """Kills one process of this kind; False if there is none at the moment."""
        if kind == "service":
            self.process.kill()
            return True
        try:
            tree = psutil.Process(self.process.pid).children(recursive=True)
            victims = [one for one in tree if VICTIMS[kind] in " ".join(one.cmdline())]
            if victims:
                chance.choice(victims).kill()
        except psutil.Error:
            return False
        return bool(victims)

    def revive(self) -> None:
        if self.process.poll() is not None:
            self.start()

    def get(self, path: str) -> Any:
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {ADMIN}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def settled(self) -> bool:
        """Whether it answers and has evaluated everything."""
        try:
            return bool(self.get("/api/v1/intake")["pending"] == 0)
        except (OSError, ValueError):
            return False

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(120)
        self._log.close()


def main() -> None:
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.SystemRandom().randrange(2**32)
    folder = Path(tempfile.mkdtemp(prefix="plaudit-crashes-"))
    folder.chmod(0o755)
    print(f"{kills} kills, seed {seed}", flush=True)
    served = Served(folder)
    try:
        _until(served.settled, served)
        sent, killed = _under_load(served, kills, random.Random(seed))
        _until(served.settled, served)
        told = f"{len(sent.acknowledged)} statements acknowledged, {sent.again} requests sent again"
        print(f"killed: {dict(killed)}; {served.starts} starts; {told}", flush=True)
        wrong = _wrong(served, sent)
    finally:
        served.stop()
    print("\n".join(wrong) or "Everything acknowledged is there, and all of it is right.")
    if wrong:
        raise SystemExit(f"The service's folder is left for you to look at: {folder}")
    shutil.rmtree(folder)


def _under_load(served: Served, kills: int, chance: random.Random) -> tuple[Sent, Counter[str]]:
    sent, killed, stop = Sent(), Counter[str](), threading.Event()
    senders = [
        threading.Thread(target=_send, args=(served, sent, random.Random(chance.random()), stop), daemon=True)
        for _ in range(SENDERS)
    ]
    for sender in senders:
        sender.start()
    while killed.total() < kills:
        time.sleep(chance.uniform(0.05, 1.5))
        kind = chance.choice([*VICTIMS, *VICTIMS, *VICTIMS, *VICTIMS, "service"])
        _until(partial(served.kill, kind, chance), served)
        killed[kind] += 1
        if killed.total() % 20 == 0:
            print(f"  {killed.total()} kills, {len(sent.acknowledged)} statements acknowledged", flush=True)
        served.revive()
    stop.set()
    while any(sender.is_alive() for sender in senders):
        served.revive()
        time.sleep(0.2)
    return sent, killed


def _send(served: Served, sent: Sent, chance: random.Random, stop: threading.Event) -> None:
    """Pushes new statements, sometimes old ones again, sometimes voids; each body until it is answered."""
    ours: list[dict[str, Any]] = []
    while not stop.is_set():
        body = [_statement(chance, ours) for _ in range(chance.choice((1, 1, 1, 20)))]
        while (ids := _pushed(served.url, body)) is None:
            sent.again += 1
            time.sleep(0.05)
        assert ids == [statement["id"] for statement in body]
        sent.acknowledged.update(ids)
        ours += body


def _statement(chance: random.Random, earlier: list[dict[str, Any]]) -> dict[str, Any]:
    what = chance.random()
    if earlier and what < 0.1:
        return chance.choice(earlier)
    statement: dict[str, Any] = {
        "id": str(UUID(int=chance.getrandbits(128), version=4)),
        "actor": {"mbox": f"mailto:learner{chance.randrange(30)}@example.org"},
        "verb": {"id": chance.choice(VERBS)},
        "object": {
            "id": f"https://example.org/courses/{chance.randrange(10)}",
            "definition": {"type": "http://adlnet.gov/expapi/activities/course"},
        },
        "result": {"score": {"scaled": 0.9}, "completion": True, "success": True},
        "timestamp": (datetime.now(UTC) - timedelta(hours=chance.random() * 2000)).isoformat(),
    }
    if earlier and what < 0.2:
        statement["verb"] = {"id": VOIDED}
        statement["object"] = {"objectType": "StatementRef", "id": chance.choice(earlier)["id"]}
    return statement


def _pushed(url: str, body: list[dict[str, Any]]) -> list[str] | None:
    """The ids that were answered; None if it is to be sent again."""
    authorization = "Basic " + b64encode(f"crashes:{PASSWORD}".encode()).decode()
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    request = urllib.request.Request(f"{url}/xapi/statements", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=40) as answer:
            ids: list[str] = json.load(answer)
            return ids
    except urllib.error.HTTPError as error:
        if error.code != 503:
            raise
        return None
    except (OSError, ValueError):
        return None


def _until(true: Callable[[], bool], served: Served, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not in {seconds} seconds; see {served.folder}/log"
        served.revive()
        time.sleep(0.2)


def _wrong(served: Served, sent: Sent) -> list[str]:
    """What is not as it must be, in words."""
    wrong = []
    with psycopg.connect(Postgres(served.folder / "var" / "postgres").url) as connection:
        stored = {str(own) for (own,) in connection.execute("SELECT id FROM statement")}
    if lost := sent.acknowledged - stored:
        wrong.append(f"{len(lost)} acknowledged statements are not stored, {min(lost)} among them.")
    verified = subprocess.run(
        [sys.executable, "-m", "service", "verify"], env=served.environ(), capture_output=True, text=True, check=False
    )
    if verified.returncode != 0:
        wrong.append(verified.stdout + verified.stderr)
    for line in served.get(f"/api/v1/leaderboards/{BOARD}?limit=200")["entries"]:
        points = served.get(f"/api/v1/learners/{line['learner']['id']}")["points"]["points"]
        if points != line["score"]:
            wrong.append(f"The board says {line['score']} of learner {line['learner']['id']}, the ledger {points}.")
    return wrong


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
