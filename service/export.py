"""All that is held about a learner: whatever erasure would take away is told here."""

from __future__ import annotations

from collections.abc import Iterator

from service.erasure import set_aside
from service.store import identity, people
from service.store.engine import Driver
from service.store.exporting import held


def held_about(connection: Driver, person: int) -> Iterator[bytes]:
    """A JSON object with a list for each kind of thing, in pieces; to be read within one snapshot."""
    keys = [key for key, _ in identity.keys(connection, person)]
    yield from held(connection, person, list(people.members(connection, [person])), set_aside(connection, keys))
