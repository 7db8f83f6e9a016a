"""Editors and readers are told what the loader reads."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest

from service import shipped
from service.core import strict
from service.core.language import read_directory
from service.core.places import Items, Node, Pairs, Scalar
from service.core.reference import current, schema
from service.core.scalars import typed

ROOT = Path(__file__).parents[2]
MISTAKES = [
    "rule: Not A Slug\nwhen: {verb: x}\ngive: {points: 1}",
    "rule: r\ngive: {points: 1}",
    "rule: r\nwhen: {verb: x}\ngive: {points: 0}",
    "rule: r\nwhen: {verb: x}\ngive: {points: 1}\nsum: {of: score}",
    "rule: r\nwhen: {verb: x, score: {at_least: 80}}\ngive: {points: 1}",
    "rule: r\nwhen: {verb: x, same: [actor, instructor]}\ngive: {points: 1}",
    "board: b\ntitle: T\nperiod: monthly",
    "achievement: a",
    "vocabulary: v\nverbs: {x: [1]}",
    "tests: r\npeople: {}",
    "levels: default",
]


def plain(node: Node) -> Any:
    """What an editor sees of a node."""
    if isinstance(node, Pairs):
        return {key.text: plain(value) for key, value in node.pairs}
    if isinstance(node, Items):
        return [plain(item) for item in node.items]
    return typed(node) if isinstance(node, Scalar) else None


def documents(text: bytes) -> list[Any]:
    return [plain(document.root) for document in strict.read("x.yaml", text)[0]]


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("path", [path for path, _ in read_directory(shipped.rules()) if path.endswith(".yaml")])
def test_shipped_documents_fit_the_schema(path: str) -> None:
    validator = jsonschema.Draft202012Validator(schema())
    for document in documents(Path(path).read_bytes()):
        assert [error.message for error in validator.iter_errors(document)] == []


@pytest.mark.parametrize("text", MISTAKES)
def test_mistakes_do_not_fit_the_schema(text: str) -> None:
    (document,) = documents(text.encode())
    assert not jsonschema.Draft202012Validator(schema()).is_valid(document)


def test_the_tables_of_the_documentation_are_current() -> None:
    text = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    assert current(text) == text, "bring it up to date with: plaudit rules schema --into docs/rules.md"
