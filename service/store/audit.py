"""Who changed which rule, or which document beside the rules, when."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from service.store.engine import Driver

By = str
"""Who changes something: the name of a token, or of a command."""


def note(
    connection: Driver,
    by: By,
    did: str,
    kind: str,
    name: str,
    version: int | None = None,
    since: datetime | None = None,
    remark: str | None = None,
) -> None:
    """Writes a change down, with whoever made it."""
    connection.execute(
        "INSERT INTO rule_change (by, did, kind, name, version, since, note) VALUES (%b, %b, %b, %b, %b, %b, %b)",
        [by, did, kind, name, version, since, remark],
    )


def changes(connection: Connection, limit: int, offset: int) -> tuple[list[dict[str, Any]], int]:
    """The changes from `offset` on, newest first, and how many there are on all pages; none beyond the last."""
    rows = connection.execute(
        text("SELECT *, count(*) OVER () AS total FROM rule_change ORDER BY id DESC LIMIT :limit OFFSET :offset"),
        {"limit": limit, "offset": offset},
    )
    found = [dict(row._mapping) for row in rows]
    return found, found[0]["total"] if found else 0
