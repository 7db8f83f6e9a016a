"""The engine at work on a fresh database: takes rules and statements, evaluates them, and tells what learners have."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Engine

from service.core.statement import read
from service.drain import BATCH, Drain
from service.replay import catch_up
from service.store import intake, publishing
from service.store.engine import driver
from service.store.intake import Row, Stored
from service.store.publishing import Since
from service.store.tables import metadata
from service.verify import verify
from tests.written import Json, documents, identified, moment

NOW = moment("2030-01-01")
SOURCES = ("default", "form")


class AtWork:
    """One database with two sources, `default` and `form`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        for name in SOURCES:
            self.execute("INSERT INTO source (name, username) VALUES (%b, %b)", name, name)

    def execute(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.engine.begin() as connection:
            cursor = driver(connection).execute(query.encode(), values)
            return cursor.fetchall() if cursor.description else []

    # --- what is done to it ---

    def apply(self, *written: str, zone: str = "UTC", now: datetime = NOW, since: Since = "beginning") -> list[str]:
        """Puts these rules and boards in force, instead of all others.

        now: when those end that are retired by it. since: from when on those give that changed.
        """
        with self.engine.begin() as connection:
            return publishing.apply(driver(connection), documents(*written), ZoneInfo(zone), since=since, ends=now)

    def arrive(self, *statements: Json, received: datetime = NOW, source: str = "default") -> Stored:
        """Stores these statements in one transaction."""
        with self.engine.begin() as connection:
            return intake.store(driver(connection), [row(one, received, source) for one in statements])

    def drain(self, limit: int = BATCH) -> int:
        """Evaluates what has come in; answers how many statements that were."""
        drain, done = Drain(self.engine), 0
        while taken := drain(limit).statements:
            done += taken
        return done

    def take(self, *statements: Json) -> None:
        """Stores these statements one by one and evaluates them."""
        for one in statements:
            self.arrive(one)
        self.drain()

    def count_again(self) -> int:
        """Counts again what is to be counted again; answers how many rules."""
        return catch_up(self.engine, lambda _: None)

    # --- what it says ---

    def learner(self, name: str) -> int:
        ((number,),) = self.execute("SELECT learner FROM identifier WHERE key = %b", identified(name))
        return int(number)

    def points(self, name: str, unit: str = "points") -> int:
        """What this learner has in all."""
        found = self.execute(
            "SELECT amount FROM total JOIN identifier USING (learner) WHERE key = %b AND unit = %b",
            identified(name),
            unit,
        )
        return int(found[0][0]) if found else 0

    def ledger(self, name: str) -> list[tuple[str, int]]:
        """This learner's ledger, the oldest line first: (unit, amount)."""
        return self.execute(
            "SELECT unit, amount FROM entry JOIN identifier USING (learner) WHERE identifier.key = %b ORDER BY id",
            identified(name),
        )

    def awards(self, name: str) -> dict[str, int]:
        """What this learner's ledger comes to: `<rule> <key> <month>-<day> <unit>` -> amount."""
        return dict(
            self.execute(
                "SELECT concat_ws(' ', r.name, e.key, to_char(e.happened, 'MM-DD'), e.unit), sum(amount)::bigint "
                "FROM entry e JOIN rule r ON r.id = e.rule JOIN identifier i USING (learner) WHERE i.key = %b "
                "GROUP BY 1 HAVING sum(amount) <> 0",
                identified(name),
            )
        )

    def badges(self, name: str) -> list[str]:
        """The badges that this learner is offered."""
        return [
            badge
            for (badge,) in self.execute(
                "SELECT achievement FROM badge_award JOIN identifier USING (learner) "
                "WHERE identifier.key = %b AND undone IS NULL ORDER BY 1",
                identified(name),
            )
        ]

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All that is derived, and by when it was: two databases that say the same have the same."""
        said = {
            "awards": "SELECT learner, rule, key, happened, unit, sum(amount)::bigint FROM entry "
            "GROUP BY 1, 2, 3, 4, 5 HAVING sum(amount) <> 0 ORDER BY 1, 2, 3, 4, 5",
            "totals": "SELECT learner, unit, amount FROM total WHERE amount <> 0 ORDER BY 1, 2",
            "scores": "SELECT board, period, learner, points, reached FROM score WHERE points <> 0 ORDER BY 1, 2, 3",
            "badges": "SELECT learner, rule, key, achievement FROM badge_award WHERE undone IS NULL ORDER BY 1, 2, 3",
        }
        return {name: self.execute(query) for name, query in said.items()}

    def differences(self) -> list[str]:
        """What `plaudit verify` finds."""
        return verify(self.engine).differences

    def size(self, table: str) -> int:
        assert table in metadata.tables
        return int(self.execute(f"SELECT count(*) FROM {table}")[0][0])


def row(statement: Json, received: datetime = NOW, source: str = "default") -> Row:
    """A statement as intake stores it."""
    raw = msgspec.json.encode(statement)
    fact = read(raw, received, source)
    return Row(fact.id, SOURCES.index(source) + 1, fact.happened, received, raw, fact.statement.voids)
