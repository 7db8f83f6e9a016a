"""An LRS is told of awards: each once, voided when it is taken back, and never evaluated when it comes back to us."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from service.capture.tiers import STRICT, Terms, judged
from service.cli import plaudit
from service.core.earned import BADGE_ASSERTION, BADGE_CLASS, EARNED
from service.erasure import erase
from service.pulling import pull
from service.settings import Settings
from service.store import badges, writeback
from service.store import lrs as store
from service.store.sealing import seal
from service.writeback import write_back
from tests.at_work import AtWork
from tests.small_lrs import SmallLrs, served
from tests.written import VOIDED, numbered, said

KEEN = "{rule: keen-ones, give: {badge: keen, points: 10}}"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    made = AtWork(engine)
    made.apply(KEEN)
    return made


@pytest.fixture
def lrs(here: AtWork, settings: Settings) -> Iterator[SmallLrs]:
    with served(SmallLrs(page=50)) as made:
        begin(here, made, settings, "badges")
        yield made


def begin(here: AtWork, lrs: SmallLrs, settings: Settings, what: str) -> None:
    with here.engine.begin() as connection:
        known = {"url": lrs.url, "username": "plaudit", "sealed": seal("the password", settings.secret_key)}
        store.put(connection, 1, known)
        writeback.begin(connection, 1, what, None, keep_since=False)


def counted(here: AtWork) -> list[tuple[Any, ...]]:
    with here.engine.begin() as connection:
        return [tuple(one) for one in writeback.counts(connection)]


def void(number: int, of: int) -> dict[str, Any]:
    target = {"objectType": "StatementRef", "id": str(numbered(of))}
    return said(number) | {"verb": {"id": VOIDED}, "object": target}


def test_a_badge_becomes_one_statement_that_keeps_to_the_specification(
    here: AtWork, lrs: SmallLrs, settings: Settings
) -> None:
    here.take(said(1), said(2))
    assert write_back(settings, here.engine) == 2
    assert write_back(settings, here.engine) == 0
    first, _ = lrs.statements
    assert first["actor"] == said(1)["actor"] | {"objectType": "Agent"}
    assert first["verb"]["id"] == EARNED
    assert first["object"]["id"] == "http://127.0.0.1:8000/achievements/keen"
    assert first["object"]["definition"]["extensions"][BADGE_CLASS]["@id"] == first["object"]["id"]
    assert datetime.fromisoformat(first["timestamp"]) == datetime.fromisoformat(said(1)["timestamp"])
    assert "result" not in first
    raws = [json.dumps(one).encode() for one in lrs.statements]
    assert len(judged(raws, Terms("lrs", validation=STRICT), datetime.now(UTC))) == 2
    assert counted(here) == [("default", 2, 0, 0)]


def test_points_are_told_where_that_is_asked_for(here: AtWork, lrs: SmallLrs, settings: Settings) -> None:
    begin(here, lrs, settings, "all")
    here.take(said(1))
    assert write_back(settings, here.engine) == 2
    points = next(one for one in lrs.statements if "result" in one)
    assert points["result"]["score"] == {"raw": 10}
    assert points["object"]["id"].endswith("/rules/keen-ones")


def test_what_is_taken_back_is_voided(here: AtWork, lrs: SmallLrs, settings: Settings) -> None:
    here.take(said(1))
    write_back(settings, here.engine)
    here.take(void(9, 1))
    assert write_back(settings, here.engine) == 1
    told, voided = lrs.statements
    assert voided["object"] == {"objectType": "StatementRef", "id": told["id"]}
    assert counted(here) == [("default", 0, 0, 0)]


def test_what_is_earned_again_comes_under_another_id(here: AtWork, lrs: SmallLrs, settings: Settings) -> None:
    here.take(said(1))
    for rule in (KEEN, KEEN.replace("give", "when: {verb: shared}, give"), KEEN):
        here.apply(rule)
        here.count_again()
        write_back(settings, here.engine)
    earned, voided, again = lrs.statements
    assert [one["verb"]["id"] for one in lrs.statements] == [EARNED, VOIDED, EARNED]
    assert voided["object"]["id"] == earned["id"]
    assert again == earned | {"id": again["id"], "stored": again["stored"]}
    assert again["id"] != earned["id"]


def test_what_an_admin_revokes_or_a_learner_declines_is_voided(here: AtWork, lrs: SmallLrs, settings: Settings) -> None:
    here.take(said(1), said(2))
    with here.engine.begin() as connection:
        _, second = badges.awards_of(connection, here.learner("ann"), datetime.now(UTC))
        token, _ = badges.make_link(connection, second.id, datetime.now(UTC))
    write_back(settings, here.engine)
    with here.engine.begin() as connection:
        badges.decide(connection, token, second.id, "declined", datetime.now(UTC))
    write_back(settings, here.engine)
    assert [one["verb"]["id"] for one in lrs.statements] == [EARNED, EARNED, VOIDED]


def test_what_comes_back_to_us_is_known_and_never_evaluated(here: AtWork, lrs: SmallLrs, settings: Settings) -> None:
    here.apply(KEEN, f"{{rule: earners, when: {{verb: '{EARNED}'}}, give: {{points: 1000}}}}")
    here.take(said(1))
    write_back(settings, here.engine)
    echo = lrs.statements[0] | {"authority": {"mbox": "mailto:lrs@example.com"}, "timestamp": "2020-01-01T00:00:00Z"}
    assert here.arrive(echo) == (0, 1, 0)
    assert here.arrive(echo, source="form") == (0, 1, 0)
    found = pull(here.engine, "default", settings.secret_key, lambda *_: None, lambda: None)
    assert (found.new, found.repeats) == (0, 1)
    here.drain()
    assert here.points("ann") == 10
    assert here.size("statement") == 1
    assert here.execute("SELECT received, duplicates, conflicts FROM intake_count WHERE source = 1") == [(3, 2, 0)]


def test_each_lrs_is_told_of_its_own_learners_as_it_calls_them(here: AtWork, lrs: SmallLrs, settings: Settings) -> None:
    here.arrive(said(1), source="form")
    account = {"account": {"homePage": "https://lms.example.com", "name": "b-7"}, "name": "B."}
    here.arrive(said(2) | {"actor": account})
    here.drain()
    write_back(settings, here.engine)
    assert [one["actor"] for one in lrs.statements] == [account | {"objectType": "Agent"}]


def test_what_a_crash_leaves_open_is_told_again_under_the_same_id(
    here: AtWork, lrs: SmallLrs, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    here.take(said(1))

    def crash(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(writeback, "done", crash)
        with pytest.raises(KeyboardInterrupt):
            write_back(settings, here.engine)
    here.execute("UPDATE lrs SET write_due = now()")
    assert here.arrive(lrs.statements[0]) == (0, 1, 0)
    assert write_back(settings, here.engine) == 1
    assert len(lrs.statements) == 1
    assert counted(here) == [("default", 1, 0, 0)]


def test_what_was_taken_back_before_it_was_confirmed_is_voided_all_the_same(
    here: AtWork, lrs: SmallLrs, settings: Settings
) -> None:
    here.take(said(1))
    lrs.failing = [503]
    write_back(settings, here.engine)
    here.take(void(9, 1))
    here.execute("UPDATE lrs SET write_due = now()")
    write_back(settings, here.engine)
    assert [one["verb"]["id"] for one in lrs.statements] == [EARNED, VOIDED]


def test_an_lrs_that_is_away_is_left_alone_for_longer_and_longer(
    here: AtWork, lrs: SmallLrs, settings: Settings
) -> None:
    here.take(said(1), said(2))
    for waits in (10, 20, 40):
        lrs.failing = [503]
        here.execute("UPDATE lrs SET write_due = now()")
        assert write_back(settings, here.engine) == 0
        ((seconds,),) = here.execute("SELECT extract(epoch FROM write_due - now())::float FROM lrs")
        assert waits - 5 < seconds <= waits
    assert counted(here) == [("default", 0, 2, 0)]
    assert len(lrs.asked) == 3
    here.execute("UPDATE lrs SET write_due = now()")
    assert write_back(settings, here.engine) == 2


def test_what_an_lrs_refuses_holds_up_nothing_and_is_told_again_when_somebody_says_so(
    here: AtWork, lrs: SmallLrs, settings: Settings, environ: dict[str, str]
) -> None:
    here.take(said(1), said(2))
    lrs.failing = [400]
    assert write_back(settings, here.engine) == 1
    here.execute("UPDATE told SET due = NULL WHERE problem IS NOT NULL")
    listed = CliRunner().invoke(plaudit, ["sources", "told", "--json"], env=environ)
    assert json.loads(listed.stdout) == [{"source": "default", "told": 1, "waiting": 0, "failed": 1}]
    done = CliRunner().invoke(plaudit, ["sources", "retell", "default", "--json"], env=environ)
    assert json.loads(done.stdout)["again"] == 1
    assert write_back(settings, here.engine) == 1
    assert counted(here) == [("default", 2, 0, 0)]


def test_only_what_was_earned_since_is_told(here: AtWork, lrs: SmallLrs, settings: Settings) -> None:
    here.take(said(1, "2026-03-01"), said(2, "2026-05-01"))
    with here.engine.begin() as connection:
        writeback.begin(connection, 1, None, datetime(2026, 4, 1, tzinfo=UTC), keep_since=False)
    write_back(settings, here.engine)
    assert [one["timestamp"][:10] for one in lrs.statements] == ["2026-05-01"]


def test_being_told_of_less_takes_nothing_back_that_stands(here: AtWork, lrs: SmallLrs, settings: Settings) -> None:
    begin(here, lrs, settings, "all")
    here.take(said(1), said(2))
    assert write_back(settings, here.engine) == 4
    begin(here, lrs, settings, "badges")
    with here.engine.begin() as connection:
        writeback.begin(connection, 1, None, datetime(2026, 12, 1, tzinfo=UTC), keep_since=False)
    assert write_back(settings, here.engine) == 0
    here.take(void(9, 1))
    assert write_back(settings, here.engine) == 2


def test_erasure_voids_and_names_nobody(here: AtWork, lrs: SmallLrs, settings: Settings) -> None:
    here.take(said(1))
    write_back(settings, here.engine)
    with here.engine.begin() as connection:
        erase(connection, here.learner("ann"))
    write_back(settings, here.engine)
    assert [one["verb"]["id"] for one in lrs.statements] == [EARNED, VOIDED]
    assert "ann" not in json.dumps(lrs.statements[1])


def test_nothing_is_noted_where_no_lrs_is_told(engine: Engine) -> None:
    here = AtWork(engine)
    here.apply(KEEN)
    here.take(said(1))
    assert here.size("retell") == 0


def test_the_credential_is_named_only_once_its_learner_shares_it(
    here: AtWork, lrs: SmallLrs, settings: Settings
) -> None:
    here.take(said(1))
    here.execute("UPDATE badge_award SET state = 'claimed', shared = now(), credential = gen_random_uuid()")
    write_back(settings, here.engine)
    assert "/ob2/assertions/" in lrs.statements[0]["result"]["extensions"][BADGE_ASSERTION]["@id"]


def test_the_command_says_what_an_lrs_is_told(here: AtWork, environ: dict[str, str]) -> None:
    environ = environ | {"PLAUDIT_NEW_PASSWORD": "the password"}
    words = ["sources", "lrs", "default", "--url", "http://lrs.example.com/xapi", "--user", "plaudit", "--json"]
    done = CliRunner().invoke(plaudit, [*words, "--write-back", "badges"], env=environ)
    assert done.exit_code == 0, done.output
    (shown,) = json.loads(done.stdout)
    assert shown["write_back"] == "badges"
    assert shown["write_since"] is not None
    done = CliRunner().invoke(plaudit, [*words, "--write-back", "all", "--write-since", "first"], env=environ)
    (shown,) = json.loads(done.stdout)
    assert (shown["write_back"], shown["write_since"]) == ("all", None)
