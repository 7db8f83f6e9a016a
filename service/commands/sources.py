"""`plaudit sources`: who may push statements, with what secrets, and within which limits."""

import json
import os
import secrets
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial, reduce
from typing import Any
from urllib.parse import urlsplit

import click
from redis import Redis
from sqlalchemy import Connection

from service import jobs, pulling
from service.capture.signatures import PREFIX, webhook_key
from service.commands.tokens import as_json, show, transaction
from service.core.formats import is_iri
from service.core.statement import moment
from service.errors import Refusal
from service.filling import Filled
from service.pulling import Away
from service.settings import settings
from service.store import lrs, sources, writeback
from service.store.engine import engine
from service.store.sealing import seal
from service.stores import running

PASSWORD = "PLAUDIT_NEW_PASSWORD"  # noqa: S105
SHORTEST = 16
ANY = "any"


class Limit(click.ParamType[str | int]):
    """A whole number, or `any` for no limit."""

    name = "n|any"

    def __init__(self, least: int = 0, most: int = 100_000_000) -> None:
        self._range = click.IntRange(least, most)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str | int:
        if value == ANY:
            return ANY
        return self._range.convert(value, param, ctx)


_OPTIONS = (
    click.option(
        "--capture", type=click.Choice(sources.CAPTURES), help="How its statements came to be; rules can ask for it."
    ),
    click.option(
        "--validation",
        type=click.Choice(sources.VALIDATIONS),
        help="lenient takes whatever can be used; strict refuses what the xAPI specification does.",
    ),
    click.option("--may-void/--may-not-void", default=None, help="Whether it voids statements of other sources, too."),
    click.option("--keep-attachments/--drop-attachments", default=None, help="Whether bytes of attachments are kept."),
    click.option("--ahead-seconds", type=Limit(), help="How far ahead of ours its clock may be; default any."),
    click.option("--oldest-days", type=Limit(), help="How old a statement may be when it comes; default any."),
    click.option("--verb", "verbs", multiple=True, help="IRI of a verb it may use, once for each; default any."),
    click.option(
        "--keep-raw-days",
        type=Limit(1, 100_000),
        help="How long attachments, conflicts and what was set aside are kept; `any`: as PLAUDIT_KEEP_RAW_DAYS says.",
    ),
)


def _settings(command: Callable[..., None]) -> Callable[..., None]:
    """The options that set how a source is treated."""
    return reduce(lambda decorated, option: option(decorated), reversed(_OPTIONS), command)


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """The columns that these options set; `any` is written as null."""
    given = {name: value for name, value in options.items() if value is not None and value != ()}
    if "verbs" in given:
        given["verbs"] = list(given["verbs"])
        if wrong := [verb for verb in given["verbs"] if verb != ANY and not is_iri(verb)]:
            raise click.UsageError(
                f"{wrong[0]!r} is no IRI; write a verb like http://adlnet.gov/expapi/verbs/completed."
            )
    return {name: None if value in (ANY, [ANY]) else value for name, value in given.items()}


@click.group("sources")
def command() -> None:
    """Sources: who may push statements."""


@command.command()
@click.argument("name")
@click.option("--user", help="The user name it signs in with; default: its name.")
@_settings
@click.option("--prompt", is_flag=True, help=f"Ask for the password instead of making one; ${PASSWORD} gives it, too.")
@as_json
def add(name: str, user: str | None, prompt: bool, as_json: bool, **options: Any) -> None:
    """Make a source called NAME. A password that is made is printed once and kept nowhere."""
    user = user or name
    if ":" in user or not user.isprintable():
        raise click.UsageError(
            "Write a user name without colons, because Basic authentication ends the name at a colon."
        )
    if not name.isprintable() or "/" in name:
        raise click.UsageError("Write a name without slashes and control characters: it is a part of /hooks/<name>.")
    password, made = _password(prompt)
    with transaction() as connection:
        number = sources.add(connection, name, user, _given(options))
        if number is None:
            raise Refusal(f"There is a source called {name!r}, or one with the user name {user!r}.")
        sources.add_password(connection, number, password)
    _tell({"name": name, "user": user, **_given(options), **({"password": password} if made else {})}, as_json)


@command.command("set")
@click.argument("name")
@_settings
@as_json
def set_(name: str, as_json: bool, **options: Any) -> None:
    """Change the settings of the source NAME that are given; `any` takes a limit away."""
    given = _given(options)
    if not given:
        raise click.UsageError("Name a setting to change; --help lists them.")
    with transaction() as connection:
        if not sources.change(connection, name, given):
            raise Refusal(f"There is no source called {name!r}.")
    _tell({"name": name, **given}, as_json)


@command.command("list")
@as_json
def list_sources(as_json: bool) -> None:
    """Every source with its settings, without its secrets."""
    with transaction() as connection:
        rows = sources.everything(connection)
    show(rows, as_json)


# --- asking an LRS ---------------------------------------------------------------------------------------------------


@command.command("lrs")
@click.argument("name")
@click.option("--url", help="Its xAPI endpoint: what /statements is appended to.")
@click.option("--user", help="The user name that we have there.")
@click.option("--prompt", is_flag=True, help=f"Ask for the password that we have there; ${PASSWORD} gives it, too.")
@click.option("--every-seconds", type=Limit(), help="How often a worker reads from it; `any` for never.")
@click.option(
    "--write-back",
    type=click.Choice((*writeback.WHAT, "nothing")),
    help="Which awards it is told of as statements: badges and micro-credentials, or all, points as well.",
)
@click.option("--write-since", help="Of what was earned since when (ISO 8601); `first`: of everything. Default: now.")
@as_json
def ask_lrs(
    name: str,
    url: str | None,
    user: str | None,
    prompt: bool,
    every_seconds: int | str | None,
    write_back: str | None,
    write_since: str | None,
    as_json: bool,
) -> None:
    """Say that the source NAME is an LRS which can be asked for statements and told of awards, or change how."""
    if url is not None and not _is_address(url):
        instead = "like https://lrs.example.org/xapi; user name and password go into --user and --prompt"
        raise click.UsageError(f"Write the address of the LRS {instead}.")
    password = os.environ.get(PASSWORD) or (_asked() if prompt else None)
    given: dict[str, Any] = {key: value for key, value in (("url", url), ("username", user)) if value is not None}
    if password is not None:
        given["sealed"] = seal(password, settings().secret_key)
    if every_seconds is not None:
        every = None if every_seconds == ANY else every_seconds
        given |= {"every_seconds": every, "due": None if every is None else datetime.now(UTC)}
    with transaction() as connection:
        whose = _number(connection, name)
        if not lrs.known(connection, whose) and not given.keys() >= {"url", "username", "sealed"}:
            raise click.UsageError(f"Give --url, --user and a password (--prompt, or ${PASSWORD}).")
        lrs.put(connection, whose, given)
        if write_back is not None or write_since is not None:
            since = datetime.now(UTC) if write_since is None else _moment(write_since)
            writeback.begin(connection, whose, write_back, since, keep_since=write_since is None)
        shown = next(row for row in lrs.everything(connection) if row["name"] == name)
    show([shown], as_json)


@command.command()
@click.argument("name")
@click.option("--since", help="Read again what was stored there since this moment (ISO 8601); `first`: everything.")
@as_json
def pull(name: str, since: str | None, as_json: bool) -> None:
    """Read statements from the LRS NAME, and fill in what was not pushed to us.

    Goes on where the last reading ended, or was interrupted. What we have is not taken twice.
    """
    with running(settings()) as here, Redis.from_url(here.redis_url) as redis:
        connected = engine(here.database_url)
        if since is not None:
            with connected.begin() as connection:
                lrs.begin(connection, _number(connection, name), _moment(since))
        try:
            filled = pulling.pull(connected, name, here.secret_key, _progress, partial(jobs.wake, redis))
        except Away as away:
            raise Refusal(f"{away}\nWhat was read is stored; the next pull goes on from there.") from None
        connected.dispose()
    counts = {"read": filled.read, **filled._asdict()}
    if as_json:
        click.echo(json.dumps(counts))
    else:
        click.echo(
            f"{filled.read} statements read: {filled.new} new, {filled.repeats} known, "
            f"{filled.conflicts} with other content, {filled.aside} set aside."
        )


@command.command()
@as_json
def told(as_json: bool) -> None:
    """How many awards each LRS was told of, how many wait, and how many it has refused."""
    with transaction() as connection:
        rows = writeback.counts(connection)
    show([row._asdict() for row in rows], as_json)


@command.command()
@click.argument("name")
@as_json
def retell(name: str, as_json: bool) -> None:
    """Tell the LRS NAME again, at once, what it has refused or was away for."""
    with transaction() as connection:
        _tell({"source": name, "again": writeback.again(connection, _number(connection, name))}, as_json)


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0)
        return (
            bool(usable)
            and url.isprintable()
            and not (parts.username or parts.password or parts.query or parts.fragment)
        )
    except ValueError:
        return False


def _progress(filled: Filled, latest: datetime | None) -> None:
    until = f", stored there until {latest:%Y-%m-%d %H:%M}" if latest else ""
    click.echo(f"\r{filled.read} statements read, {filled.new} new{until} ", nl=False, err=True)


def _moment(text: str) -> datetime | None:
    if text == "first":
        return None
    read = moment(text)
    if read is None:
        raise click.UsageError("Write a moment like 2026-01-01T00:00:00Z, or `first` for everything.")
    return read


# --- secrets --------------------------------------------------------------------------------------------------------


@command.group("secrets")
def secrets_() -> None:
    """The passwords and signing secrets of a source: several may be in force, so that they change without a gap."""


@secrets_.command("add")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(("password", *sources.SIGNING)),
    default="password",
    show_default=True,
    help="webhook: it signs by Standard Webhooks; lrs: by the older X-LRS-Signature.",
)
@click.option("--label", help="What tells this secret from others.")
@click.option("--prompt", is_flag=True, help=f"Ask for the secret instead of making one; ${PASSWORD} gives it, too.")
@as_json
def add_secret(name: str, kind: str, label: str | None, prompt: bool, as_json: bool) -> None:
    """Give the source NAME one more secret. One that is made is printed once."""
    secret, made = _password(prompt, kind)
    with transaction() as connection:
        whose = _number(connection, name)
        if kind == "password":
            number = sources.add_password(connection, whose, secret, label)
        else:
            number = sources.add_signing(connection, whose, kind, secret, settings().secret_key, label)
    _tell({"secret": number, "source": name, "kind": kind, **({kind: secret} if made else {})}, as_json)


@secrets_.command("list")
@click.argument("name")
@as_json
def list_secrets(name: str, as_json: bool) -> None:
    """The secrets of the source NAME, by number, without themselves."""
    with transaction() as connection:
        rows = sources.secrets(connection, _number(connection, name))
    show(rows, as_json)


@secrets_.command("end")
@click.argument("name")
@click.argument("number", type=click.IntRange(1, 2**31 - 1))
@click.option("--after-hours", type=click.FloatRange(0, 24 * 366), default=0.0, help="How long it still works.")
@as_json
def end_secret(name: str, number: int, after_hours: float, as_json: bool) -> None:
    """End the secret NUMBER of the source NAME; running services forget it within seconds."""
    with transaction() as connection:
        whose = _number(connection, name)
        if not sources.end_secret(connection, whose, number, timedelta(hours=after_hours)):
            raise Refusal(f"The source {name!r} has no secret {number} in force.")
    _tell({"source": name, "ended": number}, as_json)


def _number(connection: Connection, name: str) -> int:
    number = sources.number(connection, name)
    if number is None:
        raise Refusal(f"There is no source called {name!r}.")
    return number


def _password(prompt: bool, kind: str = "password") -> tuple[str, bool]:
    """The secret that was given, or a new one, and whether it was made here."""
    given = os.environ.get(PASSWORD) or (_asked() if prompt else "")
    if kind == "webhook":
        return _webhook_secret(given)
    if given and (len(given) < SHORTEST or not given.isprintable()):
        raise click.UsageError(f"Write a password of at least {SHORTEST} characters, without control characters.")
    return given or secrets.token_urlsafe(32), not given


def _webhook_secret(given: str) -> tuple[str, bool]:
    try:
        made = given or PREFIX + b64encode(secrets.token_bytes(32)).decode()
        webhook_key(made)
    except ValueError as error:
        raise click.UsageError(f"This is no secret of Standard Webhooks: {error}.") from None
    return made, not given


def _asked() -> str:
    return str(click.prompt("Secret", hide_input=True, confirmation_prompt=True))


def _tell(shown: dict[str, Any], as_json: bool) -> None:
    click.echo(json.dumps(shown) if as_json else "\n".join(f"{key}: {value}" for key, value in shown.items()))
