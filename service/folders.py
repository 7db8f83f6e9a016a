"""The folder of a server: held by one process, with sockets that are private, and free of who was left there.

A folder belongs to the process that holds its lock; the kernel frees the lock however that process ends. What an
earlier owner left running is ended before anything is started.
"""

import fcntl
import os
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from service import children
from service.errors import Refusal

STOP_SECONDS = 60
_EVICT_SECONDS = 15
"""How long what was left behind may take to end; PostgreSQL that is told to stop while it recovers may never do."""
_SOCKET_PATH_BYTES = 107


class Taken(Refusal):
    """Another process holds the lock."""


def lock(path: Path, what: str) -> IO[str]:
    """Hold the lock until the file is closed or this process ends. Raises Taken when another process holds it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise Refusal(
            f"{path.parent} cannot be used ({error.strerror}): set PLAUDIT_DATA_DIR to a folder this user can write."
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        raise Taken(
            f"{what} is taken by another Plaudit (process {holder}): "
            "stop that one, or set PLAUDIT_DATA_DIR to another folder."
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def evict(home: Path, pid_file: Path, program: str, how: signal.Signals) -> None:
    """End the `program` that an earlier owner of `home` left running there; the pid file tells of no proper end.

    Only the first process is asked: PostgreSQL's others leave by themselves when it has gone.
    """
    if not pid_file.exists():
        return
    lines = pid_file.read_text().split()
    deadline = time.monotonic() + _EVICT_SECONDS
    for process in occupants(home, program):
        if lines and str(process.pid) == lines[0]:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(how)
    while left := occupants(home, program):
        if time.monotonic() > deadline:
            for process in left:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        time.sleep(0.05)
    pid_file.unlink(missing_ok=True)


def occupants(home: Path, program: str) -> list[psutil.Process]:
    """The processes of a server and its children: those that run its program, from wherever, and work in its folder.

    Neither is enough: a shell may have gone to the folder, and another folder may have a server too.
    """

    def works_there(process: psutil.Process) -> bool:
        try:
            if process.status() == psutil.STATUS_ZOMBIE or process.cwd() != str(home.resolve()):
                return False
            return Path(process.exe().removesuffix(" (deleted)")).name == program
        except (psutil.Error, OSError):
            return False

    return [process for process in psutil.process_iter() if works_there(process)]


def sockets(directory: Path) -> Path:
    """The folder of the sockets: in the server's own, or where a link of that name points when the path is too long."""
    folder = directory / "socket"
    return folder.readlink() if folder.is_symlink() else folder


def make_sockets(directory: Path, name: str, run_as: children.Account | None) -> Path:
    """An empty folder for the sockets that nobody else may enter."""
    folder = directory / "socket"
    drop_sockets(directory)
    if len(os.fsencode(folder / name)) <= _SOCKET_PATH_BYTES:
        make_private(folder, run_as)
        return folder
    short = Path(tempfile.mkdtemp(prefix="plaudit-", dir=_short_temporary_folder()))
    make_private(short, run_as)
    folder.symlink_to(short)
    return short


def drop_sockets(directory: Path) -> None:
    folder = directory / "socket"
    shutil.rmtree(sockets(directory), ignore_errors=True)
    if folder.is_symlink():
        folder.unlink()


def _short_temporary_folder() -> str:
    return folder if len(os.fsencode(folder := tempfile.gettempdir())) < 60 else "/tmp"  # noqa: S108


def make_private(folder: Path, run_as: children.Account | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    if run_as is not None:
        os.chown(folder, run_as.uid, run_as.gid)
