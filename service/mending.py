"""Trying again what is in quarantine: a statement that somebody mended, or one that evaluating raised for."""

from __future__ import annotations

from sqlalchemy import Connection, Engine

from service.capture.bounds import NONE
from service.core.statement import Unusable, read
from service.store import intake, quarantine, sources
from service.store.engine import driver
from service.store.intake import Row
from service.store.quarantine import DISCARDED, REPLAYED, WAITING, Kept


class Settled(Exception):
    """What was asked cannot be done with this entry; the message says why."""


def edit(engine: Engine, number: int, raw: bytes) -> Kept:
    """Puts a mended statement in the place of what came, which is kept beside it; LookupError if there is no such."""
    with engine.begin() as connection:
        entry = _waiting(connection, number)
        if entry.kind != "unusable":
            raise Settled("This statement is stored, and what is stored is never changed; replay or discard it.")
        quarantine.edit(connection, number, raw)
        return _one(connection, number)


def discard(engine: Engine, number: int) -> Kept:
    """Ends an entry without using it; LookupError if there is no such."""
    with engine.begin() as connection:
        _waiting(connection, number)
        quarantine.settle(connection, number, DISCARDED)
        return _one(connection, number)


def replay(engine: Engine, number: int) -> Kept:
    """Stores an entry as if it had been usable when it came, or queues it again; the caller wakes a drain.

    Raises Unusable if it still cannot be used, whose reason is then the entry's, and LookupError if there is no such.
    """
    try:
        with engine.begin() as connection:
            entry = _waiting(connection, number)
            if entry.kind == "failed":
                quarantine.evaluate_again(connection, entry.statement)
            else:
                _store(connection, entry)
            quarantine.settle(connection, number, REPLAYED)
            return _one(connection, number)
    except Unusable as why:
        with engine.begin() as connection:
            quarantine.still_unusable(connection, number, why.path, why.message)
        raise


def _store(connection: Connection, entry: Kept) -> None:
    found = sources.by_name(connection, entry.source) if entry.source is not None else None
    if found is None:
        raise Settled("The source of this statement is gone.")
    source = found[0]
    fact = read(entry.raw, entry.received, source.name, source.capture)
    (source.bounds or NONE).check(fact, entry.received)
    named = fact.id if fact.statement.id is not None else entry.statement
    beneath = driver(connection)
    intake.store(beneath, [Row(named, source.id, fact.happened, entry.received, entry.raw, fact.statement.voids)])
    quarantine.counted_once(beneath, source.id)


def _waiting(connection: Connection, number: int) -> Kept:
    entry = quarantine.one(connection, number, lock=True)
    if entry is None:
        raise LookupError(number)
    if entry.state != WAITING:
        raise Settled(f"This entry has been {entry.state} already.")
    return entry


def _one(connection: Connection, number: int) -> Kept:
    entry = quarantine.one(connection, number)
    assert entry is not None
    return entry
