"""Status lists of issuers: a random place for each credential, and the signed list that says which do not hold.

A list is signed again only when a bit in it has changed, and served from the stored bytes. It exists as JSON with a
Data Integrity proof and, once somebody has asked for it, as a JSON Web Signature.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import Connection

from service.badges import documents, jws, keyring, signing, status
from service.badges.documents import Issuer
from service.badges.issuers import Issuers
from service.store import credentials as store
from service.store.credentials import Purpose, StatusList

MOST_IN_A_LIST = status.BITS // 2  # so that two draws find a free index on average
TTL_SECONDS = 60


def places(
    connection: Connection, issuer: Issuer, secret: str, now: datetime, purpose: Purpose, number: int
) -> tuple[int, list[int]]:
    """So many random free indexes in one locked status list; one is made and signed if there is none with room."""
    found = store.open_list(connection, issuer.slug, purpose, MOST_IN_A_LIST - number)
    if found is None:
        found = store.add_list(connection, issuer.slug, purpose, status.empty())
        _sign(connection, StatusList(found, issuer.slug, purpose, status.empty(), None, None), issuer, secret, now)
    free: list[int] = []
    while len(free) < number:
        drawn = status.draw(2 * (number - len(free)) + 4)
        taken = store.taken(connection, found, drawn) | set(free)
        free += [index for index in drawn if index not in taken]
    return found, free[:number]


def sign_dirty(connection: Connection, issuers: Issuers, secret: str, now: datetime) -> int:
    """Sign the status lists again of which bits have changed: how many. Cheap when there are none."""
    if not store.any_dirty(connection):
        return 0
    dirty = store.dirty_lists(connection)
    for one in dirty:
        _sign(connection, one, issuers.of(one.issuer), secret, now)
    return len(dirty)


def as_jws(connection: Connection, one: StatusList, issuer: Issuer, secret: str, now: datetime) -> str:
    """A signed status list as compact JWS, kept until the list changes."""
    if one.jws:
        return one.jws
    key = keyring.current_key(connection, issuer.slug, secret, now, "RS256")
    compact = jws.sign(msgspec.json.decode(one.body or b"{}"), issuer, key)
    store.keep_list_jws(connection, one.id, one.body, compact)
    return compact


def _sign(connection: Connection, one: StatusList, issuer: Issuer, secret: str, now: datetime) -> None:
    # What was revoked stays so, even if nothing else of the credential is left; what was suspended need not.
    before = one.bits if one.purpose == "revocation" else status.empty()
    bits = status.marked(before, store.ended_indexes(connection, one.id))
    document = documents.status_list(issuer, one.id, one.purpose, status.encode(bits), now, TTL_SECONDS)
    key = keyring.current_key(connection, issuer.slug, secret, now)
    store.publish_list(connection, one.id, bits, signing.sign(document, issuer, key, now), now)
