"""Child processes that do not outlive us, and the account they run under when we are root.

PostgreSQL refuses to run as root, so as root we start it under an account without rights of its own. When that account
may not enter a folder on the way (a checkout under /root, say), the child keeps the one capability that opens folders;
nobody's permissions are changed.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from service import garbage
from service.errors import Refusal

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 1, 8, 47, 2  # linux/prctl.h
_CAP_DAC_OVERRIDE, _LINUX_CAPABILITY_VERSION_3 = 1, 0x20080522  # linux/capability.h


@dataclass(frozen=True)
class Account:
    """Whom a child runs as. `opens` says that it needs the capability to enter folders that are closed to it."""

    name: str
    uid: int
    gid: int
    opens: bool = False


def account(owned: Path, passing: Iterable[Path]) -> Account | None:
    """Whom a server runs as whose files are in `owned` and who has to reach `passing`; None for ourselves.

    Raises Refusal when there is nobody, or when a folder on the way is closed and cannot be passed.
    """
    if os.geteuid() != 0:
        return None
    found = _owner(owned) or _made()
    closed = next((folder for path in passing if (folder := _closed(path, found))), None)
    if closed is None:
        return found
    found = replace(found, opens=True)
    if not _can_open(found, closed):
        raise Refusal(
            f"PostgreSQL does not run as root, and the account {found.name} may not enter {closed}: keep Plaudit and "
            "PLAUDIT_DATA_DIR in folders that everybody may enter, or run it as an ordinary user."
        )
    return found


def spawn(
    argv: Sequence[str],
    *,
    farewell: signal.Signals,
    log: IO[bytes] | None = None,
    run_as: Account | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, to which the kernel sends `farewell` should we die without a word.

    To be called from a thread that lives as long as the child should: on Linux it is the thread's death that counts.
    """
    return subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=environ,
        cwd=cwd,
        start_new_session=True,
        preexec_fn=_prelude(run_as, farewell),
    )


def run(
    argv: Sequence[str],
    *,
    run_as: Account | None = None,
    environ: Mapping[str, str] | None = None,
    cwd: str | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a short command under the account to its end, and collect what it says."""
    return subprocess.run(
        argv,
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environ,
        cwd=cwd,
        preexec_fn=_prelude(run_as, signal.SIGTERM),
    )


def stop(child: subprocess.Popen[bytes], how: signal.Signals, patience_seconds: float) -> None:
    """Ask the child to end, and make it when it has not after the time given."""
    if child.poll() is None:
        child.send_signal(how)
        try:
            child.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            child.kill()
    child.wait()


def die_with_parent(parent: int) -> None:
    """End this process with SIGTERM when the process `parent`, by whom it was started, is gone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGTERM)

    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    else:
        threading.Thread(target=watch, daemon=True).start()
    if os.getppid() != parent:
        raise SystemExit(1)


LONG = 50_000
"""Statements of a history that is worth more than one process, which takes a second to begin."""
MOST = 4
"""Processes, at most: the database has work with each."""


def sensible(long: bool) -> int:
    """How many processes should divide work on history between them. long: whether it has more than LONG statements."""
    return min(len(os.sched_getaffinity(0)), MOST) if long else 1


@contextmanager
def beside(work: Callable[..., None], each: Iterable[Sequence[object]]) -> Iterator[list[Connection]]:
    """A process for each of these arguments that does this work; the ends of pipes to them, in the same order.

    The work is given the other end before its arguments. The processes end when the block does, or this process.
    """
    context, ends, started = get_context("spawn"), list[Connection](), []
    try:
        for arguments in each:
            own, theirs = context.Pipe()
            process = context.Process(target=_worked, args=(os.getpid(), work, theirs, *arguments), daemon=True)
            process.start()
            theirs.close()
            started.append(process)
            ends.append(own)
        yield ends
    finally:
        for process in started:
            process.terminate()
            process.join()


def _worked(parent: int, work: Callable[..., None], *arguments: object) -> None:
    die_with_parent(parent)
    garbage.settle()
    work(*arguments)


def _prelude(run_as: Account | None, farewell: signal.Signals) -> Callable[[], None]:
    """What the child does between fork and exec. The farewell comes last: changing the user clears it."""
    parent = os.getpid()

    def prelude() -> None:
        if run_as is not None:
            _become(run_as)
        if _LIBC is not None:
            _LIBC.prctl(_PR_SET_PDEATHSIG, int(farewell), 0, 0, 0)
            if os.getppid() != parent:  # killed before the kernel knew, so nobody will tell us
                os._exit(1)

    return prelude


def _become(run_as: Account) -> None:
    if run_as.opens and _LIBC is not None:
        _LIBC.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(run_as.gid)
    os.setuid(run_as.uid)
    if run_as.opens and _LIBC is not None:
        _keep_only_opening(_LIBC)


def _keep_only_opening(libc: ctypes.CDLL) -> None:
    """Drop every capability but the one, and hand that one on through exec (capabilities(7), "ambient")."""
    header = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
    one = 1 << _CAP_DAC_OVERRIDE
    effective_permitted_inheritable = (ctypes.c_uint32 * 6)(one, one, one, 0, 0, 0)
    if libc.capset(header, effective_permitted_inheritable) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0)


def _owner(owned: Path) -> Account | None:
    """Whoever made what is there already, unless that was root."""
    if not owned.exists() or owned.stat().st_uid == 0:
        return None
    there = owned.stat()
    return Account(f"with the number {there.st_uid}", there.st_uid, there.st_gid)


def _made() -> Account:
    """The account for servers, made when the machine has none."""
    found = _named("plaudit") or _named("postgres")
    if found is None and (useradd := shutil.which("useradd")):
        run([useradd, "--system", "--no-create-home", "--shell", "/bin/false", "plaudit"])
        found = _named("plaudit")
    found = found or _named("nobody")
    if found is None:
        raise Refusal(
            "PostgreSQL does not run as root, and this machine has no account for it: "
            "run Plaudit as an ordinary user, or set PLAUDIT_DATABASE_URL."
        )
    return found


def _named(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _closed(path: Path, passer: Account) -> Path | None:
    """The first folder on the way to and including `path` that the account may not enter."""
    for folder in [*reversed(path.parents), path]:
        if not folder.exists():
            return None
        there = folder.stat()
        shift = 6 if there.st_uid == passer.uid else 3 if there.st_gid == passer.gid else 0
        if not there.st_mode >> shift & 1:
            return folder
    return None


def _can_open(opener: Account, closed: Path) -> bool:
    try:
        return run(["/bin/sh", "-c", 'cd "$0"', str(closed)], run_as=opener).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False
