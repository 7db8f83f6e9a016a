"""`plaudit rules preview` says what a folder, a changed rule or a retirement would do."""

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from service.cli import plaudit
from tests.at_work import AtWork
from tests.http.test_previews import NEW
from tests.written import COMPLETED, SHARED, WORDS, days, said


@pytest.fixture
def here(engine: Engine) -> AtWork:
    made = AtWork(engine)
    made.apply("{}", "{rule: other, count: {reach: 2}, give: {badge: keen}}", "{board: ever}")
    made.take(*days(1, 2), said(9, "2026-01-05", who="bob"))
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    path = tmp_path / "rules" / "r.yaml"
    path.write_text(NEW)
    return path


def previewed(environ: dict[str, str], *arguments: object) -> Result:
    return CliRunner().invoke(plaudit, ["rules", "preview", *map(str, arguments)], env=environ)


def test_a_changed_rule(here: AtWork, environ: dict[str, str], file: Path) -> None:
    result = previewed(environ, file)
    ann, bob = here.learner("ann"), here.learner("bob")
    assert result.output.splitlines() == [
        "By all 3 statements from 2026-01-01 to 2026-01-05; nothing was written.",
        "r (changed): 3 awards (30 points) would be 3 (75 points)",
        "2 learners would gain +45 points, 0 would lose.",
        "Gains:",
        f"  Ann ({ann}): +30 points",
        f"  Bob ({bob}): +15 points",
        "Board ever, ever: 2 learners would change on it",
    ]
    assert result.exit_code == 0
    assert here.points("ann") == 20


def test_a_folder_is_looked_at_as_a_whole(here: AtWork, environ: dict[str, str], file: Path) -> None:
    answer = json.loads(previewed(environ, file.parent, "--json").output)
    assert {one["rule"]: one["change"] for one in answer["rules"]} == {"r": "changed", "other": "retired"}
    assert answer["lost"] == {}


def test_a_retirement_that_takes_back(here: AtWork, environ: dict[str, str]) -> None:
    lines = previewed(environ, "--retire", "other", "--take-back").output.splitlines()
    assert lines[1:] == [
        "other (retired): 1 awards (1 badge:keen) would be 0",
        "0 learners would gain, 1 would lose -1 badge:keen.",
        "Losses:",
        f"  Ann ({here.learner('ann')}): -1 badge:keen",
        "Badges: 0 would be given, 1 would lose their ground",
        f"  Ann ({here.learner('ann')}): keen, withdrawn",
    ]


def test_a_vocabulary_is_shown_by_the_rules_that_would_mean_something_else(
    here: AtWork, environ: dict[str, str], tmp_path: Path
) -> None:
    here.take(said(20, "2026-01-06", verb=SHARED))
    words = {**WORDS, "verbs": {**WORDS["verbs"], "completed": [COMPLETED, SHARED]}}
    (tmp_path / "words.yaml").write_text(yaml.safe_dump(words, sort_keys=False))
    answer = json.loads(previewed(environ, tmp_path / "words.yaml", "--json").output)
    assert {one["rule"]: (one["awards_before"], one["awards_after"]) for one in answer["rules"]} == {
        "r": (3, 4),
        "other": (1, 1),
    }


def test_files_that_are_named_are_found_beside_the_file(here: AtWork, environ: dict[str, str], file: Path) -> None:
    badge = "achievement: new\nname: N\ndescription: D\ncriteria: C\nimage: ../new.png\n"
    file.write_text(NEW.replace("points: 25", "badge: new") + "---\n" + badge)
    assert "There is no image" in str(previewed(environ, file).exception)
    (file.parent.parent / "new.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert json.loads(previewed(environ, file, "--json").output)["badges_given"] == 3


def test_what_counts_from_a_day_on_counts_so_in_a_file_and_in_a_folder(
    here: AtWork, environ: dict[str, str], file: Path
) -> None:
    for since, gained in (("2026-01-02", {"points": 30}), ("2026-01-05T12:00:00Z", {"points": 15}), ("now", {})):
        for path in (file, file.parent):
            answer = json.loads(previewed(environ, path, "--since", since, "--json").output)
            assert answer["gained"] == gained
    wrong = previewed(environ, file, "--since", "tomorrow")
    assert (wrong.exit_code, "write now, beginning, a day like 2026-03-01" in wrong.output) == (2, True)


def test_what_cannot_be_previewed(here: AtWork, environ: dict[str, str], file: Path) -> None:
    assert str(previewed(environ, "--retire", "nobody").exception) == 'No rule "nobody" is in force.'
    file.write_bytes(NEW.encode("utf-16"))
    assert str(previewed(environ, file).exception).startswith(f"{file} is no UTF-8")
    file.write_text(NEW + "colour: red\n")
    assert str(previewed(environ, file).exception).startswith(f"{file}:7:1:")
    assert previewed(environ, file.parent).exit_code == 1
