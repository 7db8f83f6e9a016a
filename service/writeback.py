"""Telling an LRS of awards: each becomes a statement there, and is voided when the award is taken back.

At least once: a statement is put under an id that is always the same for its award, so a repeat is harmless, and what
an LRS says of it a second time (409: it is there) is as good as the first. An LRS that is away is left alone for longer
and longer; a statement that it refuses does not hold up the others.
"""

from __future__ import annotations

import time

import msgspec
import structlog
from sqlalchemy import Engine

from service.core import earned
from service.pulling import Away, ask, request
from service.settings import Settings
from service.store import lrs, writeback
from service.store.engine import driver
from service.store.lrs import Lrs
from service.store.writeback import Telling

LONGEST_SECONDS = 60.0
"""How long one LRS is told before the next has its turn."""
LEASE_SECONDS = 300
THERE = 409
"""The LRS has this id already: we are the only ones who make it, so it has the statement."""
REFUSED = frozenset((400, 413, 415, 422))

log = structlog.get_logger(__name__)


def write_back(settings: Settings, engine: Engine) -> int:
    """Tells every LRS that is there what it does not know yet; answers how many statements that took."""
    sent = 0
    while True:
        _plan(engine)
        with engine.begin() as connection:
            name = writeback.ready(connection, LEASE_SECONDS)
            place = lrs.find(connection, name, settings.secret_key) if name else None
        if place is None:
            return sent
        sent += _tell(settings, engine, place)


def _plan(engine: Engine) -> None:
    """Finds out what is to be told."""
    while True:
        with engine.begin() as connection:
            if not writeback.plan(driver(connection)):
                return


def _tell(settings: Settings, engine: Engine, place: Lrs) -> int:
    """Tells one LRS, statement by statement."""
    sent, problem, end = 0, None, time.monotonic() + LONGEST_SECONDS
    while time.monotonic() < end:
        with engine.begin() as connection:
            telling = writeback.next_one(connection, driver(connection), place.source, place.name, settings.public_url)
        if telling is None:
            break
        try:
            _put(place, telling, settings.public_url)
        except Away as away:
            if away.status not in REFUSED:
                problem = str(away)
                break
            log.warning("an LRS refused to be told of an award", source=place.name, error=str(away))
            with engine.begin() as connection:
                writeback.refused(connection, telling, str(away))
        else:
            sent += 1
            with engine.begin() as connection:
                writeback.done(connection, telling)
    with engine.begin() as connection:
        writeback.put_off(connection, place.source, problem)
    if problem:
        log.warning("an LRS could not be told of awards; it is tried again", source=place.name, error=problem)
    return sent


def _put(place: Lrs, telling: Telling, public_url: str) -> None:
    """Puts the statement there (xAPI 1.0.3, Communication 2.1.1); raises Away unless it is there then."""
    if telling.earned is None:
        said = earned.voiding(telling.statement, public_url)
    else:
        said = earned.earned(telling.statement, telling.earned, public_url)
    address = f"{place.url.rstrip('/')}/statements?statementId={said['id']}"
    try:
        ask(request(place, address, "PUT", msgspec.json.encode(said)))
    except Away as away:
        if away.status != THERE:
            raise
