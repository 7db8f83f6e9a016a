"""Evaluating what has come in, on a real database: who is who, what counts, and what is undone."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, Engine, event

from service import mending, world
from service.core.agents import Agent
from service.drain import Drain
from service.patience import patiently
from service.store import identity, profiles
from service.store.engine import driver
from service.store.tables import metadata
from tests.at_work import NOW, AtWork
from tests.written import Json, agent, days, group, moment, numbered, said, void


@pytest.fixture
def here(engine: Engine) -> AtWork:
    return AtWork(engine)


# --- who is who -------------------------------------------------------------------------------------------------------


def hashed(name: str) -> Json:
    return {"mbox_sha1sum": hashlib.sha1(f"mailto:{name}@example.com".encode()).hexdigest()}


def test_an_mbox_and_its_hash_are_one_learner_whichever_comes_first(here: AtWork) -> None:
    here.apply("{}")
    here.take(
        said(1, who=agent("ann")), said(2, who=hashed("ann")), said(3, who=hashed("bob")), said(4, who=agent("bob"))
    )
    assert here.size("learner") == 2
    assert here.points("ann") == here.points("bob") == 20


def test_an_address_is_remembered_when_it_is_first_told(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1, who=hashed("ann")))
    assert here.execute("SELECT mbox FROM identifier") == [(None,)]
    here.take(said(2, who=agent("ann")))
    assert here.execute("SELECT mbox FROM identifier") == [("ann@example.com",)]


def test_openids_and_accounts_are_learners(here: AtWork) -> None:
    here.apply("{}")
    account = {"account": {"homePage": "https://example.com", "name": "ann"}}
    here.take(said(1, who=account), said(2, who={"openid": "https://ann.example.com/"}), said(3, who=account))
    keys = here.execute("SELECT key, amount FROM identifier JOIN total USING (learner) ORDER BY key")
    assert keys == [("account:https://example.com ann", 20), ("openid:https://ann.example.com/", 10)]


def test_an_identifier_of_any_length_is_a_learner(here: AtWork) -> None:
    here.apply("{}")
    letters = random.Random(1)
    names = ["".join(chr(letters.randrange(0x10000, 0x20000)) for _ in range(length)) for length in (560, 600, 5000)]
    here.take(
        *(said(n, who={"account": {"homePage": "https://x.example", "name": name}}) for n, name in enumerate(names))
    )
    assert here.execute("SELECT amount FROM total") == [(10,)] * 3


def test_each_member_of_a_group_receives_once(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1, who={"objectType": "Group", "member": [agent("ann"), hashed("ann"), agent("bob")]}))
    assert (here.points("ann"), here.points("bob")) == (10, 10)


def test_an_instructor_receives(here: AtWork) -> None:
    here.apply("{to: instructor, unless: [{same: [instructor, actor]}]}")
    here.take(said(1, context={"instructor": group("ann", "bob")}))
    assert (here.points("ann"), here.points("bob")) == (0, 10)


def test_whoever_is_named_is_a_learner_also_where_no_rule_looks(here: AtWork) -> None:
    here.apply()
    here.take(
        said(
            1, context={"instructor": agent("bob"), "team": group("cy")}, object={"objectType": "Agent", **agent("dee")}
        )
    )
    assert here.execute("SELECT name FROM learner ORDER BY name") == [("Ann",), ("Bob",), ("Cy",), ("Dee",)]


def test_a_learner_is_called_what_the_newest_statement_calls_them(here: AtWork) -> None:
    here.apply()
    names = {1: "Ann A.", 2: "Ann B.", 3: "Ann C.", 4: "Ann D."}
    for number in (2, 1, 4, 3):
        here.take(said(number, f"2026-01-0{number}", who={**agent("ann"), "name": names[number]}))
    assert here.execute("SELECT name FROM learner") == [("Ann D.",)]


def test_a_name_that_another_process_gave_is_followed_by_a_newer_one_that_this_one_remembers(here: AtWork) -> None:
    here.apply("{}")
    one, other = Drain(here.engine), Drain(here.engine)
    for number, (drain, name) in enumerate([(one, "Ann"), (other, "Anna"), (one, "Ann")], 1):
        here.arrive(said(number, f"2026-01-0{number}", who={**agent("ann"), "name": name}))
        drain()
        assert here.execute("SELECT name FROM learner") == [(name,)]


def test_of_two_names_that_come_at_once_the_newest_stays_whoever_is_last(here: AtWork) -> None:
    here.apply("{rule: none, when: {verb: 'https://example.com/never'}}")
    newer = said(3, "2026-01-03", who={**agent("ann"), "name": "Newest"})
    older = said(2, "2026-01-02", who={**agent("ann"), "name": "Older"})
    for first, second in ((newer, older), (older, newer)):
        for table in ("part", "statement", "identifier", "learner"):
            here.execute(f"DELETE FROM {table}")
        one, other = Drain(here.engine), Drain(here.engine)
        here.arrive(said(1, who={**agent("ann"), "name": "Newest"}))
        one()
        here.arrive(first)
        with ThreadPoolExecutor(1) as pool, here.engine.begin() as connection:
            one._batch(connection, 10)  # and does not commit before the other has begun
            here.arrive(second)
            waiting = pool.submit(other)
            locked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            while not waiting.done() and not here.execute(locked):
                time.sleep(0.01)
            connection.commit()
            waiting.result(20)
        assert here.execute("SELECT name FROM learner") == [("Newest",)], first


def test_a_name_that_was_taken_away_is_given_by_the_next_statement(here: AtWork) -> None:
    here.apply("{}")
    drain = Drain(here.engine)
    for number in (1, 2):
        here.arrive(said(number, f"2026-01-0{number}", who={**agent("ann"), "name": "Ann"}))
        drain()
        assert here.execute("SELECT name FROM learner") == [("Ann",)]
        with here.engine.begin() as connection:
            profiles.change(connection, here.learner("ann"), {"name": None})


def test_of_two_that_meet_somebody_new_at_once_neither_takes_other_learners_away(here: AtWork) -> None:
    here.execute("INSERT INTO learner (created) VALUES (now())")
    new, key = Agent(mbox="mailto:ann@example.com"), "mbox_sha1sum:0"
    with ThreadPoolExecutor(1) as pool, here.engine.connect() as other, other.begin() as transaction:
        first = identity.learners(driver(other), {key: new})

        def meet() -> dict[str, int]:
            with here.engine.begin() as connection:
                return identity.learners(driver(connection), {key: new})

        second = pool.submit(meet)
        waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        while not second.done() and not here.execute(waiting):
            time.sleep(0.01)
        transaction.commit()
        assert second.result(20) == first
    assert here.size("learner") == 2


def test_a_name_is_a_name_whatever_it_holds(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1, who={**agent("ann"), "name": "A\0" * 500}))
    assert here.execute("SELECT name FROM learner") == [("A" * 200,)]
    assert here.points("ann") == 10


def test_a_drain_that_fails_remembers_nothing_that_was_not_committed(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1, who=hashed("ann")))
    here.arrive(said(2, who=agent("ann")), said(3, who=agent("bob")))
    drain = Drain(here.engine)
    with here.engine.connect() as other, other.begin(), hurried(here.engine):
        other.exec_driver_sql("SELECT FROM identifier FOR UPDATE")
        with pytest.raises(LockNotAvailable):
            drain()
    assert drain().statements == 2
    assert here.execute("SELECT name FROM learner ORDER BY name") == [("Ann",), ("Bob",)]
    assert (here.points("ann"), here.points("bob")) == (20, 10)


@pytest.mark.parametrize("actor", ["an account of its own", "an account beside an address"])
def test_what_a_process_remembers_of_people_is_bounded(
    here: AtWork, monkeypatch: pytest.MonkeyPatch, actor: str
) -> None:
    monkeypatch.setattr(world, "MOST_REMEMBERED", 40)
    drain, most = Drain(here.engine), 0
    for first in range(1, 201, 20):
        accounts = [{"homePage": "https://lms.example.com", "name": f"{first + n}"} for n in range(20)]
        told = (
            {"account": one} | ({"mbox": "mailto:ann@example.com"} if "beside" in actor else {}) for one in accounts
        )
        here.arrive(*(said(first + place) | {"actor": agent} for place, agent in enumerate(told)))
        assert drain().statements == 20
        assert drain._world is not None
        known = drain._world.known
        most = max(most, *(len(getattr(known, name)) for name in ("learners", "homes", "addressed", "hinted")))
    assert 20 <= most <= 40 + 20
    assert here.differences() == []


@contextmanager
def hurried(engine: Engine) -> Iterator[None]:
    """Lets no transaction that begins meanwhile wait long for a lock."""

    def hurry(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = '100ms'")

    event.listen(engine, "begin", hurry)
    try:
        yield
    finally:
        event.remove(engine, "begin", hurry)


# --- what counts ------------------------------------------------------------------------------------------------------

CAPPED = "{give: {points: 15}, limit: [{points: 50, per: day}], once_per: [object]}"
FIVE = "{rule: five, count: {reach: 5, different: object, within: 90 days}, give: {badge: keen, points: 100}}"
STREAK = "{rule: streak, streak: {every: day}, give: [{at: 2, points: 20}, {at: 4, points: 40, badge: steady}]}"
BOARD = "{board: all-time, period: ever}"
WEEKLY = "{board: weekly, period: week}"


def test_points_are_paid_in_the_ledger_and_summed_up_everywhere(here: AtWork) -> None:
    here.apply(CAPPED, BOARD, WEEKLY)
    here.take(*(said(n, f"2026-01-05T{n:02}:00:00", thing=f"t{n}") for n in range(1, 6)))
    assert here.ledger("ann") == [("points", 15), ("points", 15), ("points", 15), ("points", 5)]
    assert here.points("ann") == 50
    assert here.execute("SELECT DISTINCT points, reached FROM score") == [(50, moment("2026-01-05T04:00:00"))]
    assert here.size("score") == 2


def test_a_badge_that_is_earned_is_offered(here: AtWork) -> None:
    here.apply(FIVE)
    here.take(*days(1, 2, 3, 4))
    assert here.badges("ann") == []
    here.take(*days(5))
    assert here.badges("ann") == ["keen"]
    assert here.ledger("ann") == [("points", 100), ("badge:keen", 1)]


def test_a_statement_that_nobody_honours_is_taken_and_gives_nothing(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1, verb="https://example.com/verbs/looked-at"))
    assert (here.size("inbox"), here.size("entry"), here.size("outbox")) == (0, 0, 0)


def test_who_pushed_it_and_how_is_known_when_it_is_evaluated(here: AtWork) -> None:
    here.apply("{rule: a, when: {verb: completed, source: form}}", "{rule: b, when: {verb: completed, capture: xapi}}")
    here.execute("UPDATE source SET capture = 'self_report' WHERE name = 'form'")
    here.arrive(said(1, who="ann"), source="form")
    here.arrive(said(2, who="bob"), source="default")
    here.drain()
    assert [line.split()[0] for line in here.awards("ann")] == ["a"]
    assert [line.split()[0] for line in here.awards("bob")] == ["b"]


def test_a_rule_on_trial_pays_nothing(here: AtWork) -> None:
    here.apply("{status: trial}", "{rule: five, status: trial, count: {reach: 5}, give: {badge: keen}}")
    here.take(*days(1, 2, 3, 4, 5))
    assert (here.size("entry"), here.badges("ann")) == (0, [])


def test_a_draft_is_not_evaluated(here: AtWork) -> None:
    here.apply("{status: draft}")
    here.take(*days(1, 2))
    assert (here.size("entry"), here.size("match")) == (0, 0)


def test_a_repeat_is_evaluated_once(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1), said(1))
    here.take(said(1))
    assert here.points("ann") == 10


def test_the_first_of_two_contents_counts(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1, who="ann"), said(1, who="bob"))
    assert (here.points("ann"), here.size("learner")) == (10, 1)


def test_what_is_booked_at_once_reads_in_the_order_in_which_it_happened(here: AtWork) -> None:
    here.apply("{}", "{rule: twice, give: {points: 1}}")
    here.take(*days(2, 3, 1))
    happened = [moment for (moment,) in here.execute("SELECT happened FROM entry ORDER BY id")]
    assert len(happened) == 6
    assert happened == sorted(happened)


def test_a_late_statement_ends_where_its_time_would_have_put_it(here: AtWork) -> None:
    here.apply(STREAK)
    here.take(*days(1, 3, 4))
    assert here.awards("ann") == {"streak 2 01-04 points": 20}
    here.take(*days(2))
    assert here.awards("ann") == {
        "streak 2 01-02 points": 20,
        "streak 4 01-04 points": 40,
        "streak 4 01-04 badge:steady": 1,
    }
    assert here.ledger("ann")[:2] == [("points", 20), ("points", -20)]


def test_a_statement_of_the_beginning_of_the_calendar_is_evaluated_in_every_zone(here: AtWork) -> None:
    here.apply("{limit: [{points: 50, per: day}], once_per: [day]}", STREAK, BOARD, WEEKLY, zone="America/New_York")
    here.take(said(1, "0001-01-01T00:00:00"), said(2, "0001-01-02T12:00:00"))
    assert here.points("ann") == 40
    assert here.differences() == []


def test_an_event_in_the_future_happened_when_it_was_received(here: AtWork) -> None:
    here.apply("{limit: [{points: 10, per: day}]}")
    here.arrive(said(1, "2036-01-01"), said(2, "2037-01-01"), received=moment("2026-01-01"))
    here.drain()
    assert here.awards("ann") == {f"r {said(1)['id']} 01-01 points": 10}


# --- voids ------------------------------------------------------------------------------------------------------------


def test_a_void_takes_back_what_was_given(here: AtWork) -> None:
    here.apply(CAPPED, FIVE, BOARD)
    here.take(*days(1, 2, 3, 4, 5))
    assert (here.points("ann"), here.badges("ann")) == (175, ["keen"])
    here.take(void(2, 103))
    assert (here.points("ann"), here.badges("ann")) == (60, [])
    assert here.execute("SELECT points FROM score") == [(60,)]
    assert here.ledger("ann")[-3:] == [("points", -15), ("points", -100), ("badge:keen", -1)]


def test_only_lines_are_added_and_they_say_what_they_correct(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1))
    before = here.execute("SELECT * FROM entry")
    here.take(void(2, 1))
    assert here.execute("SELECT * FROM entry ORDER BY id")[:1] == before
    assert here.execute("SELECT amount, corrects = (SELECT min(id) FROM entry), reason FROM entry ORDER BY id") == [
        (10, None, None),
        (-10, True, "counted again: no longer earned"),
    ]


def test_a_void_may_come_first(here: AtWork) -> None:
    here.apply("{}", FIVE)
    here.take(void(2, 101))
    here.take(*days(1))
    assert (here.size("entry"), here.size("match")) == (0, 0)


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_void_may_come_with_its_target(here: AtWork, limit: int) -> None:
    here.apply("{}", STREAK)
    here.arrive(*days(1, 2), void(2, 101))
    here.drain(limit)
    assert (here.points("ann"), here.size("match")) == (10, 2)
    assert here.differences() == []


def test_a_void_cannot_be_voided(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1), void(2, 1), void(3, 2))
    assert here.points("ann") == 0
    here.take(void(5, 4))
    here.take(void(4, 6))
    here.take(said(6))
    assert here.points("ann") == 0
    assert here.differences() == []


def test_a_void_frees_the_cap_and_what_counts_once(here: AtWork) -> None:
    here.apply(CAPPED)
    here.take(
        *(said(n, f"2026-01-05T{n:02}:00:00", thing=f"t{n}") for n in range(1, 6)), said(9, "2026-01-06", thing="t1")
    )
    assert here.points("ann") == 50
    here.take(void(20, 1))
    assert here.points("ann") == 65
    assert f"r {said(9)['id']} 01-06 points" in here.awards("ann")


def test_what_was_voided_is_as_if_it_had_never_come(here: AtWork) -> None:
    here.apply(
        "{rule: two, count: {reach: 2}}",
        "{rule: once, once_per: [object]}",
        "{rule: cap, limit: [{awards: 1, per: month}]}",
    )
    here.take(*days(1, thing="a"))
    here.take(void(2, 101))
    assert here.size("match") == here.size("fold") == 0
    here.take(*days(3, thing="a"))
    assert sorted(here.awards("ann")) == [f"{rule} {said(103)['id']} 01-03 points" for rule in ("cap", "once")]


def test_voiding_twice_is_voiding_once(here: AtWork) -> None:
    here.apply("{}")
    here.take(said(1))
    here.take(void(2, 1), void(2, 1), void(3, 1))
    assert here.ledger("ann") == [("points", 10), ("points", -10)]


def test_a_void_of_what_never_comes_is_no_error(here: AtWork) -> None:
    here.apply("{}")
    here.take(void(2, 1))
    assert here.size("inbox") == 0


def test_a_void_reaches_everybody_whom_its_target_honoured(here: AtWork) -> None:
    here.apply("{}", "{rule: taught, to: instructor}")
    here.take(said(1, who=group("ann", "bob"), context={"instructor": agent("cy")}), said(2, who="bob"))
    here.take(void(3, 1))
    assert [here.points(name) for name in ("ann", "bob", "cy")] == [0, 10, 0]


# --- however it comes -------------------------------------------------------------------------------------------------


def history(seed: int) -> list[Json]:
    """Some hundred statements of five people over two months, with groups, teachers, voids and repeats."""
    chance = random.Random(seed)
    names = ("ann", "bob", "cy", "dee", "eve")
    statements = [
        said(
            number,
            (moment("2026-01-01") + timedelta(hours=chance.randrange(60 * 24))).isoformat(),
            who=group(*chance.sample(names, 2)) if chance.random() < 0.2 else chance.choice(names),
            thing=f"t{chance.randrange(12)}",
            context={"instructor": agent(chance.choice(names))} if chance.random() < 0.5 else {},
        )
        for number in range(150)
    ]
    voids = [void(1000 + n, chance.randrange(170)) for n in range(25)]
    statements += [*voids, void(2000, 1003), *chance.choices(statements, k=20)]
    chance.shuffle(statements)
    return statements


TAUGHT = """
rule: taught
to: instructor
unless: [{same: [instructor, actor]}]
once_per: [actor, object]
give: {points: 25}
limit: [{points: 100, per: week}, {points: 50, per: month, from_each: actor}]
"""
RULES = (CAPPED, FIVE, STREAK, TAUGHT, BOARD, WEEKLY)


def met(here: AtWork) -> None:
    """Lets everybody be known in one order, so that numbers can be compared."""
    for place, name in enumerate(("ann", "bob", "cy", "dee", "eve")):
        here.take(said(5000 + place, who=name, verb="https://example.com/verbs/arrived"))


def test_batches_of_any_size_end_the_same(here: AtWork) -> None:
    ends = []
    for limit in (1, 7, 2000):
        wipe(here)
        here.apply(*RULES)
        met(here)
        here.arrive(*history(1))
        here.drain(limit)
        ends.append(here.everything())
        assert here.differences() == []
    assert ends[0] == ends[1] == ends[2]


def wipe(here: AtWork) -> None:
    """A database as new, with its sources."""
    tables = ", ".join(table for table in metadata.tables if table != "source")
    here.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")


def test_several_drains_at_once_end_where_one_does(here: AtWork) -> None:
    here.apply(*RULES)
    met(here)
    for one in history(2):
        here.arrive(one)
    here.drain()
    alone = here.everything()
    wipe(here)
    here.apply(*RULES)
    met(here)
    statements = history(2)

    def work(part: int) -> int:
        here.arrive(*statements[part::4])
        return here.drain(5)

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(work, range(4))) == 150 + 26
    assert here.everything() == alone
    assert here.differences() == []


def test_a_drain_takes_no_more_than_its_limit_and_the_oldest_first(here: AtWork) -> None:
    here.apply("{}")
    for number in (9, 5, 7):
        here.arrive(said(number))
    assert Drain(here.engine)(2).statements == 2
    assert here.execute("SELECT statement FROM inbox") == [(numbered(7),)]
    assert here.drain() == 1
    assert here.drain() == 0


def test_a_drain_that_fails_has_done_nothing(here: AtWork) -> None:
    here.apply("{}")
    here.arrive(*days(1, 2))
    here.execute("ALTER TABLE total ADD CONSTRAINT broken CHECK (amount < 20)")
    with pytest.raises(Exception, match="broken"):
        here.drain()
    assert [here.size(table) for table in ("inbox", "match", "entry", "total", "outbox")] == [2, 0, 0, 0, 0]
    here.execute("ALTER TABLE total DROP CONSTRAINT broken")
    here.drain()
    assert here.points("ann") == 20


def test_what_changed_is_told_and_noted_until_it_is_shown(here: AtWork) -> None:
    here.apply("{}", BOARD)
    here.arrive(said(1), said(2, who="bob", received=NOW.isoformat()))
    changed = Drain(here.engine)().changed
    assert sorted((score.learner, score.points) for score in changed.scores) == [(1, 10), (2, 10)]
    assert here.execute("SELECT id, learners FROM outbox") == [(changed.outbox, [1, 2])]


def test_new_rules_are_taken_up_by_a_drain_that_has_run_before(here: AtWork) -> None:
    drain = Drain(here.engine)
    here.apply("{}")
    here.arrive(said(1))
    drain()
    here.apply("{rule: other, give: {points: 7}}", "{}")
    here.count_again()
    here.arrive(said(2))
    drain()
    assert here.points("ann") == 10 + 10 + 7 + 7


# --- a statement that cannot be evaluated ---------------------------------------------------------------------------


def poisoned(here: AtWork, *numbers: int) -> None:
    """Makes the evaluation of these statements raise, as a mistake in our code would."""
    names = ", ".join(f"'{numbered(number)}'" for number in numbers)
    here.execute(f"ALTER TABLE match ADD CONSTRAINT poison CHECK (statement NOT IN ({names}))")


def drained(here: AtWork, limit: int = 100) -> None:
    drain = Drain(here.engine)
    while patiently(drain, limit).statements:
        pass


def test_a_statement_that_cannot_be_evaluated_is_set_aside_and_holds_nothing_up(here: AtWork) -> None:
    here.apply("{}", BOARD)
    poisoned(here, 105, 109)
    here.arrive(*days(*range(1, 13)))
    drained(here)
    assert (here.points("ann"), here.size("inbox")) == (100, 2)
    found = here.execute("SELECT kind, statement, state FROM quarantine ORDER BY statement")
    assert found == [("failed", numbered(number), "waiting") for number in (105, 109)]
    assert "poison" in here.execute("SELECT reason FROM quarantine")[0][0]
    assert here.differences() == []
    here.apply("{give: {points: 5}}")
    here.count_again()
    assert (here.points("ann"), here.differences()) == (50, [])


def test_a_statement_that_was_set_aside_is_evaluated_when_it_is_replayed(here: AtWork) -> None:
    here.apply("{}")
    poisoned(here, 102)
    here.arrive(*days(1, 2, 3))
    drained(here)
    ((number,),) = here.execute("SELECT id FROM quarantine")
    mending.replay(here.engine, number)
    drained(here)
    assert here.execute("SELECT state, times FROM quarantine") == [("waiting", 2)]
    here.execute("ALTER TABLE match DROP CONSTRAINT poison")
    mending.replay(here.engine, number)
    drained(here)
    assert (here.points("ann"), here.size("inbox"), here.differences()) == (30, 0, [])
    assert here.execute("SELECT state FROM quarantine") == [("replayed",)]


def test_a_stored_statement_that_can_no_longer_be_read_is_set_aside(here: AtWork) -> None:
    here.apply("{}")
    here.arrive(*days(1, 2))
    here.execute("UPDATE statement SET raw = 'no JSON' WHERE id = %b", numbered(101))
    drained(here)
    assert (here.points("ann"), here.size("quarantine")) == (10, 1)


def test_what_no_statement_is_to_blame_for_sets_nothing_aside(here: AtWork) -> None:
    here.apply("{}")
    here.arrive(*days(1, 2))
    here.execute("ALTER TABLE match RENAME TO elsewhere")
    with pytest.raises(Exception, match="match"):
        drained(here)
    assert (here.size("quarantine"), here.size("inbox")) == (0, 2)
    here.execute("ALTER TABLE elsewhere RENAME TO match")
    drained(here)
    assert here.points("ann") == 20


# --- who may void ---------------------------------------------------------------------------------------------------


def test_a_void_counts_only_from_the_same_source_whichever_comes_first(here: AtWork) -> None:
    here.apply("{}")
    here.arrive(said(1, "2026-01-01"), said(2, "2026-01-02", thing="b"))
    here.arrive(void(11, 1), void(13, 3), source="form")
    here.arrive(said(3, "2026-01-03", thing="c"))
    here.drain()
    assert (here.points("ann"), here.differences()) == (30, [])
    here.arrive(void(21, 1), void(23, 3))
    here.drain()
    assert (here.points("ann"), here.differences()) == (10, [])


def test_a_source_that_may_void_voids_for_all(here: AtWork) -> None:
    here.execute("UPDATE source SET may_void = true WHERE name = 'form'")
    here.apply("{}")
    here.arrive(said(1))
    here.arrive(void(11, 1), void(12, 2), source="form")
    here.arrive(said(2))
    here.drain()
    assert (here.points("ann"), here.differences()) == (0, [])
    here.apply("{give: {points: 5}}")
    here.count_again()
    assert (here.points("ann"), here.differences()) == (0, [])


def test_a_substatement_is_something_that_has_not_happened(here: AtWork) -> None:
    here.apply("{}", "{rule: planned, when: {verb: 'http://example.com/planned'}, give: {points: 3}}")
    inner = {name: part for name, part in said(1).items() if name != "id"} | {"objectType": "SubStatement"}
    here.take(said(2, verb="http://example.com/planned") | {"object": inner})
    assert (here.points("ann"), here.awards("ann")) == (3, {"planned " + str(numbered(2)) + " 01-01 points": 3})


# --- what it costs ----------------------------------------------------------------------------------------------------


SCANNED = "SELECT relname FROM pg_stat_xact_user_tables WHERE seq_scan > 0 AND relname NOT IN ('ruleset', 'lrs')"


def test_a_drain_finds_what_it_needs_by_index_however_large_or_small_the_tables_are(here: AtWork) -> None:
    here.apply("{rule: one, once_per: [object]}", "{rule: two, count: {reach: 2, repeat: true}}", BOARD)
    here.take(*(said(place, who=agent("ann")) for place in range(10)))
    here.arrive(*(said(place, who=agent("ann")) for place in range(10, 30)))
    here.engine.dispose()  # what the next session reads is what the drain reads
    scanned: list[str] = []

    @event.listens_for(here.engine, "commit")
    def _look(connection: Connection) -> None:
        scanned.extend(name for (name,) in driver(connection).execute(SCANNED))

    assert here.drain() == 20
    assert scanned == []
