"""The boards in force, by the short numbers that scores and Redis keys know them by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, select, text

from service.core.rule import Board
from service.store.tables import board, document, ruleset

_decode = msgspec.json.Decoder(Board).decode


class InForce(NamedTuple):
    """The boards in force by number, in the order of their names.

    signatures: what the scores of each were counted by. zone: whose days count where a board names none.
    """

    boards: Mapping[int, Board]
    signatures: Mapping[int, str | None]
    zone: ZoneInfo


def in_force(connection: Connection) -> InForce:
    rows = connection.execute(
        select(board.c.id, board.c.signature, document.c.resolved)
        .join(document, (document.c.kind == "board") & (document.c.name == board.c.name))
        .order_by(board.c.name)
    ).all()
    zone = connection.scalar(select(ruleset.c.time_zone)) or "UTC"
    boards = {row.id: _decode(row.resolved) for row in rows}
    return InForce(boards, {row.id: row.signature for row in rows}, ZoneInfo(zone))


def database_identity(connection: Connection) -> str:
    """What tells this database from any other, also from an empty one at the same address."""
    found = connection.execute(
        text("SELECT (pg_control_system()).system_identifier, oid FROM pg_database WHERE datname = current_database()")
    ).one()
    return f"{found[0]}.{found[1]}"
