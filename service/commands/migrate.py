"""`plaudit migrate`: the newest schema for the database."""

import json

import click

from service.migrate import migrate
from service.settings import settings
from service.stores import running


@click.command("migrate")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """Bring the database to the newest schema."""
    with running(settings(), newest=False) as here:
        revision = migrate(here.database_url)
    click.echo(json.dumps({"revision": revision}) if as_json else "The database has the newest schema.")
