"""Reading from an LRS: pages of `GET statements`, stored as pushed statements are, with the place where to go on.

Whatever a push lost is filled in, and what came both ways counts once. A page and the address of the next one are
committed together, so an interrupted reading goes on where it was. Statements may appear in an LRS a little out of the
order of their `stored`, so each reading begins some time before the end of the last.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

import msgspec
from sqlalchemy import Engine

from service.capture.xapi import mended
from service.core.statement import moment
from service.errors import Refusal
from service.filling import Filled, fill
from service.store import lrs, sources
from service.store.engine import driver
from service.store.lrs import Lrs

PAGE = 500
"""Statements asked for at once; an LRS may give fewer."""
OVERLAP = timedelta(minutes=10)
TIMEOUT_SECONDS = 60
LARGEST = 256 << 20
VERSION = "X-Experience-API-Version"


class Page(NamedTuple):
    """Statements as their own bytes, in the order in which they were stored. more: where the next page is."""

    statements: list[bytes]
    more: str | None
    latest: datetime | None
    through: datetime | None


class Away(Exception):
    """The LRS did not answer as one does, and how. status: of its answer; None if there was none, or no usable one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def gone(self) -> bool:
        """Whether what was asked for is not there, or not any more."""
        return self.status in (400, 404, 410)


def pull(
    engine: Engine,
    name: str,
    key: str,
    progress: Callable[[Filled, datetime | None], object],
    wake: Callable[[], object],
) -> Filled:
    """Reads all that the LRS of this source has stored since the last reading, or goes on with one.

    progress: is told after each page what was read so far, and up to when. wake: called after each page that brought
    anything new. Raises Away, and Refusal where there is no such LRS; the next reading goes on from there.
    """
    filled, gone_on = Filled(), False
    with engine.connect() as connection:
        place = _found(connection, name, key)
        pushing = sources.by_name(connection, name)
    assert pushing is not None
    latest, address = place.latest, place.more or first(place)
    while True:
        try:
            page = fetch(place, address)
        except Away as away:
            if away.gone and address == place.more and not gone_on:  # addresses of pages do not live for ever
                gone_on, address = True, first(place)
                continue
            with engine.begin() as connection:
                lrs.failed(connection, place.source, str(away))
            raise
        latest = max((one for one in (latest, page.latest) if one is not None), default=None)
        with engine.begin() as connection:
            now = datetime.now(UTC)
            got = fill(driver(connection), pushing[0], page.statements, now) if page.statements else Filled()
            lrs.advance(connection, place.source, got.read, page.more, latest)
            if page.more is None:
                lrs.finish(connection, place.source, _next(latest, page.through))
        filled = filled.plus(got)
        if got.new:
            wake()
        progress(filled, latest)
        if page.more is None:
            return filled
        address = page.more


def _found(connection: Any, name: str, key: str) -> Lrs:
    found = lrs.find(connection, name, key)
    if found is None:
        raise Refusal(
            f"The source {name!r} is no LRS that can be asked; `plaudit sources lrs {name} --url …` makes it one."
        )
    return found


def _next(latest: datetime | None, through: datetime | None) -> datetime | None:
    """Where the next reading begins: some time before whatever was read last, or is said to be complete."""
    told = [one for one in (latest, through) if one is not None]
    return min(told) - OVERLAP if latest is not None else None


def first(place: Lrs) -> str:
    """The address of the first page of what was stored since the last reading."""
    asked = {"ascending": "true", "limit": str(PAGE)}
    if place.since is not None:
        asked["since"] = place.since.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"{place.url.rstrip('/')}/statements?{urlencode(asked)}"


# --- asking ---------------------------------------------------------------------------------------------------------


class _Stay(HTTPRedirectHandler):
    """Follows nobody elsewhere: the password is for this LRS."""

    def redirect_request(self, *_: Any) -> None:
        return None


_open = build_opener(_Stay).open


def request(place: Lrs, address: str, method: str = "GET", body: bytes | None = None) -> Request:
    """A request to this LRS, with its user name and password."""
    credentials = b64encode(f"{place.username}:{place.password}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", VERSION: "1.0.3", "Accept": "application/json"}
    if body is not None:
        headers["Content-Type"] = "application/json"
    return Request(address, body, headers, method=method)  # noqa: S310 - `lrs` keeps http and https only


def ask(asked: Request) -> tuple[bytes, Any]:
    """Body and headers of the answer; raises Away unless it is a success."""
    try:
        with _open(asked, timeout=TIMEOUT_SECONDS) as answer:
            body = answer.read(LARGEST + 1)
            if len(body) > LARGEST:
                raise Away(f"{asked.full_url} answered more than {LARGEST} bytes")
            return body, answer.headers
    except HTTPError as error:
        told = error.read(300).decode(errors="replace")
        raise Away(f"{asked.full_url} answered {error.code}: {told}", error.code) from None
    except (URLError, OSError, HTTPException) as error:
        raise Away(f"{asked.full_url} cannot be reached: {error}") from None


class _Result(msgspec.Struct):
    statements: list[msgspec.Raw] = []
    more: str | None = None


class _Stored(msgspec.Struct):
    stored: str | None = None


def _stored(raw: bytes) -> datetime | None:
    """When a statement was stored there; None where it does not say so in a way that is understood."""
    try:
        return moment(msgspec.json.decode(raw, type=_Stored).stored)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def fetch(place: Lrs, address: str) -> Page:
    """One page; raises Away where the answer is none, or leads to another server."""
    body, headers = ask(request(place, address))
    try:
        result = msgspec.json.decode(mended(body), type=_Result)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Away(f"{address} answered no StatementResult: {error}") from None
    raws = [bytes(raw) for raw in result.statements]
    stored = [one for raw in raws if (one := _stored(raw)) is not None]
    more = urljoin(address, result.more) if result.more else None
    if more is not None and urlsplit(more)[:2] != urlsplit(address)[:2]:
        raise Away(f"{address} names its next page on another server: {more}")
    through = moment(headers.get("X-Experience-API-Consistent-Through"))
    return Page(raws, more if raws else None, max(stored, default=None), through)
