"""A preview by several processes: each evaluates a share of the learners in the same snapshot, and sums are added up.

Who is among the first is agreed on by all of them. Who did it the other way round before is asked of all learners
together, so rules with `swapped` are left to one process. The processes end when this one does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from multiprocessing.connection import Connection, wait
from typing import cast

from service import children
from service.core.attempts import front
from service.core.matching import matcher
from service.preview.changes import Change, Wanted, changes
from service.preview.evaluation import Evaluation, Front, Fronts, reading
from service.preview.sums import Sums
from service.store import rules
from service.store.engine import Driver
from service.store.share import Share


def sensible(changed: Sequence[Change], statements: int) -> int:
    """How many processes such a preview should have."""
    versions = [one for change in changed for one in (change.before, change.after) if one is not None]
    told = [life.rule for version in versions for life in (version, *version.lives)]
    together = any(matcher(rule).swapped for rule in told)
    return children.sensible(not together and statements > children.LONG)


def summed(
    connection: Driver,
    url: str,
    wanted: Mapping[str, Wanted],
    now: datetime,
    processes: int,
    progress: Callable[[float], None],
) -> Sums:
    """The sums of all shares, in the snapshot of this connection. What `progress` raises ends the processes."""
    row = connection.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None
    each = [(url, row[0], dict(wanted), now, Share(place, processes)) for place in range(processes)]
    with children.beside(_evaluate, each) as ends:
        return _added(ends, progress)


def _added(ends: Sequence[Connection], progress: Callable[[float], None]) -> Sums:
    """Listens to all processes until each has said its sums. EOFError where one has ended without.

    What each says before of who is ahead in races, it says to all of them when it has heard it from all.
    """
    gone_through = dict.fromkeys(ends, 0.0)
    ahead: dict[Connection, Fronts] = {}
    found: dict[Connection, Sums] = {}
    while left := [end for end in ends if end not in found]:
        for end in cast("list[Connection]", wait(left)):
            told = end.recv()
            if isinstance(told, Sums):
                found[end] = told
            elif isinstance(told, dict):
                ahead[end] = told
                for one in ends if len(ahead) == len(ends) else ():
                    one.send(_together(list(ahead.values())))
            else:
                gone_through[end] = told
                progress(sum(gone_through.values()) / len(ends))
    first, *others = found.values()
    for other in others:
        first.take_in(other)
    return first


def _together(fronts: Sequence[Fronts]) -> Fronts:
    """Who is ahead of all, of who is ahead in each share."""
    return {
        number: Front(most, front(most, chain(*(one[number].entrants for one in fronts))))
        for number, (most, _) in fronts[0].items()
    }


def _evaluate(
    parent: Connection, url: str, snapshot: str, wanted: Mapping[str, Wanted], now: datetime, share: Share
) -> None:
    """What a process of its own does: evaluates its share, and tells its parent how far it is, and the sums."""

    def agree(own: Fronts) -> Fronts:
        parent.send(own)
        return cast("Fronts", parent.recv())

    with reading(url, snapshot) as connection:
        ruleset = rules.in_force(connection)
        changed = changes(ruleset, wanted)
        parent.send(Evaluation(connection, ruleset, changed, share, now, parent.send, agree).sums())
