"""Achievements and their pictures in the database: every version there was, and which one an award was made under."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import msgspec
from sqlalchemy import Connection, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert

from service.core.achievement import Achievement
from service.store.engine import Driver
from service.store.tables import achievement_version, picture


class Version(NamedTuple):
    """An achievement as it was said. given: the digest of the image that its author gave; None: it is drawn."""

    achievement: Achievement
    given: str | None


class Picture(NamedTuple):
    """A picture as it was given or drawn, and as PNG if it was asked for before."""

    content: bytes
    media_type: str
    png: bytes | None


def keep(connection: Driver, achievement: Achievement, image: tuple[bytes, str] | None) -> None:
    """Makes this the version in force from now on, unless it is already. image: content and media type."""
    digest = keep_picture(connection, *image) if image else None
    connection.execute(
        "WITH latest AS (SELECT version, resolved, picture FROM achievement_version WHERE name = %b "
        "ORDER BY version DESC LIMIT 1) "
        "INSERT INTO achievement_version (name, version, resolved, picture) "
        "SELECT %b, coalesce((SELECT version FROM latest), 0) + 1, %b, %b "
        "WHERE NOT EXISTS (SELECT FROM latest WHERE (resolved, picture) IS NOT DISTINCT FROM (%b, %b))",
        [achievement.name, achievement.name, *[msgspec.json.encode(achievement), digest] * 2],
    )


def current(connection: Connection, name: str) -> Version | None:
    """The achievement as it is in force under this name."""
    latest = _VERSIONS.where(achievement_version.c.name == name).order_by(achievement_version.c.version.desc())
    row = connection.execute(latest.limit(1)).one_or_none()
    return None if row is None else Version(msgspec.json.decode(row.resolved, type=Achievement), row.picture)


def all_current(connection: Connection) -> list[Version]:
    """Every achievement as it is in force, by name."""
    name, version = achievement_version.c.name, achievement_version.c.version
    rows = connection.execute(_VERSIONS.ext(distinct_on(name)).order_by(name, version.desc()))
    return [Version(msgspec.json.decode(row.resolved, type=Achievement), row.picture) for row in rows]


_VERSIONS = select(achievement_version.c.resolved, achievement_version.c.picture)


# --- pictures -------------------------------------------------------------------------------------------------------


def digest_of(content: bytes) -> str:
    """The name that a picture has in addresses."""
    return hashlib.sha256(content).hexdigest()[:40]


def keep_picture(connection: Driver, content: bytes, media_type: str) -> str:
    """Keeps a picture that an author gave; answers its digest."""
    digest = digest_of(content)
    connection.execute(
        "INSERT INTO picture (digest, content, media_type) VALUES (%b, %b, %b) ON CONFLICT DO NOTHING",
        [digest, content, media_type],
    )
    return digest


def find_picture(connection: Connection, digest: str) -> Picture | None:
    columns = (picture.c.content, picture.c.media_type, picture.c.png)
    row = connection.execute(select(*columns).where(picture.c.digest == digest)).one_or_none()
    return None if row is None else Picture(*row)


def add_picture(connection: Connection, content: bytes, media_type: str) -> str:
    """Keeps a picture; answers its digest."""
    digest = digest_of(content)
    row = {"digest": digest, "content": content, "media_type": media_type}
    connection.execute(insert(picture).values(row).on_conflict_do_nothing())
    return digest


def add_png(connection: Connection, digest: str, png: bytes) -> None:
    connection.execute(update(picture).where(picture.c.digest == digest).values(png=png))
