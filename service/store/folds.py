"""Where each (rule, learner) stands: the fold's state, and the match it has been advanced to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from service.core.evaluate import State
from service.core.kinds import KINDS
from service.core.limits import Used
from service.core.rule import Kind
from service.store.arrays import bigints, blobs, ints, moments, uuids
from service.store.engine import Driver
from service.store.matches import Group


class Standing(NamedTuple):
    """A fold's state, still encoded, with the (event time, statement) it stands at."""

    happened: datetime
    statement: UUID
    state: bytes


@cache
def _decoder(kind: type[Kind]) -> msgspec.msgpack.Decoder[tuple[Any, tuple[Used, ...], tuple[str, ...]]]:
    return msgspec.msgpack.Decoder(tuple[KINDS[kind][1], tuple[Used, ...], tuple[str, ...]])  # type: ignore[misc]


encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode


def decode(kind: type[Kind], state: bytes) -> State:
    """The state of a fold of this kind."""
    return State(*_decoder(kind).decode(state))


def of_groups(connection: Driver, groups: Sequence[Group]) -> dict[Group, Standing]:
    """The standing of these groups; one without matches has none."""
    cursor = connection.execute(
        "SELECT f.rule, f.learner, f.happened, f.statement, f.state "
        "FROM unnest(%b::int[], %b::bigint[]) AS g (rule, learner) JOIN fold f USING (rule, learner)",
        [ints([rule for rule, _ in groups]), bigints([learner for _, learner in groups])],
        binary=True,
    )
    return {(rule, learner): Standing(*standing) for rule, learner, *standing in cursor}


def of_learners(connection: Driver, rules: Sequence[int], after: int, last: int) -> dict[Group, Standing]:
    """The standing of the groups of these rules and the learners after one up to `last`."""
    cursor = connection.execute(
        "SELECT rule, learner, happened, statement, state FROM fold "
        "WHERE rule = ANY(%b) AND learner > %b AND learner <= %b",
        [list(rules), after, last],
        binary=True,
    )
    return {row[:2]: Standing(*row[2:]) for row in cursor.fetchall()}


def put(connection: Driver, standings: Mapping[Group, Standing]) -> None:
    """Writes where these groups stand now."""
    ordered = sorted(standings.items())
    connection.execute(
        "INSERT INTO fold (rule, learner, happened, statement, state) "
        "SELECT * FROM unnest(%b::int[], %b::bigint[], %b::timestamptz[], %b::uuid[], %b::bytea[]) "
        "ON CONFLICT (rule, learner) DO UPDATE SET happened = excluded.happened, statement = excluded.statement, "
        "state = excluded.state",
        [
            ints([rule for (rule, _), _ in ordered]),
            bigints([learner for (_, learner), _ in ordered]),
            moments([standing.happened for _, standing in ordered]),
            uuids([standing.statement for _, standing in ordered]),
            blobs([standing.state for _, standing in ordered]),
        ],
        binary=True,
    )


def remove(connection: Driver, groups: Sequence[Group]) -> None:
    """Forgets where these groups stood: they have no match left."""
    if not groups:
        return
    connection.execute(
        "DELETE FROM fold f USING unnest(%b::int[], %b::bigint[]) AS g (rule, learner) "
        "WHERE f.rule = g.rule AND f.learner = g.learner",
        [[rule for rule, _ in groups], [learner for _, learner in groups]],
        binary=True,
    )


def of_learner(connection: Driver, learner: int) -> dict[int, bytes]:
    """The encoded states of this learner's folds, by rule."""
    return dict(
        connection.execute("SELECT rule, state FROM fold WHERE learner = %b", [learner], binary=True).fetchall()
    )
