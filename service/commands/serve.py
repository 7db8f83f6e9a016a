"""`plaudit serve`: the whole service in the foreground."""

import os
from contextlib import suppress

import click

from service.serve import serving
from service.settings import kept_secrets, secrets_dir, settings


@click.command("serve")
def command() -> None:
    """Run the service: HTTP server, workers and, unless told of others, PostgreSQL and Valkey."""
    found = settings()
    with suppress(KeyboardInterrupt), serving(found) as service:
        click.echo(f"Plaudit listens at {service.url}")
        if kept := kept_secrets(os.environ):
            click.echo(f"Secrets made at random are in {secrets_dir(found.data_dir)}: {', '.join(kept)}")
        service.watch()
