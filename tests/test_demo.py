"""The demo: from the webhook to a verified badge on the shipped sample, and on statements that others wrote."""

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).parent / "data"
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("PLAUDIT_")}


def demo(*options: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", "demo", "--exit", *options]
    return subprocess.run(command, env=ENVIRON | environ, capture_output=True, text=True, timeout=300, check=False)


def told(*options: str) -> dict[str, Any]:
    done = demo("--json", *options)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_sample_goes_all_the_way_to_a_verified_badge() -> None:
    found = told()
    assert found["accepted"] == 418
    assert found["refused"] == []
    assert found["intake"] == {
        "received": 418, "duplicates": 9, "conflicts": 1, "quarantined": 0, "voided": 2, "pending": 0
    }  # fmt: skip
    assert found["leaderboard"]["total"] == 16
    assert found["leaderboard"]["entries"][0]["learner"]["name"] == "Hanna Virtanen"
    assert found["ledger"]["entries"]
    assert found["badge"]["verified"] is True
    assert found["badge"]["changed_copy"]


def test_it_is_told_in_plain_text_with_times_and_addresses_although_other_servers_are_named() -> None:
    done = demo(PLAUDIT_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none", PLAUDIT_REDIS_URL="redis://127.0.0.1:1")
    assert done.returncode == 0, done.stderr
    for words in ("Plaudit runs at http://127.0.0.1:", "received 418", "Leaderboard: All time", "Hanna Virtanen",
                  "verified", "/claim/", "/credentials/", "/docs"):  # fmt: skip
        assert words in done.stdout
    assert "\x1b" not in done.stdout


def test_a_simulated_course_runs_through() -> None:
    found = told("--statements", str(DATA / "simulated.jsonl"))
    assert found["accepted"] == 1000
    assert found["refused"] == []
    assert found["intake"]["pending"] == 0


def test_what_real_senders_wrote_runs_through_and_what_cannot_be_used_is_named_with_its_reason() -> None:
    found = told("--statements", str(DATA / "corpus.jsonl"))
    assert found["accepted"] + len(found["refused"]) == 254
    assert [one["line"] for one in found["refused"]] == [9, 12, 13, 14, 23]
    assert found["refused"][0]["path"] == "$.actor"
    assert "no identifier" in found["refused"][0]["message"]
    assert found["intake"]["pending"] == 0


def test_where_nobody_earned_anything_it_says_so_and_that_is_no_failure(tmp_path: Path) -> None:
    file = tmp_path / "nothing.jsonl"
    statement = {
        "actor": {"mbox": "mailto:ann@example.com"},
        "verb": {"id": "https://example.com/verbs/yawned"},
        "object": {"id": "https://example.com/monday"},
    }
    file.write_text(json.dumps(statement) + "\nno JSON\n")
    done = demo("--statements", str(file))
    assert done.returncode == 0, done.stderr
    assert "Nobody earned anything" in done.stdout
    assert "line 2: $ is no JSON object" in done.stdout


def test_without_exit_it_stays_until_it_is_told_to_stop_and_starts_afresh_the_next_time(tmp_path: Path) -> None:
    for _ in range(2):
        _stays_and_stops(tmp_path)


def _stays_and_stops(folder: Path) -> None:
    environ = ENVIRON | {"PLAUDIT_DATA_DIR": str(folder), "PLAUDIT_BIND": "127.0.0.1:0", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "service", "demo"]
    running = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    try:
        lines = []
        for line in running.stdout:
            lines.append(line)
            if "Ctrl-C" in line:
                break
        assert "  received 418" in "".join(lines)
        url = next(word for line in lines if "runs at" in line for word in line.split() if word.startswith("http"))
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as response:
            assert response.status == 200
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0
    finally:
        running.kill()
        running.communicate()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"{url}/healthz", timeout=10)


def test_two_demos_side_by_side_do_not_meet() -> None:
    command = [sys.executable, "-m", "service", "demo", "--exit", "--json"]
    both = [subprocess.Popen(command, env=ENVIRON, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [one.communicate(timeout=300)[0] for one in both]
    assert [one.returncode for one in both] == [0, 0]
    assert [json.loads(answer)["intake"]["received"] for answer in answers] == [418, 418]


def test_a_data_directory_in_use_is_refused_in_a_sentence(tmp_path: Path) -> None:
    from service.folders import lock

    with lock(tmp_path / "demo.lock", "here"):
        command = [sys.executable, "-m", "service", "demo"]
        environ = ENVIRON | {"PLAUDIT_DATA_DIR": str(tmp_path)}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "is taken by another Plaudit" in done.stderr
