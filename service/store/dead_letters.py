"""Jobs that could not be done: what each was about, why, and what somebody does to have it tried again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from service.store.engine import Driver


class DeadLetter(NamedTuple):
    """A job that could not be done.

    job: evaluate (a statement), recount (a rule over history), read (an LRS), or tell (an LRS of an award, or of all).
    subject: the statement, rule or source. since: when what it is about came; None where that is not noted.
    retried: whether it is tried again by itself. again: the command that has it tried again.
    """

    job: str
    subject: str
    problem: str
    since: datetime | None
    retried: bool
    again: str


ALL = """
SELECT * FROM (
    SELECT 'evaluate' AS job, statement::text AS subject, reason, received AS since, false,
        'plaudit quarantine replay ' || id
    FROM quarantine WHERE kind = 'failed' AND state = 'waiting'
    UNION ALL
    SELECT 'recount', rule.name || ' version ' || v.version, v.problem, NULL, false, 'plaudit replay'
    FROM rule_version v JOIN rule ON rule.id = v.rule WHERE v.problem IS NOT NULL
    UNION ALL
    SELECT 'read', source.name, lrs.problem, lrs.read, lrs.every_seconds IS NOT NULL,
        'plaudit sources pull ' || source.name
    FROM lrs JOIN source ON source.id = lrs.source WHERE lrs.problem IS NOT NULL
    UNION ALL
    SELECT 'tell', source.name, lrs.write_problem, NULL, true, 'plaudit sources retell ' || source.name
    FROM lrs JOIN source ON source.id = lrs.source WHERE lrs.write_problem IS NOT NULL AND lrs.write_back IS NOT NULL
    UNION ALL
    SELECT 'tell', source.name || ' of ' || t.unit || ' of learner ' || t.learner, t.problem, t.happened,
        t.due IS NOT NULL, 'plaudit sources retell ' || source.name
    FROM told t JOIN source ON source.id = t.source WHERE t.problem IS NOT NULL
) AS dead ORDER BY job, since DESC NULLS FIRST, subject LIMIT %b OFFSET %b
"""


def dead_letters(connection: Driver, limit: int, offset: int = 0) -> list[DeadLetter]:
    """A page of what could not be done, by job, the latest first."""
    return [DeadLetter(*row) for row in connection.execute(ALL, [limit, offset])]
