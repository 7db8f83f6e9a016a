"""`plaudit keys`: the keys that badges are signed with."""

import json
from datetime import UTC, datetime

import click

from service.badges import keys as forms
from service.badges.documents import SLUG
from service.badges.issuing import rotate as rotated
from service.commands.tokens import as_json, show, transaction
from service.settings import settings
from service.store.credentials import keys


@click.group("keys")
def command() -> None:
    """The keys that badges are signed with."""


@command.command("list")
@as_json
def list_keys(as_json: bool) -> None:
    """Every key, with its public half. The one that is not retired signs; all stay published."""
    with transaction() as connection:
        found = keys(connection, SLUG)
    rows = [
        {
            "name": key.name,
            "public": forms.multibase(key.public),
            "created": key.created.isoformat(),
            "retired": key.retired and key.retired.isoformat(),
        }
        for key in found
    ]
    show(rows, as_json)


@command.command()
@as_json
def rotate(as_json: bool) -> None:
    """Sign with a new key from now on. Badges that older keys signed go on being valid."""
    with transaction() as connection:
        name = rotated(connection, SLUG, settings().secret_key, datetime.now(UTC))
    click.echo(json.dumps({"name": name}) if as_json else f"Badges are signed with {name} from now on.")
