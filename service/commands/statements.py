"""`plaudit statements check` and `push`: look at a file of statements without a service, or push it to one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import click

from service.commands import pushing
from service.commands.pushing import Line
from service.core import specification
from service.core.shapes import Finding
from service.core.specification import Version
from service.core.statement import Unusable, read
from service.settings import local_url, settings

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@click.group()
def command() -> None:
    """Check or push a file of xAPI statements, one a line."""


@command.command()
@FILE
@click.option("--strict", is_flag=True, help="Be content only with what keeps to every sentence of the specification.")
@click.option(
    "--xapi",
    type=click.Choice(("1.0.3", "2.0")),
    help="Whose sentences count. Default: those of the version that a statement names, else 1.0.3.",
)
@click.option("--json", "as_json", is_flag=True, help="Only the JSON lines, without the sentence at the end.")
@click.pass_context
def check(context: click.Context, file: Path, strict: bool, xapi: str | None, as_json: bool) -> None:
    """Say for each line of FILE whether its statement can be used, as one line of JSON.

    Needs no service. A line is a statement, or an object that holds one as "statement". It is "usable" when it can be
    attributed and matched, as a lenient source's must be; "valid" when it keeps to every sentence of the xAPI
    specification, as a strict source's must. Each problem names the property and ADL's number of the requirement.
    The exit status is 1 if a line is not usable, with --strict if one is not valid.
    """
    found = verdicts(file, specification.version_of(xapi) if xapi else None)
    for verdict in found:
        click.echo(json.dumps(verdict, ensure_ascii=False))
    usable, valid = (sum(verdict[name] for verdict in found) for name in ("usable", "valid"))
    if not as_json:
        click.echo(f"{len(found)} lines, {usable} usable, {valid} valid.", err=True)
    context.exit(1 if (valid if strict else usable) < len(found) else 0)


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


def verdicts(file: Path, version: Version | None = None) -> list[dict[str, Any]]:
    """For each line, in order: is it usable, is it valid, and what is in the way. version: None, as each one says."""
    found, refused = pushing.lines(file)
    now = datetime.now(UTC)
    judged = [_judged(line, version, now) for line in found]
    judged += [_verdict(one.line, one, [Finding(one.path, None, one.message)]) for one in refused]
    return sorted(judged, key=itemgetter("line"))


def _judged(line: Line, version: Version | None, now: datetime) -> dict[str, Any]:
    broken = specification.findings(line.statement, version or specification.version_told(line.statement))
    try:
        read(line.statement, now)
    except Unusable as why:
        reason = Finding(why.path, None, why.message)
        known = any(finding.path == why.path for finding in broken)
        return _verdict(line.number, why, broken if known else [reason, *broken])
    return _verdict(line.number, None, broken)


def _verdict(number: int, unusable: object, problems: Sequence[Finding]) -> dict[str, Any]:
    told = [problem._asdict() for problem in problems]
    return {"line": number, "usable": unusable is None, "valid": not problems, "problems": told}
