"""`plaudit tokens`, `sources` and `boards`: secrets are printed once, and work."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from sqlalchemy import Engine

from service import boards
from service.cli import plaudit
from service.errors import Refusal
from service.store import tokens
from tests.http.people import learner


@pytest.fixture
def run(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    def ran(*words: str, **options: Any) -> Result:
        return CliRunner().invoke(plaudit, words, **options)

    return ran


def test_a_token_is_printed_once_and_works(run: Any, engine: Engine) -> None:
    made = run("tokens", "add", "front end", "--scope", "read")
    assert made.exit_code == 0
    with engine.connect() as connection:
        assert tokens.token_row(connection, made.output.strip()) == ("front end", ["read"], None)
    listed = run("tokens", "list").output
    assert "front end" in listed
    assert made.output.strip() not in listed


def test_a_revoked_token_works_no_more(run: Any, engine: Engine) -> None:
    secret = json.loads(run("tokens", "add", "front end", "--json").output)["token"]
    assert run("tokens", "revoke", "1").exit_code == 0
    with engine.connect() as connection:
        assert tokens.token_row(connection, secret) is None
    assert isinstance(run("tokens", "revoke", "1").exception, Refusal)


def test_a_token_of_a_learner_names_the_learner(run: Any, engine: Engine) -> None:
    number = learner(engine)
    secret = run("tokens", "add", "ann", "--learner", str(number)).output.strip()
    with engine.connect() as connection:
        assert tokens.token_row(connection, secret) == ("ann", ["learner"], number)
    assert run("tokens", "add", "ann", "--scope", "learner").exit_code == 2
    assert run("tokens", "add", "ann", "--scope", "read", "--learner", str(number)).exit_code == 2
    assert isinstance(run("tokens", "add", "ann", "--learner", "99").exception, Refusal)


def test_a_source_signs_in_with_the_password_that_was_printed(run: Any, engine: Engine) -> None:
    made = json.loads(run("sources", "add", "moodle", "--capture", "connector", "--json").output)
    with engine.connect() as connection:
        source, stored = tokens.source_by_username(connection, "moodle")  # type: ignore[misc]
    assert (source.name, source.capture, stored) == ("moodle", "connector", tokens.digest(made["password"]))
    assert made["password"] not in run("sources", "list").output
    assert isinstance(run("sources", "add", "moodle").exception, Refusal)


def test_a_password_of_ones_own_is_not_printed(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAUDIT_NEW_PASSWORD", "a long enough password")
    made = run("sources", "add", "moodle")
    assert made.exit_code == 0
    assert "a long enough password" not in made.output
    monkeypatch.setenv("PLAUDIT_NEW_PASSWORD", "short")
    assert run("sources", "add", "other").exit_code == 2


def test_boards_are_rebuilt(run: Any, engine: Engine, redis: Redis) -> None:
    assert json.loads(run("boards", "rebuild", "--json").output) == {"scores": 0}
    assert not boards.lost(engine, redis)
