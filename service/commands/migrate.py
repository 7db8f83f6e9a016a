"""`plaudit migrate`: the newest schema for the database."""

import click

from service.migrate import migrate
from service.settings import settings
from service.stores import running


@click.command("migrate")
def command() -> None:
    """Bring the database to the newest schema."""
    with running(settings(), newest=False) as here:
        migrate(here.database_url)
    click.echo("The database has the newest schema.")
