"""Two tiers of checking what a source sends.

Lenient, the default: whatever can be attributed, matched and scored is used, and the rest is set aside one by one with
its reason, so that one odd statement does not cost a sender its batch. Strict: what breaks a sentence of the xAPI
specification refuses the whole delivery, as an LRS does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec

from service.capture.bounds import NONE, Bounds
from service.core import specification
from service.core.statement import Fact, Unusable, read

STRICT = "strict"


class Terms(NamedTuple):
    """How what a source sends is read. capture: how its statements came to be. validation: lenient or strict."""

    source: str
    capture: str = "xapi"
    validation: str = "lenient"
    bounds: Bounds = NONE


class Aside(NamedTuple):
    """A statement that is not used, and why. id: what it is answered as."""

    id: UUID
    raw: bytes
    path: str
    reason: str


class Fault(NamedTuple):
    """What refuses a delivery. place: the index of the statement. requirement: its number in ADL's list, if it has one.

    path: JSONPath from the statement.
    """

    place: int
    path: str
    message: str
    requirement: str | None = None


class Refused(Exception):
    """A delivery of which nothing is stored."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__(faults[0].message)
        self.faults = faults


def judged(raws: Sequence[bytes], terms: Terms, received: datetime, header: str | None = None) -> list[Fact | Aside]:
    """Each statement as a fact, or why it is set aside, in order; raises Refused where the tier refuses all of them.

    header: the version that the request names, for statements that name none. In either tier a delivery is refused that
    holds nothing but what is no object, or cannot be read as one: it has no statements.
    """
    if terms.validation == STRICT and (faults := list(_faults(raws, header))):
        raise Refused(faults)
    found: list[Fact | Aside] = []
    faults = []
    for place, raw in enumerate(raws):
        try:
            fact = read(raw, received, terms.source, terms.capture)
            if terms.bounds is not NONE:
                terms.bounds.check(fact, received)
            found.append(fact)
        except Unusable as why:
            faults.append(Fault(place, why.path, why.message))
            found.append(Aside(own_id(raw, terms.source), raw, why.path, why.message))
    unreadable = sum(fault.path == "$" for fault in faults)
    if faults and (terms.validation == STRICT or unreadable == len(raws)):
        raise Refused(faults)
    return found


def _faults(raws: Iterable[bytes], header: str | None) -> Iterator[Fault]:
    for place, raw in enumerate(raws):
        for finding in specification.findings(raw, specification.version_told(raw, header)):
            yield Fault(place, finding.path, finding.message, finding.requirement)


class _Named(msgspec.Struct):
    id: UUID | None = None


def own_id(raw: bytes, source: str) -> UUID:
    """The id of a statement that cannot be used: its own, or one made of its bytes, so that a repeat has the same."""
    try:
        own = msgspec.json.decode(raw, type=_Named).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        own = None
    return own or uuid5(NAMESPACE_URL, f"{source} {raw.hex()}")
