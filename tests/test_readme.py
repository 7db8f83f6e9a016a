"""What README.md and docs/operating.md say is so: the rule works, and every setting, file and command is there."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from service import settings, shipped
from service.cli import plaudit

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
OPERATING = (ROOT / "docs" / "operating.md").read_text()


def test_the_rule_in_it_does_what_its_test_says(tmp_path: Path) -> None:
    for number, written in enumerate(re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)):
        (tmp_path / f"{number}.yaml").write_text(written)
    shutil.copy(shipped.rules() / "vocabulary.yaml", tmp_path)
    shutil.copytree(shipped.rules() / "images", tmp_path / "images")
    for command, said in (("check", "1 rule, 1 achievement, 0 boards, 1 test: fine\n"), ("test", "1 test passed\n")):
        result = CliRunner().invoke(plaudit, ["rules", command, str(tmp_path)])
        assert (result.exit_code, result.output) == (0, said)


def test_it_lists_every_setting() -> None:
    there = set(re.findall(r'"(PLAUDIT_[A-Z_]+)"', Path(settings.__file__).read_text()))
    assert set(re.findall(r"`(PLAUDIT_[A-Z_]+)`", README)) == there
    assert set(re.findall(r"`(PLAUDIT_[A-Z_]+)`", OPERATING)) <= there


@pytest.mark.parametrize("document", ["README.md", "docs/operating.md"])
def test_every_link_leads_to_a_file(document: str) -> None:
    path = ROOT / document
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text()):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("document", [README, OPERATING])
def test_every_command_in_it_is_there(document: str) -> None:
    for words in set(re.findall(r"`plaudit ([a-z]+(?: [a-z]+)?)", document)):
        result = CliRunner().invoke(plaudit, [*words.split(), "--help"])
        assert result.exit_code == 0, words
    for target in re.findall(r"(?:^|`)make ([a-z]+)", document, re.MULTILINE):
        assert f"\n{target}:" in (ROOT / "Makefile").read_text(), target
