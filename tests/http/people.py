"""Learners, ledger lines and boards put into the database by hand."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import Engine, insert

from service.core.agents import Agent, identifier
from service.core.rule import Board, Each, Grant, Rule
from service.store import tables
from service.store.tokens import add_token

MORNING = datetime(2026, 3, 1, 9, tzinfo=UTC)


def learner(engine: Engine, name: str | None = None, opted_in: bool = True, mbox: str | None = None) -> int:
    with engine.begin() as connection:
        row = {"name": name, "opted_in": opted_in}
        number = connection.scalar(insert(tables.learner).values(row).returning(tables.learner.c.id))
        assert number is not None
        if mbox:
            key = identifier(Agent(mbox=mbox))
            connection.execute(insert(tables.identifier).values(key=key, learner=number))
    return int(number)


def token_of(engine: Engine, number: int) -> str:
    with engine.begin() as connection:
        return add_token(connection, "own", ["learner"], number)


def rule(engine: Engine, name: str, title: str | dict[str, str]) -> int:
    value = Rule(name=name, when=(), give=(Grant(points=(("points", 10),)),), title=title, kind=Each())
    with engine.begin() as connection:
        number = connection.scalar(insert(tables.rule).values(name=name).returning(tables.rule.c.id))
        assert number is not None
        version = {"rule": number, "version": 1, "text": "", "resolved": msgspec.json.encode(value)}
        connection.execute(insert(tables.rule_version).values(version))
    return int(number)


def entries(engine: Engine, whose: int, of: int, amounts: Iterable[int], reason: str | None = None) -> None:
    with engine.begin() as connection:
        for place, amount in enumerate(amounts):
            row = {
                "learner": whose,
                "rule": of,
                "version": 1,
                "key": str(place),
                "unit": "points",
                "amount": amount,
                "happened": MORNING + timedelta(minutes=place),
                "statements": [UUID(int=place)],
                "reason": reason,
            }
            connection.execute(insert(tables.entry).values(row))


def board(engine: Engine, value: Board) -> int:
    with engine.begin() as connection:
        document = {"kind": "board", "name": value.name, "text": "", "resolved": msgspec.json.encode(value)}
        connection.execute(insert(tables.document).values(document))
        number = connection.scalar(insert(tables.board).values(name=value.name).returning(tables.board.c.id))
        assert number is not None
    return int(number)


def score(engine: Engine, number: int, period: int, points: dict[int, int]) -> None:
    with engine.begin() as connection:
        for place, (whose, amount) in enumerate(points.items()):
            reached = MORNING + timedelta(minutes=place)
            row = {
                "board": number,
                "period": period,
                "learner": whose,
                "points": amount,
                "reached": reached,
                "version": 1,
            }
            connection.execute(insert(tables.score).values(row))
