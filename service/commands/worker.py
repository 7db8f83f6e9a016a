"""`plaudit worker`: one worker, which evaluates what was stored; run as many as you want, anywhere."""

import click

from service.settings import settings
from service.stores import running


@click.command("worker")
def command() -> None:
    """Evaluate stored statements until told to stop."""
    with running(settings(), newest=False) as here:
        from service.jobs import work
        from service.wsgi import settle

        settle()
        work(here)
