"""The rule API: what an author wrote comes back, nobody overwrites what they have not seen, and history follows."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine
from werkzeug.test import TestResponse

from tests.at_work import AtWork
from tests.http.conftest import Caller
from tests.written import days

RULE = """\
# Ours; do not sort the keys.
how_to_earn: Complete something.   # as ever
rule: mine
title: {en: Mine, de: Meine}
status: live
when: {verb: http://adlnet.gov/expapi/verbs/completed}
give: {points: 10}
"""
PATH = "/api/v1/rules/mine"


@pytest.fixture
def here(engine: Engine) -> AtWork:
    made = AtWork(engine)
    made.apply("{rule: other, status: draft}", "{board: ever}")
    return made


def put(admin: Caller, text: str = RULE, seen: str | None = None, since: str = "now") -> TestResponse:
    headers = {"If-None-Match": "*"} if seen is None else {"If-Match": seen}
    return admin(f"{PATH}?since={since}", "PUT", data=text, content_type="application/yaml", headers=headers)


def etag(admin: Caller) -> str:
    return admin(PATH).headers["ETag"]


def rolled_back(admin: Caller, **said: Any) -> TestResponse:
    found = admin(PATH)
    seen = {"If-Match": found.headers["ETag"]} if found.status_code == 200 else {"If-None-Match": "*"}
    return admin(f"{PATH}/rollback", "POST", json=said, headers=seen)


def versions(admin: Caller) -> list[tuple[int, str, str]]:
    found = admin(f"{PATH}/versions").json
    assert found is not None
    return [(one["version"], one["status"], one["by"]) for one in found["versions"]]


def test_an_author_gets_back_what_they_wrote_byte_for_byte(here: AtWork, admin: Caller) -> None:
    made = put(admin)
    assert (made.status_code, made.json and made.json["version"]) == (201, 1)
    found = admin(PATH)
    assert (found.data.decode(), found.mimetype, found.headers["ETag"]) == (
        RULE,
        "application/yaml",
        made.headers["ETag"],
    )
    assert admin(PATH, headers={"If-None-Match": etag(admin)}).status_code == 304


def test_who_has_not_seen_what_they_change_is_refused(here: AtWork, admin: Caller) -> None:
    put(admin)
    seen = etag(admin)
    assert put(admin, RULE.replace("10", "12"), seen).status_code == 200
    assert put(admin, RULE.replace("10", "14"), seen).status_code == 412
    assert put(admin, RULE).status_code == 412
    nothing = admin(PATH, "PUT", data=RULE, content_type="application/yaml")
    assert (nothing.status_code, admin(PATH, "DELETE").status_code) == (428, 428)
    assert "12" in admin(PATH).text


def test_another_comment_is_kept_and_is_no_new_version(here: AtWork, admin: Caller) -> None:
    put(admin)
    told = put(admin, "# Theirs\n" + RULE, etag(admin)).json
    assert told is not None
    assert told["version"] == 1
    assert admin(PATH).text.startswith("# Theirs\n# Ours")


def test_a_change_counts_from_now_on_since_a_day_or_from_the_beginning(here: AtWork, admin: Caller) -> None:
    put(admin, since="beginning")
    here.take(*days(1, 2, 3))
    assert here.points("ann") == 30
    for since, points, paid in (("now", 1, 30), ("2026-01-03", 2, 22), ("beginning", 4, 12)):
        assert put(admin, RULE.replace("10", str(points)), etag(admin), since).status_code == 200
        here.count_again()
        assert (here.points("ann"), here.differences()) == (paid, [])
    assert put(admin, RULE, etag(admin), "yesterday").status_code == 400


def test_a_retired_rule_keeps_or_takes_back_and_can_come_back(here: AtWork, admin: Caller) -> None:
    put(admin, since="beginning")
    here.take(*days(1, 2))
    assert admin(PATH, "DELETE", headers={"If-Match": etag(admin)}).status_code == 204
    here.count_again()
    assert (admin(PATH).status_code, here.points("ann")) == (404, 20)
    assert rolled_back(admin, version=1, since="beginning").status_code == 200
    assert (admin(PATH).text, versions(admin)[0][:2]) == (RULE, (3, "live"))
    assert admin(f"{PATH}?since=beginning", "DELETE", headers={"If-Match": etag(admin)}).status_code == 204
    here.count_again()
    assert (here.points("ann"), here.differences()) == (0, [])


def test_the_same_since_an_earlier_moment_is_another_version(here: AtWork, admin: Caller) -> None:
    put(admin, since="now")
    here.take(*days(1, 2, 3))
    for since, points in (("now", 0), ("2026-01-03", 10), ("2026-01-03", 10), ("beginning", 30), ("beginning", 30)):
        assert put(admin, RULE, etag(admin), since).status_code == 200
        here.count_again()
        assert (here.points("ann"), here.differences()) == (points, [])
    assert [one[0] for one in versions(admin)] == [3, 2, 1]


def test_a_rule_that_others_name_is_taken_out_there_first(here: AtWork, admin: Caller) -> None:
    put(admin)
    board = "board: b\ntitle: B\nfrom_rules: [mine]\n"
    admin("/api/v1/documents/board/b", "PUT", data=board, mimetype="text/yaml", headers={"If-None-Match": "*"})
    refused = admin(PATH, "DELETE", headers={"If-Match": etag(admin)})
    assert (refused.status_code, refused.json and refused.json["errors"][0]["path"]) == (422, "board/b.yaml:3:14")
    assert admin(PATH).status_code == 200


def test_what_a_retired_rule_has_kept_is_taken_back_after_all(here: AtWork, admin: Caller) -> None:
    put(admin, since="beginning")
    here.take(*days(1, 2))
    admin(PATH, "DELETE", headers={"If-Match": etag(admin)})
    here.count_again()
    assert here.points("ann") == 20
    gone = {"If-None-Match": "*"}
    assert admin(PATH, "DELETE", headers=gone).status_code == 404
    assert admin(f"{PATH}?since=2026-01-02", "DELETE", headers=gone).status_code == 204
    here.count_again()
    assert (here.points("ann"), here.differences()) == (10, [])
    assert admin(f"{PATH}?since=beginning", "DELETE", headers=gone).status_code == 204
    here.count_again()
    assert (here.points("ann"), here.differences()) == (0, [])
    told = admin(f"{PATH}/versions").json
    assert told is not None
    assert [one["superseded"] for one in told["versions"]] == [False, True, True, True]


def test_going_back_is_a_new_version(here: AtWork, admin: Caller) -> None:
    put(admin)
    put(admin, RULE.replace("10", "12"), etag(admin))
    assert rolled_back(admin, version=1).status_code == 200
    assert (admin(PATH).text, [one[0] for one in versions(admin)]) == (RULE, [3, 2, 1])
    assert rolled_back(admin, version=9).status_code == 404


def test_every_mistake_is_told_with_its_line_and_column(here: AtWork, admin: Caller) -> None:
    wrong = RULE.replace("points: 10", "points: ten").replace("status: live", "status: alive")
    refused = put(admin, wrong)
    assert refused.status_code == 422
    assert refused.json is not None
    assert [one["path"] for one in refused.json["errors"]] == ["document.yaml:5:9", "document.yaml:7:16"]
    told = admin("/api/v1/rules/check", "POST", data=wrong, content_type="application/yaml").json
    assert told is not None
    assert [(one["line"], one["column"]) for one in told["problems"]] == [(5, 9), (7, 16)]
    assert put(admin, RULE.replace("rule: mine", "rule: yours")).status_code == 422
    assert admin(PATH).status_code == 404


def test_who_changed_what_is_written_down(here: AtWork, admin: Caller, reader: Caller) -> None:
    put(admin)
    admin(PATH, "DELETE", headers={"If-Match": etag(admin)})
    told = admin("/api/v1/rules/audit?limit=2").json
    assert told is not None
    assert [(one["by"], one["did"], one["name"], one["version"]) for one in told["changes"]] == [
        ("PLAUDIT_ADMIN_TOKEN", "retired", "mine", 2),
        ("PLAUDIT_ADMIN_TOKEN", "published", "mine", 1),
    ]
    assert reader("/api/v1/rules/audit").status_code == 403
    assert reader(PATH, "PUT", data=RULE, content_type="application/yaml").status_code == 403


def test_rules_of_the_directory_and_edited_ones_are_listed_together(here: AtWork, admin: Caller) -> None:
    put(admin)
    told = admin("/api/v1/rules?limit=1").json
    assert told is not None
    assert (told["total"], [one["rule"] for one in told["rules"]]) == (2, ["mine"])
    assert admin("/api/v1/rules/schema").mimetype == "application/schema+json"
    here.apply("{rule: other, status: draft}", "{board: ever}")
    assert admin(PATH).text == RULE
