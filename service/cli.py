"""The command `plaudit`: a word leads to the module of that name in `service/commands`, read only when called."""

import sys
from importlib import import_module
from pkgutil import iter_modules

import click

from service import commands
from service.errors import Refusal

_ABOUT = {
    "serve": "Run the service: HTTP server, workers, and PostgreSQL and Valkey unless told of others.",
    "worker": "Run one more worker.",
    "migrate": "Bring the database to the newest schema.",
    "demo": "Run the service on sample statements and show what comes of them.",
    "verify": "Evaluate everything from nothing and compare it with the ledger.",
    "statements": "Check statements, or push them to a service.",
    "rules": "Check, test and apply rules.",
    "boards": "Rebuild the leaderboards.",
    "badges": "Award badges by hand, from a CSV file.",
    "replay": "Evaluate stored statements again.",
    "quarantine": "Statements that could not be used: why, and what becomes of them.",
    "jobs": "What could not be done, why, and how to have it tried again.",
    "sources": "Who may push statements.",
    "tokens": "Who may read and administer.",
    "keys": "The keys that sign badges.",
    "learners": "Merge, erase and export learners.",
}


class _Modules(click.Group):
    """The commands that have a module; its click command is its variable `command`. The help reads none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        there = {module.name for module in iter_modules(commands.__path__)}
        return [name for name in _ABOUT if name in there]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _ABOUT[name]) for name in self.list_commands(ctx)])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.list_commands(ctx):
            return None
        module = import_module(f"service.commands.{name}")
        found = module.command
        assert isinstance(found, click.Command)
        return found


@click.group(cls=_Modules, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="plaudit")
def plaudit() -> None:
    """Rewards for learning: xAPI statements in; points, leaderboards and verifiable badges out.

    Exit status: 0 done, 1 the answer is no, 2 used wrongly.
    """


def main() -> None:
    """Run one command; what we refuse is said in a sentence."""
    try:
        plaudit(prog_name="plaudit")
    except Refusal as refusal:
        click.echo(refusal.sentence, err=True)
        sys.exit(refusal.status)
