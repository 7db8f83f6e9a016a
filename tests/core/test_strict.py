"""YAML is read strictly: nothing is guessed, nothing silently dropped, and every problem has its place."""

import time

import pytest
import yaml

from service.core import strict
from service.core.places import Items, Node, Pairs, Scalar


def problems(text: str | bytes) -> list[str]:
    found = strict.read("f.yaml", text if isinstance(text, bytes) else text.encode())[1]
    return [str(problem).removeprefix("f.yaml:") for problem in found]


def root(text: str) -> Node:
    (document,), found, unread = strict.read("f.yaml", text.encode())
    assert not found
    assert not unread
    return document.root


@pytest.mark.parametrize("word", ["on", "yes", "NO", "22:30", "2026-01-01", "0x10", "1_000", "007", ".inf", "<<", "="])
def test_scalars_and_keys_stay_text(word: str) -> None:
    read = root(f"{word}: {word}")
    assert isinstance(read, Pairs)
    assert read.pairs[0][0].text == word
    assert isinstance(read.get(word), Scalar)


def test_quotes_are_told_from_plain_text() -> None:
    read = root("[5, '5', \"5\"]")
    assert isinstance(read, Items)
    assert [item.quoted for item in read.items if isinstance(item, Scalar)] == [False, True, True]


def test_nodes_know_line_and_column_counted_in_characters() -> None:
    read = root("é: {größe: [ä, b]}")
    assert isinstance(read, Pairs)
    inner = read.get("é")
    assert isinstance(inner, Pairs)
    items = inner.get("größe")
    assert isinstance(items, Items)
    assert [item.place for item in items.items] == [("f.yaml", 1, 13), ("f.yaml", 1, 16)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3", '3:1: "a" is here twice; the first is in line 1. Keep one.'),
        ("a: {b: 1, b: 2}", '1:11: "b" is here twice; the first is in line 1. Keep one.'),
        ("a: &x 1", '1:4: Anchors ("&x") are not used here: take it out.'),
        ("a: *x", '1:4: References ("*x") are not used here: write the value itself.'),
        ("a: !!int 5", '1:4: Tags ("!!int") are not used here: take it out.'),
        ("? [a]\n: b", "1:3: A key must be a word, not a list or a mapping."),
        ("%YAML 1.1\n---\na: 1", '1:1: Lines that start with "%" are not used here: take this one out.'),
        ("a:\n\tb: 1", "2:1: Here is a tab: indent with spaces."),
        ("a: b\n\tc: d", "2:1: Here is a tab: indent with spaces."),
        ("a: @x", '1:4: Text cannot start with "@": put it in quotes.'),
        ("a: `x`", '1:4: Text cannot start with "`": put it in quotes.'),
        ("a: &", '1:5: Text cannot start with "&": put it in quotes.'),
        (
            "a: b: c",
            (
                '1:5: A ":" cannot stand here: put text that contains ": " in quotes, or check how far this line is'
                " indented."
            ),
        ),
        ("a: [1,\nb: 2", '2:5: The list that opens with "[" in line 1 is not closed here: put a "," or a "]".'),
        (
            "a: {b: 1\nc: 2",
            '2:2: The braces that open with "{" in line 1 are not closed here: put a "," or a "}".',
        ),
        ("a: 'x\nb: 2\n", "3:1: The quote that opens in line 1 is never closed."),
        (
            "- a\nb: 1",
            (
                '2:1: The list that starts in line 1 goes on with "- " in the same column; check how far this line is'
                " indented."
            ),
        ),
        (
            "a: 1\n- b",
            (
                "2:1: This line does not fit the keys that start in line 1: check how far it is indented, and quotes"
                " and commas in the line before."
            ),
        ),
        (
            'a: "\\q"',
            (
                '1:5: In double quotes a backslash starts a special character: write "\\\\" for a backslash, or use'
                " single quotes."
            ),
        ),
        ("a: - b", '1:4: A list cannot start in this line: put "- " on a line of its own.'),
        (b"a: \xc3\xa9\nb: \xff", "2:4: Here is a byte (0xff) that is no UTF-8: save the file as UTF-8."),
        ("a: 1".encode("utf-16"), "1:1: This file is written in UTF-16: save it as UTF-8."),
        ("a: é\n b\x00", "2:3: Here is a control character (U+0000): take it out."),
        ("[" * 60, "1:42: This is nested more than 40 levels deep: write it flatter."),
        ("#" * ((1 << 20) + 1), "1:1: This file is larger than 1 MiB: split it into several files."),
        ("---\na: 1\n" * 10_001, "20001:1: This file holds more than 10,000 documents: split it."),
    ],
)
def test_what_is_refused_says_where_and_what_to_write(text: str | bytes, problem: str) -> None:
    assert problems(text) == [problem]


def test_a_second_key_does_not_replace_the_first() -> None:
    (document,), _, _ = strict.read("f.yaml", b"a: 1\na: 2")
    assert isinstance(document.root, Pairs)
    value = document.root.get("a")
    assert isinstance(value, Scalar)
    assert value.text == "1"


def test_all_problems_but_syntax_are_told_at_once() -> None:
    assert len(problems("a: &x 1\na: *x\nb: !y 2\n? {}\n: 1")) == 5


def test_documents_before_a_syntax_error_are_read_and_the_rest_is_told() -> None:
    documents, _, unread = strict.read("f.yaml", b"a: 1\n---\nb: [\n")
    assert [document.text for document in documents] == ["a: 1\n"]
    assert unread == "---\nb: [\n"


def test_documents_keep_their_source_with_comments() -> None:
    text = "# first\na: 1\n---\n# second\nb: 2  # two\n...\n---\n\n--- {c: 3}\n"
    documents, found, _ = strict.read("f.yaml", text.encode())
    assert not found
    assert [document.text for document in documents] == ["# first\na: 1\n", "# second\nb: 2  # two\n...\n", " {c: 3}\n"]


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    (document,), _, _ = strict.read("f.yaml", b"\xef\xbb\xbfa: 1\n---\n")
    assert document.text == "a: 1\n"


@pytest.mark.parametrize(
    "text",
    [
        "[{" * 500_000,
        "- " * 500_000,
        "? " * 500_000,
        "a: " * 300_000,
        "&a " * 300_000,
        "a: 1\n" * 200_000,
        "'" * 1_000_001,
    ],
    ids=["braces", "dashes", "questions", "colons", "anchors", "duplicates", "quotes"],
)
def test_no_file_hangs_the_reader(text: str) -> None:
    began = time.monotonic()
    assert problems(text)
    assert time.monotonic() - began < 20


def test_the_parser_in_python_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    text = b"# c\nrule: a\nwhen: {verb: [x, 'y']}\n---\nboard: b\n"
    by_c = strict.read("f.yaml", text)
    monkeypatch.setattr(strict, "_LOADER", yaml.SafeLoader)
    assert strict.read("f.yaml", text) == by_c
    assert problems("a: [1")[0].startswith("1:6: This is no YAML: ")
