"""The documents beside the rules: achievements, issuers, boards, levels, vocabularies and tests, as written."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, LiteralString, Protocol

import msgspec

from service.core.achievement import Achievement
from service.core.issuer_document import Issuer
from service.core.rule import Board, Levels, Rule
from service.core.rulebook import Stored
from service.store import achievements, audit, issuers
from service.store.audit import By
from service.store.engine import Driver

Name = tuple[str, str]
"""(kind, name) of a document."""


class Documents(Protocol):
    """What `service.core.language.load` reads from a rules directory, as far as the store keeps it."""

    @property
    def rules(self) -> Sequence[Rule]: ...
    @property
    def achievements(self) -> Sequence[Achievement]: ...
    @property
    def boards(self) -> Sequence[Board]: ...
    @property
    def levels(self) -> Sequence[Levels]: ...
    @property
    def issuers(self) -> Sequence[Issuer]: ...
    @property
    def text(self) -> Mapping[tuple[str, str], str]: ...
    @property
    def files(self) -> Mapping[Name, tuple[tuple[str, bytes], ...]]: ...
    @property
    def images(self) -> Mapping[Name, tuple[bytes, str]]: ...


def stored(connection: Driver) -> list[Stored]:
    """All of them that are in force."""
    return [_stored(row) for row in connection.execute(_STORED + "ORDER BY kind, name", binary=True)]


def left(connection: Driver) -> set[Name]:
    """The achievements that are only left for their holders: who awarded them is no more."""
    cursor = connection.execute(
        "SELECT kind, name FROM document WHERE kind = 'achievement' "
        "AND convert_from(resolved, 'UTF8')::jsonb ->> 'issuer' IN (SELECT slug FROM issuer WHERE removed IS NOT NULL)"
    )
    return set(cursor.fetchall())


def find(connection: Driver, kind: str, name: str) -> Stored | None:
    """The one of this kind and name."""
    row = connection.execute(_STORED + "WHERE kind = %b AND name = %b", [kind, name], binary=True).fetchone()
    return row and _stored(row)


_STORED: LiteralString = "SELECT kind, name, text, files FROM document "
_decode_files = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...]).decode


def _stored(row: tuple[Any, ...]) -> Stored:
    kind, name, text, files = row
    return Stored(kind, name, text, _decode_files(files) if files else ())


def put_documents(connection: Driver, documents: Documents, by: By, api: Collection[Name]) -> Iterable[str]:
    """Writes down what is new or says something else; answers what changed, a line each."""
    named: list[tuple[str, str, Achievement | Board | Levels | Issuer | None]] = [
        *(("achievement", one.name, one) for one in documents.achievements),
        *(("board", one.name, one) for one in documents.boards),
        *(("levels", one.name, one) for one in documents.levels),
        *(("issuer", one.slug, one) for one in documents.issuers),
        *(
            (kind, name, None)
            for kind, name in documents.text
            if kind not in ("rule", "achievement", "board", "levels", "issuer")
        ),
    ]
    for kind, name, one in named:
        files = documents.files.get((kind, name))
        if connection.execute(
            "INSERT INTO document AS old (kind, name, text, resolved, files, origin) "
            "VALUES (%b, %b, %b, %b, %b, %b) "
            "ON CONFLICT (kind, name) DO UPDATE SET text = excluded.text, resolved = excluded.resolved, "
            "files = excluded.files, origin = excluded.origin, applied = now() "
            "WHERE (old.text, old.resolved, old.files) "
            "IS DISTINCT FROM (excluded.text, excluded.resolved, excluded.files) "
            "RETURNING name",
            [
                *(kind, name, documents.text[kind, name], msgspec.json.encode(one)),
                msgspec.msgpack.encode(files) if files else None,
                "api" if (kind, name) in api else "directory",
            ],
        ).fetchone():
            audit.note(connection, by, "published", kind, name)
            yield f"{kind} {name}"
    connection.execute(
        "DELETE FROM document_removed WHERE kind || ' ' || name = ANY(%b)",
        [[f"{kind} {name}" for kind, name in documents.text]],
    )
    for achievement in documents.achievements:
        achievements.keep(connection, achievement, documents.images.get(("achievement", achievement.name)))
    for issuer in documents.issuers:
        issuers.keep(connection, issuer, documents.images.get(("issuer", issuer.slug)))


def remove_documents(connection: Driver, documents: Documents, by: By) -> Iterable[str]:
    """Takes away what is no longer in the directory; an achievement stays, for its holders."""
    issuers.retire_others(connection, {one.slug for one in documents.issuers})
    gone = connection.execute(
        "DELETE FROM document WHERE kind <> 'achievement' AND origin = 'directory' "
        "AND kind || ' ' || name <> ALL(%b) RETURNING kind, name",
        [[f"{kind} {name}" for kind, name in documents.text]],
    ).fetchall()
    for kind, name in gone:
        audit.note(connection, by, "removed", kind, name)
        yield f"{kind} {name}: removed"


def remove(connection: Driver, kind: str, name: str, by: By) -> None:
    """Takes one document away for good: the rules directory does not bring it back."""
    connection.execute("DELETE FROM document WHERE kind = %b AND name = %b", [kind, name])
    connection.execute("INSERT INTO document_removed VALUES (%b, %b) ON CONFLICT DO NOTHING", [kind, name])
    audit.note(connection, by, "removed", kind, name)
