"""`plaudit replay`: counting history again, after an upgrade or where somebody doubts what was counted."""

from __future__ import annotations

import click

from service.commands.rules import SINCE


@click.command("replay")
@click.option(
    "--since",
    type=SINCE,
    default="beginning",
    show_default=True,
    help="Read again only what happened since a day like 2026-03-01, or a moment.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
def command(since: str, as_json: bool) -> None:
    """Count history again by all rules, and book the differences.

    The service stays up, and what is in force goes on giving meanwhile. A worker that runs does it; without one it is
    done here and now. It can be stopped at any time: whoever goes on, goes on where it was.
    """
    from service.commands.applying import replay

    if since == "now":
        raise click.UsageError("--since now leaves nothing to be counted again.")
    replay(since, as_json)
