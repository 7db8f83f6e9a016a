"""`plaudit rules preview` says what a folder, a changed rule or a retirement would do."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from service.cli import plaudit
from tests.at_work import AtWork
from tests.http.test_previews import NEW
from tests.written import days, said


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


def test_what_cannot_be_previewed(here: AtWork, environ: dict[str, str], file: Path) -> None:
    assert str(previewed(environ, "--retire", "nobody").exception) == 'No rule "nobody" is in force.'
    assert getattr(previewed(environ, file.parent, "--since", "2026-01-01").exception, "status", None) == 2
    file.write_text(NEW + "colour: red\n")
    assert str(previewed(environ, file).exception).startswith(f"{file}:7:1:")
    assert previewed(environ, file.parent).exit_code == 1
