"""`plaudit rules health` says which rules give and which rest."""

import json

from click.testing import CliRunner
from sqlalchemy import Engine

from service.cli import plaudit
from tests.at_work import AtWork
from tests.written import COURSE, SHARED, said


def test_it_tells_what_gives_what_rests_and_what_nobody_looks_at(engine: Engine, environ: dict[str, str]) -> None:
    here = AtWork(engine)
    here.apply("{limit: [{points: 10, per: day}]}", "{rule: tried, status: trial}")
    here.take(said(1), said(2), said(3, "2026-01-03", verb=SHARED))
    result = CliRunner().invoke(plaudit, ["rules", "health", "--days", "1"], env=environ)
    last = "the last on 2026-01-01"
    assert result.output.splitlines() == [
        "By 3 statements.",
        f"RESTS (nothing for 1 days) r: 1 awards, {last}; 2 matches of 1 learners, {last}",
        "    1 × limit 10 points per day",
        f"RESTS (nothing for 1 days) tried (trial, pays nothing): 2 awards, {last}; 2 matches of 1 learners, {last}",
        "No rule looks at:",
        f"  1 × {SHARED}, {COURSE}, last on 2026-01-03",
    ]
    assert result.exit_code == 1
    patient = CliRunner().invoke(plaudit, ["rules", "health", "--days", "3660", "--json"], env=environ)
    assert [one["rests"] for one in json.loads(patient.output)["rules"]] == [False, False]
    assert patient.exit_code == 0


def test_it_tells_what_rules_on_trial_would_have_given(engine: Engine, environ: dict[str, str]) -> None:
    here = AtWork(engine)
    assert CliRunner().invoke(plaudit, ["rules", "trials"], env=environ).output == "No rule is on trial.\n"
    here.apply("{status: trial}", "{rule: idle, status: trial, when: {verb: shared}}")
    here.take(said(1), said(2, "2026-01-03"), said(3, who="bob"))
    result = CliRunner().invoke(plaudit, ["rules", "trials"], env=environ)
    assert result.output.splitlines() == [
        "idle, version 1: would have given nothing, since the first statement.",
        "r, version 1: would have given 30 points in 3 awards to 2 learners, since the first statement.",
        f"    20 points to Ann ({here.learner('ann')}), from 2026-01-01 to 2026-01-03",
        f"    10 points to Bob ({here.learner('bob')}), on 2026-01-01",
    ]
    told = json.loads(CliRunner().invoke(plaudit, ["rules", "trials", "--json"], env=environ).output)
    assert [one["amounts"] for one in told["trials"]] == [{}, {"points": 30}]
