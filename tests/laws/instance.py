"""Everything of the service between HTTP and Redis: a database that is opened for a scene, takes deliveries and drains.

What it knows in the end is told in the words of the oracle, learners by their identity and rules by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Engine

from service import merging
from service.core import statement, windows
from service.core.evaluate import State
from service.core.language import load
from service.drain import BATCH, Drain
from service.store import folds, identity, intake, matches, publishing
from service.store.engine import Driver, driver
from service.store.tables import metadata
from service.world import world
from tests.laws import derived, oracle
from tests.laws.histories import Scene
from tests.laws.oracle import Award, Delivery, Json
from tests.laws.stage import BOARDS, SOURCES

FORGET = "; ".join(f"DELETE FROM {table.name}" for table in reversed(metadata.sorted_tables))
APPLIED = datetime(2023, 1, 1, tzinfo=UTC)

Line = tuple[str, str, str, datetime, str]
"""A sum of the ledger: learner, rule, key, event time, unit."""
Place = tuple[str, str, str]
"""A score: board, period (by its label), learner."""


class Standing(NamedTuple):
    """All that the service says of its learners."""

    lines: dict[Line, int]
    totals: dict[tuple[str, str], int]
    scores: dict[Place, tuple[int, datetime]]
    badges: set[tuple[str, str, str, str, datetime]]


def expected(scene: Scene) -> Standing:
    """What the service must say of a scene when all of it has arrived, by the oracle."""
    return told(derived.awards(scene.rules, scene.deliveries, scene.world), scene)


def told(awards: set[Award], scene: Scene) -> Standing:
    """What these awards come to: ledger, totals, scores and badges."""
    lines = {(a.learner, a.rule, a.key, a.happened, unit): n for a in awards for unit, n in a.amounts}
    totals = {key: amount for key, amount in oracle.balances(awards).items() if not key[1].startswith("badge:")}
    scores: dict[Place, tuple[int, datetime]] = {}
    for (learner, rule, _, happened, unit), amount in lines.items():
        for board in BOARDS:
            if unit == "points" and rule in board.get("from_rules", [rule]):
                place = (board["board"], _period(board, happened, scene), learner)
                points, reached = scores.get(place, (0, happened))
                scores[place] = (points + amount, max(reached, happened))
    scores = {place: score for place, score in scores.items() if score[0]}
    badges = {(who, rule, key, unit[6:], at) for who, rule, key, at, unit in lines if unit.startswith("badge:")}
    return Standing(lines, totals, scores, badges)


def _period(board: Json, happened: datetime, scene: Scene) -> str:
    day = happened.astimezone(ZoneInfo(board.get("time_zone", scene.world.zone))).date()
    return windows.label(board["period"], windows.WINDOWS[board["period"]].of(oracle.first_day(board["period"], day)))


class Instance:
    """One database, used for one scene after the other."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sources: dict[str, int] = {}

    # --- what is done to it ---

    def open(self, scene: Scene) -> Instance:
        """Forgets everything and starts with the rules, sources and people of this scene."""
        with self.engine.begin() as connection:
            beneath = driver(connection)
            beneath.execute(FORGET)
            self.sources = {name: self._source(beneath, name, capture) for name, capture in SOURCES}
            for key, zone in scene.world.zones.items():
                self._person(beneath, key, zone)
        self.apply(scene, APPLIED)
        return self

    def apply(self, scene: Scene, now: datetime) -> None:
        """Puts the rules of this scene in force."""
        documents, problems = load([("rules.yaml", scene.text.encode())])
        assert [str(problem) for problem in problems if problem.severity == "error"] == []
        with self.engine.begin() as connection:
            publishing.apply(driver(connection), documents, ZoneInfo(scene.world.zone), ends=now)

    def _source(self, beneath: Driver, name: str, capture: str) -> int:
        row = beneath.execute(
            "INSERT INTO source (name, username, capture) VALUES (%b, %b, %b) RETURNING id",
            [name, name, capture],
        ).fetchone()
        assert row is not None
        return int(row[0])

    def _person(self, beneath: Driver, key: str, zone: str) -> None:
        beneath.execute(
            "WITH made AS (INSERT INTO learner (time_zone) VALUES (%b) RETURNING id) "
            "INSERT INTO identifier (key, learner) SELECT %b, id FROM made",
            [zone, key],
        )

    def arrive(self, deliveries: Iterable[Delivery]) -> None:
        """Stores these deliveries in one transaction, as intake does."""
        rows = [self.row(delivery) for delivery in deliveries]
        if rows:
            with self.engine.begin() as connection:
                intake.store(driver(connection), rows)

    def row(self, delivery: Delivery) -> intake.Row:
        raw = msgspec.json.encode(delivery.statement)
        fact = statement.read(raw, delivery.received)
        source = self.sources[delivery.source]
        return intake.Row(fact.id, source, fact.happened, delivery.received, raw, fact.statement.voids)

    def drain(self, limit: int = BATCH) -> None:
        """Evaluates the inbox until nothing is left in it that nobody else is at work on."""
        drain_all(Drain(self.engine), limit)

    def learner(self, key: str) -> int | None:
        """The learner that an identifier was met as, if it was."""
        with self.engine.begin() as connection:
            return identity.homes(driver(connection), [key]).get(key)

    def merge(self, gone: int, kept: int) -> int:
        """Decides that these two are one person; answers the number of the decision."""
        with self.engine.begin() as connection:
            (number,), _ = merging.merge(connection, [merging.Decision(gone, kept, "a law")])
            return number

    def unmerge(self, number: int) -> None:
        with self.engine.begin() as connection:
            assert merging.unmerge(connection, number) is not None

    # --- what it says ---

    def rows(self) -> list[tuple[Any, ...]]:
        """The ledger as it is written, oldest line first."""
        with self.engine.begin() as connection:
            return driver(connection).execute("SELECT * FROM entry ORDER BY id").fetchall()

    def standing(self) -> Standing:
        with self.engine.begin() as connection:
            beneath = driver(connection)
            return Standing(_lines(beneath), _totals(beneath), _scores(beneath), _badges(beneath))

    def waiting(self) -> int:
        with self.engine.begin() as connection:
            row = driver(connection).execute("SELECT count(*) FROM inbox").fetchone()
            return int(row[0]) if row else 0

    def projected(self) -> bool:
        """Whether Redis has been told of every change."""
        with self.engine.begin() as connection:
            return driver(connection).execute("SELECT FROM outbox LIMIT 1").fetchone() is None

    def folds(self) -> tuple[dict[matches.Group, State], dict[matches.Group, State]]:
        """The states that folds have been advanced to, and those that the same matches come to from nothing."""
        with self.engine.begin() as connection:
            beneath = driver(connection)
            here = world(beneath)
            counted = {number: one for number, one in here.counting.items() if one.lives and one.last.remembers}
            zones = dict(beneath.execute("SELECT id, coalesce(time_zone, '') FROM learner").fetchall())
            groups = beneath.execute("SELECT DISTINCT rule, learner FROM match ORDER BY 1, 2").fetchall()
            groups = [group for group in groups if group[0] in counted]
            kept = folds.of_groups(beneath, beneath.execute("SELECT rule, learner FROM fold").fetchall())
            found = matches.of_groups(beneath, groups)
        advanced = {
            group: folds.decode(type(counted[group[0]].last.rule.kind), one.state) for group, one in kept.items()
        }
        again = {}
        for (rule, learner), made in found.items():
            zone = ZoneInfo(zones[learner]) if zones[learner] else here.ruleset.zone
            if made.get(counted[rule].making):
                again[rule, learner] = counted[rule].judged(zone, made).state
        return advanced, again


def drain_all(drain: Drain, limit: int = BATCH) -> None:
    while drain(limit).statements:
        pass


def _lines(beneath: Driver) -> dict[Line, int]:
    found = beneath.execute(
        "SELECT i.key, r.name, e.key, e.happened, e.unit, sum(e.amount)::bigint FROM entry e "
        "JOIN identifier i USING (learner) JOIN rule r ON r.id = e.rule "
        "GROUP BY 1, 2, 3, 4, 5 HAVING sum(e.amount) <> 0"
    )
    return {(learner, rule, key, happened, unit): amount for learner, rule, key, happened, unit, amount in found}


def _totals(beneath: Driver) -> dict[tuple[str, str], int]:
    found = beneath.execute(
        "SELECT i.key, t.unit, t.amount FROM total t JOIN identifier i USING (learner) WHERE amount <> 0"
    )
    return {(learner, unit): amount for learner, unit, amount in found}


def _scores(beneath: Driver) -> dict[Place, tuple[int, datetime]]:
    found = beneath.execute(
        "SELECT b.name, s.period, i.key, s.points, s.reached FROM score s JOIN identifier i USING (learner) "
        "JOIN board b ON b.id = s.board WHERE s.points <> 0"
    )
    lengths = {board["board"]: board["period"] for board in BOARDS}
    return {
        (board, windows.label(lengths[board], period), learner): (points, reached)
        for board, period, learner, points, reached in found
    }


def _badges(beneath: Driver) -> set[tuple[str, str, str, str, datetime]]:
    return set(
        beneath.execute(
            "SELECT i.key, r.name, b.key, achievement, happened FROM badge_award b JOIN identifier i USING (learner) "
            "JOIN rule r ON r.id = b.rule WHERE b.undone IS NULL"
        ).fetchall()
    )


def batches(deliveries: Sequence[Delivery], size: int) -> Iterable[Sequence[Delivery]]:
    """The deliveries in order, so many at once."""
    return [deliveries[start : start + size] for start in range(0, len(deliveries), size)]
