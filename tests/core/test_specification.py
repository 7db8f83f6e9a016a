"""The strict tier: it agrees with the conformance suite of the LRSs, and says which sentence is broken where."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.core.shapes import MOST_FINDINGS
from service.core.specification import VERSIONS, findings, version_told
from service.core.statement import Unusable, read

DATA = Path(__file__).parents[1] / "data"
WHOLE: dict[str, Any] = {
    "actor": {"mbox": "mailto:ann@example.com"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
    "object": {"id": "https://example.com/a"},
}


def rows(name: str) -> Iterator[dict[str, Any]]:
    return (msgspec.json.decode(line) for line in (DATA / name).read_bytes().splitlines())


def broken(statement: Any, version: str = "1.0.3") -> list[tuple[str, str | None]]:
    raw = statement if isinstance(statement, bytes) else msgspec.json.encode(statement)
    return [(one.path, one.requirement) for one in findings(raw, "2.0.0" if version == "2.0.0" else "1.0.3")]


def test_it_agrees_with_the_conformance_suite() -> None:
    judged = 0
    for row in rows("conformance.jsonl"):
        for version in set(VERSIONS) & set(row["xapi_versions"]):
            if not row["disputed"]:
                assert (broken(row["statement"], version) == []) is row["valid"], (row["id"], version, row["test"])
                judged += 1
    assert judged == 788


def test_it_agrees_with_what_was_read_into_the_statements_of_real_senders() -> None:
    for row in rows("corpus.jsonl"):
        assert (broken(row["statement"]) == []) is row["strict_valid"], row["id"]


def usable(statement: Any) -> bool:
    try:
        read(msgspec.json.encode(statement), datetime.now(UTC))
    except Unusable:
        return False
    return True


def test_the_lenient_tier_takes_every_valid_statement_of_the_suite() -> None:
    assert [row["id"] for row in rows("conformance.jsonl") if row["valid"] and not usable(row["statement"])] == []


NOT_USABLE = {"corp-0015", "corp-0019", "corp-0020", "corp-0021", "corp-0040"}
"""Whoever acted is not named: a name alone, or nothing at all."""


def test_the_lenient_tier_takes_every_statement_that_says_who_did_what_to_what() -> None:
    assert {row["id"] for row in rows("corpus.jsonl") if not usable(row["statement"])} == NOT_USABLE


def test_each_property_is_named_with_what_it_breaks() -> None:
    statement = WHOLE | {
        "actor": {"mbox": "ann", "openid": "https://ann.example.com/"},
        "iD": "1",
        "verb": {"id": "done", "display": "done"},
        "result": {"score": {"scaled": 2}, "success": None, "duration": "1h"},
        "context": {"extensions": {"a b": 1}, "team": {"mbox": "mailto:team@example.com"}, "language": "en_GB"},
        "attachments": [{"usageType": "https://example.com/"}],
    }
    assert set(broken(statement)) == {
        ("$.actor.mbox", "XAPI-00038"),
        ("$.actor", "XAPI-00034"),
        ("$.iD", "XAPI-00008"),
        ("$.verb.id", "XAPI-00044"),
        ("$.verb.display", "XAPI-00045"),
        ("$.result.score.scaled", "XAPI-00083"),
        ("$.result.success", "XAPI-00001"),
        ("$.result.duration", "XAPI-00124"),
        ("$.context.extensions['a b']", "XAPI-00118"),
        ("$.context.team.objectType", "XAPI-00088"),
        ("$.context.language", "XAPI-00013"),
        ("$.attachments[0].display", "XAPI-00106"),
        ("$.attachments[0].contentType", "XAPI-00105"),
        ("$.attachments[0].length", "XAPI-00102"),
        ("$.attachments[0].sha2", "XAPI-00103"),
    }


@pytest.mark.parametrize("text", ["plain", "a : colon:", '":' * 9], ids=["plain", "colons", "escaped"])
def test_a_property_that_stands_twice_is_found_wherever_it_is(text: str) -> None:
    raw = msgspec.json.encode(WHOLE | {"context": {"extensions": {"x:y": [{"a": 1}, text]}}})
    assert broken(raw) == []
    assert broken(raw.replace(b'"a":1', b'"a":1,"a" : 1')) == [("$", "XAPI-00021")]
    assert broken(raw[:-1] + b',"verb":{"id":"x:y"}}') == [("$", "XAPI-00021")]


def test_context_agents_belong_to_2_0() -> None:
    agents = [{"objectType": "contextAgent", "agent": WHOLE["actor"], "relevantTypes": ["https://example.com/t"]}]
    statement = WHOLE | {"context": {"contextAgents": agents}, "version": "2.0.0"}
    assert broken(statement, "2.0.0") == []
    assert broken(statement) == [("$.context.contextAgents", "XAPI-00010"), ("$.version", "XAPI-00101")]
    assert version_told(msgspec.json.encode(statement)) == "2.0.0"
    assert version_told(msgspec.json.encode(WHOLE), "2.0.1") == "2.0.0"
    assert version_told(b"[", None) == version_told(b'{"version": 2}') == "1.0.3"


@pytest.mark.parametrize("raw", [b"", b"[", b"\xff", b"NaN", b'{"a":"\xff"}', b"[" * 100_000, b'{"a":1e9999,"b":NaN}'])
def test_what_is_no_json_is_one_finding(raw: bytes) -> None:
    assert broken(raw) == [("$", "XAPI-00014")]


def test_numbers_of_any_size_are_numbers() -> None:
    raw = msgspec.json.encode(WHOLE)[:-1] + b',"result":{"score":{"raw":' + b"9" * 5000 + b',"max":1e999}}}'
    assert broken(raw) == []


def test_there_is_an_end_to_findings() -> None:
    assert len(broken(WHOLE | {"attachments": [0] * 100_000})) == MOST_FINDINGS
