"""`plaudit sources`: who may push statements."""

import json
import os
import secrets

import click

from service.commands.tokens import as_json, show, transaction
from service.errors import Refusal
from service.store import tokens

PASSWORD = "PLAUDIT_NEW_PASSWORD"  # noqa: S105
SHORTEST = 16


@click.group("sources")
def command() -> None:
    """Sources: who may push statements."""


@command.command()
@click.argument("name")
@click.option("--user", help="The user name it signs in with; default: its name.")
@click.option(
    "--capture",
    type=click.Choice(("xapi", "connector", "assumed", "self_report", "observed")),
    default="xapi",
    show_default=True,
    help="How its statements came to be; rules can ask for it.",
)
@click.option("--prompt", is_flag=True, help=f"Ask for the password instead of making one; ${PASSWORD} gives it, too.")
@as_json
def add(name: str, user: str | None, capture: str, prompt: bool, as_json: bool) -> None:
    """Make a source called NAME. A password that is made is printed once and kept nowhere."""
    user = user or name
    if ":" in user or not user.isprintable():
        raise click.UsageError(
            "Write a user name without colons, because Basic authentication ends the name at a colon."
        )
    given = os.environ.get(PASSWORD) or (_asked() if prompt else "")
    if given and (len(given) < SHORTEST or not given.isprintable()):
        raise click.UsageError(f"Write a password of at least {SHORTEST} characters, without control characters.")
    password = given or secrets.token_urlsafe(32)
    with transaction() as connection:
        number = tokens.add_source(connection, name, user, password, capture)
    if number is None:
        raise Refusal(f"There is a source called {name!r}, or one with the user name {user!r}.")
    shown = {"name": name, "user": user, "capture": capture, **({} if given else {"password": password})}
    click.echo(json.dumps(shown) if as_json else "\n".join(f"{key}: {value}" for key, value in shown.items()))


@command.command("list")
@as_json
def list_sources(as_json: bool) -> None:
    """Every source, without its password."""
    with transaction() as connection:
        rows = tokens.sources(connection)
    show(rows, as_json)


def _asked() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
