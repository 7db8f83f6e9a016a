"""Bytes that are kept for a time only: of what was set aside, conflicted or attached, never what is evaluated.

A statement itself stays as it came (or as erasure left it): rules may ask for anything that it says, today's and those
that somebody writes next year, and whatever they would have given then has to come out when history is counted again.
"""

from __future__ import annotations

from typing import LiteralString, NamedTuple

from service.store.engine import Driver

AT_ONCE = 500
"""Rows of each kind in one transaction."""


class Dropped(NamedTuple):
    """How many attachments, conflicts and entries of quarantine lost their bytes."""

    attachments: int
    conflicts: int
    quarantined: int


_OLD: LiteralString = "{0}.received < now() - make_interval(days => coalesce(source.keep_raw_days, %(days)s::int)) "
_ATTACHMENTS = f"""
DELETE FROM attachment WHERE (statement, sha2) IN (
    SELECT a.statement, a.sha2 FROM attachment a JOIN statement s ON s.id = a.statement
    LEFT JOIN source ON source.id = s.source WHERE {_OLD.format("s")} LIMIT %(most)s FOR UPDATE OF a SKIP LOCKED)
"""  # noqa: S608 - constants
_CONFLICTS = f"""
UPDATE conflict SET raw = '' WHERE (statement, digest) IN (
    SELECT c.statement, c.digest FROM conflict c LEFT JOIN source ON source.id = c.source
    WHERE octet_length(c.raw) > 0 AND {_OLD.format("c")} LIMIT %(most)s FOR UPDATE OF c SKIP LOCKED)
"""  # noqa: S608 - constants
_QUARANTINED = f"""
UPDATE quarantine SET raw = '', edited = NULL, settled = coalesce(settled, now()),
    state = CASE WHEN state = 'waiting' THEN 'discarded' ELSE state END
WHERE id IN (
    SELECT q.id FROM quarantine q LEFT JOIN source ON source.id = q.source
    WHERE octet_length(q.raw) > 0 AND NOT (q.kind = 'failed' AND q.state = 'waiting') AND {_OLD.format("q")}
    LIMIT %(most)s FOR UPDATE OF q SKIP LOCKED)
"""  # noqa: S608 - constants


def drop(connection: Driver, days: int | None, most: int = AT_ONCE) -> Dropped:
    """Drops what came longer ago than its source says, at most so many of each kind; locked rows are left for later.

    days: for sources that say nothing; None: theirs is kept for ever. What waits in quarantine is discarded by it, but
    for statements that are stored and could not be evaluated, which wait for us. Digests stay, so a repeat is known.
    """
    values = {"days": days, "most": most}
    return Dropped(*(connection.execute(query, values).rowcount for query in (_ATTACHMENTS, _CONFLICTS, _QUARANTINED)))
