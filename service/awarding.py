"""Awards by hand: what somebody with the right to do so decides, badge by badge or by the thousand.

A decision is a fact like any other, so it is kept as a statement: its source `by-hand` has no password, so that nobody
can push one, and a rule for each achievement gives the badge for it. What undoes a decision is a further one, the
statement that voids it. Ledger, verify, recounts, caps and rules that need the badge know nothing special of it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

import msgspec
from sqlalchemy import Connection, Engine, select

from service.core.achievement import Achievement
from service.core.agents import Agent, identifier
from service.core.language import load
from service.core.places import nearest
from service.core.rule import Rule
from service.core.rule_document import BY_HAND
from service.core.statement import VOIDED
from service.store import achievements, badges, intake, publishing
from service.store.engine import driver
from service.store.intake import Row
from service.store.tables import source, statement

SOURCE = "by-hand"
EARNED = "http://id.tincanapi.com/verb/earned"
OBJECT = "urn:plaudit:achievement:"
MOST = 10_000
LONGEST_REASON = 1000
COLUMNS = ("learner", "achievement", "happened", "reason")
_ADDRESS = re.compile(r"[^@\s\x00-\x1f\x7f<>\"]+@[^@\s\x00-\x1f\x7f<>\"]+\.[^@\s\x00-\x1f\x7f<>\"]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f]")


class Wanted(NamedTuple):
    """One award to be made, as it was written; `place` says where: `line 3`, `$.awards[2]`."""

    place: str
    learner: str
    achievement: str
    happened: str = ""
    reason: str = ""


class Decision(NamedTuple):
    """One award as it is decided; known: it had been decided before, and nothing is done."""

    id: UUID
    learner: str
    achievement: str
    happened: datetime
    known: bool


class NotAwardable(Exception):
    """Nothing was awarded; `problems` says what is wrong where, all of it at once."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{place}: {message}" for place, message in problems[:3]))
        self.problems = problems


class _Plan(NamedTuple):
    actor: dict[str, Any]
    achievement: Achievement
    happened: datetime
    reason: str


def read_csv(text: str) -> list[Wanted]:
    """The awards of a CSV file with a line of column names; NotAwardable if it has others than we know.

    Values are parted by commas, or by semicolons or tabs, as spreadsheets write them in many countries.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    head = text.partition("\n")[0]
    by = max(",;\t", key=head.count)
    rows = csv.DictReader(io.StringIO(text), delimiter=by, strict=True, restkey="too many")
    try:
        names = [name.strip() for name in rows.fieldnames or ()]
        lacking, unknown = [name for name in COLUMNS[:2] if name not in names], set(names) - set(COLUMNS)
        if lacking or unknown:
            told = f"The columns are {', '.join(COLUMNS)}; the first two are needed, in any order."
            raise NotAwardable([("line 1", told)])
        rows.fieldnames = names
        found = [(f"line {rows.line_num}", row) for row in rows if any(row.values())]
    except csv.Error as error:
        told = f"A value is not as CSV wants it ({error}): put quotes around it, and double those inside."
        raise NotAwardable([(f"line {rows.line_num + 1}", told)]) from None
    if broken := [place for place, row in found if "too many" in row]:
        told = f"There are more than {len(names)} values here: put quotes around one that holds a {by!r}."
        raise NotAwardable([(place, told) for place in broken])
    return [Wanted(place, *((row.get(name) or "").strip() for name in COLUMNS)) for place, row in found]


def award(engine: Engine, wanted: Sequence[Wanted], by: str, now: datetime, *, dry_run: bool) -> list[Decision]:
    """Decides all of these awards, or none: NotAwardable with everything that is wrong.

    The same learner, achievement and moment are one decision, however often. dry_run: nothing is written.
    """
    if len(wanted) > MOST:
        raise NotAwardable([("", f"These are {len(wanted):,} awards: send at most {MOST:,} at once.")])
    with engine.begin() as connection:
        plans = _planned(connection, wanted, now)
        statements = {_id(plan): plan for plan in plans}
        known = set(connection.execute(select(statement.c.id).where(statement.c.id.in_(statements))).scalars())
        if not dry_run:
            new = [_row(connection, id_, plan, by, now) for id_, plan in statements.items() if id_ not in known]
            _put_rules(connection, {plan.achievement.name: plan.achievement for plan in plans})
            intake.store(driver(connection), new)
    return [
        Decision(id_, _shown(plan.actor), plan.achievement.name, plan.happened, id_ in known)
        for id_, plan in statements.items()
    ]


def take_back(engine: Engine, decision: UUID, by: str, because: str, now: datetime) -> bool:
    """Undoes an award by hand; False if there is none under this id."""
    with engine.begin() as connection:
        own = _source(connection)
        if (
            connection.scalar(select(statement.c.id).where(statement.c.id == decision, statement.c.source == own))
            is None
        ):
            return False
        undoing = {
            **_said(uuid4(), {"account": {"homePage": "urn:plaudit:admin", "name": by}}, by, now, because),
            "verb": {"id": VOIDED},
            "object": {"objectType": "StatementRef", "id": str(decision)},
        }
        raw = msgspec.json.encode(undoing)
        intake.store(driver(connection), [Row(UUID(undoing["id"]), own, now, now, raw, decision)])
    return True


# --- what was written, read ------------------------------------------------------------------------------------------


def _planned(connection: Connection, wanted: Sequence[Wanted], now: datetime) -> list[_Plan]:
    known = {one.achievement.name: one.achievement for one in achievements.all_current(connection)}
    problems: list[tuple[str, str]] = []
    plans = []
    for one in wanted:
        actor = _actor(connection, one.learner)
        happened = _moment(one.happened, now)
        wrong = list(_wrong(one, actor, happened, now, known))
        problems += [(one.place, message) for message in wrong]
        if not wrong and actor and happened:
            plans.append(_Plan(actor, known[one.achievement], happened, one.reason))
    if problems:
        raise NotAwardable(problems)
    return plans


def _wrong(
    one: Wanted, actor: object, happened: datetime | None, now: datetime, known: Mapping[str, Achievement]
) -> Iterable[str]:
    if actor is None:
        yield f'"{one.learner[:100]}" is no learner: write an e-mail address, or the number of a learner.'
    if one.achievement not in known:
        yield f'There is no achievement "{one.achievement[:100]}".{nearest(one.achievement, known)}'
    if happened is None:
        yield f'"{one.happened[:100]}" is no time: write a day like 2026-05-31, or a time like 2026-05-31T14:00:00Z.'
    elif happened > now:
        yield f'"{one.happened}" is in the future: awards are made for what has happened.'
    if len(one.reason) > LONGEST_REASON:
        yield f"The reason has {len(one.reason):,} characters: write at most {LONGEST_REASON:,}."
    if control := _CONTROL.search(one.reason):
        yield f"The reason holds a control character (U+{ord(control[0]):04X}): take it out."


def _actor(connection: Connection, learner: str) -> dict[str, Any] | None:
    """The xAPI agent for an e-mail address or a learner's number; None if it is neither."""
    if len(learner) < 255 and _ADDRESS.fullmatch(learner):
        return {"mbox": f"mailto:{learner}"}
    if not re.fullmatch("[0-9]{1,18}", learner):
        return None
    known = badges.identities(connection, int(learner))
    return _agent(*known[0]) if known else None


def _agent(key: str, mbox: str | None) -> dict[str, Any]:
    kind, _, value = key.partition(":")
    if mbox:
        return {"mbox": f"mailto:{mbox.removeprefix('mailto:')}"}
    if kind == "account":
        home, _, name = value.partition(" ")
        return {"account": {"homePage": home, "name": name}}
    return {"mbox_sha1sum": value} if kind == "sha1" else {"openid": value}


def _moment(written: str, now: datetime) -> datetime | None:
    """A day means its noon in UTC, or this moment if it is today; nothing means now."""
    if not written:
        return now
    try:
        if "T" not in written:
            day = date.fromisoformat(written)
            return now if day == now.date() else datetime.combine(day, time(12), UTC)
        read = datetime.fromisoformat(written)
    except ValueError:
        return None
    return read if read.tzinfo else read.replace(tzinfo=UTC)


# --- statements and rules -------------------------------------------------------------------------------------------


def _id(plan: _Plan) -> UUID:
    """A day is one decision: the same file twice awards nothing twice."""
    who = identifier(msgspec.convert(plan.actor, Agent))
    return uuid5(NAMESPACE_URL, f"{OBJECT}{plan.achievement.name} {who} {plan.happened:%Y-%m-%d}")


def _row(connection: Connection, id_: UUID, plan: _Plan, by: str, now: datetime) -> Row:
    said = _said(id_, plan.actor, by, plan.happened, plan.reason) | {
        "verb": {"id": EARNED, "display": {"en": "earned"}},
        "object": {"id": OBJECT + plan.achievement.name},
    }
    return Row(id_, _source(connection), plan.happened, now, msgspec.json.encode(said), None)


def _said(id_: UUID, actor: Mapping[str, Any], by: str, happened: datetime, reason: str) -> dict[str, Any]:
    return {
        "id": str(id_),
        "actor": actor,
        "timestamp": happened.isoformat(),
        "authority": {"account": {"homePage": "urn:plaudit:admin", "name": by}},
        **({"result": {"response": reason}} if reason else {}),
    }


def _source(connection: Connection) -> int:
    """The number of the source that nobody can push as."""
    driver(connection).execute(
        "INSERT INTO source (name, username, capture) VALUES (%b, %b, 'observed') ON CONFLICT DO NOTHING",
        [SOURCE, f"{SOURCE}:"],  # Basic authentication ends a user name at the colon, so none can have this one
    )
    number: int = connection.execute(select(source.c.id).where(source.c.name == SOURCE)).scalar_one()
    return number


def _put_rules(connection: Connection, awarded: Mapping[str, Achievement]) -> None:
    for name, achievement in sorted(awarded.items()):
        text = rule_text(name, achievement.micro_credential is not None)
        publishing.put_by_hand(driver(connection), _rule(text), text)


def rule_text(achievement: str, micro: bool) -> str:
    """The rule that gives an achievement for decisions, as its YAML."""
    return f"""rule: {BY_HAND}{achievement}
title: {{en: Awarded by hand, de: Von Hand verliehen}}
how_to_earn: {{en: The issuer decides who earns it., de: "Wer es bekommt, entscheidet der Aussteller."}}
status: live
when: {{source: {SOURCE}, verb: "{EARNED}", object: "{OBJECT}{achievement}"}}
give: {{{"micro_credential" if micro else "badge"}: {achievement}}}
if_undone: revoke
"""


def _rule(text: str) -> Rule:
    """The rule of this text; that there is the achievement is known."""
    name = text.partition(BY_HAND)[2].partition("\n")[0]
    beside = f"---\nachievement: {name}\nname: A\ndescription: A\ncriteria: A\n"
    if "micro_credential" in text:
        beside += (
            "micro_credential: {country: DE, awarding_body: A, learning_outcomes: [A], workload: 1 hour, level: 1, "
            "assessment: A, participation: A, quality_assurance: A}\n"
        )
    documents, problems = load([("by-hand.yaml", (text + beside).encode())], [BY_HAND + name])
    assert not [problem for problem in problems if problem.severity == "error"], problems
    return documents.rules[0]


def _shown(actor: Mapping[str, Any]) -> str:
    account = actor.get("account") or {}
    return str(actor.get("mbox", "")).removeprefix("mailto:") or str(account.get("name") or next(iter(actor.values())))
