"""What other rules would do, on all of history and without doing it: who gains and loses, badges, boards.

One snapshot that cannot be written to; nothing is sampled. Only the rules that would be others are evaluated, and those
that read their awards; what they would give is compared with the ledger. Where history is long, several processes
divide the learners between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy import Engine

from service.preview import shares
from service.preview.changes import Wanted, changes
from service.preview.evaluation import Evaluation, reading
from service.preview.report import reported
from service.preview.told import Ground, Report
from service.store import history, inbox, rules
from service.store.engine import Driver, url
from service.store.history import Extent
from service.store.rules import Ruleset
from service.store.share import EVERYBODY

__all__ = ["Progress", "Report", "Wanted", "preview"]

Progress = Callable[[int, int], None]
"""Called with (statements gone through, all statements); may raise to end the preview."""


def preview(
    engine: Engine,
    wanted: Mapping[str, Wanted],
    now: datetime,
    progress: Progress = lambda _done, _all: None,
    processes: int | None = None,
) -> Report:
    """What would be different with these rules in the place of their namesakes, by all that has been evaluated.

    now: whose periods are the current ones of the boards. processes: how many divide the learners between them; None:
    as many as there are processors, where history is long.
    """
    with reading(url(engine)) as connection:
        ruleset, extent = rules.in_force(connection), history.extent(connection)
        changed = changes(ruleset, wanted)

        def tell(share: float) -> None:
            progress(int(share * extent.statements), extent.statements)

        many = shares.sensible(changed, extent.statements) if processes is None else processes
        if many > 1:
            sums = shares.summed(connection, url(engine), wanted, now, many, tell)
        else:
            sums = Evaluation(connection, ruleset, changed, EVERYBODY, now, tell).sums()
        return reported(connection, _ground(connection, ruleset, extent), ruleset, changed, sums)


def _ground(connection: Driver, ruleset: Ruleset, extent: Extent) -> Ground:
    """What the answer stands on."""
    names = {version.number: version.rule.name for version in ruleset.versions}
    again = sorted({names[one.number] for one in rules.pending(connection)})
    return Ground(*extent, inbox.size(connection), again)
