"""Erasing a learner: nothing is left that says who it was, and nobody else's result is another."""

import msgspec
import pytest
from sqlalchemy import Engine

from service.core.erased import NOBODY, erased
from service.erasure import erase
from service.merging import Decision, merge
from service.store import profiles
from service.verify import verify
from tests.at_work import AtWork
from tests.written import agent, group, identified, said, void

RULES = (
    "{rule: ten, give: {points: 10, badge: keen}, limit: [{awards: 3, per: ever}]}",
    """{rule: taught, to: instructor, unless: [{same: [instructor, actor]}],
    limit: [{points: 5, per: ever, from_each: actor}], give: {points: 5}}""",
    "{rule: different, count: {reach: 2, different: object, repeat: true}, give: {points: 1}}",
)


@pytest.fixture
def here(engine: Engine) -> AtWork:
    made = AtWork(engine)
    made.apply(*RULES)
    return made


def gone(here: AtWork, learner: int) -> None:
    with here.engine.begin() as connection:
        assert erase(connection, learner) is not None


def everything_kept(here: AtWork) -> str:
    """All texts of all tables."""
    tables = ("statement", "conflict", "quarantine", "identifier", "learner", "match", "hint", "credential", "merge")
    rows = [here.execute(f"SELECT * FROM {table}") for table in tables]
    kept = [
        bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
        for t in rows
        for r in t
        for value in r
    ]
    return b" ".join(kept).decode(errors="replace")


ANN = agent("ann") | {"name": "Ann Lee"}


def test_nothing_says_who_it_was_and_nobody_elses_result_is_another(here: AtWork) -> None:
    here.take(
        said(1, who=ANN, context={"instructor": agent("bob")}, extra={"free": "I am Ann Lee"}),
        said(2, "2026-01-02", who=group("ann", "bob"), context={"instructor": agent("cy")}),
        said(3, "2026-01-03", who="bob", context={"instructor": ANN}),
        said(4, "2026-01-04", who="cy"),
        said(5, "2026-01-05", who="cy", object=ANN | {"objectType": "Agent"}),
    )
    learner, before = here.learner("ann"), {who: here.awards(who) for who in ("bob", "cy")}
    own = here.execute("SELECT count(*), sum(amount) FROM entry WHERE learner = %b", learner)
    gone(here, learner)
    assert {who: here.awards(who) for who in ("bob", "cy")} == before
    assert here.execute("SELECT count(*), sum(amount) FROM entry WHERE learner = %b", learner) == own
    assert verify(here.engine).differences == []
    kept = everything_kept(here)
    assert "ann" not in kept.lower()
    with here.engine.connect() as connection:
        assert profiles.profile(connection, learner) is None


def test_what_comes_again_is_not_kept_and_what_comes_new_is_of_somebody_new(here: AtWork) -> None:
    first = said(1, who=ANN)
    here.take(first)
    learner = here.learner("ann")
    gone(here, learner)
    stored = here.arrive(first, first | {"result": {"success": True}})
    assert (stored.new, stored.conflicts) == (0, 0)
    assert "ann" not in everything_kept(here).lower()
    here.take(said(2, who=ANN))
    assert here.learner("ann") != learner


def test_what_was_set_aside_of_the_learner_goes_and_of_others_stays(here: AtWork) -> None:
    here.take(said(1, who=ANN))
    asides = (
        b'{"actor": {"mbox": "mailto:ann@example.com"}}',
        b'{"actor": {"mbox": "mailto:bob@example.com"}, "x": "\\u0041"}',
    )
    for number, raw in enumerate((*asides, b"not JSON, of mailto:ann@example.com")):
        here.execute(
            "INSERT INTO quarantine (kind, statement, source, digest, received, raw, path, reason) "
            "VALUES ('unusable', gen_random_uuid(), 1, %b, now(), %b, '$', '')",
            str(number).encode(),
            raw,
        )
    gone(here, here.learner("ann"))
    assert [bytes(raw) for (raw,) in here.execute("SELECT raw FROM quarantine")] == [asides[1]]


def test_a_void_takes_back_from_whoever_it_was(here: AtWork) -> None:
    here.take(said(1, who=ANN, context={"instructor": agent("bob")}))
    learner = here.learner("ann")
    gone(here, learner)
    here.take(void(9, 1))
    assert here.points("bob") == 0
    assert here.execute("SELECT sum(amount) FROM entry WHERE learner = %b AND unit = 'points'", learner) == [(0,)]
    assert verify(here.engine).differences == []


def test_a_person_is_erased_with_all_their_identifiers_and_what_still_waits(here: AtWork) -> None:
    here.take(said(1, who=ANN), said(2, "2026-01-02", who="anna"))
    with here.engine.begin() as connection:
        merge(connection, [Decision(here.learner("anna"), here.learner("ann"), "Ann herself", "they are one")])
    here.arrive(said(3, "2026-01-03", who="anna"))
    learner = here.learner("ann")
    gone(here, here.learner("anna"))
    here.drain()
    assert here.execute("SELECT count(DISTINCT statement) FROM part") == [(3,)]
    assert here.execute("SELECT count(DISTINCT learner) FROM identifier") == [(1,)]
    assert here.execute("SELECT learner FROM identifier LIMIT 1") == [(learner,)]
    assert verify(here.engine).differences == []


def test_an_erased_learner_is_on_no_board(here: AtWork) -> None:
    here.apply(*RULES, "{board: all, title: All, period: ever, who: everyone}")
    here.take(said(1, who=ANN), said(2, who="bob"))
    with here.engine.begin() as connection:
        changed = erase(connection, here.learner("ann"))
    assert changed is not None
    assert {row.points for row in changed.scores} == {0}


def test_who_is_not_there_is_not_erased(here: AtWork) -> None:
    here.take(said(1, who=ANN))
    learner = here.learner("ann")
    gone(here, learner)
    with here.engine.begin() as connection:
        assert erase(connection, learner) is None
        assert erase(connection, 999) is None


def test_whatever_else_a_statement_says_stays() -> None:
    told = said(1, who=ANN, result={"extensions": {"https://example.com/x": [1, "of Ann Lee"]}, "response": "42"})
    after = msgspec.json.decode(erased(msgspec.json.encode(told), {identified("ann"): "n"}))
    assert after["actor"] == {"account": {"homePage": NOBODY, "name": "n"}}
    assert after["result"] == {"extensions": {"https://example.com/x": [1, "of …"]}, "response": "42"}
    assert {**after, "actor": 0, "result": 0} == {**told, "actor": 0, "result": 0}


@pytest.mark.parametrize("number", ["1e400", "1.10", "9" * 5000], ids=["beyond a float", "with a zero", "5,000 digits"])
def test_numbers_stay_as_they_are_written(number: str) -> None:
    raw = msgspec.json.encode(said(1, who=ANN, x=0)).replace(b'"x":0', b'"x":' + number.encode())
    after = erased(raw, {identified("ann"): "n"})
    assert b"ann@example.com" not in after
    assert b'"x":' + number.encode() + b"}" in after
