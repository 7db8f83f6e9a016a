"""The documents beside the rules: achievements, boards, levels, vocabularies and tests, as their authors wrote them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from service.core.achievement import Achievement
from service.core.rule import Board, Levels, Rule
from service.store import achievements, audit
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
    def text(self) -> Mapping[tuple[str, str], str]: ...
    @property
    def images(self) -> Mapping[str, tuple[bytes, str]]: ...


def put_documents(connection: Driver, documents: Documents, by: By, api: Collection[Name]) -> Iterable[str]:
    """Writes down what is new or says something else; answers what changed, a line each."""
    named: list[tuple[str, str, Achievement | Board | Levels | None]] = [
        *(("achievement", one.name, one) for one in documents.achievements),
        *(("board", one.name, one) for one in documents.boards),
        *(("levels", one.name, one) for one in documents.levels),
        *(
            (kind, name, None)
            for kind, name in documents.text
            if kind not in ("rule", "achievement", "board", "levels")
        ),
    ]
    for kind, name, one in named:
        image, image_type = documents.images.get(name, (None, None)) if kind == "achievement" else (None, None)
        if connection.execute(
            "INSERT INTO document AS old (kind, name, text, resolved, image, image_type, origin) "
            "VALUES (%b, %b, %b, %b, %b, %b, %b) "
            "ON CONFLICT (kind, name) DO UPDATE SET text = excluded.text, resolved = excluded.resolved, "
            "image = excluded.image, image_type = excluded.image_type, origin = excluded.origin, applied = now() "
            "WHERE (old.text, old.resolved, old.image) "
            "IS DISTINCT FROM (excluded.text, excluded.resolved, excluded.image) "
            "RETURNING name",
            [
                *(kind, name, documents.text[kind, name], msgspec.json.encode(one), image, image_type),
                "api" if (kind, name) in api else "directory",
            ],
        ).fetchone():
            audit.note(connection, by, "published", kind, name)
            yield f"{kind} {name}"
    for achievement in documents.achievements:
        achievements.keep(connection, achievement, documents.images.get(achievement.name))


def remove_documents(connection: Driver, documents: Documents, by: By) -> Iterable[str]:
    """Takes away what is no longer in the directory; an achievement stays, for those who hold it."""
    gone = connection.execute(
        "DELETE FROM document WHERE kind <> 'achievement' AND origin = 'directory' AND kind || ' ' || name <> ALL(%b) "
        "RETURNING kind, name",
        [[f"{kind} {name}" for kind, name in documents.text]],
    ).fetchall()
    for kind, name in gone:
        audit.note(connection, by, "removed", kind, name)
        yield f"{kind} {name}: removed"
