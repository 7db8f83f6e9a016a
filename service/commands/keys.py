"""`plaudit keys`: the keys that badges are signed with."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from service.badges import keyring
from service.badges import keys as forms
from service.badges.issuers import Issuers
from service.badges.issuers import issuers as all_issuers
from service.commands.tokens import as_json, show, transaction
from service.core.places import nearest
from service.errors import Refusal
from service.settings import settings
from service.store.keys import keys

ISSUER = click.option("--issuer", default=None, help="Whose keys; without it those of the default issuer.")


@click.group("keys")
def command() -> None:
    """The keys that badges are signed with."""


@command.command("list")
@ISSUER
@as_json
def list_keys(issuer: str | None, as_json: bool) -> None:
    """Every key, with its public half. Of each algorithm the one that is not retired signs."""
    with transaction() as connection:
        slug = _slug(all_issuers(connection, settings()), issuer)
        found = keys(connection, slug)
        published = keyring.public_keys(connection, slug, datetime.now(UTC))
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
def rotate(issuer: str | None, algorithm: Literal["EdDSA", "RS256"], file: Path | None, as_json: bool) -> None:
    """Sign with a new key from now on. Badges that older keys signed go on being valid."""
    pem = file.read_bytes() if file else None
    try:
        with transaction() as connection:
            slug = _slug(all_issuers(connection, settings()), issuer)
            name = keyring.rotate(connection, slug, settings().secret_key, datetime.now(UTC), algorithm, pem)
    except ValueError as error:
        raise click.UsageError(f"{file} holds no key to sign badges with: {error}.") from None
    told = f"Badges of {slug} are signed with {name} from now on."
    click.echo(json.dumps({"issuer": slug, "name": name}) if as_json else told)


def _slug(known: Issuers, issuer: str | None) -> str:
    if issuer is not None and issuer not in known.known:
        raise Refusal(f'There is no issuer "{issuer}".{nearest(issuer, known.known)}', 2)
    return issuer or known.default.slug


def _public(key: forms.PublicKey) -> str:
    return forms.multibase(key) if forms.algorithm(key) == "EdDSA" else f"RSA, {key.key_size} bits"  # type: ignore[union-attr]
