"""`plaudit rules`: check and test a folder of rules without a server, put it in force, print the language's schema."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import click

from service import shipped
from service.core import windows
from service.core.language import Documents, Problem, load, read_directory
from service.core.misses import Miss
from service.core.places import shown
from service.core.reference import TABLES, current, schema, table
from service.core.rehearsal import Uncovered, Verdict, run, uncovered
from service.errors import Refusal

Command = Callable[..., Any]


class Folder(NamedTuple):
    """A folder of rules as it was read."""

    documents: Documents
    problems: list[Problem]

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "warning"]


class _Since(click.ParamType):  # type: ignore[type-arg]
    """`now`, `beginning`, a day of the service's time zone, or a moment."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            if value not in ("now", "beginning"):
                windows.begins(value, ZoneInfo("UTC"))
        except ValueError:
            wrong = "write now, beginning, a day like 2026-03-01, or a moment like 2026-03-01T09:00:00Z"
            self.fail(wrong, param, ctx)
        return str(value)


SINCE = _Since()


@click.group("rules")
def command() -> None:
    """Check, test and apply rules."""


def _directory(function: Command) -> Command:
    kind = click.Path(exists=True, file_okay=False, path_type=Path)
    return click.argument("directory", metavar="[DIR]", required=False, type=kind)(function)


_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@command.command("check")
@_directory
@_json
def check(directory: Path | None, as_json: bool) -> None:
    """Say everything that is wrong with the rules in DIR, each with its line and column.

    DIR is PLAUDIT_RULES_DIR unless named, and without that the rules that Plaudit ships. Exit status 1 on errors.
    """
    folder = read(directory)
    if as_json:
        click.echo(json.dumps(_checked(folder), indent=2, ensure_ascii=False))
    else:
        for problem in folder.problems:
            click.echo(problem)
        click.echo(_summary(folder))
    raise SystemExit(1 if folder.errors else 0)


def read(directory: Path | None) -> Folder:
    """The rules of a folder; raises Refusal if it cannot be read or holds no YAML."""
    where = directory or _near(Path(os.environ.get("PLAUDIT_RULES_DIR") or shipped.rules()))
    if not where.is_dir():
        raise Refusal(f"PLAUDIT_RULES_DIR is {str(where)!r}, which is no folder: name the folder of your rules.", 2)
    try:
        files = read_directory(where)
    except OSError as error:
        raise Refusal(f"{error.filename} cannot be read: {error.strerror}.", 2) from error
    if not any(path.endswith((".yaml", ".yml")) for path, _ in files):
        raise Refusal(f"There is no .yaml file in {where}: name the folder of your rules.", 2)
    return Folder(*load(files))


def _near(path: Path) -> Path:
    """The path as somebody in the working directory would write it, so that messages are short."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _checked(folder: Folder) -> dict[str, Any]:
    return {
        "fine": not folder.errors,
        **_counts(folder.documents),
        "problems": [one._asdict() for one in folder.problems],
    }


def _counts(documents: Documents) -> dict[str, int]:
    return {
        "rules": len(documents.rules),
        "achievements": len(documents.achievements),
        "boards": len(documents.boards),
        "tests": sum(len(tests.cases) for tests in documents.tests),
    }


def _summary(folder: Folder) -> str:
    """`12 rules, 5 achievements, 3 boards, 24 tests: fine`, or how many problems there are."""
    warnings = _number(len(folder.warnings), "warning")
    if folder.errors:
        return (
            f"{_number(len(folder.errors), 'error')}, {warnings}"
            if folder.warnings
            else _number(len(folder.errors), "error")
        )
    counted = ", ".join(_number(count, what[:-1]) for what, count in _counts(folder.documents).items())
    return f"{counted}: fine" + (f", {warnings}" if folder.warnings else "")


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


# --- test ---------------------------------------------------------------------------------------------------------


@command.command("test")
@_directory
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Write the results there as JUnit XML.")
@click.option("--coverage", is_flag=True, help="Name the clauses that could be taken out without a test failing.")
@_json
def test(directory: Path | None, junit: Path | None, coverage: bool, as_json: bool) -> None:
    """Run the tests documents in DIR. Exit status 1 if one fails, or if the rules have errors.

    DIR is PLAUDIT_RULES_DIR unless named, and without that the rules that Plaudit ships.
    """
    folder = read(directory)
    verdicts = [] if folder.errors else list(run(folder.documents))
    bare = list(uncovered(folder.documents)) if coverage and not folder.errors else None
    if junit:
        junit.write_bytes(_junit(folder.errors, verdicts))
    if as_json:
        click.echo(json.dumps(_tested(folder, verdicts, bare), indent=2, ensure_ascii=False))
    else:
        _tell(folder, verdicts, bare)
    raise SystemExit(1 if folder.errors or _failed(verdicts) else 0)


def _failed(verdicts: Sequence[Verdict]) -> list[Verdict]:
    return [verdict for verdict in verdicts if verdict.misses]


def _tell(folder: Folder, verdicts: Sequence[Verdict], bare: Sequence[Uncovered] | None) -> None:
    for problem in folder.problems:
        click.echo(problem)
    if folder.errors:
        click.echo(f"{_summary(folder)}: no test was run")
        return
    for verdict in _failed(verdicts):
        for miss in verdict.misses:
            click.echo(f"{miss.place}: {_sentence(verdict, miss)}")
            for line in miss.awards:
                click.echo(f"    {line}")
    for one in bare or ():
        click.echo(f"{one.place}: {one.rule}: {_bare(one)}")
    click.echo(_told(verdicts, bare))


def _told(verdicts: Sequence[Verdict], bare: Sequence[Uncovered] | None) -> str:
    failed = len(_failed(verdicts))
    passed = (
        f"{failed} of {_number(len(verdicts), 'test')} failed" if failed else f"{_number(len(verdicts), 'test')} passed"
    )
    return passed if bare is None else f"{passed}; {_number(len(bare), 'clause')} not covered"


def _sentence(verdict: Verdict, miss: Miss) -> str:
    who = f"{miss.person}: " if miss.person else ""
    return f'{verdict.tests}, "{shown(verdict.case)}": {who}expected {miss.expected}, got {miss.got}'


def _bare(one: Uncovered) -> str:
    return "no test needs this rule" if one.clause == "the rule itself" else f'no test needs "{one.clause}"'


def _tested(folder: Folder, verdicts: Sequence[Verdict], bare: Sequence[Uncovered] | None) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "passed": not folder.errors and not _failed(verdicts),
        "problems": [problem._asdict() for problem in folder.problems],
        "cases": [
            {
                "tests": verdict.tests,
                "case": verdict.case,
                **verdict.place._asdict(),
                "passed": not verdict.misses,
                "misses": [
                    {**miss.place._asdict(), "person": miss.person, "expected": miss.expected, "got": miss.got}
                    | {"awards": miss.awards}
                    for miss in verdict.misses
                ],
            }
            for verdict in verdicts
        ],
    }
    if bare is not None:
        answer["uncovered"] = [{**one.place._asdict(), "rule": one.rule, "clause": one.clause} for one in bare]
    return answer


def _junit(errors: Sequence[Problem], verdicts: Sequence[Verdict]) -> bytes:
    """JUnit XML as CI systems read it: a suite for each tests document, and one for errors in the rules."""
    root = ElementTree.Element("testsuites")
    names = dict.fromkeys(verdict.tests for verdict in verdicts)
    for name in names:
        _suite(root, name, [verdict for verdict in verdicts if verdict.tests == name])
    if errors:
        suite = ElementTree.SubElement(
            root, "testsuite", name="rules check", tests=str(len(errors)), errors=str(len(errors))
        )
        for error in errors:
            case = _case(suite, "rules check", f"{error.path}:{error.line}:{error.column}", error.path, error.line)
            ElementTree.SubElement(case, "error", message=error.message).text = str(error)
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _suite(root: ElementTree.Element, name: str, verdicts: Sequence[Verdict]) -> None:
    counts = {"tests": str(len(verdicts)), "failures": str(len(_failed(verdicts)))}
    suite = ElementTree.SubElement(root, "testsuite", {"name": name, **counts})
    for verdict in verdicts:
        case = _case(suite, name, verdict.case, verdict.place.path, verdict.place.line)
        if verdict.misses:
            lines = [
                line for miss in verdict.misses for line in (f"{miss.place}: {_sentence(verdict, miss)}", *miss.awards)
            ]
            first = _sentence(verdict, verdict.misses[0])
            ElementTree.SubElement(case, "failure", message=first).text = "\n".join(lines)


def _case(suite: ElementTree.Element, tests: str, name: str, path: str, line: int) -> ElementTree.Element:
    return ElementTree.SubElement(suite, "testcase", classname=tests, name=name, file=path, line=str(line))


# --- apply --------------------------------------------------------------------------------------------------------


@command.command("apply")
@_directory
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--since",
    type=SINCE,
    default="beginning",
    show_default=True,
    help="From when on rules that changed count: now, beginning, a day like 2026-03-01, or a moment.",
)
@click.option("--overwrite", is_flag=True, help="Overwrite what was edited through the API since, too.")
@_json
def apply_(directory: Path | None, yes: bool, since: str, overwrite: bool, as_json: bool) -> None:
    """Put the rules in DIR in force as a whole; if anything is wrong with them, those stay that were.

    At a terminal it says first what would change, and asks. Rules that changed are counted again over all of history:
    by the workers that run, or here and now if there are none. Exit status 1 if the rules were refused, or the answer
    was no.
    """
    from service.commands.applying import apply  # here, because checking rules has no need of the stores

    raise SystemExit(0 if apply(read(directory), yes, as_json, since, overwrite) else 1)


@command.command("export")
@click.argument("directory", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@_json
def export_(directory: Path, as_json: bool) -> None:
    """Write every document in force into DIR, as its author wrote it: rules, achievements with images, boards, words.

    The folder can be applied again, here or elsewhere.
    """
    from service.commands.applying import export

    paths = [str(path) for path in export(directory)]
    click.echo(json.dumps({"files": paths}, indent=2) if as_json else f"{len(paths)} files written to {directory}")


# --- preview ------------------------------------------------------------------------------------------------------


@command.command("preview")
@click.argument("path", metavar="[PATH]", required=False, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--since",
    type=SINCE,
    default="beginning",
    show_default=True,
    help="From when on rules that change would count: now, beginning, a day like 2026-03-01, or a moment.",
)
@click.option("--retire", metavar="RULE", help="What retiring this rule would do, instead of PATH.")
@click.option("--take-back", is_flag=True, help="With --retire: take back what the rule gave.")
@_json
def preview(path: Path | None, since: str, retire: str | None, take_back: bool, as_json: bool) -> None:
    """Say what other rules would do on all of history, and do nothing.

    PATH is a file with changed or new documents, read together with those in force; or a folder, which would be in
    force as a whole (PLAUDIT_RULES_DIR unless named). Who would gain and lose how much, which badges would be given or
    lose their ground, and how boards would move. Exit status 1 if there are errors in PATH.
    """
    from service.commands.previewing import preview_rules

    folder = None if retire or (path and path.is_file()) else read(path)
    raise SystemExit(0 if preview_rules(path, folder, retire, since, take_back, as_json) else 1)


# --- health -------------------------------------------------------------------------------------------------------


@command.command("health")
@click.option("--days", type=click.IntRange(1, 3660), default=30, help="A rule rests that gave nothing for so long.")
@_json
def health_(days: int, as_json: bool) -> None:
    """Say which rules give and which rest, what refuses, and which statements come that no rule uses.

    Counted from all of history here and now. Exit status 1 if any rule rests.
    """
    from service.commands.health import health

    raise SystemExit(0 if health(days, as_json) else 1)


@command.command("trials")
@_json
def trials_(as_json: bool) -> None:
    """Say what rules on trial would have given, to whom and since when. They pay nothing.

    Counted from all of history here and now. Caps across rules are left aside: `plaudit rules preview` says what would
    become of totals and boards.
    """
    from service.commands.trials import trials

    trials(as_json)


# --- explain ------------------------------------------------------------------------------------------------------


@command.command("explain")
@click.argument("rule")
@click.argument("learner")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, help="So many of each, the newest first.")
@_json
def explain_(rule: str, learner: str, limit: int, as_json: bool) -> None:
    """Say why LEARNER has what they have by RULE, and why not more.

    LEARNER is a number, a mail address, or an xAPI agent as JSON. Awards with their statements and the version of the
    rule that gave them; statements that gave nothing with the clause that refused them; statements that nearly counted.
    """
    from service.commands.explaining import explain

    explain(rule, learner, limit, as_json)


# --- schema -------------------------------------------------------------------------------------------------------


@command.command("schema")
@click.option("--markdown", is_flag=True, help="Print tables of all keys for people instead.")
@click.option(
    "--into",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Bring the tables in this Markdown file up to date instead.",
)
@click.option("--json", "_as_json", is_flag=True, help="Print JSON, as without it.")
def schema_(markdown: bool, into: Path | None, _as_json: bool) -> None:
    """Print the JSON Schema of the rule language, for editors."""
    if into:
        into.write_text(current(into.read_text(encoding="utf-8")), encoding="utf-8")
    elif markdown:
        click.echo("\n".join(f"## {name}\n\n{table(keys)}" for name, keys in TABLES.items()))
    else:
        click.echo(json.dumps(schema(), indent=2, ensure_ascii=False))
