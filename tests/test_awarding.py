"""What is awarded by hand is a decision: kept as a fact, evaluated like everything, undone by a further one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from service import awarding
from service.awarding import NotAwardable, Wanted, read_csv
from service.badges import issuing
from service.cli import plaudit
from service.store import badges
from tests.at_work import AtWork
from tests.http.conftest import Caller, admin, anybody, app, client, public_url, reader  # noqa: F401 - fixtures

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
CSV = """learner,achievement,happened,reason
ann@example.com,keen,2026-05-01,"Ran the workshop, alone"
bob@example.com,steady,,
"""


@pytest.fixture
def here(engine: Engine) -> AtWork:
    work = AtWork(engine)
    work.apply("rule: r")
    return work


def award(here: AtWork, text: str, dry_run: bool = False) -> list[awarding.Decision]:
    return awarding.award(here.engine, read_csv(text), "carla", NOW, dry_run=dry_run)


def test_a_file_of_awards_becomes_offers_with_their_reasons(here: AtWork) -> None:
    decided = award(here, CSV)
    assert [(one.learner, one.known) for one in decided] == [("ann@example.com", False), ("bob@example.com", False)]
    here.drain()
    assert (here.badges("ann"), here.badges("bob")) == (["keen"], ["steady"])
    assert here.ledger("ann") == [("badge:keen", 1)]
    assert here.differences() == []
    with here.engine.begin() as connection:
        (held,) = badges.awards_of(connection, here.learner("ann"), NOW)
        assert issuing.reason(held) == "Ran the workshop, alone"
        assert held.happened == datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_the_same_file_twice_awards_nothing_twice(here: AtWork) -> None:
    award(here, CSV)
    again = award(here, CSV)
    assert [one.known for one in again] == [True, True]
    here.drain()
    assert here.size("statement") == 2
    assert here.ledger("ann") == [("badge:keen", 1)]


def test_a_dry_run_writes_nothing(here: AtWork) -> None:
    before = here.everything()
    assert len(award(here, CSV, dry_run=True)) == 2
    here.drain()
    assert (here.size("statement"), here.everything()) == (0, before)


def test_a_decision_is_undone_by_a_further_one(here: AtWork) -> None:
    decision = award(here, CSV)[0]
    here.drain()
    assert awarding.take_back(here.engine, decision.id, "carla", "by mistake", NOW)
    here.drain()
    assert here.badges("ann") == []
    assert here.ledger("ann") == [("badge:keen", 1), ("badge:keen", -1)]
    assert here.differences() == []


def test_only_what_was_awarded_by_hand_is_taken_back(here: AtWork) -> None:
    from tests.written import numbered, said

    here.take(said(1))
    assert not awarding.take_back(here.engine, numbered(1), "carla", "x", NOW)


def test_a_new_folder_of_rules_leaves_decisions_in_force(here: AtWork) -> None:
    award(here, CSV)
    here.apply("rule: other")
    award(here, "learner,achievement\neve@example.com,keen\n")
    here.count_again()
    here.drain()
    assert (here.badges("ann"), here.badges("eve")) == (["keen"], ["keen"])
    assert here.differences() == []


def test_a_rule_that_needs_a_badge_counts_one_given_by_hand(here: AtWork) -> None:
    here.apply("rule: stack\nwhen: null\nneeds: {badge: keen}\ngive: {points: 7}")
    award(here, CSV)
    here.drain()
    assert here.points("ann") == 7
    assert here.differences() == []


def test_a_folder_and_its_preview_leave_what_is_awarded_by_hand(
    here: AtWork, environ: dict[str, str], tmp_path: Path
) -> None:
    award(here, CSV)
    here.drain()

    def run(*words: str) -> str:
        ran = CliRunner().invoke(plaudit, ["rules", *words], env=environ)
        assert ran.exit_code == 0, ran.exception
        return ran.stdout

    copy = tmp_path / "copy"
    run("export", str(copy))
    assert [path.name for path in (copy / "rule").iterdir()] == ["r.yaml"]
    needy = "rule: stack\ntitle: S\nhow_to_earn: H\nneeds: {badge: keen}\ngive: {points: 7}\n"
    (copy / "rule" / "r.yaml").write_text(needy)  # r goes, and stack comes
    foreseen = json.loads(run("preview", str(copy), "--json"))
    assert {one["rule"]: one["change"] for one in foreseen["rules"]} == {"stack": "new", "r": "retired"}
    assert (foreseen["gained"], foreseen["lost"]) == ({"points": 7}, {})
    applied = run("apply", str(copy)).splitlines()  # after a warning that no rule of the folder gives the badge
    assert applied[1:3] == ["rule stack: version 1", "rule r: retired, keeps what it gave"]
    here.count_again()
    assert (here.badges("ann"), here.points("ann"), here.badges("bob")) == (["keen"], 7, ["steady"])
    assert here.differences() == []
    # what is decided next needs no rule to be put in force again
    award(here, CSV.replace("ann@", "eve@"))
    here.drain()
    assert (here.badges("eve"), here.points("eve")) == (["keen"], 7)


def test_a_rule_that_gives_by_hand_is_previewed_among_the_others(here: AtWork, environ: dict[str, str]) -> None:
    award(here, CSV)
    here.drain()
    command = ["rules", "preview", "--retire", "by-hand-keen", "--take-back", "--json"]
    told = json.loads(CliRunner().invoke(plaudit, command, env=environ).stdout)
    assert (told["lost"], [one["achievement"] for one in told["badges"]]) == ({"badge:keen": -1}, ["keen"])


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        (Wanted("line 2", "ann", "keen"), "is no learner"),
        (Wanted("line 2", "17", "keen"), "is no learner"),
        (Wanted("line 2", "ann@example.com\nBcc: x@example.org", "keen"), "is no learner"),
        (Wanted("line 2", "ann@example.com", "kean"), 'There is no achievement "kean". Did you mean "keen"?'),
        (Wanted("line 2", "ann@example.com", "keen", "31.5.2026"), "is no time"),
        (Wanted("line 2", "ann@example.com", "keen", "2027-01-01"), "is in the future"),
        (Wanted("line 2", "ann@example.com", "keen", "", "a\x00b"), "a control character (U+0000)"),
        (Wanted("line 2", "ann@example.com", "keen", "", "a" * 1001), "1,001 characters: write at most 1,000"),
    ],
)
def test_one_bad_line_and_nothing_is_awarded(here: AtWork, row: Wanted, wrong: str) -> None:
    good = Wanted("line 3", "ann@example.com", "keen")
    with pytest.raises(NotAwardable) as refused:
        awarding.award(here.engine, [row, good], "carla", NOW, dry_run=False)
    ((place, message),) = refused.value.problems
    assert place == "line 2"
    assert wrong in message
    assert here.size("statement") == 0


def test_other_columns_are_refused_by_name() -> None:
    for head in ("name,badge", "learner", ""):
        with pytest.raises(NotAwardable, match="The columns are learner, achievement"):
            read_csv(f"{head}\nx,y\n")
    assert read_csv("\ufeffachievement, learner\r\nkeen,ann@example.com\r\n\r\n") == [
        Wanted("line 2", "ann@example.com", "keen")
    ]


@pytest.mark.parametrize("by", [",", ";", "\t"])
def test_values_are_parted_as_spreadsheets_of_any_country_do(by: str) -> None:
    text = by.join(["learner", "achievement", "happened", "reason"]) + "\r\n"
    text += by.join(["ann@example.com", "keen", "", f'"Well{by} ""done"",\r\nAnn"']) + "\r\n"
    assert read_csv(text) == [Wanted("line 3", "ann@example.com", "keen", "", f'Well{by} "done",\nAnn')]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("ann@example.com,keen,,Well done, Ann", "There are more than 4 values here"),
        ('ann@example.com,keen,,"Well done', "not as CSV wants it"),
    ],
)
def test_a_line_that_would_lose_something_is_refused(line: str, wrong: str) -> None:
    with pytest.raises(NotAwardable, match=wrong) as refused:
        read_csv(f"learner,achievement,happened,reason\nbob@example.com,keen,,\n{line}\n")
    assert [place for place, _ in refused.value.problems] == ["line 3"]


def test_an_admin_awards_over_http(here: AtWork, admin: Caller, reader: Caller) -> None:  # noqa: F811 - fixtures
    body = {"awards": [{"learner": "ann@example.com", "achievement": "keen", "reason": "Well done"}]}
    assert reader("/api/v1/awards", "POST", json=body).status_code == 403
    tried = admin("/api/v1/awards", "POST", json=body | {"dry_run": True})
    assert (tried.status_code, tried.get_json()["awards"][0]["known"]) == (200, False)
    (decided,) = admin("/api/v1/awards", "POST", json=body).get_json()["awards"]
    assert decided["id"] == tried.get_json()["awards"][0]["id"]
    here.drain()
    assert here.badges("ann") == ["keen"]
    where = f"/api/v1/awards/{decided['id']}/take-back"
    assert admin(where, "POST", json={"because": "by mistake"}).status_code == 204
    here.drain()
    assert here.badges("ann") == []
    body["awards"][0]["achievement"] = "kean"
    refused = admin("/api/v1/awards", "POST", json=body)
    assert (refused.status_code, refused.get_json()["errors"][0]["path"]) == (422, "$.awards[0]")


def test_a_file_is_awarded_from_the_command_line(here: AtWork, environ: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "awards.csv"
    file.write_text(CSV)
    run = CliRunner().invoke(plaudit, ["badges", "award", str(file), "--dry-run"], env=environ)
    assert (run.exit_code, run.output.splitlines()[-1]) == (0, "2 would be awarded; nothing was done.")
    file.write_text(CSV.replace("keen", "kean"))
    run = CliRunner().invoke(plaudit, ["badges", "award", str(file)], env=environ)
    assert run.exit_code == 1
    file.write_text(CSV)
    assert CliRunner().invoke(plaudit, ["badges", "award", str(file)], env=environ).output.endswith("2 awarded.\n")
    here.drain()
    assert here.badges("bob") == ["steady"]


def test_ten_thousand_at_once_are_the_most(here: AtWork) -> None:
    with pytest.raises(NotAwardable, match="at most 10,000"):
        awarding.award(here.engine, [Wanted("", "a", "b")] * (awarding.MOST + 1), "carla", NOW, dry_run=False)


def test_an_award_dated_before_its_learner_came_is_fine(here: AtWork) -> None:
    long_ago = f"{NOW - timedelta(days=900):%Y-%m-%d}"
    award(here, f"learner,achievement,happened\nnew@example.com,keen,{long_ago}\n")
    here.drain()
    assert here.badges("new") == ["keen"]
