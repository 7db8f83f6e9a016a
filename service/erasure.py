"""Erasing a learner: everything that says who it was goes, and what happened stays, said of nobody.

Statements of a learner are grounds of what others earned: who was taught, whose answer was thanked for, who came first.
So they are not deleted. Every agent that is the learner becomes an account that nobody has, and their name and address
go wherever else a statement has them. All rules say the same of them, so nobody else's result is another. The learner's
own lines of the ledger stay under a number that leads to nobody, on no board and on no page.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import Connection

from service.core import traces
from service.core.agents import Agent, identifiers
from service.core.erased import erased, key_of
from service.core.people import cast
from service.core.statement import decoded
from service.merging import match_again, who_fulfils
from service.recount import Changed, Recount
from service.store import credentials, grants, history, identity, outbox, people, scores, statements, writeback
from service.store.engine import Driver, driver
from service.world import People, world


def erase(connection: Connection, learner: int) -> Changed | None:
    """Takes away who this learner is, in the caller's transaction; None if there is no such learner (any more)."""
    beneath = driver(connection)
    people.alone(beneath)
    person = people.person(beneath, learner)
    if person is None:
        return None
    homes = people.members(beneath, [person])
    names = {key: str(uuid4()) for key, _ in identity.keys(beneath, person)}
    changed = _erase_statements(connection, homes, names)
    people.forget(beneath, homes)
    grants.forget(connection, list(homes))
    _end_credentials(connection, homes)
    writeback.note(beneath, [person])
    rows = scores.renew(connection, person)
    return changed._replace(
        scores=[*changed.scores, *rows],
        outbox=changed.outbox or outbox.add(beneath, [person]),
        boards=None,
        renamed=True,
    )


def _erase_statements(connection: Connection, homes: Iterable[int], names: Mapping[str, str]) -> Changed:
    """Rewrites the statements that the learner took part in, and whatever was kept because it was like them."""
    beneath = driver(connection)
    ids = sorted({*people.statements(beneath, homes), *_waiting(beneath, names)})
    here, before = world(beneath), history.facts(beneath, ids)
    old = who_fulfils(beneath, here, before)
    raws = statements.raws(beneath, ids)
    statements.rewrite(beneath, {own: erased(raw, names) for own, raw in raws.items()})
    statements.forget_beside(beneath, ids)
    statements.forget_set_aside(beneath, set_aside(beneath, names))
    people.take_over(beneath, {key: key_of(name) for key, name in names.items()})
    new = who_fulfils(beneath, here, history.facts(beneath, ids))
    people_here = People(here, identity.lock(beneath, {one.learner for one in (*old, *new)}))
    recount = Recount(connection, here, people_here)
    match_again(beneath, here, recount, old, new)
    return recount.book()


def _waiting(connection: Driver, names: Collection[str]) -> Iterable[UUID]:
    """The statements that somebody with one of these keys takes part in and that wait to be evaluated."""
    for own, raw in statements.waiting(connection):
        if any(key in names for agent in cast(decoded(raw)) for key in identifiers(agent)):
            yield own


def set_aside(connection: Driver, names: Collection[str]) -> list[int]:
    """The entries of quarantine that name somebody with one of these keys, or cannot be read but seem to."""
    addresses = identity.addresses(connection, list(names))
    sought = {key: traces.of_person(key, addresses.get(key)) or () for key in names}
    texts = [text for some in sought.values() for text in some if text != traces.ESCAPED]
    found = statements.set_aside(connection, [*texts, traces.ESCAPED])
    return sorted({number for number, raw in found if _names(raw, names, texts)})


def _names(raw: bytes, names: Collection[str], texts: Iterable[bytes]) -> bool:
    try:
        return _holds(msgspec.json.decode(raw), names)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return any(text in raw for text in texts)


def _holds(value: object, names: Collection[str]) -> bool:
    """Whether an agent with one of these keys stands anywhere in this."""
    if isinstance(value, list):
        return any(_holds(one, names) for one in value)
    if not isinstance(value, dict):
        return False
    try:
        keys = identifiers(msgspec.convert(value, Agent))
    except msgspec.ValidationError:
        keys = ()
    return any(key in names for key in keys) or any(_holds(one, names) for one in value.values())


def _end_credentials(connection: Connection, homes: Iterable[int]) -> None:
    """Revokes what was signed for the learner, and serves it no more; links to claim lead nowhere."""
    for award in people.claimed(driver(connection), homes):
        credentials.revoke(connection, award, "whom it was issued to asked to be forgotten", datetime.now(UTC))
    people.forget_credentials(driver(connection), homes)
