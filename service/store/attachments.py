"""Attachments of statements, kept where their source says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from service.store.engine import Driver


class Attachment(NamedTuple):
    """What is attached to a statement, under the SHA-2 by which the statement names it."""

    statement: UUID
    sha2: str
    content_type: str
    content: bytes


def keep(connection: Driver, attachments: Sequence[Attachment]) -> None:
    """Keeps attachments; one that is kept already stays as it is."""
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO attachment VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING", attachments)
