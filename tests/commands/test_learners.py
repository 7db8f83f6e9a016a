"""`plaudit learners`: merging one by one and by file, taking back, export and erasure."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from service.cli import plaudit
from service.errors import Refusal
from tests.at_work import AtWork
from tests.written import agent, said


@pytest.fixture
def run(environ: dict[str, str], redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def ran(*words: str, **options: Any) -> Result:
        return CliRunner().invoke(plaudit, ["learners", *words], **options)

    return ran


@pytest.fixture
def here(engine: Engine) -> AtWork:
    made = AtWork(engine)
    made.apply("{rule: ten, give: {points: 10}}")
    made.take(said(1, who=agent("ann") | {"name": "Ann"}), said(2, who="bob"), said(3, who="cy"))
    return made


def test_two_are_merged_and_taken_apart(run: Any, here: AtWork) -> None:
    made = run("merge", "mailto:ann@example.com", str(here.learner("bob")), "--reason", "the same", "--json")
    assert here.points("bob") == 20
    (number,) = json.loads(made.output)["merges"]
    assert "the same" in run("merges").output
    assert run("unmerge", str(number)).exit_code == 0
    assert here.points("bob") == 10
    assert isinstance(run("unmerge", str(number)).exception, Refusal)


def test_a_file_merges_line_by_line_or_not_at_all(run: Any, here: AtWork, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("gone,kept,reason\nmailto:ann@example.com,mailto:bob@example.com,HR\nnobody,1,\n,2,\n")
    refused = run("merge", "--csv", str(file))
    assert isinstance(refused.exception, Refusal)
    assert "merge 2: 'nobody'" in str(refused.exception)
    assert "merge 3:" in str(refused.exception)
    assert here.size("merge") == 0
    file.write_text(
        "\ufeffgone,kept\nmailto:ann@example.com,mailto:bob@example.com\nhttps://hr.example.com 17,ann@example.com\n"
        f"ann@example.com,{here.learner('cy')}\n"
    )
    assert "3 merged" in run("merge", "--csv", str(file)).output
    assert here.points("cy") == 30
    for odd in (
        b"a,b\n1,2\n",
        b"gone;kept\n1;2\n",
        "gone,kept\nmüller,2\n".encode("latin-1"),
        "gone,kept\n1,2\n".encode("utf-16"),
    ):
        file.write_bytes(odd)
        assert isinstance(run("merge", "--csv", str(file)).exception, Refusal)
    assert isinstance(run("merge", "1", "999").exception, Refusal)
    assert run("merge", "1").exit_code == 2


def test_a_learner_is_exported_and_erased(run: Any, here: AtWork, tmp_path: Path) -> None:
    file = tmp_path / "ann.json"
    assert run("export", "ann@example.com", "--out", str(file)).exit_code == 0
    assert [one["key"][:5] for one in json.loads(file.read_text())["identifiers"]] == ["sha1:"]
    learner = here.learner("ann")
    assert run("erase", "ann@example.com", input="n\n").exit_code == 1
    assert json.loads(run("erase", "ann@example.com", "--yes", "--json").output) == {"erased": learner}
    assert isinstance(run("export", "ann@example.com").exception, Refusal)
    assert isinstance(run("erase", str(learner), "--yes").exception, Refusal)
    assert here.differences() == []
