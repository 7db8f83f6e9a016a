"""All that is held about a learner, as JSON in pieces: statements may be many."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import msgspec

from service.store.engine import Driver

SECTIONS: dict[str, LiteralString] = {
    "learner": "SELECT id, name, time_zone, opted_in, created FROM learner WHERE id = %(person)s",
    "identifiers": "SELECT key, mbox, coalesce(home, learner) AS met_as FROM identifier WHERE learner = %(person)s",
    "merges": "SELECT * FROM merge WHERE gone = ANY(%(members)s) OR kept = ANY(%(members)s) ORDER BY id",
    "hints": "SELECT h.* FROM hint h WHERE EXISTS "
    "(SELECT FROM identifier i WHERE i.learner = %(person)s AND i.key IN (h.one, h.other)) ORDER BY id",
    "tokens": "SELECT name, scopes, created, revoked FROM token WHERE learner = ANY(%(members)s) ORDER BY id",
    "connections": "SELECT c.metadata ->> 'client_name' AS client, c.metadata ->> 'client_uri' AS address, g.scopes, "
    "g.created, g.revoked FROM client_grant g JOIN client c ON c.id = g.client "
    "WHERE g.learner = ANY(%(members)s) AND g.code_used IS NOT NULL ORDER BY g.created",
    "totals": "SELECT unit, amount FROM total WHERE learner = %(person)s ORDER BY unit",
    "ledger": "SELECT e.id, r.name AS rule, e.version, e.key, e.unit, e.amount, e.happened, e.booked, e.statements, "
    "e.reason, e.corrects FROM entry e JOIN rule r ON r.id = e.rule WHERE e.learner = ANY(%(members)s) ORDER BY e.id",
    "badges": "SELECT b.id, r.name AS rule, b.achievement, b.state, b.happened, b.decided, b.undone, b.statements "
    "FROM badge_award b JOIN rule r ON r.id = b.rule "
    "WHERE coalesce(b.home, b.learner) = ANY(%(members)s) ORDER BY b.created, b.id",
    "credentials": "SELECT c.id, c.award, c.issued, c.expires, c.revoked, c.revoked_because, c.body AS credential "
    "FROM credential c JOIN badge_award b ON b.id = c.award "
    "WHERE coalesce(b.home, b.learner) = ANY(%(members)s) ORDER BY c.issued, c.id",
    "statements": "SELECT s.id, source.name AS source, s.happened, s.received, "
    "EXISTS (SELECT FROM void v WHERE v.target = s.id) AS voided, s.raw AS statement "
    "FROM statement s LEFT JOIN source ON source.id = s.source "
    "WHERE s.id IN (SELECT statement FROM part WHERE learner = ANY(%(members)s)) ORDER BY s.happened, s.id",
    "told": "SELECT source.name AS lrs, r.name AS rule, t.unit, t.said AS amount, t.happened, t.statement, t.confirmed "
    "FROM told t JOIN source ON source.id = t.source JOIN rule r ON r.id = t.rule "
    "WHERE t.learner = ANY(%(members)s) AND t.said IS NOT NULL ORDER BY t.happened, t.id",
    "conflicts": "SELECT statement AS id, received, nullif(raw, '') AS statement FROM conflict "
    "WHERE statement IN (SELECT statement FROM part WHERE learner = ANY(%(members)s)) ORDER BY received",
    "attachments": "SELECT statement AS id, sha2, content_type, content FROM attachment "
    "WHERE statement IN (SELECT statement FROM part WHERE learner = ANY(%(members)s)) ORDER BY statement, sha2",
    "set_aside": "SELECT id, received, path, reason, state, raw, edited FROM quarantine "
    "WHERE id = ANY(%(aside)s) ORDER BY id",
}
"""What is told of a learner, and where it is. Columns of bytes hold JSON, but for those below."""
TEXTS = frozenset(("raw", "edited"))
"""Columns of bytes that may hold anything, told as text."""
FILES = frozenset(("content",))
"""Columns of bytes that are told in base64."""


def held(connection: Driver, person: int, members: list[int], aside: list[int]) -> Iterator[bytes]:
    """A JSON object with a list for each section, in pieces.

    members: the learners that the person was met as. aside: the entries of quarantine that name them.
    """
    mark = b"{"
    for section, query in SECTIONS.items():
        yield mark + msgspec.json.encode(section) + b": ["
        yield from _rows(connection, query, {"person": person, "members": members, "aside": aside})
        mark = b"\n],\n"
    yield b"\n]}\n"


def _rows(connection: Driver, query: LiteralString, values: dict[str, object]) -> Iterator[bytes]:
    mark = b"\n"
    with connection.cursor("held", binary=True) as cursor:
        cursor.execute(query, values)
        names = [column.name for column in cursor.description or ()]
        for row in cursor:
            told = {name: _told(name, value) for name, value in zip(names, row, strict=True)}
            yield mark + msgspec.json.encode(told)
            mark = b",\n"


def _told(name: str, value: object) -> object:
    if not isinstance(value, bytes) or name in FILES:
        return value
    return value.decode(errors="replace") if name in TEXTS else msgspec.Raw(value)
