"""`plaudit keys`: the keys that badges are signed with."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from service.badges import keyring
from service.badges import keys as forms
from service.badges.documents import SLUG
from service.commands.tokens import as_json, show, transaction
from service.settings import settings
from service.store.keys import keys

ISSUER = click.option("--issuer", default=SLUG, show_default=True, help="Whose keys.")


@click.group("keys")
def command() -> None:
    """The keys that badges are signed with."""


@command.command("list")
@ISSUER
@as_json
def list_keys(issuer: str, as_json: bool) -> None:
    """Every key, with its public half. Of each algorithm the one that is not retired signs."""
    with transaction() as connection:
        found = keys(connection, issuer)
        published = keyring.public_keys(connection, issuer, datetime.now(UTC))
    rows = [
        {
            "name": key.name,
            "algorithm": key.algorithm,
            "public": _public(forms.read(key.public)),
            "created": key.created.isoformat(),
            "retired": key.retired and key.retired.isoformat(),
            "published": key.name in published,
        }
        for key in found
    ]
    show(rows, as_json)


@command.command()
@ISSUER
@click.option(
    "--algorithm",
    type=click.Choice(["EdDSA", "RS256"]),
    default="EdDSA",
    show_default=True,
    help="EdDSA signs JSON, RS256 signs JWTs.",
)
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Sign with the private key in this PEM file (Ed25519 or RSA) instead of a random one.",
)
@as_json
def rotate(issuer: str, algorithm: Literal["EdDSA", "RS256"], file: Path | None, as_json: bool) -> None:
    """Sign with a new key from now on. Badges that older keys signed go on being valid."""
    pem = file.read_bytes() if file else None
    try:
        with transaction() as connection:
            name = keyring.rotate(connection, issuer, settings().secret_key, datetime.now(UTC), algorithm, pem)
    except ValueError as error:
        raise click.UsageError(f"{file} holds no key to sign badges with: {error}.") from None
    click.echo(json.dumps({"name": name}) if as_json else f"Badges are signed with {name} from now on.")


def _public(key: forms.PublicKey) -> str:
    return forms.multibase(key) if forms.algorithm(key) == "EdDSA" else f"RSA, {key.key_size} bits"  # type: ignore[union-attr]
