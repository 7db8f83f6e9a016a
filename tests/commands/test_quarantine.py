"""`plaudit quarantine`: what could not be used is listed, mended and tried again."""

from __future__ import annotations

import json

import msgspec
import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Engine

from service.commands.quarantine import command
from service.errors import Refusal
from service.store import quarantine
from service.store.engine import driver
from tests.at_work import NOW, AtWork
from tests.written import numbered, said

NOBODY = msgspec.json.encode(said(1, who={"name": "Nobody"}))


def run(*arguments: str, input: bytes | None = None) -> Result:  # noqa: A002
    return CliRunner().invoke(command, list(arguments), input=input, catch_exceptions=False)


@pytest.fixture
def here(engine: Engine, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> AtWork:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    made = AtWork(engine)
    made.apply("{}")
    with engine.begin() as connection:
        entry = quarantine.Entry(numbered(1), 1, NOW, NOBODY, "$.actor", "has no identifier")
        quarantine.add(driver(connection), [entry])
    return made


def test_an_entry_is_listed_shown_mended_and_replayed(here: AtWork) -> None:
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["path"], listed["source"], listed["statement"]) == ("$.actor", "default", str(numbered(1)))
    number = str(listed["id"])
    assert run("show", number).stdout.strip() == NOBODY.decode()
    still = run("replay", "--all", "--json")
    assert (still.exit_code, json.loads(still.stdout)["replayed"]) == (1, 0)
    assert run("edit", number, "-", input=msgspec.json.encode(said(1))).exit_code == 0
    done = run("replay", number)
    assert (done.exit_code, done.stdout) == (0, "1 replayed, 0 still unusable.\n")
    here.drain()
    assert here.points("ann") == 10
    assert json.loads(run("list", "--json").stdout) == []


def test_an_entry_is_discarded(here: AtWork) -> None:
    number = str(json.loads(run("list", "--json").stdout)[0]["id"])
    assert run("discard", number).exit_code == 0
    assert json.loads(run("list", "--state", "discarded", "--json").stdout)[0]["statement"] == str(numbered(1))


def test_what_is_asked_wrongly_is_said(here: AtWork) -> None:
    for wrong in (["show", "99"], ["replay", "99"], ["discard", "99"]):
        with pytest.raises(Refusal, match="no entry 99"):
            run(*wrong)
    with pytest.raises(Refusal, match="no JSON object"):
        run("edit", "1", "-", input=b"[")
    assert run("replay").exit_code == run("replay", "1", "--all").exit_code == run("discard").exit_code == 2
