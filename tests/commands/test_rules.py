"""`plaudit rules` says what is wrong with a folder of rules, and whether they do what their tests say."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from service.cli import plaudit

GOOD = """\
rule: r
title: T
how_to_earn: H
when: {verb: http://a.example/shared}
once_per: [object]
give: {points: 10}
"""
TESTS = """\
tests: r
people: [ann]
cases:
  - name: pays
    statements: [{at: 2026-03-01T09:00:00Z, ann: http://a.example/shared, object: a1}]
    expect: {ann: {points: 10}}
"""


def rules(*arguments: str | Path) -> Result:
    return CliRunner().invoke(plaudit, ["rules", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a rule and its test, in the working directory."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "r.yaml").write_text(GOOD)
    (tmp_path / "mine" / "tests.yaml").write_text(TESTS)
    monkeypatch.chdir(tmp_path)
    return Path("mine")


def test_check_counts_what_is_fine(folder: Path) -> None:
    result = rules("check", folder)
    assert (result.exit_code, result.output) == (0, "1 rule, 0 achievements, 0 boards, 1 test: fine\n")


def test_check_prints_every_problem_and_fails(folder: Path) -> None:
    (folder / "r.yaml").write_text(GOOD + "twice_per: [object]\nlimit: [{points: 5, per: day}]\n")
    result = rules("check", folder)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        'mine/r.yaml:7:1: "twice_per" is not a key of a rule. Did you mean "once_per"?',
        "mine/r.yaml:8:9: warning: One award gives 10 points, more than this limit: it never pays more than 5.",
        "1 error, 1 warning",
    ]


def test_a_warning_is_no_failure(folder: Path) -> None:
    (folder / "r.yaml").write_text(GOOD + "limit: [{points: 5, per: day}]\n")
    result = rules("check", folder)
    assert result.exit_code == 0
    assert result.output.endswith("1 rule, 0 achievements, 0 boards, 1 test: fine, 1 warning\n")


def test_check_as_json(folder: Path) -> None:
    (folder / "r.yaml").write_text(GOOD + "to: me\n")
    result = rules("check", folder, "--json")
    answer = json.loads(result.output)
    assert result.exit_code == 1
    assert (answer["fine"], answer["rules"], answer["tests"]) == (False, 0, 1)
    (problem,) = answer["problems"]
    assert (problem["path"], problem["line"], problem["column"], problem["severity"]) == ("mine/r.yaml", 7, 5, "error")


def test_the_folder_comes_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAUDIT_RULES_DIR", str(folder.absolute()))
    assert rules("check").output.startswith("1 rule, ")


def test_without_a_folder_the_shipped_rules_are_checked_and_tested(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PLAUDIT_RULES_DIR", raising=False)
    assert rules("check").exit_code == 0
    assert rules("test").exit_code == 0


@pytest.mark.parametrize("command", ["check", "test"])
def test_a_folder_without_rules_is_a_wrong_use(command: str, tmp_path: Path) -> None:
    assert rules(command, tmp_path / "none").exit_code == 2
    result = rules(command, tmp_path)
    assert getattr(result.exception, "status", None) == 2
    assert str(result.exception).startswith("There is no .yaml file in ")


def test_tests_that_pass(folder: Path) -> None:
    result = rules("test", folder)
    assert (result.exit_code, result.output) == (0, "1 test passed\n")


def test_a_test_that_fails_names_its_line_and_lists_the_awards(folder: Path) -> None:
    (folder / "tests.yaml").write_text(TESTS.replace("points: 10", "points: 20"))
    result = rules("test", folder)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        'mine/tests.yaml:6:20: r, "pays": ann: expected 20 points, got 10 points',
        "    +10 2026-03-01 09:00Z r, statement 1",
        "1 of 1 test failed",
    ]


def test_rules_with_errors_are_not_tested(folder: Path) -> None:
    (folder / "r.yaml").write_text(GOOD + "to: me\n")
    result = rules("test", folder, "--junit", "out.xml")
    assert result.exit_code == 1
    assert result.output.splitlines()[-1] == "1 error: no test was run"
    (case,) = ElementTree.parse("out.xml").findall(".//testcase")
    assert case.attrib["name"] == "mine/r.yaml:7:5"
    assert case.find("error") is not None


def test_coverage_names_clauses(folder: Path) -> None:
    result = rules("test", folder, "--coverage")
    assert result.exit_code == 0
    assert result.output.splitlines() == [
        'mine/r.yaml:1:1: r: no test needs "once_per"',
        "1 test passed; 1 clause not covered",
    ]


def test_results_as_json(folder: Path) -> None:
    (folder / "tests.yaml").write_text(TESTS.replace("points: 10", "points: 20"))
    answer = json.loads(rules("test", folder, "--json", "--coverage").output)
    assert answer["passed"] is False
    (case,) = answer["cases"]
    assert (case["tests"], case["case"], case["path"], case["line"]) == ("r", "pays", "mine/tests.yaml", 4)
    assert case["misses"][0]["expected"] == "20 points"
    assert [one["clause"] for one in answer["uncovered"]] == ["once_per"]


def test_results_as_junit(folder: Path) -> None:
    (folder / "tests.yaml").write_text(TESTS.replace("points: 10", "points: 20"))
    rules("test", folder, "--junit", "out.xml")
    suite = ElementTree.parse("out.xml").getroot()[0]
    assert suite.attrib == {"name": "r", "tests": "1", "failures": "1"}
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.attrib["message"] == 'r, "pays": ann: expected 20 points, got 10 points'


def test_tables_are_put_into_a_file(folder: Path) -> None:
    file = folder / "about.md"
    file.write_text("Keys:\n<!-- keys of forgive -->\nold\n<!-- end -->\nMore.\n")
    assert rules("schema", "--into", file).exit_code == 0
    assert file.read_text().startswith("Keys:\n<!-- keys of forgive -->\n| key | value | meaning |\n")
    assert "old" not in file.read_text()
    assert file.read_text().endswith("<!-- end -->\nMore.\n")


def test_the_schema_is_printed() -> None:
    kinds = {"rule", "achievement", "board", "vocabulary", "levels", "caps", "issuer", "tests"}
    assert json.loads(rules("schema").output)["$defs"].keys() == kinds | {"need"}
    assert "| `once_per` |" in rules("schema", "--markdown").output
