"""The documents beside the rules are edited as rules are: seen before, whole, and with what follows from them."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from service.store import publishing
from service.store.engine import driver
from tests.at_work import AtWork
from tests.http.conftest import Caller
from tests.written import SHARED, days, documents

PATH = "/api/v1/documents"
BOARD = "# Ours\nboard: all\ntitle: All\nwho: everyone\n"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    made = AtWork(engine)
    made.apply("{}")
    return made


def put(admin: Caller, path: str, text: str, seen: str | None = None, **query: str) -> TestResponse:
    headers = {"If-Match": seen} if seen else {"If-None-Match": "*"}
    return admin(
        f"{PATH}/{path}", "PUT", data=text, content_type="application/yaml", headers=headers, query_string=query
    )


def told(response: TestResponse) -> Any:
    return response.get_json()


def test_a_board_is_made_read_changed_and_taken_away(here: AtWork, admin: Caller, reader: Caller) -> None:
    made = put(admin, "board/all", BOARD)
    assert (made.status_code, told(made)["changes"]) == (201, ["board all"])
    assert reader(f"{PATH}/board/all").text == BOARD
    here.take(*days(1, 2))
    assert put(admin, "board/all", BOARD.replace("All", "Everybody")).status_code == 412
    changed = put(admin, "board/all", BOARD.replace("All", "Everybody"), made.headers["ETag"])
    assert (changed.status_code, told(changed)["etag"]) == (200, changed.headers["ETag"].strip('"'))
    listed = {"kind": "board", "name": "all", "etag": told(changed)["etag"], "files": []}
    assert listed in told(reader(PATH))["documents"]
    lost = admin(f"{PATH}/board/all", "DELETE", headers={"If-Match": made.headers["ETag"]})
    assert lost.status_code == 412
    assert admin(f"{PATH}/board/all", "DELETE", headers={"If-Match": changed.headers["ETag"]}).status_code == 204
    assert reader(f"{PATH}/board/all").status_code == 404
    did = [(one["did"], one["kind"], one["name"]) for one in told(admin("/api/v1/rules/audit"))["changes"]]
    assert did[:3] == [("removed", "board", "all"), ("published", "board", "all"), ("published", "board", "all")]


def test_another_vocabulary_publishes_the_rules_anew_that_mean_something_else(here: AtWork, admin: Caller) -> None:
    here.take(*days(1), *days(2, verb=SHARED))
    found = admin(f"{PATH}/vocabulary/words")
    text = found.text.replace("completed:\n  - ", f"completed:\n  - {SHARED}\n  - ")
    assert text != found.text
    answer = put(admin, "vocabulary/words", text, found.headers["ETag"], since="beginning")
    assert (answer.status_code, told(answer)["changes"]) == (200, ["rule r: version 2", "vocabulary words"])
    here.count_again()
    assert here.points("ann") == 20
    assert admin(f"{PATH}/vocabulary/words").text == text


def test_a_document_that_others_break_by_is_refused_with_every_place(here: AtWork, admin: Caller) -> None:
    found = admin(f"{PATH}/vocabulary/words")
    text = f"vocabulary: words\nverbs: {{shared: {SHARED}}}\ntipes: {{}}\n"
    refused = put(admin, "vocabulary/words", text, found.headers["ETag"])
    assert refused.status_code == 422
    assert told(refused)["errors"][0]["path"] == "document.yaml:3:1"
    refused = put(admin, "vocabulary/words", text.replace("tipes: {}", ""), found.headers["ETag"])
    assert told(refused)["errors"][0]["path"].startswith("rule/r.yaml:")
    assert admin(f"{PATH}/vocabulary/words").text == found.text
    needed = admin(f"{PATH}/vocabulary/words", "DELETE", headers={"If-Match": found.headers["ETag"]})
    assert (needed.status_code, "take it out of what needs it first" in told(needed)["detail"]) == (422, True)
    assert told(needed)["errors"][0]["path"].startswith("rule/r.yaml:")


def test_an_achievement_is_changed_and_never_taken_away(here: AtWork, admin: Caller) -> None:
    found = admin(f"{PATH}/achievement/keen")
    answer = put(admin, "achievement/keen", found.text.replace("A test.", "Much."), found.headers["ETag"])
    assert (answer.status_code, told(answer)["changes"]) == (200, ["achievement keen"])
    kept = admin(f"{PATH}/achievement/keen", "DELETE", headers={"If-Match": answer.headers["ETag"]})
    assert (kept.status_code, told(kept)["detail"]) == (
        422,
        "Badges may name the achievement, so it is never taken away: change it instead.",
    )
    other = put(admin, "achievement/other", found.text)
    assert 'start it with "achievement: other"' in told(other)["errors"][0]["message"]


PNG = b"\x89PNG\r\n\x1a\n"


def form(admin: Caller, path: str, text: str, seen: str, method: str = "PUT", **files: bytes) -> TestResponse:
    """Sends a document with files, each called by its path."""
    parts = {"document": (BytesIO(text.encode()), "any.yaml")}
    parts |= {name.replace("_", "."): (BytesIO(content), "any") for name, content in files.items()}
    return admin(path if path.startswith("/") else f"{PATH}/{path}", method, data=parts, headers={"If-Match": seen})


def test_files_that_a_document_names_come_with_it_and_go_back(here: AtWork, admin: Caller, reader: Caller) -> None:
    path, found = "achievement/keen", admin(f"{PATH}/achievement/keen")
    text = found.text + "image: a.png\n"
    first = form(admin, path, text, found.headers["ETag"], a_png=PNG + b"1")
    assert (first.status_code, told(first)["files"], told(first)["changes"]) == (200, ["a.png"], ["achievement keen"])
    assert reader(f"{PATH}/{path}/files/a.png").data == PNG + b"1"
    assert reader(f"{PATH}/{path}/files/b.png").status_code == 404
    # another picture under the same name is another version, and whoever has not seen it does not overwrite it
    second = form(admin, path, text, first.headers["ETag"], a_png=PNG + b"2")
    assert (second.status_code, reader(f"{PATH}/{path}/files/a.png").data) == (200, PNG + b"2")
    assert put(admin, path, text, first.headers["ETag"]).status_code == 412
    # one that is there already needs not be sent again
    third = put(admin, path, text.replace("A test.", "Much."), second.headers["ETag"])
    assert (third.status_code, reader(f"{PATH}/{path}").headers["ETag"]) == (200, third.headers["ETag"])
    assert reader(f"{PATH}/{path}/files/a.png").data == PNG + b"2"


def test_what_is_wrong_with_files_is_said_and_changes_nothing(here: AtWork, admin: Caller) -> None:
    path, found = "achievement/keen", admin(f"{PATH}/achievement/keen")
    text, seen = found.text + "image: a.png\n", found.headers["ETag"]
    cases: list[tuple[dict[str, bytes], str]] = [
        ({}, 'There is no image "a.png"'),
        ({"a_png": b"GIF"}, '"a.png" is not the image that its ending says'),
        ({"a_png": PNG, "b_png": PNG}, 'The document names no file "b.png"'),
    ]
    for files, wrong in cases:
        refused = form(admin, path, text, seen, "PUT", **files)
        assert (refused.status_code, wrong in told(refused)["errors"][0]["message"]) == (422, True)
    nothing = admin(f"{PATH}/{path}", "PUT", data={"a.png": (BytesIO(PNG), "any")}, headers={"If-Match": seen})
    assert "the part called document" in told(nothing)["detail"]
    assert admin(f"{PATH}/{path}").headers["ETag"] == seen
    assert told(form(admin, "/api/v1/rules/check", text, seen, "POST", a_png=PNG))["fine"]


def test_only_who_may_and_who_has_seen_it_edits(here: AtWork, admin: Caller, reader: Caller) -> None:
    assert put(reader, "board/all", BOARD).status_code == 403
    assert admin(f"{PATH}/board/all", "PUT", data=BOARD, content_type="application/yaml").status_code == 428
    assert put(admin, "board/all", BOARD, since="whenever").status_code == 400
    assert put(admin, "rule/r", BOARD).status_code == 404
    assert (
        put(admin, "tests/r", "tests: r\npeople: [ann]\ncases: [{name: n, statements: [], expect: {}}]").status_code
        == 404
    )


def test_what_was_edited_stays_when_the_folder_is_applied(here: AtWork, admin: Caller) -> None:
    put(admin, "board/all", BOARD)
    with here.engine.begin() as connection:
        merged = publishing.merged(driver(connection), documents("{}"))
        assert merged.api == {("board", "all")}
        assert publishing.apply(driver(connection), merged.documents, None, api=merged.api) == []
