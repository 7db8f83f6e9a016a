"""`plaudit statements check` and `push`: look at a file of statements without a service, or bring it into one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

import click

from service.commands import pushing
from service.commands.pushing import Line, Told
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
@click.option("--batch", type=click.IntRange(1, 500), help=f"How many at once; default {pushing.BATCH}.")
@click.option(
    "--direct", is_flag=True, help="Past HTTP, straight into the database of the settings: for years of them."
)
@click.option("--source", help="With --direct: the name of the source that they are from; default `default`.")
@click.option("--from-line", type=click.IntRange(1), help="With --direct: go on with this line.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def push(file: Path, direct: bool, as_json: bool, **options: Any) -> None:
    """Push the statements of FILE to a running service, as a learning system would.

    FILE holds JSON lines, and may be packed by gzip. What can never be used is left out and named with its line and
    reason; then the exit status is 1. With --direct the statements are checked and stored as pushed ones are, thousands
    at once; what a source may not send goes to quarantine. It can be interrupted at any time: the same command again
    takes nothing twice. Workers evaluate meanwhile, if any are there.
    """
    wrong = ("url", "user", "password", "batch") if direct else ("source", "from_line")
    if given := [name for name in wrong if options[name] is not None]:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise click.UsageError(f"{named} {'cannot' if direct else 'can only'} be used with --direct.")
    if direct:
        from service.commands.backfilling import filled  # here, because `check` has no need of all the service

        told = filled(file, options["source"] or "default", options["from_line"] or 1)
    else:
        told = _pushed(file, options)
    click.echo(json.dumps(told.document, ensure_ascii=False) if as_json else "\n".join(told.lines))
    raise SystemExit(told.status)


def _pushed(file: Path, options: Mapping[str, Any]) -> Told:
    given = settings()
    credentials = pushing.basic(options["user"] or given.source_user, options["password"] or given.source_password)
    service = pushing.Service(options["url"] or local_url(given.host, given.port), credentials)
    pushed = pushing.push(service, pushing.read(file), options["batch"] or pushing.BATCH)
    refused = pushed.refused
    first = f"{pushed.accepted} statements accepted by {service.url}, {len(refused)} cannot be used."
    document = {"accepted": pushed.accepted, "refused": [one._asdict() for one in refused]}
    return Told(document, [first, *map(pushing.sentence, refused)], 1 if refused else 0)


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
