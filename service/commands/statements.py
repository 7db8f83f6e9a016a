"""`plaudit statements check` and `push`: look at a file of statements without a service, or push it to one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import click

from service.commands import pushing
from service.commands.pushing import Line, Refused
from service.core.statement import Unusable, read
from service.settings import local_url, settings

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def command() -> None:
    """Check or push a file of xAPI statements, one a line."""


@command.command()
@FILE
@click.option("--json", "as_json", is_flag=True, help="Only the JSON lines, without the sentence at the end.")
@click.pass_context
def check(context: click.Context, file: Path, as_json: bool) -> None:
    """Say for each line of FILE whether its statement can be used, as one line of JSON.

    Needs no service. A line is a statement, or an object that holds one as "statement". So far "valid" says no more
    than "usable": that the statement can be attributed and matched, not that it keeps to every sentence of the
    specification. The exit status is 1 if a line cannot be used.
    """
    unusable = total = 0
    for verdict in verdicts(file):
        click.echo(json.dumps(verdict, ensure_ascii=False))
        total, unusable = total + 1, unusable + (not verdict["usable"])
    if not as_json:
        click.echo(f"{total} lines, {total - unusable} usable, {unusable} not.", err=True)
    context.exit(1 if unusable else 0)


@command.command()
@FILE
@click.option("--url", help="The service's address. Default: the one of the settings.")
@click.option("--user", help="The source's user name. Default: the one of the settings.")
@click.option("--password", help="The source's password. Default: the one of the settings.")
@click.option(
    "--batch", default=pushing.BATCH, type=click.IntRange(1, 500), show_default=True, help="How many at once."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def push(
    context: click.Context,
    file: Path,
    url: str | None,
    user: str | None,
    password: str | None,
    batch: int,
    as_json: bool,
) -> None:
    """Push the statements of FILE to a running service, as a learning system would.

    What can never be used is left out and named with its line and reason; then the exit status is 1.
    """
    given = settings()
    credentials = pushing.basic(user or given.source_user, password or given.source_password)
    service = pushing.Service(url or local_url(given.host, given.port), credentials)
    found, refused = pushing.lines(file)
    pushed = pushing.push(service, found, batch)
    refused = sorted(refused + pushed.refused)
    if as_json:
        told = {"accepted": pushed.accepted, "refused": [one._asdict() for one in refused]}
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        click.echo(f"{pushed.accepted} statements accepted by {service.url}, {len(refused)} cannot be used.")
        for one in refused:
            click.echo(f"  line {one.line}: {one.path} {one.message}")
    context.exit(1 if refused else 0)


def verdicts(file: Path) -> list[dict[str, Any]]:
    """For each line, in order: can it be used, and if not, why."""
    found, refused = pushing.lines(file)
    now = datetime.now(UTC)
    judged = [_verdict(line.number, _problem(line, now)) for line in found]
    judged += [_verdict(one.line, one) for one in refused]
    return sorted(judged, key=itemgetter("line"))


def _problem(line: Line, now: datetime) -> Refused | None:
    try:
        read(line.statement, now)
    except Unusable as why:
        return Refused(line.number, why.path, why.message)
    return None


def _verdict(number: int, problem: Refused | None) -> dict[str, Any]:
    problems = [{"path": problem.path, "requirement": None, "message": problem.message}] if problem else []
    return {"line": number, "usable": not problems, "valid": not problems, "problems": problems}
