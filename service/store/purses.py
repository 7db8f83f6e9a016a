"""Purses: where each learner stands with a currency that caps or needs are about, and what they are folded from.

A purse is kept with a digest of the caps and marks it was folded by; where others are in force now, it is folded again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from service.core.purses import Purse, PurseState
from service.core.strata import BADGE
from service.store.engine import Driver


class Ready(NamedTuple):
    """A purse as it is for everybody in one zone, and the digest of what it is folded by."""

    purse: Purse
    by: bytes


class Kept(NamedTuple):
    """A purse as it is kept. by: the digest of what it was folded by."""

    by: bytes
    state: PurseState


class Booked(NamedTuple):
    """What an award of a rule comes to in the ledger, in one unit."""

    learner: int
    rule: int
    key: str
    happened: datetime
    unit: str
    amount: int
    statements: tuple[UUID, ...]


_encode = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_decode = msgspec.msgpack.Decoder(PurseState).decode


def digest(purse: Purse) -> bytes:
    """What tells apart purses that are folded differently."""
    caps = [
        (one.cap, one.setting.zone.key, one.setting.start, one.setting.end, sorted(one.rules or ()), one.rules is None)
        for one in purse.caps
    ]
    names = [one.setting.rule.name for one in purse.caps]
    return hashlib.blake2b(_encode((names, caps, purse.marks)), digest_size=16).digest()


def of_learners(connection: Driver, currency: str, learners: Collection[int]) -> dict[int, Kept]:
    """The purses of these learners, as far as they are kept."""
    cursor = connection.execute(
        "SELECT learner, folded_by, state FROM purse WHERE unit = %b AND learner = ANY(%b::bigint[])",
        [currency, sorted(learners)],
        binary=True,
    )
    return {learner: Kept(bytes(by), _decode(state)) for learner, by, state in cursor}


def put(connection: Driver, currency: str, purses: Mapping[int, Kept]) -> None:
    """Keeps these purses. The learners are locked by the caller."""
    ordered = sorted(purses.items())
    connection.execute(
        "INSERT INTO purse (learner, unit, folded_by, state) "
        "SELECT learner, %b, folded_by, state FROM unnest(%b::bigint[], %b::bytea[], %b::bytea[]) "
        "AS new (learner, folded_by, state) ON CONFLICT (learner, unit) DO UPDATE SET "
        "folded_by = excluded.folded_by, state = excluded.state",
        [
            currency,
            [learner for learner, _ in ordered],
            [kept.by for _, kept in ordered],
            [_encode(kept.state) for _, kept in ordered],
        ],
        binary=True,
    )


def standing(connection: Driver, currency: str, learners: Iterable[int]) -> Iterator[Booked]:
    """Every award of a currency that stands; what caps take away is none."""
    cursor = connection.execute(
        "SELECT learner, rule, key, happened, unit, sum(amount)::bigint, max(statements::text) FROM entry "
        "WHERE learner = ANY(%b::bigint[]) AND unit = %b "
        "GROUP BY learner, rule, key, happened, unit HAVING sum(amount) > 0",
        [sorted(learners), currency],
        binary=True,
    )
    return map(_booked, cursor)


def badges(connection: Driver, achievements: Iterable[str], learners: Iterable[int]) -> Iterator[Booked]:
    """Every award of these badges that stands."""
    cursor = connection.execute(
        "SELECT learner, rule, key, happened, unit, sum(amount)::bigint, max(statements::text) FROM entry "
        "WHERE learner = ANY(%b::bigint[]) AND unit = ANY(%b::text[]) AND unit LIKE 'badge:%%' "
        "GROUP BY learner, rule, key, happened, unit HAVING sum(amount) > 0",
        [sorted(learners), [f"{BADGE}{name}" for name in achievements]],
        binary=True,
    )
    return map(_booked, cursor)


def _booked(row: tuple[int, int, str, datetime, str, int, str]) -> Booked:
    learner, rule, key, happened, unit, amount, statements = row
    ids = tuple(UUID(one) for one in statements.strip("{}").split(",") if one)
    return Booked(learner, rule, key, happened, unit, amount, ids)
