"""Years of statements out of a file, straight into the database, as fast as it takes them.

They go through the same checks as pushed ones and end in the same tables; only HTTP is left out. While the database
stores one batch, the next is read and checked. Every batch is a transaction of its own, and what is stored already is
not taken twice: whatever interrupts it, the same file again ends where one run would have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Engine

from service.capture.delivery import delivery
from service.capture.ndjson import LONGEST, Refused, Text
from service.capture.tiers import Aside
from service.capture.xapi import Malformed
from service.core.statement import Fact
from service.errors import Refusal
from service.filling import Filled, judged_alone, put
from service.store import sources
from service.store.engine import driver
from service.store.sources import Source

BATCH = 4000
"""Statements in one transaction, at most."""
BATCH_BYTES = 16 << 20
"""Bytes of lines in one transaction, but for the last of them."""
MOST_NAMED = 100
"""Lines that are named with their reasons, at most; all are counted."""


@dataclass
class Done:
    """What a back-fill has done. lines: the number of the last line whose statements are committed.

    filled: what became of the statements; those aside are in quarantine. unread: lines that hold no statement, which
    are kept nowhere. named: the first lines of both kinds.
    """

    lines: int = 0
    filled: Filled = field(default_factory=Filled)
    unread: int = 0
    named: list[Refused] = field(default_factory=list)

    def add(self, batch: _Batch, filled: Filled) -> None:
        """Notes a batch that is committed."""
        self.lines = batch.last
        self.filled = self.filled.plus(filled)
        self.unread += batch.unread
        self.named += batch.named[: MOST_NAMED - len(self.named)]


class _Batch(NamedTuple):
    """Lines up to the number `last`, read and checked at the moment `read`."""

    last: int
    read: datetime
    found: Sequence[Fact | Aside]
    unread: int
    named: Sequence[Refused]


def backfill(
    engine: Engine,
    name: str,
    texts: Iterable[Text],
    progress: Callable[[Done], object] = lambda _: None,
    wake: Callable[[], object] = lambda: None,
) -> Done:
    """Stores the statements of these lines as those of the source `name`; lines are as `delivery` takes a JSON body.

    progress: is told after each transaction what is done. wake: is called when that brought anything new. Raises
    Refusal if there is no such source, and whatever the lines raise once everything before it is stored.
    """
    with engine.connect() as connection:
        found = sources.by_name(connection, name)
    if found is None:
        raise Refusal(f"There is no source called {name!r}; `plaudit sources add {name}` makes one.")
    source, done = found[0], Done()
    with ThreadPoolExecutor(1, "backfill") as writer:
        writing = deque[tuple[_Batch, Future[Filled]]]()

        def note() -> None:
            batch, stored = writing.popleft()
            done.add(batch, stored.result())
            if stored.result().new:
                wake()
            progress(done)

        try:
            for batch in _batches(source, texts):
                writing.append((batch, writer.submit(_stored, engine, source, batch)))
                if len(writing) > 1:
                    note()
        finally:
            while writing:
                note()
    return done


def _batches(source: Source, texts: Iterable[Text]) -> Iterator[_Batch]:
    some, size = list[Text](), 0
    try:
        for text in texts:
            some.append(text)
            size += len(text.raw or b"")
            if len(some) >= BATCH or size >= BATCH_BYTES:
                yield _judged(source, some)
                some, size = [], 0
    except Malformed:
        if some:
            yield _judged(source, some)
        raise
    if some:
        yield _judged(source, some)


def _judged(source: Source, texts: Sequence[Text]) -> _Batch:
    """The statements of some lines, read and checked."""
    raws, numbers, named, unread = list[bytes](), list[int](), list[Refused](), 0
    for text in texts:
        try:
            for raw in _statements(text):
                raws.append(raw)
                numbers.append(text.number)
        except Malformed as malformed:
            unread += 1
            named.append(Refused(text.number, "$", str(malformed)))
    now = datetime.now(UTC)
    found = judged_alone(source, raws, now)
    kept = list[Fact | Aside]()
    for number, one in zip(numbers, found, strict=True):
        if isinstance(one, Aside):
            named.append(Refused(number, one.path, one.reason))
            if one.path == "$":
                unread += 1
                continue
        kept.append(one)
    return _Batch(texts[-1].number, now, kept, unread, sorted(named))


def _statements(text: Text) -> Sequence[bytes]:
    if text.raw is None:
        raise Malformed(f"is longer than {LONGEST} bytes")
    return delivery(text.raw).statements if text.raw.strip() else ()


def _stored(engine: Engine, source: Source, batch: _Batch) -> Filled:
    with engine.begin() as connection:
        return put(driver(connection), source, batch.found, batch.read)
