"""`plaudit badges`: awarding by hand, from a CSV file."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from service import awarding
from service.awarding import NotAwardable
from service.commands.tokens import as_json
from service.errors import Refusal
from service.settings import settings
from service.store.engine import engine
from service.stores import running


@click.group("badges")
def command() -> None:
    """Badges that somebody awards by hand."""


@command.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--by", default="command line", show_default=True, help="Who decides.")
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@as_json
def award(file: Path, by: str, dry_run: bool, as_json: bool) -> None:
    """Award what FILE lists: CSV with the columns learner, achievement, happened and reason. All of it or nothing."""
    try:
        wanted = awarding.read_csv(file.read_text(encoding="utf-8"))
        with running(settings()) as here:
            connected = engine(here.database_url)
            decided = awarding.award(connected, wanted, by, datetime.now(UTC), dry_run=dry_run)
            connected.dispose()
    except UnicodeDecodeError:
        raise Refusal(f"{file} is not UTF-8: save it as CSV UTF-8.") from None
    except NotAwardable as wrong:
        raise Refusal("\n".join(f"{file}, {place}: {message}" for place, message in wrong.problems)) from None
    if as_json:
        click.echo(
            json.dumps([{**one._asdict(), "id": str(one.id), "happened": one.happened.isoformat()} for one in decided])
        )
        return
    for one in decided:
        click.echo(f"{one.learner}: {one.achievement}{' (known already)' if one.known else ''}")
    new = sum(not one.known for one in decided)
    click.echo(f"{new} would be awarded; nothing was done." if dry_run else f"{new} awarded.")
