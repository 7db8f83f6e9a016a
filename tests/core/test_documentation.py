"""docs/rules.md says what the loader reads: each example loads, does what it says, and no key is without one."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from service import shipped
from service.core import rulebook, strict
from service.core.forms import Reading, Table
from service.core.language import KINDS, Documents, load, read_directory
from service.core.places import Pairs
from service.core.reference import TABLES
from service.core.rehearsal import run, uncovered
from service.core.rulebook import Stored

ROOT = Path(__file__).parents[2]
RULES = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", RULES, re.DOTALL | re.MULTILINE)
TESTS = Path(__file__).with_name("documented.tests.yaml").read_text(encoding="utf-8")
SHIPPED = dict(read_directory(shipped.rules()))
FILES = [
    *(
        (Path(path).relative_to(shipped.rules()).as_posix(), content)
        for path, content in SHIPPED.items()
        if not path.endswith(".yaml")
    ),
    ("images/academy.svg", b"<svg ></svg>"),
]
ELSEWHERE = ("manual-handling-theory", "risk-assessment-theory", "team-lifting", "equipment-basics", "back-care")
"""Badges that an example needs and leaves to its reader."""


def _elsewhere() -> Iterator[str]:
    for name in ELSEWHERE:
        yield f"achievement: {name}\nname: {name}\ndescription: D\ncriteria: C\n"
        when = f"when: {{verb: completed, object: 'https://example.com/{name}'}}"
        yield f"rule: {name}\ntitle: T\nhow_to_earn: H\n{when}\ngive: {{badge: {name}}}\n"
    micro = next(one for one in BLOCKS if one.startswith("achievement:") and "\nmicro_credential:" in one)
    yield re.sub(r"^achievement: .*", "achievement: safe-lifting-practitioner", micro)


@pytest.fixture(scope="module")
def documented() -> Documents:
    """The examples, in the place of their namesakes among the shipped documents."""
    found, problems = load(SHIPPED.items())
    assert not problems
    beneath = [Stored(*name, text, found.files.get(name, ())) for name, text in found.text.items()]
    written = "---\n".join([*BLOCKS, *_elsewhere(), TESTS])
    documents, problems = rulebook.amended(beneath, written, beside_it=FILES)
    assert [str(problem) for problem in problems] == []
    return documents


def test_every_example_loads_and_every_tests_document_passes(documented: Documents) -> None:
    verdicts = list(run(documented))
    assert len(verdicts) > 10
    assert [(one.tests, one.case, one.misses) for one in verdicts if one.misses] == []


def test_every_clause_of_an_example_does_something(documented: Documents) -> None:
    names = set(re.findall(r"^(?:rule|caps): (.+)$", "\n".join(BLOCKS), re.MULTILINE))
    assert {"share-an-article", "safe-lifting-practitioner", "a-fair-day"} <= names
    tests = tuple(one for one in documented.tests if names & set(one.rules or ()))
    bare = list(uncovered(replace(documented, tests=tests)))
    assert [(one.rule, one.clause) for one in bare if one.rule in names] == []


def test_the_example_of_each_key_is_read(documented: Documents) -> None:
    for table, keys in TABLES.items():
        for name, key in keys.items():
            if "…" in key.form.example:
                assert any(f"{name}:" in block for block in BLOCKS), (table, name)
            elif not key.refused:
                ((document, *_), problems, _) = strict.read("x.yaml", f"{name}: {key.form.example}\n".encode())
                assert isinstance(document.root, Pairs)
                reading = Reading(documented.vocabulary, dict(FILES))
                found = key.form.read(reading, document.root.pairs[0][1], name)
                said = [one.message for one in (*problems, *reading.problems) if one.severity == "error"]
                assert (said, found is None) == ([], False), (table, name)


def test_every_key_of_the_language_stands_in_the_documentation() -> None:
    marked = set(re.findall(r"<!-- keys of (\w+) -->", RULES))
    assert set(TABLES) == marked
    keys = {name for kind in KINDS.values() for name in _keys(kind.form.table or {})}
    shown = {name for table in TABLES.values() for name in table} | set(re.findall(r"\b(\w+):", RULES))
    assert keys - shown == set()


def _keys(table: Table) -> Iterator[str]:
    for name, key in table.items():
        if not key.refused:
            yield name
            yield from _keys(key.form.table or {})
