"""A file of statements, straight into the database: checked as pushed ones are, once each, whatever interrupts it."""

import gzip
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from service import backfill as module
from service.backfill import backfill
from service.capture import ndjson
from service.capture.ndjson import Text
from service.capture.xapi import Malformed
from service.commands.statements import command
from service.errors import Refusal
from tests.at_work import AtWork
from tests.written import numbered, said

TEN = "{rule: ten, give: {points: 10}}"
NOBODY = said(3) | {"actor": {"name": "Ann"}}


@pytest.fixture
def here(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> AtWork:
    monkeypatch.setattr(module, "BATCH", 4)
    made = AtWork(engine)
    made.apply(TEN)
    return made


def written(*lines: Any) -> Iterator[Text]:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    return ndjson.texts(BytesIO(text.encode()))


def test_every_line_is_stored_once_and_evaluated(here: AtWork) -> None:
    woken: list[None] = []
    lines = [said(number) for number in range(1, 11)]
    done = backfill(here.engine, "default", written(*lines), wake=lambda: woken.append(None))
    assert (done.lines, done.filled.new, done.unread) == (10, 10, 0)
    assert len(woken) == 3
    here.drain()
    assert here.points("ann") == 100
    again = backfill(here.engine, "default", written(*reversed(lines)), wake=lambda: woken.append(None))
    assert (again.filled.new, again.filled.repeats) == (0, 10)
    assert len(woken) == 3


def test_lines_are_judged_as_deliveries_are(here: AtWork) -> None:
    other = said(1) | {"result": {"success": False}}
    surrogate = json.dumps(said(2)).replace("{", '{"x": "\\ud83d", ', 1)
    done = backfill(
        here.engine,
        "default",
        written(said(1), "", {"_id": "of Learning Locker", "statement": said(4)}, other, NOBODY, "{", "[1]", surrogate),
    )
    assert done.filled == (3, 0, 1, 1)
    assert done.unread == 2
    assert [(one.line, one.path) for one in done.named] == [(5, "$.actor"), (6, "$"), (7, "$")]
    assert here.execute("SELECT path, state FROM quarantine") == [("$.actor", "waiting")]
    assert here.execute("SELECT received, conflicts, quarantined FROM intake_count") == [(5, 1, 1)]


def test_what_a_strict_source_may_not_send_is_set_aside_and_the_rest_stored(here: AtWork) -> None:
    here.execute("UPDATE source SET validation = 'strict' WHERE name = 'form'")
    wrong = said(2) | {"unknown": 1}
    done = backfill(here.engine, "form", written(said(1), wrong, said(3)))
    assert done.filled == (2, 0, 0, 1)
    assert done.named[0].line == 2


def test_what_interrupts_it_loses_and_doubles_nothing(here: AtWork) -> None:
    lines = [said(number) for number in range(1, 21)]

    def interrupted() -> Iterator[Text]:
        yield from written(*lines[:11])
        raise KeyboardInterrupt

    told: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        backfill(here.engine, "default", interrupted(), lambda done: told.append(done.lines))
    assert told == [4, 8]
    assert here.size("statement") == 8
    done = backfill(here.engine, "default", (text for text in written(*lines) if text.number > 8))
    assert done.filled == (12, 0, 0, 0)
    here.drain()
    assert here.points("ann") == 200


def test_what_comes_before_the_break_of_a_packed_file_is_stored(here: AtWork, tmp_path: Path) -> None:
    lines = [said(number) for number in range(1, 7)]
    path = tmp_path / "years.jsonl.gz"
    packed = gzip.compress(b"".join(json.dumps(one).encode() + b"\n" for one in lines))
    path.write_bytes(packed)
    with ndjson.opened(path) as file:
        assert [json.loads(text.raw or b"") for text in ndjson.texts(file)] == lines
    path.write_bytes(packed[:-8])
    with ndjson.opened(path) as file, pytest.raises(Malformed, match="After line 6 "):
        backfill(here.engine, "default", ndjson.texts(file))
    assert here.size("statement") == 6


def test_a_line_without_end_is_read_in_pieces_and_named() -> None:
    found = list(ndjson.texts(BytesIO(b"1\n" + b"x" * 100 + b"\n2\n" + b"y" * 50), longest=10))
    assert found == [(1, b"1"), (2, None), (3, b"2"), (4, None)]


def test_the_command_says_what_became_of_the_lines(
    here: AtWork, environ: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    file = tmp_path / "years.jsonl"
    file.write_text("\n".join(json.dumps(one) for one in (said(1), said(2), NOBODY)))
    done = CliRunner().invoke(command, ["push", str(file), "--direct", "--json"])
    told = json.loads(done.stdout)
    assert (done.exit_code, told["lines"], told["new"], told["aside"]) == (1, 3, 2, 1)
    assert told["named"][0]["line"] == 3
    done = CliRunner().invoke(command, ["push", str(file), "--direct", "--from-line", "2", "--source", "default"])
    assert "0 new, 1 known, 0 with other content, 1 in quarantine" in done.stdout
    nowhere = CliRunner().invoke(command, ["push", str(file), "--direct", "--source", "nowhere"])
    assert isinstance(nowhere.exception, Refusal)
    assert "no source called 'nowhere'" in str(nowhere.exception)
    wrongly = CliRunner().invoke(command, ["push", str(file), "--direct", "--url", "http://example.com"])
    assert (wrongly.exit_code, "--url cannot be used" in wrongly.stderr) == (2, True)
    assert here.execute("SELECT id FROM statement ORDER BY id") == [(numbered(1),), (numbered(2),)]
