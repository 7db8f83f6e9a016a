"""Which awards an LRS was told of, and is to be told of: a row an award, with what a statement there says of it.

What a transaction books is noted in the same transaction (`note`); `plan` compares the awards with the rows later. A
statement is written down before it is sent and confirmed afterwards, so whatever a crash leaves open is sent again
under the same id. A row carries a generation, because what was voided can only come again under another id.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import Connection, func, select, text, update

from service.core.agents import Agent
from service.core.earned import Earned, number, one_of, voider
from service.core.people import cast
from service.core.rule import Text
from service.core.statement import decoded
from service.store import achievements
from service.store.arrays import bigints
from service.store.engine import Driver
from service.store.tables import lrs, source
from service.store.tables import told as told_table

WHAT = ("badges", "all")
"""Which awards an LRS may be told of: badges and micro-credentials, or points as well."""
AT_ONCE = 1000
"""Rows of the queue that are planned in one transaction."""
MOST_TRIES = 8
"""How often an LRS may refuse a statement before somebody has to look at it."""


def note(connection: Driver, learners: Iterable[int]) -> None:
    """Notes in the caller's transaction that awards of these learners have changed, if any LRS is told of awards."""
    connection.execute(
        "INSERT INTO retell (learner) SELECT unnest(%b::bigint[]) "
        "WHERE EXISTS (SELECT FROM lrs WHERE write_back IS NOT NULL)",
        [bigints(sorted(learners))],
    )


def note_award(connection: Connection, award: UUID) -> None:
    """The same of the learner of an award of a badge."""
    connection.execute(
        text(
            "INSERT INTO retell (learner) SELECT learner FROM badge_award WHERE id = :award AND learner IS NOT NULL "
            "AND EXISTS (SELECT FROM lrs WHERE write_back IS NOT NULL)"
        ),
        {"award": award},
    )


def begin(connection: Connection, whose: int, what: str | None, since: datetime | None, keep_since: bool) -> None:
    """Says which awards an LRS is told of (None: as before; `nothing`), and since when they must have been earned.

    keep_since: where it is told of awards already, the moment of that stays.
    """
    values: dict[str, object] = {} if what is None else {"write_back": what if what in WHAT else None}
    before = connection.scalar(select(lrs.c.write_back).where(lrs.c.source == whose))
    if not (keep_since and before):
        values["write_since"] = since
    connection.execute(update(lrs).where(lrs.c.source == whose).values(**values))
    connection.execute(text("INSERT INTO retell (learner) SELECT DISTINCT learner FROM entry"))


# --- what is to be told -----------------------------------------------------------------------------------------------

PLAN = """
WITH standing AS (
    SELECT e.learner, e.rule, e.key, e.happened, e.unit, sum(e.amount)::bigint AS amount
    FROM entry e JOIN learner ON learner.id = e.learner AND learner.erased IS NULL
    WHERE e.learner = ANY(%b::bigint[]) AND NOT EXISTS (
        SELECT FROM badge_award b WHERE b.learner = e.learner AND b.rule = e.rule AND b.key = e.key
        AND 'badge:' || b.achievement = e.unit AND b.state IN ('declined', 'revoked'))
    GROUP BY 1, 2, 3, 4, 5 HAVING sum(e.amount) <> 0
), gone AS (
    UPDATE told SET amount = 0, due = now(), tries = 0, problem = NULL
    WHERE learner = ANY(%b::bigint[]) AND amount <> 0 AND NOT EXISTS (
        SELECT FROM standing s WHERE (s.learner, s.rule, s.key, s.happened, s.unit)
            = (told.learner, told.rule, told.key, told.happened, told.unit))
)
INSERT INTO told (source, learner, rule, key, happened, unit, amount, due)
SELECT lrs.source, s.learner, s.rule, s.key, s.happened, s.unit, s.amount, now() FROM standing s CROSS JOIN lrs
WHERE (lrs.write_since IS NULL OR s.happened >= lrs.write_since)
  AND (lrs.write_back = 'all' OR lrs.write_back = 'badges' AND s.unit LIKE 'badge:%%')
  AND EXISTS (
      SELECT FROM identifier i JOIN part p ON p.learner = coalesce(i.home, i.learner)
      JOIN statement ON statement.id = p.statement AND statement.source = lrs.source WHERE i.learner = s.learner)
ON CONFLICT (source, learner, rule, key, happened, unit) DO UPDATE
SET amount = excluded.amount, due = now(), tries = 0, problem = NULL WHERE told.amount <> excluded.amount
"""
"""What was told and stands no longer is taken back, also where an LRS is told of less than it was once."""


def plan(connection: Driver) -> int:
    """Compares the awards of learners that were noted with what was told; answers how many notes that settled.

    One transaction plans at a time, so that none overwrites what another has read later.
    """
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('write-back'))")
    cursor = connection.execute(
        "DELETE FROM retell WHERE id IN (SELECT id FROM retell ORDER BY id LIMIT %b FOR UPDATE SKIP LOCKED) "
        "RETURNING learner",
        [AT_ONCE],
    )
    noted = [learner for (learner,) in cursor]
    if noted:
        learners = sorted(set(noted))
        connection.execute(PLAN, [learners, learners])
    return len(noted)


# --- telling ----------------------------------------------------------------------------------------------------------


def ready(connection: Connection, lease_seconds: int) -> str | None:
    """The name of an LRS that is to be told something now; for so long whoever asks next gets another one."""
    waits = select(told_table.c.id).where(told_table.c.source == lrs.c.source, told_table.c.due <= func.now()).exists()
    found = connection.execute(
        select(lrs.c.source, source.c.name)
        .join(source, source.c.id == lrs.c.source)
        .where(lrs.c.write_back.is_not(None), lrs.c.write_due <= func.now(), waits)
        .order_by(lrs.c.write_due)
        .limit(1)
        .with_for_update(of=lrs, skip_locked=True)
    ).one_or_none()
    if found is None:
        return None
    later = text("UPDATE lrs SET write_due = now() + make_interval(secs => :seconds) WHERE source = :source")
    connection.execute(later, {"seconds": lease_seconds, "source": found.source})
    return str(found.name)


def put_off(connection: Connection, whose: int, problem: str | None) -> None:
    """An LRS was told all there was (None), or is away: it is left alone for longer and longer, an hour at most."""
    connection.execute(
        text(
            "UPDATE lrs SET write_problem = :problem, write_tries = CASE WHEN :away THEN write_tries + 1 ELSE 0 END, "
            "write_due = now() + CASE WHEN :away THEN least(interval '1 hour', "
            "interval '10 seconds' * power(2, least(write_tries, 10))) ELSE interval '0' END WHERE source = :source"
        ),
        {"problem": problem and problem[:1000], "away": problem is not None, "source": whose},
    )


class Telling(NamedTuple):
    """A statement to be put into an LRS: the row it is for, its id, and what it says (None: it voids the id)."""

    row: int
    statement: UUID
    earned: Earned | None


def next_one(connection: Connection, beneath: Driver, whose: int, name: str, public_url: str) -> Telling | None:
    """The next statement for this LRS, written down before it is sent; None if there is none now.

    What has come to nothing meanwhile, and what nobody can be named for, is passed over.
    """
    while True:
        row = connection.execute(_NEXT, {"source": whose}).one_or_none()
        if row is None:
            return None
        if row.confirmed is not None and row.said != row.amount:
            return Telling(row.id, row.statement, None)
        amount = row.said if row.said is not None else row.amount
        found = _earned(connection, beneath, row, amount) if amount and row.confirmed is None else None
        if found is None:
            connection.execute(_PASS, {"row": row.id})
            continue
        own = row.statement
        if own is None:
            award = (row.rule_name, row.learner, row.key, row.happened.isoformat(), row.unit)
            own = number(public_url, name, award, row.generation)
            connection.execute(_BEGIN, {"row": row.id, "own": own, "voider": voider(own)})
        return Telling(row.id, own, found)


_NEXT = text("""
    SELECT told.*, rule.name AS rule_name FROM told JOIN rule ON rule.id = told.rule
    WHERE source = :source AND due <= now() ORDER BY due, told.id LIMIT 1 FOR UPDATE OF told SKIP LOCKED
""")
_PASS = text("""
    UPDATE told SET due = CASE WHEN said IS NOT NULL AND amount <> said THEN now() END,
        confirmed = CASE WHEN said IS NOT NULL THEN now() END WHERE id = :row
""")
"""What may be there although nobody can be named for it any more is voided like what is there."""
_BEGIN = text("""
    WITH echoes AS (INSERT INTO echo (statement) VALUES (:own), (:voider) ON CONFLICT DO NOTHING)
    UPDATE told SET said = amount, statement = :own WHERE id = :row
""")


def done(connection: Connection, telling: Telling) -> None:
    """The LRS has the statement."""
    connection.execute(_TOLD if telling.earned else _VOIDED, {"row": telling.row})


_TOLD = text("""
    UPDATE told SET confirmed = now(), tries = 0, problem = NULL, due = CASE WHEN amount <> said THEN now() END
    WHERE id = :row
""")
_VOIDED = text("""
    UPDATE told SET said = NULL, statement = NULL, confirmed = NULL, generation = generation + 1, tries = 0,
        problem = NULL, due = CASE WHEN amount <> 0 THEN now() END
    WHERE id = :row
""")


def refused(connection: Connection, telling: Telling, problem: str) -> None:
    """The LRS has refused the statement: it is tried again later, in the end no more."""
    connection.execute(
        text(
            "UPDATE told SET tries = tries + 1, problem = :problem, "
            "due = CASE WHEN tries + 1 < :most THEN now() + interval '1 minute' * power(2, tries) END WHERE id = :row"
        ),
        {"row": telling.row, "problem": problem[:1000], "most": MOST_TRIES},
    )


def again(connection: Connection, whose: int) -> int:
    """Has an LRS told again at once what it has refused or was away for; answers how many statements that is."""
    connection.execute(text("UPDATE lrs SET write_due = now(), write_tries = 0 WHERE source = :w"), {"w": whose})
    moved = text("UPDATE told SET due = now(), tries = 0 WHERE source = :w AND (problem IS NOT NULL OR due > now())")
    return connection.execute(moved, {"w": whose}).rowcount


class Count(NamedTuple):
    """How many awards an LRS knows of, is to be told of or back, and has refused to be told of."""

    source: str
    told: int
    waiting: int
    failed: int


def counts(connection: Connection) -> list[Count]:
    """Of every LRS that is or was told of awards."""
    rows = connection.execute(
        text(
            "SELECT source.name, count(*) FILTER (WHERE confirmed IS NOT NULL AND due IS NULL AND problem IS NULL), "
            "count(*) FILTER (WHERE due IS NOT NULL), count(*) FILTER (WHERE due IS NULL AND problem IS NOT NULL) "
            "FROM told JOIN source ON source.id = told.source GROUP BY source.name ORDER BY source.name"
        )
    )
    return [Count(*row) for row in rows]


# --- what it says -----------------------------------------------------------------------------------------------------


class _Said(msgspec.Struct):
    title: Text = ""


def _earned(connection: Connection, beneath: Driver, row: Any, amount: int) -> Earned | None:
    """The award as the LRS is told of it; None if the learner cannot be named as that LRS has."""
    actor = _as_sent(beneath, row.source, row.learner)
    if actor is None:
        return None
    told = Earned(actor, row.happened, row.unit, amount, row.rule_name, _title_of_rule(beneath, row.rule))
    if not row.unit.startswith("badge:"):
        return told
    slug = row.unit.removeprefix("badge:")
    found = achievements.current(connection, slug)
    title, description = (found.achievement.title, found.achievement.description) if found else (slug, "")
    return msgspec.structs.replace(
        told, title=title, description=description, credential=_shared(beneath, row.learner, row.rule, row.key, slug)
    )


def _as_sent(connection: Driver, whose: int, learner: int) -> Agent | None:
    """The learner as an agent in the newest statement of this source."""
    keys = connection.execute(
        "SELECT i.key, coalesce(i.home, i.learner) FROM identifier i JOIN learner ON learner.id = i.learner "
        "WHERE i.learner = %b AND learner.erased IS NULL",
        [learner],
    ).fetchall()
    raws = connection.execute(
        "SELECT s.raw FROM part p JOIN statement s ON s.id = p.statement WHERE p.learner = ANY(%b) AND s.source = %b "
        "ORDER BY p.happened DESC, p.statement DESC LIMIT 10",
        [sorted({home for _, home in keys}), whose],
        binary=True,
    ).fetchall()
    own = frozenset(key for key, _ in keys)
    agents = (one_of(agent, own) for (raw,) in raws for agent in cast(decoded(raw)))
    return next((agent for agent in agents if agent is not None), None)


def _title_of_rule(connection: Driver, number: int) -> Text:
    row = connection.execute(
        "SELECT resolved FROM rule_version WHERE rule = %b ORDER BY version DESC LIMIT 1", [number], binary=True
    ).fetchone()
    return msgspec.json.decode(row[0], type=_Said).title if row else ""


def _shared(connection: Driver, learner: int, rule: int, key: str, achievement: str) -> str | None:
    """The id of the credential of this award, if its learner shows it to everybody."""
    row = connection.execute(
        "SELECT credential::text FROM badge_award WHERE (learner, rule, key, achievement) = (%b, %b, %b, %b) "
        "AND state = 'claimed' AND shared IS NOT NULL",
        [learner, rule, key, achievement],
    ).fetchone()
    return row[0] if row else None
