"""`plaudit statements`: what a file holds is said line by line, and pushed."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from service.capture.ndjson import Refused
from service.commands import pushing
from service.commands.pushing import Line, Service
from service.commands.statements import command
from service.errors import Refusal

GOOD = {
    "actor": {"mbox": "mailto:ann@example.com"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
    "object": {"id": "https://example.com/courses/1"},
}
NOBODY = {**GOOD, "actor": {"name": "Ann"}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Good, wrapped, without identifier, no JSON, no object, empty."""
    path = tmp_path / "statements.jsonl"
    lines = [json.dumps(GOOD), json.dumps({"id": "x-1", "statement": GOOD}), json.dumps(NOBODY), "{", "[1]", ""]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_check_says_one_json_line_for_each_line(file: Path) -> None:
    done = CliRunner().invoke(command, ["check", str(file)])
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert [verdict["line"] for verdict in verdicts] == [1, 2, 3, 4, 5, 6]
    assert [verdict["usable"] for verdict in verdicts] == [True, True, False, False, False, False]
    assert verdicts[2]["valid"] is False
    assert verdicts[2]["problems"][0]["path"] == "$.actor"
    assert "no identifier" in verdicts[2]["problems"][0]["message"]
    assert done.exit_code == 1
    assert "6 lines, 2 usable, 2 valid" in done.stderr


def test_check_is_content_where_every_line_can_be_used(tmp_path: Path) -> None:
    file = tmp_path / "good.jsonl"
    file.write_text(json.dumps(GOOD))
    done = CliRunner().invoke(command, ["check", str(file), "--json"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"line": 1, "usable": True, "valid": True, "problems": []}
    assert done.stderr == ""


def test_check_says_which_sentence_of_the_specification_is_broken(tmp_path: Path) -> None:
    file = tmp_path / "odd.jsonl"
    context = {"contextAgents": [{"objectType": "contextAgent", "agent": GOOD["actor"]}]}
    file.write_text(f"{json.dumps(GOOD | {'verb': {'id': 'done'}})}\n{json.dumps(GOOD | {'context': context})}")
    for options, status, valid in ([], 0, [False, False]), (["--strict", "--xapi", "2.0"], 1, [False, True]):
        done = CliRunner().invoke(command, ["check", str(file), "--json", *options])
        verdicts = [json.loads(line) for line in done.stdout.splitlines()]
        assert (done.exit_code, [verdict["valid"] for verdict in verdicts]) == (status, valid)
        assert [verdict["usable"] for verdict in verdicts] == [True, True]
        assert verdicts[0]["problems"][0] | {"message": ""} == {
            "path": "$.verb.id",
            "requirement": "XAPI-00044",
            "message": "",
        }


def test_a_file_that_is_not_there_is_used_wrongly() -> None:
    assert CliRunner().invoke(command, ["check", "nowhere.jsonl"]).exit_code == 2


def test_the_bytes_of_a_statement_stay_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "exact.jsonl"
    file.write_text('{"statement": {"actor":  {"n": 1.00, "ö": "\\u00f6"}}}\n')
    found, refused = pushing.lines(file)
    assert found == [Line(1, b'{"actor":  {"n": 1.00, "\xc3\xb6": "\\u00f6"}}')]
    assert refused == []


def test_what_the_service_would_mend_is_no_mistake_and_empty_lines_are_not_pushed(
    tmp_path: Path, answering: "Callable[[Answerer], Service]"
) -> None:
    file = tmp_path / "odd.jsonl"
    cut = json.dumps(GOOD | {"n": "\ud83d"}).encode()
    file.write_bytes(b"\xef\xbb\xbf" + cut + b"\n\n" + cut + b"\n")
    pushed = pushing.push(answering(lambda batch: (200, [str(one) for one in batch])), pushing.read(file))
    assert (pushed.accepted, pushed.refused) == (2, [])


Answerer = Callable[[list[Any]], tuple[int, Any]]


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[Callable[[Answerer], Service]]:
    """Starts something that answers batches of statements by a function, as a proxy or another service might."""
    running: list[ThreadingHTTPServer] = []

    def start(answer: Answerer) -> Service:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                batch = [one["n"] for one in json.loads(self.rfile.read(int(self.headers["Content-Length"])))]
                status, content = answer(batch)
                body = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return Service(f"http://127.0.0.1:{server.server_port}")

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


def numbers(count: int) -> list[Line]:
    return [Line(number, json.dumps(GOOD | {"n": number}).encode()) for number in range(1, count + 1)]


def test_an_answer_that_names_nothing_halves_the_batch_until_the_bad_one_is_alone(
    answering: Callable[[Answerer], Service],
) -> None:
    def answer(batch: list[Any]) -> tuple[int, Any]:
        return (400, {"detail": "no"}) if {7, 12} & set(batch) else (200, [str(one) for one in batch])

    pushed = pushing.push(answering(answer), numbers(20), batch=20)
    assert pushed.accepted == 18
    assert pushed.refused == [Refused(7, "$", "no"), Refused(12, "$", "no")]


def test_what_an_answer_names_is_taken_out_and_the_rest_is_pushed_again(
    answering: Callable[[Answerer], Service],
) -> None:
    def answer(batch: list[Any]) -> tuple[int, Any]:
        bad = next((index for index, one in enumerate(batch) if one in (3, 9)), None)
        if bad is None:
            return 200, [str(one) for one in batch]
        return 400, {"detail": "no", "errors": [{"path": f"$[{bad}].actor.mbox", "message": "is no address"}]}

    pushed = pushing.push(answering(answer), numbers(10), batch=5)
    assert pushed.accepted == 8
    assert pushed.refused == [
        Refused(3, "$.actor.mbox", "is no address"),
        Refused(9, "$.actor.mbox", "is no address"),
    ]
    assert pushed.batches == 4


def test_what_could_not_be_stored_is_pushed_again(answering: Callable[[Answerer], Service]) -> None:
    asked: list[int] = []

    def answer(batch: list[Any]) -> tuple[int, Any]:
        asked.append(len(batch))
        return (503, {"detail": "away"}) if len(asked) < 3 else (200, [str(one) for one in batch])

    assert pushing.push(answering(answer), numbers(4)).accepted == 4
    assert asked == [4, 4, 4]


def test_wrong_credentials_are_said_in_a_sentence(answering: Callable[[Answerer], Service]) -> None:
    service = answering(lambda batch: (401, {"detail": "Send the user name and password of a source."}))
    with pytest.raises(Refusal, match="answered 401 to statements: Send the user name"):
        pushing.push(service, numbers(1))


def test_where_nobody_answers_the_sentence_names_the_address() -> None:
    with pytest.raises(Refusal, match=r"No Plaudit answers at http://127\.0\.0\.1:1 "):
        pushing.push(Service("http://127.0.0.1:1"), numbers(1))
