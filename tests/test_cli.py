"""The command: what it lists, what it says and its exit statuses."""

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from service import cli, commands
from service.errors import Refusal


def plaudit(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environ, timeout=120)


def test_help_lists_the_commands_that_have_a_module_and_reads_none_of_them() -> None:
    listed = plaudit("--help")
    assert listed.returncode == 0
    for name in ("serve", "worker", "migrate"):
        assert f"\n  {name} " in listed.stdout
    there = {path.stem for path in Path(commands.__path__[0]).glob("*.py")}
    assert set(cli.plaudit.list_commands(None)) <= there  # type: ignore[arg-type]


def test_every_listed_command_can_be_called() -> None:
    for name in cli.plaudit.list_commands(None):  # type: ignore[arg-type]
        assert CliRunner().invoke(cli.plaudit, [name, "--help"]).exit_code == 0, name


@pytest.mark.parametrize("wrong", [["nonsense"], ["serve", "--nonsense"]])
def test_used_wrongly_is_two(wrong: list[str]) -> None:
    assert plaudit(*wrong).returncode == 2


def test_wrong_settings_are_sentences_and_status_two() -> None:
    refused = plaudit("migrate", environ={"PLAUDIT_BIND": "nowhere", "PLAUDIT_WORKERS": "lots"})
    assert refused.returncode == 2
    assert [line.split(" is ")[0] for line in refused.stderr.splitlines()] == ["PLAUDIT_BIND", "PLAUDIT_WORKERS"]


def test_a_refusal_is_its_sentence_and_its_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(**_: object) -> None:
        raise Refusal("This cannot be: do that.", status=1)

    monkeypatch.setattr(cli, "plaudit", refuse)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert capsys.readouterr().err == "This cannot be: do that.\n"
