"""What the environment says about this service: one value, or everything that is wrong with it, a sentence each."""

import os
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from service import shipped
from service.errors import Refusal
from service.languages import LANGUAGES

T = TypeVar("T")

_SECRETS = {
    "PLAUDIT_SECRET_KEY": "secret-key",
    "PLAUDIT_ADMIN_TOKEN": "admin-token",
    "PLAUDIT_SOURCE_PASSWORD": "source-password",
}


@dataclass(frozen=True)
class Settings:
    """The settings of one service. A URL is empty while the server is an embedded one that nobody has started yet."""

    database_url: str
    redis_url: str
    data_dir: Path
    host: str
    port: int
    public_url: str
    rules_dir: Path
    secret_key: str
    admin_token: str
    source_user: str
    source_password: str
    workers: int
    threads: int
    max_statements: int
    max_bytes: int
    time_zone: ZoneInfo
    issuer_name: str = "Plaudit"
    issuer_email: str = ""
    key_days: int = 365
    """After how many days badges are signed with a new key; 0: only when somebody says so."""
    smtp_url: str = ""
    mail_from: str = ""
    language: str = "en"
    keep_raw_days: int | None = None
    """For how many days bytes are kept that are not evaluated; None: for ever."""
    sign_in_url: str = ""
    """A page of the learning platform that signs learners in for us (`service.http.connections`)."""
    terms_url: str = ""
    privacy_url: str = ""
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Whose X-Forwarded-For is believed (`service.http.forwarded`)."""


def settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read every `PLAUDIT_…` variable; secrets that are unset are made at random and kept in the data directory.

    Raises Refusal (status 2) that lists every wrong variable with its value and what to write instead.
    """
    read = _Reader(environ)
    host, port = read("PLAUDIT_BIND", _bind, ("127.0.0.1", 8000))
    found = Settings(
        database_url=read("PLAUDIT_DATABASE_URL", _database_url, "", shown=False),
        redis_url=read("PLAUDIT_REDIS_URL", _redis_url, "", shown=False),
        data_dir=read("PLAUDIT_DATA_DIR", _data_dir, Path("var").absolute()),
        host=host,
        port=port,
        public_url=read("PLAUDIT_PUBLIC_URL", _public_url, local_url(host, port)),
        rules_dir=read("PLAUDIT_RULES_DIR", _rules_dir, shipped.rules()),
        secret_key=read("PLAUDIT_SECRET_KEY", _secret, "", shown=False),
        admin_token=read("PLAUDIT_ADMIN_TOKEN", _secret, "", shown=False),
        source_user=read("PLAUDIT_SOURCE_USER", _user, "default"),
        source_password=read("PLAUDIT_SOURCE_PASSWORD", _secret, "", shown=False),
        workers=read("PLAUDIT_WORKERS", _number(0, 256), 1),
        threads=read("PLAUDIT_THREADS", _number(1, 1024), 64),
        max_statements=read("PLAUDIT_MAX_STATEMENTS", _number(1, 100_000), 500),
        max_bytes=read("PLAUDIT_MAX_BYTES", _number(1024, 1 << 30), 1 << 20),
        time_zone=read("PLAUDIT_TIME_ZONE", _time_zone, ZoneInfo("UTC")),
        issuer_name=read("PLAUDIT_ISSUER_NAME", _name, "Plaudit"),
        issuer_email=read("PLAUDIT_ISSUER_EMAIL", _email, ""),
        key_days=read("PLAUDIT_KEY_DAYS", _number(0, 36_500), 365),
        smtp_url=read("PLAUDIT_SMTP_URL", _smtp_url, "", shown=False),
        mail_from=read("PLAUDIT_MAIL_FROM", _mail_address, ""),
        language=read("PLAUDIT_LANGUAGE", _language, "en"),
        keep_raw_days=read("PLAUDIT_KEEP_RAW_DAYS", _number(1, 100_000), None),
        sign_in_url=read("PLAUDIT_SIGN_IN_URL", _page, ""),
        terms_url=read("PLAUDIT_TERMS_URL", _page, ""),
        privacy_url=read("PLAUDIT_PRIVACY_URL", _page, ""),
        trusted_proxies=read("PLAUDIT_TRUSTED_PROXIES", _networks, ()),
    )
    if found.smtp_url and not found.mail_from:
        read.wrong.append("PLAUDIT_MAIL_FROM is missing: with PLAUDIT_SMTP_URL write who e-mails are from.")
    if read.wrong:
        raise Refusal("\n".join(read.wrong), status=2)
    return _with_secrets(found)


def local_url(host: str, port: int) -> str:
    """The address at which a program on this machine reaches what listens at `host` and `port`."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def secrets_dir(data_dir: Path) -> Path:
    """Where the secrets are kept that the environment does not give, one file each."""
    return data_dir / "secrets"


def kept_secrets(environ: Mapping[str, str]) -> list[str]:
    """The names of the files there that are in use, because the environment does not give those secrets."""
    return [file for variable, file in _SECRETS.items() if not environ.get(variable, "").strip()]


class _Wrong(Exception):
    """What to write instead."""


class _Reader:
    """Reads variables one by one and remembers what was wrong with each."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.wrong: list[str] = []

    def __call__(self, name: str, parse: Callable[[str], T], default: T, shown: bool = True) -> T:
        text = self.environ.get(name, "").strip()
        try:
            return parse(text) if text else default
        except _Wrong as instead:
            self.wrong.append(f"{name} is {repr(text) if shown else 'not usable'}: {instead}.")
            return default


def _bind(text: str) -> tuple[str, int]:
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]\s/]+):(\d{1,5})", text)
    if not found or int(found[2]) > 65535:
        raise _Wrong("write an address and a port, like 127.0.0.1:8000 or [::1]:8000")
    return found[1].strip("[]"), int(found[2])


def _database_url(text: str) -> str:
    found = re.fullmatch(r"(?:postgres|postgresql)(?:\+psycopg)?(://\S+)", text)
    if not found:
        raise _Wrong("write a PostgreSQL address, like postgresql://user:password@host:5432/plaudit")
    return "postgresql" + found[1]


def _redis_url(text: str) -> str:
    if not re.fullmatch(r"(redis|rediss|unix)://\S+", text):
        raise _Wrong("write a Redis or Valkey address, like redis://host:6379/0")
    return text


def _smtp_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("smtp", "smtps") and parts.hostname and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise _Wrong("write a mail server, like smtp://user:password@mail.example.org:587 or smtps://…")
    return text


def _mail_address(text: str) -> str:
    address = parseaddr(text)[1]
    if not text.isprintable() or not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
        raise _Wrong("write who e-mails are from, like badges@example.org or Acme Badges <badges@example.org>")
    return text


def _language(text: str) -> str:
    if text not in LANGUAGES:
        raise _Wrong(f"write one of {', '.join(LANGUAGES)}")
    return text


def _page(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and not parts.fragment and text.isprintable()
    except ValueError:
        usable = False
    if not usable or " " in text:
        raise _Wrong("write the address of a page, like https://lms.example.org/badges")
    return text


def _public_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        plain = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
    except ValueError:
        plain = False
    if not plain:
        raise _Wrong("write the address under which people reach this service, like https://rewards.example.org")
    return text.rstrip("/")


def _data_dir(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise _Wrong("that is not a folder; name a folder, which is made if it is missing")
    return path


def _rules_dir(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not path.is_dir():
        raise _Wrong("there is no such folder; name the folder that holds the rule files")
    return path


def _secret(text: str) -> str:
    if not text.isprintable():
        raise _Wrong("write it without control characters")
    return text


def _name(text: str) -> str:
    if not text.isprintable():
        raise _Wrong("write the name of who issues badges, without control characters")
    return text


def _email(text: str) -> str:
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise _Wrong("write an e-mail address, like badges@example.org")
    return text


def _user(text: str) -> str:
    if ":" in text or not text.isprintable():
        raise _Wrong("write a user name without colons, because Basic authentication ends the name at a colon")
    return text


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(one.strip()) for one in text.split(","))
    except ValueError as error:
        raise _Wrong(f"{error}; write addresses or networks with commas between, like 10.0.0.0/8, ::1") from None


def _number(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,12}", text) or not least <= int(text) <= most:
            raise _Wrong(f"write a whole number from {least} to {most}")
        return int(text)

    return parse


def _time_zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (ValueError, OSError, LookupError):  # ZoneInfo answers a folder's name or a name too long with OSError
        raise _Wrong("write a name of the IANA time zone database, like Europe/Berlin") from None


def _with_secrets(found: Settings) -> Settings:
    folder = secrets_dir(found.data_dir)
    return replace(
        found,
        secret_key=found.secret_key or _kept(folder / _SECRETS["PLAUDIT_SECRET_KEY"]),
        admin_token=found.admin_token or _kept(folder / _SECRETS["PLAUDIT_ADMIN_TOKEN"]),
        source_password=found.source_password or _kept(folder / _SECRETS["PLAUDIT_SOURCE_PASSWORD"]),
    )


def _kept(path: Path) -> str:
    """The secret in the file, made first if it is missing. Of two processes that make it at once, one wins for both."""
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.chmod(0o700)
            _make(path)
        return path.read_text().strip()
    except OSError as error:
        raise Refusal(
            f"The secrets cannot be kept in {path.parent} ({error.strerror}): "
            "set PLAUDIT_DATA_DIR to a folder that this user can write.",
            status=2,
        ) from error


def _make(path: Path) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(secrets.token_urlsafe(32) + "\n")
    try:
        os.link(draft, path)  # unlike a rename, a link never replaces what another process has just made
    except FileExistsError:
        pass
    finally:
        draft.unlink()
