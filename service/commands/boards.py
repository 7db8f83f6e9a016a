"""`plaudit boards`: the leaderboards in Redis."""

import json

import click

from service import boards
from service.settings import settings
from service.store.engine import engine
from service.stores import running


@click.group("boards")
def command() -> None:
    """The leaderboards in Redis."""


@command.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def rebuild(as_json: bool) -> None:
    """Make all leaderboards anew from the scores in the database. Nothing needs to be stopped for it."""
    with running(settings()) as here:
        connected, redis = engine(here.database_url), boards.client(here.redis_url)
        written = boards.rebuild(connected, redis, force=True)
        redis.close()
        connected.dispose()
    click.echo(json.dumps({"scores": written}) if as_json else f"{written} scores are on their boards.")
