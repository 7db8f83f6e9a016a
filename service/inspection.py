"""One statement with all that is known of it: what it breaks, whom and which rules it touched, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from service.core import specification
from service.core.shapes import Finding
from service.store import identity
from service.store.engine import Driver
from service.store.inbox import COUNTS, claimed
from service.world import parts


class Touched(NamedTuple):
    """A learner who takes part in a statement."""

    learner: int
    name: str | None


class Matched(NamedTuple):
    """A rule whose conditions a statement fulfils, for a learner."""

    rule: str
    learner: int


class Line(NamedTuple):
    """A line of the ledger that names the statement."""

    learner: int
    rule: str
    unit: str
    amount: int
    happened: datetime
    booked: datetime
    reason: str | None


class Conflict(NamedTuple):
    """Other content that came under the same id, and was not used."""

    source: str | None
    received: datetime
    raw: bytes


class Inspected(NamedTuple):
    """A stored statement. state: evaluated, pending or failed. voided_by: the voiding statements that count for it."""

    id: UUID
    source: str | None
    received: datetime
    happened: datetime
    state: str
    raw: bytes
    findings: tuple[Finding, ...]
    voids: UUID | None
    voided_by: tuple[UUID, ...]
    conflicts: tuple[Conflict, ...]
    learners: tuple[Touched, ...]
    matches: tuple[Matched, ...]
    entries: tuple[Line, ...]


ONE = """
SELECT s.id, source.name, source.capture, s.received, s.raw,
    CASE WHEN inbox.seq IS NULL THEN 'evaluated' WHEN inbox.failed THEN 'failed' ELSE 'pending' END
FROM statement s LEFT JOIN source ON source.id = s.source LEFT JOIN inbox ON inbox.seq = s.seq WHERE s.id = %b
"""
VOIDERS = f"""
SELECT v.voider FROM void v JOIN statement s ON s.id = v.target AND {COUNTS} WHERE v.target = %b ORDER BY v.voider
"""  # noqa: S608 - a constant
CONFLICTS = """
SELECT source.name, c.received, c.raw FROM conflict c LEFT JOIN source ON source.id = c.source
WHERE c.statement = %b ORDER BY c.received
"""
MATCHES = """
SELECT rule.name, m.learner FROM rule JOIN match m ON m.rule = rule.id
WHERE m.learner = ANY(%b) AND m.happened = %b AND m.statement = %b ORDER BY rule.name, m.learner
"""
ENTRIES = """
SELECT e.learner, rule.name, e.unit, e.amount, e.happened, e.booked, e.reason FROM entry e JOIN rule ON rule.id = e.rule
WHERE e.learner = ANY(%b) AND %b = ANY(e.statements) ORDER BY e.learner, e.id
"""


def inspect(connection: Driver, number: UUID) -> Inspected | None:
    """The statement of this id; None if none is stored under it."""
    row = connection.execute(ONE, [number], binary=True).fetchone()
    if row is None:
        return None
    own, source, capture, received, raw, state = row
    fact = claimed(own, source, capture, received, raw, False).fact
    found = identity.known(connection, [part.key for part in parts([fact])])
    names = identity.names(connection, set(found.values()))
    learners = sorted(names)
    return Inspected(
        id=own,
        source=source,
        received=received,
        happened=fact.happened,
        state=state,
        raw=raw,
        findings=tuple(specification.findings(raw, specification.version_told(raw))),
        voids=fact.statement.voids,
        voided_by=tuple(voider for (voider,) in connection.execute(VOIDERS, [number], binary=True)),
        conflicts=tuple(Conflict(*row) for row in connection.execute(CONFLICTS, [number], binary=True)),
        learners=tuple(Touched(learner, names[learner]) for learner in learners),
        matches=tuple(Matched(*row) for row in connection.execute(MATCHES, [learners, fact.happened, number])),
        entries=tuple(Line(*row) for row in connection.execute(ENTRIES, [learners, number])),
    )
