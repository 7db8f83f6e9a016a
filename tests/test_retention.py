"""What came is kept for a time only, but what is evaluated: nobody's result depends on when something was dropped."""

import hashlib
import json
from datetime import timedelta

import msgspec
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from service.cli import plaudit
from service.export import held_about
from service.filling import fill
from service.retention import Retention
from service.settings import Settings
from service.store import attachments, retention
from service.store.attachments import Attachment
from service.store.engine import driver
from service.store.sources import Source
from tests.at_work import NOW, AtWork
from tests.written import Json, numbered, said

NOBODY = said(7) | {"actor": {"name": "Ann"}}
OTHER = said(1) | {"result": {"success": False}}


@pytest.fixture
def here(engine: Engine) -> AtWork:
    """A badge's ground, other content under its id, an attachment, and something set aside: long ago, and just now."""
    made = AtWork(engine)
    made.apply("{rule: ten, give: {points: 10}}")
    made.take(said(1), said(2))
    aside(made, NOBODY)
    made.arrive(OTHER)
    with engine.begin() as connection:
        kept = [Attachment(numbered(number), hashlib.sha256(b"x").hexdigest(), "text/plain", b"x") for number in (1, 2)]
        attachments.keep(driver(connection), kept)
    made.execute("UPDATE statement SET received = now() - interval '31 days' WHERE id = %b", numbered(1))
    for table in ("conflict", "quarantine"):
        made.execute(f"UPDATE {table} SET received = now() - interval '31 days'")
    aside(made, NOBODY | {"version": "1.0.3"})
    made.execute("UPDATE quarantine SET received = now() WHERE id = (SELECT max(id) FROM quarantine)")
    made.execute("UPDATE statement SET received = now() WHERE id = %b", numbered(2))
    return made


def aside(here: AtWork, statement: Json) -> int:
    with here.engine.begin() as connection:
        return fill(driver(connection), Source(1, "default"), [msgspec.json.encode(statement)], NOW).aside


def drop(here: AtWork, days: int | None, most: int = 500) -> tuple[int, ...]:
    with here.engine.begin() as connection:
        return tuple(retention.drop(driver(connection), days, most))


def test_what_is_old_loses_its_bytes_and_what_is_evaluated_stays(here: AtWork) -> None:
    before = here.everything()
    statements = here.execute("SELECT id, raw FROM statement ORDER BY id")
    assert drop(here, 30) == (1, 1, 1)
    assert drop(here, 30) == (0, 0, 0)
    assert here.execute("SELECT id, raw FROM statement ORDER BY id") == statements
    assert here.execute("SELECT state, octet_length(raw) > 0 FROM quarantine ORDER BY id") == [
        ("discarded", False),
        ("waiting", True),
    ]
    assert here.everything() == before
    assert here.differences() == []


def test_what_comes_again_is_known_as_before(here: AtWork) -> None:
    drop(here, 30)
    assert here.arrive(OTHER, said(1)) == (0, 1, 1)
    assert here.size("conflict") == 1
    aside(here, NOBODY)
    assert here.size("quarantine") == 2


def test_a_source_may_say_otherwise_and_without_a_limit_nothing_goes(here: AtWork) -> None:
    assert drop(here, None) == (0, 0, 0)
    assert drop(here, 40) == (0, 0, 0)
    here.execute("UPDATE source SET keep_raw_days = 10 WHERE name = 'default'")
    assert drop(here, 40, most=1) == (1, 1, 1)
    here.execute("UPDATE source SET keep_raw_days = 50 WHERE name = 'default'")
    assert drop(here, 30) == (0, 0, 0)


def test_a_statement_that_could_not_be_evaluated_waits_for_us(here: AtWork) -> None:
    here.execute("UPDATE quarantine SET kind = 'failed'")
    assert drop(here, 30)[2] == 0


def test_a_learners_export_is_json_after_it(here: AtWork) -> None:
    drop(here, 30)
    learner = here.learner("ann")
    with here.engine.begin() as connection:
        told = json.loads(b"".join(held_about(driver(connection), learner)))
    assert told["conflicts"][0]["statement"] is None


def test_a_worker_looks_once_an_hour(here: AtWork, settings: Settings, environ: dict[str, str]) -> None:
    done = CliRunner().invoke(plaudit, ["sources", "set", "default", "--keep-raw-days", "30", "--json"], env=environ)
    assert json.loads(done.stdout)["keep_raw_days"] == 30
    assert (
        CliRunner().invoke(plaudit, ["sources", "set", "default", "--keep-raw-days", "0"], env=environ).exit_code == 2
    )
    regular = Retention(settings, here.engine)
    regular.drop_what_is_old()
    assert here.execute("SELECT octet_length(raw) FROM conflict") == [(0,)]
    here.execute("UPDATE quarantine SET received = now() - %b::interval", timedelta(days=31))
    regular.drop_what_is_old()
    assert here.execute("SELECT count(*) FROM quarantine WHERE octet_length(raw) > 0") == [(1,)]
