"""`plaudit rules explain` says why somebody has what they have, and why not more."""

import json

from click.testing import CliRunner, Result
from sqlalchemy import Engine

from service.cli import plaudit
from tests.at_work import AtWork
from tests.written import agent, numbered, said

RULE = """\
when: {verb: completed, score: {at_least: 0.5}}
count: {reach: 1, repeat: true}
limit: [{points: 10, per: day}]
"""


def told(environ: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(plaudit, ["rules", "explain", *arguments], env=environ)


def test_it_tells_awards_refusals_progress_and_near_misses(engine: Engine, environ: dict[str, str]) -> None:
    here = AtWork(engine)
    here.apply(RULE)
    here.take(*(said(n, f"2026-01-01T0{n}:00:00", result={"score": {"scaled": n / 10}}) for n in (4, 5, 6)))
    result = told(environ, "r", "ann@example.com")
    verb, thing = "http://adlnet.gov/expapi/verbs/completed", "https://example.com/a"
    assert result.output.splitlines() == [
        f"r, version 1, and Ann ({here.learner('ann')})",
        "2 statements fulfil its conditions; 1 awards.",
        "  2026-01-01 05:00Z  +10 points: 1 of 1 (version 1)",
        f"      {verb} {thing} [{numbered(5)}]",
        "1 of them gave nothing, or not alone:",
        "  2026-01-01 06:00Z  limit 10 points per day",
        f"      {verb} {thing} [{numbered(6)}]",
        "Progress: 0 of 1.",
        "Nearly counted:",
        "  2026-01-01 04:00Z  when score at least 0.5 (it is 0.4)",
        f"      {verb} {thing} [{numbered(4)}]",
    ]
    for who in (str(here.learner("ann")), json.dumps(agent("ann"))):
        answer = json.loads(told(environ, "r", who, "--json").output)
        assert [len(answer[name]) for name in ("awards", "refusals", "near_misses")] == [1, 1, 1]


def test_it_tells_what_is_needed_and_missing_and_which_version_is_on_trial(
    engine: Engine, environ: dict[str, str]
) -> None:
    here = AtWork(engine)
    needs = "{all_of: [{badge: keen}, {statement: a course, when: {verb: completed, success: true}}]}"
    here.apply("{give: {badge: keen}}", f"rule: both\nwhen: null\nneeds: {needs}", "{rule: tried, status: trial}")
    here.take(said(1))
    assert told(environ, "both", "ann@example.com").output.splitlines()[-3:] == [
        "Progress: 1 of 2.",
        "  badge keen: since 2026-01-01 12:00Z",
        "  a course: missing",
    ]
    answer = json.loads(told(environ, "both", "ann@example.com", "--json").output)
    assert [(one["need"], one["since"]) for one in answer["needs"]] == [
        ("badge keen", "2026-01-01 12:00:00+00:00"),
        ("a course", None),
    ]
    assert "+10 points: every match gives (version 1)" in told(environ, "tried", "ann@example.com").output


def test_what_is_not_known_is_refused_in_a_sentence(engine: Engine, environ: dict[str, str]) -> None:
    here = AtWork(engine)
    here.apply("{}")
    here.take(said(1))
    assert str(told(environ, "other", "ann@example.com").exception).startswith('No rule "other" is in force')
    for nobody in ("bob@example.com", "99", "9" * 30):
        assert str(told(environ, "r", nobody).exception).startswith(f"There is no learner {nobody}")
    assert getattr(told(environ, "r", "{").exception, "status", None) == 2
