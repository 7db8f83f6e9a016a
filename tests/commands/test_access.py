"""`plaudit tokens`, `sources` and `boards`: secrets are printed once, and work."""

import json
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner, Result
from redis import Redis
from sqlalchemy import Engine, text

from service import boards
from service.capture.bounds import Bounds
from service.capture.signatures import webhook_key
from service.cli import plaudit
from service.errors import Refusal
from service.settings import Settings
from service.store import sources, tokens
from service.store.sealing import WrongSecret
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
        source, stored = sources.by_username(connection, "moodle")  # type: ignore[misc]
    assert (source.name, source.capture, stored) == ("moodle", "connector", [tokens.digest(made["password"])])
    assert made["password"] not in run("sources", "list").output
    assert isinstance(run("sources", "add", "moodle").exception, Refusal)


def test_a_password_of_ones_own_is_not_printed(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAUDIT_NEW_PASSWORD", "a long enough password")
    made = run("sources", "add", "moodle")
    assert made.exit_code == 0
    assert "a long enough password" not in made.output
    monkeypatch.setenv("PLAUDIT_NEW_PASSWORD", "short")
    assert run("sources", "add", "other").exit_code == 2


def test_a_source_has_the_settings_that_were_given_and_any_takes_a_limit_away(run: Any, engine: Engine) -> None:
    limits = ["--ahead-seconds", "60", "--oldest-days", "30", "--verb", "https://example.com/did"]
    assert run("sources", "add", "moodle", "--validation", "strict", "--may-void", *limits).exit_code == 0
    with engine.connect() as connection:
        source, _ = sources.by_name(connection, "moodle")  # type: ignore[misc]
    verbs = frozenset(["https://example.com/did"])
    assert (source.validation, source.may_void, source.keep_attachments) == ("strict", True, False)
    assert source.bounds == Bounds(timedelta(seconds=60), timedelta(days=30), verbs)
    lifted = ["--ahead-seconds", "any", "--oldest-days", "any", "--verb", "any"]
    assert run("sources", "set", "moodle", "--may-not-void", *lifted).exit_code == 0
    with engine.connect() as connection:
        source, _ = sources.by_name(connection, "moodle")  # type: ignore[misc]
    assert (source.may_void, source.bounds) == (False, None)
    assert isinstance(run("sources", "set", "nobody", "--may-void").exception, Refusal)
    assert run("sources", "set", "moodle", "--verb", "completed").exit_code == 2


def test_the_address_of_an_lrs_holds_no_password(run: Any) -> None:
    run("sources", "add", "moodle")
    for wrong in (
        "lrs.example.com",
        "https://u:p@lrs.example.com/xapi",
        "http://x:y/",
        "ftp://x",
        "https://x/?a=b",
        "http://",
    ):
        refused = run("sources", "lrs", "moodle", "--url", wrong, "--user", "plaudit")
        assert refused.exit_code == 2
        assert "--user" in refused.output


def test_a_source_changes_its_password_without_a_gap(run: Any, engine: Engine) -> None:
    first = json.loads(run("sources", "add", "moodle", "--json").output)["password"]
    second = json.loads(run("sources", "secrets", "add", "moodle", "--label", "2027", "--json").output)["password"]
    assert [pushes(engine, secret) for secret in (first, second)] == [True, True]
    assert first not in run("sources", "secrets", "list", "moodle").output
    assert run("sources", "secrets", "end", "moodle", "1").exit_code == 0
    assert [pushes(engine, secret) for secret in (first, second)] == [False, True]
    assert run("sources", "secrets", "end", "moodle", "2", "--after-hours", "1").exit_code == 0
    assert pushes(engine, second)
    assert isinstance(run("sources", "secrets", "end", "moodle", "1").exception, Refusal)


def pushes(engine: Engine, password: str) -> bool:
    with engine.connect() as connection:
        return sources.by_password(connection, password) is not None


def test_a_signing_secret_is_sealed(run: Any, engine: Engine, settings: Settings) -> None:
    run("sources", "add", "360")
    made = json.loads(run("sources", "secrets", "add", "360", "--kind", "webhook", "--json").output)["webhook"]
    with engine.connect() as connection:
        number = sources.number(connection, "360")
        assert number is not None
        stored = connection.execute(text("SELECT sealed FROM source_secret WHERE kind = 'webhook'")).scalar_one()
        assert webhook_key(made) not in bytes(stored)
        assert sources.signing_secrets(connection, number, settings.secret_key) == [("webhook", made)]
        with pytest.raises(WrongSecret):
            sources.signing_secrets(connection, number, "another")


def test_boards_are_rebuilt(run: Any, engine: Engine, redis: Redis) -> None:
    assert json.loads(run("boards", "rebuild", "--json").output) == {"scores": 0}
    assert not boards.lost(engine, redis)
