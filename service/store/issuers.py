"""Issuers in the database: what the documents say of each, and those that signed something and are no more."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select

from service.core.issuer_document import Issuer
from service.store import achievements
from service.store.engine import Driver
from service.store.tables import issuer


class Kept(NamedTuple):
    """An issuer as it was said last. picture: the digest of its image. signs: whether a document still says it."""

    said: Issuer
    picture: str | None
    signs: bool


def keep(connection: Driver, said: Issuer, image: tuple[bytes, str] | None) -> None:
    """Puts this issuer in force as it is said now. image: content and media type."""
    picture = achievements.keep_picture(connection, *image) if image else None
    connection.execute(
        "INSERT INTO issuer AS old (slug, resolved, picture) VALUES (%b, %b, %b) ON CONFLICT (slug) DO UPDATE SET "
        "resolved = excluded.resolved, picture = excluded.picture, removed = NULL, applied = now() "
        "WHERE (old.resolved, old.picture, old.removed) IS DISTINCT FROM (excluded.resolved, excluded.picture, NULL)",
        [said.slug, msgspec.json.encode(said), picture],
    )


def retire_others(connection: Driver, slugs: Collection[str]) -> None:
    """Takes all but these issuers out of force; they sign nothing new."""
    connection.execute("UPDATE issuer SET removed = now() WHERE removed IS NULL AND slug <> ALL(%b)", [sorted(slugs)])


def gone(connection: Driver) -> list[str]:
    """The issuers that are no more, by slug."""
    cursor = connection.execute("SELECT slug FROM issuer WHERE removed IS NOT NULL ORDER BY 1")
    return [slug for (slug,) in cursor]


def known(connection: Connection) -> list[Kept]:
    """Every issuer there is or was, by slug."""
    rows = connection.execute(select(issuer).order_by(issuer.c.slug))
    return [Kept(msgspec.json.decode(row.resolved, type=Issuer), row.picture, row.removed is None) for row in rows]
