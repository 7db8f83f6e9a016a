"""`plaudit rules apply` puts a folder of rules in force as a whole, after asking, and counts history again."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from sqlalchemy import Engine

from service import editing
from service.cli import plaudit
from service.jobs import anybody_works
from service.store.engine import driver
from tests.at_work import AtWork
from tests.written import SHARED, days, moment

RULE = f"""\
rule: sharing
title: Sharing
how_to_earn: Share.
when: {{verb: {SHARED}}}
give: {{points: 10}}
"""
PNG = b"\x89PNG\r\n\x1a\n"
BOARD = "board: all\ntitle: All\nwho: everyone\n"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "mine"
    made.mkdir()
    (made / "sharing.yaml").write_text(RULE)
    return made


@pytest.fixture
def apply(environ: dict[str, str], folder: Path) -> Callable[..., Result]:
    def ran(*words: str) -> Result:
        return CliRunner(env=environ).invoke(plaudit, ["rules", "apply", str(folder), *words])

    return ran


def texts(here: AtWork) -> list[str]:
    """What the versions of the rule say."""
    return [text for (text,) in here.execute("SELECT text FROM rule_version ORDER BY version")]


def test_it_says_what_changed_and_the_second_time_that_nothing_did(apply: Callable[..., Result], here: AtWork) -> None:
    assert apply().output == "rule sharing: version 1\nApplied.\n"
    assert texts(here) == [RULE]
    assert apply().output == "These rules are in force already.\n"


def test_a_folder_with_an_error_changes_nothing(apply: Callable[..., Result], folder: Path, here: AtWork) -> None:
    apply()
    (folder / "sharing.yaml").write_text(RULE.replace("10", "20"))
    (folder / "other.yaml").write_text(BOARD + "size: 3\n")
    result = apply("--yes")
    assert result.exit_code == 1
    assert f'{folder}/other.yaml:4:1: "size" is not a key of a board' in result.output
    assert result.stderr == "The rules were not applied; those that were in force stay.\n"
    assert texts(here) == [RULE]


def test_the_time_zone_stays_unless_the_environment_says_another(
    environ: dict[str, str], folder: Path, here: AtWork
) -> None:
    def apply(**more: str) -> str:
        ran = CliRunner(env=environ | more).invoke(plaudit, ["rules", "apply", str(folder)])
        return ran.output

    apply(PLAUDIT_TIME_ZONE="Europe/Berlin")
    assert apply() == "These rules are in force already.\n"
    assert here.execute("SELECT time_zone FROM ruleset") == [("Europe/Berlin",)]
    assert "time zone UTC: every rule is counted again" in apply(PLAUDIT_TIME_ZONE="UTC")


def test_without_a_worker_history_is_counted_again_at_once(
    apply: Callable[..., Result], folder: Path, here: AtWork
) -> None:
    apply()
    here.take(*days(1, 2, verb=SHARED))
    (folder / "sharing.yaml").write_text(RULE.replace("10", "7"))
    result = apply()
    assert result.output.splitlines() == [
        "rule sharing: version 2",
        "Applied.",
        "To be counted again over all of history: sharing.",
        "No worker runs, so it is done here; if you stop it, the next worker goes on.",
        "Counted again.",
    ]
    assert (here.points("ann"), here.differences()) == (14, [])


def test_what_was_left_behind_is_counted_again_though_nothing_changed(
    apply: Callable[..., Result], here: AtWork
) -> None:
    apply()
    here.take(*days(1, verb=SHARED))
    here.execute("UPDATE rule_version SET phase = 'matching'")
    assert apply().output.splitlines()[0] == "These rules are in force already."
    assert here.execute("SELECT phase FROM rule_version") == [("done",)]


@contextmanager
def worker(environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that runs until the end of the block."""
    process = subprocess.Popen([sys.executable, "-m", "service", "worker"], env=environ)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_running_worker_counts_history_again_and_a_killed_one_does_not(
    apply: Callable[..., Result], folder: Path, here: AtWork, environ: dict[str, str], redis: Redis
) -> None:
    def with_points(points: int) -> dict[str, object]:
        (folder / "sharing.yaml").write_text(RULE.replace("10", str(points)))
        answer: dict[str, object] = json.loads(apply("--json").stdout)
        return answer

    apply()
    here.take(*days(1, 2, verb=SHARED))
    told = {"applied": True, "counted_again": ["sharing"], "problems": [], "conflicts": []}
    with worker(environ) as process:
        until(lambda: anybody_works(redis))
        assert with_points(7) == told | {"changes": ["rule sharing: version 2"], "by_worker": True}
        until(lambda: here.points("ann") == 14)
        process.kill()
        process.wait()
        assert with_points(5) == told | {"changes": ["rule sharing: version 3"], "by_worker": False}
    assert here.points("ann") == 10


def test_json_has_the_problems(apply: Callable[..., Result], folder: Path) -> None:
    (folder / "sharing.yaml").write_text(RULE + "to: me\n")
    result = apply("--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["applied"]) == (1, False)
    assert [(problem["line"], problem["column"]) for problem in answer["problems"]] == [(6, 5)]


def at_a_terminal(environ: dict[str, str], folder: Path, answer: str, *words: str) -> tuple[int, str]:
    """Exit status and output of the command with somebody at its terminal."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "service", "rules", "apply", str(folder), *words]
    process = subprocess.Popen(
        command, env=environ, stdin=its, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    os.write(ours, answer.encode())
    said, _ = process.communicate(timeout=60)
    os.close(ours)
    os.close(its)
    return process.returncode, said


def test_at_a_terminal_it_says_what_would_change_and_asks(environ: dict[str, str], folder: Path, here: AtWork) -> None:
    asked = "rule sharing: version 1\nApply this? [y/N]: "
    assert at_a_terminal(environ, folder, "n\n") == (1, asked)
    assert texts(here) == []
    assert here.execute("SELECT generation FROM ruleset") == []
    assert at_a_terminal(environ, folder, "y\n") == (0, asked + "Applied.\n")
    assert texts(here) == [RULE]
    assert at_a_terminal(environ, folder, "") == (0, "These rules are in force already.\n")


def test_yes_asks_nobody(environ: dict[str, str], folder: Path) -> None:
    assert at_a_terminal(environ, folder, "", "--yes") == (0, "rule sharing: version 1\nApplied.\n")


# --- what was edited through the API, and what is exported ------------------------------------------------------------


def edit(here: AtWork, text: str, name: str = "sharing") -> None:
    """Publishes this text as somebody does through the API."""
    with here.engine.begin() as connection:
        beneath = driver(connection)
        there = editing.written(beneath, name)
        editing.put(beneath, name, text, there.etag if there and there.text else None, "beginning", "somebody")


def test_what_was_edited_stays_and_is_named_until_the_folder_is_to_overwrite_it(
    apply: Callable[..., Result], folder: Path, here: AtWork
) -> None:
    apply()
    edit(here, RULE.replace("10", "20"))
    (folder / "sharing.yaml").write_text(RULE.replace("10", "30"))
    (folder / "board.yaml").write_text(BOARD)
    first = apply("--json")
    told = json.loads(first.stdout)
    assert (told["changes"], told["conflicts"]) == (["board all"], ["rule sharing"])
    named = "rule sharing: was edited through the API, and {}"
    assert named.format("stays; export it, or apply with --overwrite") in first.stderr
    assert texts(here)[-1] == RULE.replace("10", "20")
    second = apply("--overwrite")
    assert second.output.splitlines()[:2] == [named.format("is overwritten"), "rule sharing: version 3"]
    assert texts(here)[-1] == RULE.replace("10", "30")
    assert "edited" not in apply().output


def test_a_rule_of_the_api_stays_though_the_folder_has_none_and_one_taken_away_stays_away(
    apply: Callable[..., Result], folder: Path, here: AtWork
) -> None:
    apply()
    edit(here, RULE.replace("sharing", "mine"), "mine")
    assert apply().output == "These rules are in force already.\n"
    with here.engine.begin() as connection:
        beneath = driver(connection)
        there = editing.written(beneath, "sharing")
        assert there is not None
        editing.retire(beneath, "sharing", there.etag, "now", "somebody")
    away = "rule sharing: was taken away through the API, and {}"
    assert away.format("stays away; apply with --overwrite") in apply().output
    assert apply("--overwrite").output.startswith(away.format("comes back") + "\nrule sharing: version 3\n")


def test_what_the_folder_needs_of_what_was_taken_away_is_an_error(
    apply: Callable[..., Result], folder: Path, here: AtWork
) -> None:
    apply()
    with here.engine.begin() as connection:
        there = editing.written(driver(connection), "sharing")
        editing.retire(driver(connection), "sharing", there and there.etag, "now", "somebody")
    (folder / "board.yaml").write_text(BOARD + "from_rules: [sharing]\n")
    refused = apply("--yes")
    assert (refused.exit_code, 'board/all.yaml:4:14: There is no rule "sharing".' in refused.output) == (1, True)
    assert apply("--yes", "--overwrite").exit_code == 0


def test_another_picture_is_an_edit_too(apply: Callable[..., Result], folder: Path, here: AtWork) -> None:
    text = "achievement: keen\nname: Keen\ndescription: D\ncriteria: C\nimage: a.png\n"
    (folder / "keen.yaml").write_text(text)
    (folder / "a.png").write_bytes(PNG)
    apply()
    with here.engine.begin() as connection:
        seen = editing.etag_of(text, [("a.png", PNG)])
        other = [("a.png", PNG + b"2")]
        editing.put_document(driver(connection), "achievement", "keen", text, seen, "now", "somebody", other)
    assert "achievement keen: was edited through the API, and stays" in apply().output
    assert "achievement keen\nApplied." in apply("--overwrite").output


def test_a_document_that_was_taken_away_through_the_api_stays_away(
    apply: Callable[..., Result], folder: Path, here: AtWork
) -> None:
    (folder / "board.yaml").write_text(BOARD)
    apply()
    with here.engine.begin() as connection:
        editing.remove_document(driver(connection), "board", "all", editing.etag_of(BOARD), "now", "somebody")
    said = "board all: was taken away through the API, and {}\n"
    for _ in range(2):
        stays = said.format("stays away; apply with --overwrite")
        assert apply().output == stays + "These rules are in force already.\n"
    assert apply("--overwrite").output == said.format("comes back") + "board all\nApplied.\n"
    assert apply().output == "These rules are in force already.\n"


def test_an_edited_rule_that_the_folder_breaks_is_refused(
    apply: Callable[..., Result], folder: Path, here: AtWork
) -> None:
    (folder / "words.yaml").write_text(f"vocabulary: words\nverbs: {{gave: {SHARED}}}\n")
    apply()
    edit(here, RULE.replace(SHARED, "gave"))
    (folder / "words.yaml").unlink()
    result = apply("--yes")
    assert result.exit_code == 1
    assert '"gave" is not a verb of the vocabulary' in result.stderr
    assert result.stderr.endswith("The rules were not applied; those that were in force stay.\n")


def test_what_is_exported_can_be_applied_again_and_changes_nothing(
    apply: Callable[..., Result], environ: dict[str, str], folder: Path, here: AtWork, tmp_path: Path
) -> None:
    (folder / "board.yaml").write_text(BOARD)
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nkeen")
    achievement = "achievement: keen\nname: Keen\ndescription: D\ncriteria: C\nimage: a.png\n"
    (folder / "keen.yaml").write_text(achievement)
    apply()
    edit(here, "# Mine.\n" + RULE.replace("points: 10", "badge: keen"))
    out = tmp_path / "copy"

    def export() -> Result:
        return CliRunner(env=environ).invoke(plaudit, ["rules", "export", str(out)])

    assert export().output == f"4 files written to {out}\n"
    written = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert written == {
        "achievement/keen/keen.yaml": achievement.encode(),
        "achievement/keen/a.png": b"\x89PNG\r\n\x1a\nkeen",
        "board/all.yaml": BOARD.encode(),
        "rule/sharing.yaml": b"# Mine.\n" + RULE.replace("points: 10", "badge: keen").encode(),
    }
    again = CliRunner(env=environ).invoke(plaudit, ["rules", "apply", str(out)])
    assert again.output == "These rules are in force already.\n"
    refused = export()
    assert "exists already: name an empty folder." in str(refused.exception)


def test_what_cannot_be_divided_is_said_to_count_from_the_beginning(
    apply: Callable[..., Result], folder: Path, here: AtWork
) -> None:
    (folder / "sharing.yaml").write_text(RULE + "first: {learners: 3}\n")
    whole = ", from the beginning: what it gives is decided by all of history"
    assert apply("--since", "2026-03-01T00:00:00Z").output.splitlines()[0] == f"rule sharing: version 1{whole}"
    assert here.execute("SELECT since FROM rule_version") == [(None,)]


def test_what_is_new_in_a_folder_counts_from_a_day_of_the_services_zone(
    apply: Callable[..., Result], folder: Path, environ: dict[str, str], here: AtWork
) -> None:
    apply()
    here.execute("UPDATE ruleset SET time_zone = 'Europe/Berlin'")
    (folder / "sharing.yaml").write_text(RULE.replace("10", "20"))
    assert "rule sharing: version 2" in apply("--since", "2026-03-01").output
    assert here.execute("SELECT since FROM rule_version ORDER BY version")[-1] == (moment("2026-02-28T23:00:00"),)
