"""`plaudit tokens`: who may read and administer over HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from sqlalchemy import Connection

from service.errors import Refusal
from service.settings import settings
from service.store import tokens
from service.store.engine import engine
from service.stores import running

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@contextmanager
def transaction() -> Iterator[Connection]:
    """A transaction on the database of the settings."""
    with running(settings()) as here:
        connected = engine(here.database_url)
        with connected.begin() as connection:
            yield connection
        connected.dispose()


@click.group("tokens")
def command() -> None:
    """Bearer tokens: who may read and administer over HTTP."""


@command.command()
@click.argument("name")
@click.option(
    "--scope", "scopes", multiple=True, type=click.Choice(tokens.SCOPES), help="What it may do; default read."
)
@click.option("--learner", type=click.IntRange(1, 2**63 - 1), help="Whose data a token of scope learner reads: an id.")
@as_json
def add(name: str, scopes: tuple[str, ...], learner: int | None, as_json: bool) -> None:
    """Make a token called NAME. It is printed once and kept nowhere."""
    granted = scopes or (("learner",) if learner is not None else ("read",))
    if ("learner" in granted) != (learner is not None):
        raise click.UsageError("A token of scope learner needs --learner, and no other has it.")
    with transaction() as connection:
        if learner is not None and not tokens.learner_exists(connection, learner):
            raise Refusal(f"No learner has the id {learner}.")
        secret = tokens.add_token(connection, name, granted, learner)
    click.echo(json.dumps({"name": name, "scopes": granted, "token": secret}) if as_json else secret)


@command.command("list")
@as_json
def list_tokens(as_json: bool) -> None:
    """Every token, without its secret."""
    with transaction() as connection:
        rows = tokens.tokens(connection)
    show(rows, as_json)


@command.command()
@click.argument("number", type=click.IntRange(1, 2**31 - 1))
@as_json
def revoke(number: int, as_json: bool) -> None:
    """End the token with this NUMBER (see `tokens list`); running services forget it within seconds."""
    with transaction() as connection:
        ended = tokens.revoke_token(connection, number)
    if not ended:
        raise Refusal(f"No token in force has the number {number}.")
    click.echo(json.dumps({"revoked": number}) if as_json else f"Token {number} is revoked.")


def show(rows: list[dict[str, Any]], as_json: bool) -> None:
    """Prints rows as a JSON list, or as lines of words."""
    if as_json:
        click.echo(json.dumps(rows, default=str))
        return
    for row in rows:
        click.echo("  ".join(f"{name}={_text(value)}" for name, value in row.items() if value is not None))


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)
