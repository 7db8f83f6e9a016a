"""Statements out of a file, pushed over HTTP as a learning system would push them, and what the service says of each.

A batch that the service refuses is mended: what its answer names is taken out, with the reason, and the rest is pushed
again. An answer that names nothing halves the batch until the bad statement is alone, as Moodle does.
"""

from __future__ import annotations

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.client import HTTPException
from itertools import islice
from pathlib import Path
from re import compile as pattern
from typing import Any, NamedTuple
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import msgspec

from service.capture import ndjson
from service.capture.ndjson import Refused, Text
from service.capture.xapi import Malformed, mended
from service.core.statement import Unusable
from service.core.statement import read as read_statement
from service.errors import Refusal

BATCH = 50
"""As many as LRSPipe sends at once when nobody says otherwise."""
EMPTY = "is empty; write a statement in it, or take the line out"
_INDEX = pattern(r"\$\[(\d+)\]\.?")
_TRIES = 10


class Line(NamedTuple):
    """One line of a file: its number, from 1, and the statement in it, byte for byte."""

    number: int
    statement: bytes


class Answer(NamedTuple):
    """What the service answered. `content` is the decoded JSON, or the text where it is none."""

    status: int
    content: Any
    headers: dict[str, str]


class Told(NamedTuple):
    """What became of a file: as JSON, in lines of words, and as the exit status of the command."""

    document: dict[str, Any]
    lines: Sequence[str]
    status: int


@dataclass
class Pushed:
    """What became of the lines: how many the service took, and which it can never use."""

    accepted: int = 0
    batches: int = 0
    refused: list[Refused] = field(default_factory=list)


class _Envelope(msgspec.Struct):
    """A line that is not the statement itself but holds it, with a word on where it is from."""

    statement: msgspec.Raw = msgspec.Raw()


class Service:
    """A running Plaudit, asked over HTTP."""

    def __init__(self, url: str, authorization: str = "") -> None:
        self.url = url.rstrip("/")
        self.authorization = authorization

    def get(self, path: str, accept: str = "application/json") -> Answer:
        return self._ask(Request(self.url + path, headers={"Accept": accept}))  # noqa: S310 - the address is our caller's

    def post(self, path: str, body: bytes = b"") -> Answer:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        return self._ask(Request(self.url + path, data=body, headers=headers, method="POST"))  # noqa: S310

    def _ask(self, request: Request) -> Answer:
        if self.authorization:
            request.add_header("Authorization", self.authorization)
        request.add_header("X-Experience-API-Version", "1.0.3")
        try:
            with urlopen(request, timeout=60) as response:  # noqa: S310
                return Answer(response.status, _decoded(response.read()), dict(response.headers))
        except HTTPError as error:
            with error:
                return Answer(error.code, _decoded(error.read()), dict(error.headers))
        except (URLError, OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise Refusal(f"No Plaudit answers at {self.url} ({reason}): start it, or name its address.") from error


def basic(user: str, password: str) -> str:
    """The Authorization header of a source (RFC 7617)."""
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def lines(path: Path) -> tuple[list[Line], list[Refused]]:
    """The statements in a file of JSON lines, and the lines that hold none."""
    refused: list[Refused] = []
    return list(_held(read(path), refused)), refused


def read(path: Path) -> Iterator[Line | Refused]:
    """The lines of a file one after the other, which may be packed by gzip: each its statement, or why it holds none.

    Raises Refusal where a packed file is broken.
    """
    try:
        with ndjson.opened(path) as file:
            yield from map(_line, ndjson.texts(file))
    except Malformed as malformed:
        raise Refusal(f"{path}: {malformed}") from None


def sentence(one: Refused) -> str:
    return f"  line {one.line}: {one.path} {one.message}"


def _held(found: Iterable[Line | Refused], refused: list[Refused]) -> Iterator[Line]:
    """The lines that hold a statement; the others are added to `refused`."""
    for line in found:
        if isinstance(line, Refused):
            refused.append(line)
        else:
            yield line


def _line(text: Text) -> Line | Refused:
    if text.raw is None:
        return Refused(text.number, "$", f"is longer than {ndjson.LONGEST} bytes")
    raw = mended(text.raw)
    if not raw:
        return Refused(text.number, "$", EMPTY)
    try:
        envelope = msgspec.json.decode(raw, type=_Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Refused(text.number, "$", f"is no JSON object: {error}")
    return Line(text.number, bytes(envelope.statement) or raw)


def push(
    service: Service,
    found: Iterable[Line | Refused],
    batch: int = BATCH,
    progress: Callable[[int], None] = lambda _: None,
) -> Pushed:
    """Pushes all statements in their order. progress: is told how many are done, after each batch.

    Raises Refusal when the service turns us away for another reason than what a statement says.
    """
    pushed, done = Pushed(), 0
    statements = _held(
        (line for line in found if not isinstance(line, Refused) or line.message != EMPTY), pushed.refused
    )
    while some := list(islice(statements, batch)):
        _push(service, some, pushed)
        done += len(some)
        progress(done)
    pushed.refused.sort()
    return pushed


def _push(service: Service, batch: Sequence[Line], pushed: Pushed) -> None:
    while batch:
        answer = _sent(service, b"[" + b",".join(line.statement for line in batch) + b"]")
        pushed.batches += 1
        if answer.status == 200:
            _count(answer, batch, pushed)
            return
        if answer.status not in (400, 413):
            raise Refusal(f"{service.url} answered {answer.status} to statements: {_sentence(answer.content)}")
        named = dict(_named(answer.content, len(batch)))
        if not named and len(batch) > 1:
            half = len(batch) // 2
            _push(service, batch[:half], pushed)
            batch = batch[half:]
            continue
        named = named or {0: ("$", _sentence(answer.content))}
        pushed.refused += [Refused(batch[index].number, *why) for index, why in named.items()]
        batch = [line for index, line in enumerate(batch) if index not in named]


def _sent(service: Service, body: bytes) -> Answer:
    """The answer to a batch, asked for again while the service says that it cannot store it at the moment."""
    for _ in range(_TRIES):
        answer = service.post("/xapi/statements", body)
        if answer.status != 503:
            return answer
        time.sleep(min(float(answer.headers.get("Retry-After", "1")), 5))
    return answer


def _count(answer: Answer, batch: Sequence[Line], pushed: Pushed) -> None:
    if not isinstance(answer.content, list) or len(answer.content) != len(batch):
        raise Refusal(f"The answer to {len(batch)} statements holds no {len(batch)} ids: {_sentence(answer.content)}")
    aside = [refused for line in batch if (refused := _set_aside(line)) is not None]
    pushed.refused += aside
    pushed.accepted += len(batch) - len(aside)


def _set_aside(line: Line) -> Refused | None:
    """Why a lenient source has set this statement aside, although it answered with an id."""
    try:
        read_statement(line.statement, datetime.now(UTC))
    except Unusable as unusable:
        return Refused(line.number, unusable.path, unusable.message)
    return None


def _named(content: Any, size: int) -> Iterator[tuple[int, tuple[str, str]]]:
    """The statements that a problem document names, by their place in the batch, with property and reason."""
    if not isinstance(content, dict):
        return
    for error in [*content.get("errors", ()), content]:
        found = _INDEX.match(str(error.get("path", error.get("property", ""))))
        index = error.get("index", int(found[1]) if found else None)
        if isinstance(index, int) and 0 <= index < size:
            path = "$." + found.string[found.end() :] if found else str(error.get("path", error.get("property", "$")))
            yield index, (path.rstrip("."), str(error.get("message", content.get("detail", "cannot be used"))))
            if error is not content:
                return


def _sentence(content: Any) -> str:
    if isinstance(content, dict):
        return str(content.get("detail") or content.get("title") or content)
    return str(content)[:300]


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
