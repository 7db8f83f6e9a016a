"""A push in any form, from the request to the ids that answer it: what `/xapi` and `/hooks` share.

Nothing is answered before everything is stored for good, what is set aside as well. What a strict source gets wrong,
and what nobody could mend, refuses the whole delivery and stores nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NoReturn
from uuid import UUID

import msgspec
import structlog
from flask import Response, request

from service.capture.bounds import NONE
from service.capture.delivery import Delivery, delivery
from service.capture.inflate import TooLarge, Unpackable, inflated
from service.capture.parts import hashes
from service.capture.tiers import STRICT, Aside, Fault, Refused, Terms, judged
from service.capture.xapi import Malformed, statements
from service.core.statement import Fact, has_id
from service.http.problems import Problem, problem
from service.http.services import services
from service.store import attachments, quarantine
from service.store.attachments import Attachment
from service.store.engine import driver
from service.store.intake import Row
from service.store.sources import Source

HEADERS = {"X-Experience-API-Version": "1.0.3"}
VERSION = "X-Experience-API-Version"
MOST_FAULTS = 20
"""As many mistakes are named in an answer; who mends those sees the next."""

log = structlog.get_logger(__name__)


def body() -> bytes:
    """The body of the request as it came, read no further than allowed."""
    most = services().settings.max_bytes
    if (request.content_length or 0) > most:
        _too_large(most)
    request.max_content_length = most + 1  # for a body of unknown length is cut off there, and nobody told
    read = request.get_data(cache=False)
    if len(read) > most:
        _too_large(most)
    return read


def post(source: Source, raw: bytes) -> list[UUID]:
    """Stores what the request brings in its body `raw`; answers the ids in order."""
    brought, now = _read(raw), datetime.now(UTC)
    found = _judged(brought.statements, source, now, request.headers.get(VERSION), brought.alone)
    return _stored(brought, source, found, now)


def put(source: Source, raw: bytes, wanted: UUID | None) -> None:
    """Stores the one statement of the body under this id, which it must share if it has one; None: under its own."""
    brought, now = _read(raw), datetime.now(UTC)
    if len(brought.statements) != 1:
        problem(400, "PUT takes one statement; send several with POST.")
    (one,) = _judged(brought.statements, source, now, request.headers.get(VERSION), brought.alone)
    named = isinstance(one, Fact) and has_id(brought.statements[0])
    if wanted is None and (source.validation == STRICT or not named):
        errors = [{"path": "?statementId", "message": "is missing"}]
        problem(400, "Name the statement in the query: ?statementId=<UUID>.", errors=errors)
    if named and wanted not in (None, one.id):
        errors = [{"path": "$.id", "message": f"is not {wanted}"}]
        problem(400, "The statement has another id than the query.", errors=errors)
    number = wanted or one.id
    renamed = one._replace(id=number) if isinstance(one, Aside) else msgspec.structs.replace(one, id=number)
    _stored(brought, source, [renamed], now)


def rows_of(raw: bytes, source: Source, most: int, header: str | None = None) -> list[Row]:
    """The statements of plain JSON, ready to be stored; a Problem where anything is unusual, which is for `post`."""
    try:
        raws = statements(raw)
    except Malformed as malformed:
        problem(400, str(malformed))
    if len(raws) > most:
        _too_many(len(raws), most)
    now = datetime.now(UTC)
    found = _judged(raws, source, now, header, alone=False)
    rows = []
    for fact, own in zip(found, raws, strict=True):
        if isinstance(fact, Aside) or (fact.statement.id is None and b'"uuid"' in own):
            problem(400, "This is to be looked at more closely.")
        rows.append(_row(fact, own, source, now))
    return rows


def answer(ids: Iterable[UUID]) -> bytes:
    """What answers statements that are stored: their ids in order."""
    return msgspec.json.encode(list(ids))


def answered(ids: Iterable[UUID]) -> Response:
    return Response(answer(ids), mimetype="application/json", headers=HEADERS)


# --- reading --------------------------------------------------------------------------------------------------------


def _read(raw: bytes) -> Delivery:
    settings = services().settings
    try:
        plain = inflated(raw, request.headers.get("Content-Encoding", ""), settings.max_bytes)
        brought = delivery(plain, request.headers.get("Content-Type", ""))
    except TooLarge:
        _too_large(settings.max_bytes, " once it is unpacked")
    except Unpackable as unpackable:
        raise Problem(415, str(unpackable), headers={"Accept-Encoding": "gzip, deflate"}) from None
    except Malformed as malformed:
        problem(400, str(malformed))
    if len(brought.statements) > settings.max_statements:
        _too_many(len(brought.statements), settings.max_statements)
    return brought


def _too_large(most: int, when: str = "") -> NoReturn:
    problem(413, f"The body is larger than {most} bytes{when}; send fewer statements at once.")


def _too_many(count: int, most: int) -> NoReturn:
    problem(413, f"The body holds {count} statements; send at most {most} at once.")


# --- judging --------------------------------------------------------------------------------------------------------


def _judged(
    raws: Sequence[bytes], source: Source, now: datetime, header: str | None, alone: bool
) -> list[Fact | Aside]:
    terms = Terms(source.name, source.capture, source.validation, source.bounds or NONE)
    try:
        return judged(raws, terms, now, header)
    except Refused as refused:
        _refuse(refused.faults, alone)


def _refuse(faults: Sequence[Fault], alone: bool) -> NoReturn:
    """400, naming each statement by its index and the property that is in the way."""
    errors = [_told(fault, alone) for fault in faults[:MOST_FAULTS]]
    first = errors[0]
    problem(400, f"A statement cannot be used: {first['path']} {first['message']}", errors=errors)


def _told(fault: Fault, alone: bool) -> dict[str, str]:
    path = f"${fault.path[1:]}" if alone else f"$[{fault.place}]{fault.path[1:]}"
    return {"path": path, "message": fault.message} | ({"requirement": fault.requirement} if fault.requirement else {})


# --- storing --------------------------------------------------------------------------------------------------------


def _stored(brought: Delivery, source: Source, found: Sequence[Fact | Aside], now: datetime) -> list[UUID]:
    """Stores each statement or sets it aside; a lone one that is set aside is a problem of whoever sends it, too."""
    rows = [
        _row(one, raw, source, now) for one, raw in zip(found, brought.statements, strict=True) if isinstance(one, Fact)
    ]
    asides = [one for one in found if isinstance(one, Aside)]
    if asides:
        _set_aside(asides, source, now)
    if brought.attached:
        _keep(brought, source, rows)
    services().intake.store(rows)
    if asides and brought.alone:
        _refuse([Fault(0, aside.path, aside.reason) for aside in asides], alone=True)
    return [one.id for one in found]


def _row(fact: Fact, raw: bytes, source: Source, now: datetime) -> Row:
    return Row(fact.id, source.id, fact.happened, now, raw, fact.statement.voids)


def _set_aside(asides: Iterable[Aside], source: Source, now: datetime) -> None:
    entries = [quarantine.Entry(one.id, source.id, now, one.raw, one.path, one.reason) for one in asides]
    with services().engine.begin() as connection:
        new = quarantine.add(driver(connection), entries)
    log.warning("statements were set aside", source=source.name, statements=len(entries), new=new)


def _keep(brought: Delivery, source: Source, rows: Iterable[Row]) -> None:
    """Looks at the hashes of what is attached, and keeps it where the source says so."""
    broken = [str(number) for number, part in enumerate(brought.attached, 1) if not part.intact]
    if broken and source.validation == STRICT:
        problem(400, f"Attachment {', '.join(broken)} has another hash than its X-Experience-API-Hash says.")
    if broken:
        log.warning("attachments have another hash than they say", source=source.name, attachments=len(broken))
    if not source.keep_attachments:
        return
    by_hash = {part.sha2: part for part in brought.attached if part.intact}
    kept = [
        Attachment(row.id, sha2, by_hash[sha2].content_type, by_hash[sha2].content)
        for row in rows
        for sha2 in sorted(hashes(row.raw) & by_hash.keys())
    ]
    if kept:
        with services().engine.begin() as connection:
            attachments.keep(driver(connection), kept)
