"""`plaudit jobs`: what could not be done, why, and how to have it tried again."""

from __future__ import annotations

import click

from service.commands.tokens import as_json, show, transaction
from service.store.dead_letters import dead_letters
from service.store.engine import driver


@click.command()
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True)
@as_json
def command(limit: int, as_json: bool) -> None:
    """Jobs that could not be done: statements to evaluate, rules to count again, LRSs to read or to tell of awards.

    Each with its reason and the command that has it tried again. The exit status is 1 if there are any.
    """
    with transaction() as connection:
        found = dead_letters(driver(connection), limit)
    show([one._asdict() for one in found], as_json)
    raise SystemExit(1 if found else 0)
