"""`plaudit statements push --direct`: a file of statements into the database of the settings."""

from __future__ import annotations

import time
from functools import partial
from itertools import islice
from pathlib import Path

import click
from redis import Redis

from service import jobs
from service.backfill import Done, backfill
from service.capture import ndjson
from service.capture.xapi import Malformed
from service.commands import pushing
from service.commands.pushing import Told
from service.errors import Refusal
from service.settings import settings
from service.store.engine import engine
from service.stores import running


def filled(file: Path, source: str, first: int) -> Told:
    """Stores the file in the database of the settings, and says on stderr how far it is."""
    done, began = Done(lines=first - 1), time.monotonic()

    def progress(now: Done) -> None:
        nonlocal done
        done, rate = now, now.filled.read / (time.monotonic() - began)
        click.echo(f"\rline {now.lines}: {now.filled.new} statements new, {rate:.0f}/s ", nl=False, err=True)

    try:
        with running(settings()) as here, Redis.from_url(here.redis_url) as redis, ndjson.opened(file) as lines:
            connected = engine(here.database_url)
            texts = islice(ndjson.texts(lines), first - 1, None)
            backfill(connected, source, texts, progress, partial(jobs.wake, redis))
            connected.dispose()
    except (Malformed, KeyboardInterrupt) as stopped:
        why = str(stopped) if isinstance(stopped, Malformed) else "Interrupted."
        raise Refusal(
            f"\n{why} Everything up to line {done.lines} is stored; go on with --from-line {done.lines + 1}."
        ) from None
    if done.lines >= first:
        click.echo(err=True)
    counts = f"{done.filled.new} new, {done.filled.repeats} known, {done.filled.conflicts} with other content"
    sentence = f"{done.lines} lines: {counts}, {done.filled.aside} in quarantine, {done.unread} without a statement."
    more = done.filled.aside + done.unread - len(done.named)
    document = {"lines": done.lines, **done.filled._asdict(), "unread": done.unread}
    document["named"] = [one._asdict() for one in done.named]
    lines_told = [sentence, *map(pushing.sentence, done.named), *([f"  and {more} more"] if more > 0 else [])]
    return Told(document, lines_told, 1 if done.filled.aside or done.unread else 0)
