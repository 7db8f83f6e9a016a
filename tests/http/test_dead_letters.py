"""What could not be done is told in one place, with the reason and what to do."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from service.cli import plaudit
from service.store import lrs, quarantine, writeback
from service.store.dead_letters import dead_letters
from service.store.engine import driver
from tests.at_work import AtWork
from tests.http.conftest import Caller
from tests.written import numbered, said


def test_every_job_that_could_not_be_done_is_told_with_what_to_do(
    engine: Engine, reader: Caller, anybody: Caller, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = AtWork(engine)
    here.apply("{rule: ten, give: {points: 10}}")
    assert reader("/api/v1/jobs/dead-letters").get_json() == {"entries": []}
    here.take(said(1))
    here.arrive(said(2))
    with engine.begin() as connection:
        quarantine.set_aside(driver(connection), numbered(2), "ValueError: odd")
        lrs.put(connection, 1, {"url": "https://lrs.example.com", "username": "u", "sealed": b""})
        lrs.failed(connection, 1, "answered 500")
        writeback.begin(connection, 1, "all", None, keep_since=False)
        writeback.plan(driver(connection))
    here.execute("UPDATE told SET problem = 'answered 400', due = NULL")
    here.execute("UPDATE lrs SET write_problem = 'answered 503'")
    here.execute("UPDATE rule_version SET problem = 'raised'")
    told = reader("/api/v1/jobs/dead-letters").get_json()["entries"]
    assert [(one["job"], one["problem"], one["retried"], one["again"]) for one in told] == [
        ("evaluate", "ValueError: odd", False, "plaudit quarantine replay 1"),
        ("read", "answered 500", False, "plaudit sources pull default"),
        ("recount", "raised", False, "plaudit replay"),
        ("tell", "answered 503", True, "plaudit sources retell default"),
        ("tell", "answered 400", False, "plaudit sources retell default"),
    ]
    assert [one["subject"] for one in told[:3]] == [str(numbered(2)), "default", "ten version 1"]
    (last,) = reader("/api/v1/jobs/dead-letters?offset=4").get_json()["entries"]
    assert last == told[4]
    with engine.begin() as connection:
        assert len(dead_letters(driver(connection), 2)) == 2
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    printed = CliRunner().invoke(plaudit, ["jobs", "--limit", "1"])
    assert (printed.exit_code, "ValueError: odd" in printed.output, "answered" in printed.output) == (1, True, False)
    assert anybody("/api/v1/jobs/dead-letters").status_code == 401
