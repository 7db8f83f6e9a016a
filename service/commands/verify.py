"""`plaudit verify`: evaluate everything from nothing, and say whether what is booked can be trusted."""

import json
from dataclasses import asdict

import click

from service.settings import settings
from service.store.engine import engine
from service.stores import running
from service.verify import Report, verify

SHOWN = 50


@click.command("verify")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def command(as_json: bool) -> None:
    """Evaluate everything from nothing and compare; exit status 1 if anything differs. Writes nothing."""
    with running(settings()) as here:
        report = verify(engine(here.database_url), _progress)
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        _tell(report)
    raise SystemExit(1 if report.differences else 0)


def _progress(statements: int) -> None:
    if statements % 20_000 < 2000:
        click.echo(f"\r{statements} statements read", nl=False, err=True)


def _tell(report: Report) -> None:
    seen = f"{report.statements} statements, {report.matches} matches, {report.awards} awards"
    click.echo(f"{seen} evaluated from nothing.")
    for difference in report.differences[:SHOWN]:
        click.echo(f"  {difference}")
    if len(report.differences) > SHOWN:
        click.echo(f"  … and {len(report.differences) - SHOWN} more")
    wrong = len(report.differences)
    click.echo(f"{wrong} differences." if wrong else "Nothing to append: all of it is right.")
