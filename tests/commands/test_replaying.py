"""`plaudit replay` counts history again, can be stopped and goes on where it was, and says what is in its way."""

import json
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from service import crew
from service.cli import plaudit
from service.commands import applying
from service.store import rules
from tests.at_work import AtWork
from tests.written import days

COUNT = "{rule: count, count: {reach: 3}, give: {points: 30}}"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


@pytest.fixture
def replay(environ: dict[str, str]) -> Callable[..., Result]:
    return lambda *words: CliRunner(env=environ).invoke(plaudit, ["replay", *words])


@pytest.mark.parametrize("since", ["yesterday", "2026-13-01", "2026-01-01T25:00:00Z", "now"])
def test_a_wrong_moment_is_refused_and_nothing_happens(replay: Callable[..., Result], here: AtWork, since: str) -> None:
    here.apply("{}")
    here.take(*days(1))
    result = replay("--since", since)
    assert (result.exit_code, "--since" in result.output) == (2, True)
    assert here.execute("SELECT 1 FROM rule_change WHERE did = 'replayed'") == []


def test_without_history_there_is_nothing_to_do(replay: Callable[..., Result], here: AtWork) -> None:
    here.apply("{}")
    assert replay().output == "There is no history to be counted again.\n"


def test_what_is_wrong_is_right_again(replay: Callable[..., Result], here: AtWork) -> None:
    here.apply("{}", COUNT)
    here.take(*days(1, 2, 3))
    here.execute("DELETE FROM match")
    here.execute("DELETE FROM fold")
    assert here.differences()
    result = replay("--since", "2026-01-03T00:00:00Z", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"counted_again": ["r", "count"], "by_worker": False}
    assert here.differences()
    assert replay().output.splitlines()[-1] == "Counted again."
    assert (here.points("ann"), here.differences()) == (60, [])


def test_stopped_it_goes_on_where_it_was(
    replay: Callable[..., Result], here: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.apply("{}", COUNT)
    here.take(*days(1, 2, 3), *days(1, 2, month=2, who="bob"), *days(1, 2, 3, 4, month=3, who="cleo"))
    monkeypatch.setattr(crew, "STATEMENTS", 2)
    monkeypatch.setattr(rules, "SAVED_SECONDS", 0.0)
    read: list[int] = []

    def stop(statements: int) -> None:
        read.append(statements)
        if statements == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(applying, "_progress", stop)
    assert replay().exit_code == 1
    assert here.execute("SELECT DISTINCT phase, read FROM rule_version") == [("comparing", 5)]
    assert replay().output.splitlines()[-1] == "Counted again."
    assert read == [3, 5, 9]
    assert (here.points("ann"), here.points("bob"), here.points("cleo"), here.differences()) == (60, 20, 70, [])


def test_it_says_what_is_in_its_way(
    replay: Callable[..., Result], here: AtWork, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.apply("{}")
    here.take(*days(1))
    with monkeypatch.context() as patch:
        patch.setattr("service.core.matching.Matcher.match", lambda *_: 1 / 0)
        result = replay()
    assert result.exit_code == 1
    assert "Not complete: history cannot be counted again by the rule r: learner 1: " in result.output
    assert "ZeroDivisionError" in result.output
    assert replay().output.splitlines()[-1] == "Counted again."
