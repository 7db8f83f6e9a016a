"""`plaudit demo`: the whole service on sample statements, from the webhook to a verified badge, before your eyes.

The demo keeps to servers and a folder of its own, whatever the environment names, so that no sample statement gets
among real ones. With `--exit` the folder is a temporary one; otherwise it is `demo` in the data directory, made anew
each time.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from service import folders, shipped
from service.commands.showing import Show, Told
from service.serve import serving
from service.settings import Settings, settings

SAMPLE = "company.jsonl"


@click.command()
@click.option("--exit", "leave", is_flag=True, help="Stop after printing, with status 0 only if all of it worked.")
@click.option(
    "--statements",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help='Push this file: each line a statement, or an object that holds one as "statement".',
)
@click.option("--json", "as_json", is_flag=True, help="Print what happened as JSON.")
def command(leave: bool, file: Path | None, as_json: bool) -> None:
    """Start the service, push sample statements, and show what came of them.

    Prints the leaderboard, a learner's ledger with reasons and a claimed, verified badge, and then keeps the service
    running at the address it names. It has data of its own; real data is never touched.
    """
    told = Told(as_json)
    with _own_settings(leave) as found, serving(found) as service:
        told.title(f"Plaudit runs at {service.url}")
        told.say(f"What it keeps is in {found.data_dir}.")
        Show(service.settings, service.url, told).tell(file or shipped.samples() / SAMPLE)
        told.finish()
        if not leave:
            told.say("\nCtrl-C stops it.")
            with suppress(KeyboardInterrupt):
                service.watch()


@contextmanager
def _own_settings(leave: bool) -> Iterator[Settings]:
    """Settings with a fresh data directory and embedded servers, for the time of the block."""
    environ = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
    if leave:
        environ.setdefault("PLAUDIT_BIND", "127.0.0.1:0")
        with tempfile.TemporaryDirectory(prefix="plaudit-demo-", ignore_cleanup_errors=True) as name:
            Path(name).chmod(0o755)  # as root, PostgreSQL runs under another account, which has to get in
            yield settings({**environ, "PLAUDIT_DATA_DIR": f"{name}/data"})
        return
    folder = Path(os.environ.get("PLAUDIT_DATA_DIR") or "var").absolute() / "demo"
    with folders.lock(folder.with_name("demo.lock"), str(folder)):
        shutil.rmtree(folder, ignore_errors=True)
        yield settings({**environ, "PLAUDIT_DATA_DIR": str(folder)})


_NOT_OURS = ("PLAUDIT_DATABASE_URL", "PLAUDIT_REDIS_URL", "PLAUDIT_DATA_DIR")
