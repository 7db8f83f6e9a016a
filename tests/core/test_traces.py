"""Whatever spelling of JSON holds a text, its trace is found in the bytes; so a search by traces misses nothing."""

import json
import re
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core import traces
from service.core.agents import Agent, identifier
from service.core.matching import Matcher
from tests.written import SHARED, WORDS, agent, fact, rule, said


def spelled(value: object) -> list[bytes]:
    """JSON as different systems write it."""
    plain = json.dumps(value, ensure_ascii=False)
    escaped = "".join(rf"\u{ord(letter):04x}" if letter in "&=<>'@" else letter for letter in plain)
    mixed = re.sub("/([a-z])", r"\\/\1", plain)
    written = (plain, json.dumps(value), plain.replace("/", "\\/"), mixed, escaped)
    assert all(json.loads(one) == value for one in written)
    return [one.encode() for one in written]


def found(sought: Sequence[bytes | tuple[bytes, ...]] | None, raw: bytes) -> bool:
    whole = ((one,) if isinstance(one, bytes) else one for one in sought or ())
    return sought is None or any(all(text in raw for text in one) for one in whole)


def test_a_trace_is_the_longest_run_that_no_writer_escapes() -> None:
    assert traces.trace("http://example.com/verbs/completed") == b"example.com"
    assert traces.trace("/") is None


texts = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=12)


@given(st.builds(lambda local: f"mailto:{local}@Example.COM", texts), st.booleans())
def test_whoever_has_an_address_is_found_however_it_is_written(mbox: str, known: bool) -> None:
    key = identifier(Agent(mbox=mbox)) or ""
    other_domain = mbox.replace("Example.COM", "example.com")
    if known:
        assert all(found(traces.of_person(key, mbox[7:]), raw) for raw in spelled({"actor": {"mbox": other_domain}}))
    hashed = key.removeprefix("sha1:")
    for spelling in (hashed, hashed.upper()):
        assert found(
            traces.of_person(key, mbox[7:] if known else None), json.dumps({"mbox_sha1sum": spelling}).encode()
        )


@given(texts, texts)
def test_whoever_has_an_account_is_found_however_it_is_written(home: str, name: str) -> None:
    account = {"homePage": f"https://{home}", "name": name}
    key = identifier(msgspec.convert({"account": account}, Agent)) or ""
    assert all(found(traces.of_person(key, None), raw) for raw in spelled({"actor": {"account": account}}))


def test_somebody_else_is_not_found() -> None:
    key = identifier(Agent(mbox=agent("ann")["mbox"])) or ""
    assert not found(traces.of_person(key, "ann@example.com"), spelled(said(1, who="bob"))[0])


def test_a_rule_is_found_by_its_verbs() -> None:
    sought = traces.of_rule(rule())
    assert all(found(sought, raw) for verb in WORDS["verbs"]["completed"] for raw in spelled(said(1, verb=verb)))
    assert not found(sought, spelled(said(1, verb=SHARED))[0])


@pytest.mark.parametrize(
    "when",
    [
        "object: https://example.com/courses/lifting",
        "object: https://example.com/courses/lïfting",
        "object: {starts_with: https://example.com/courses/li}",
        "tagged: {any_of: [safety, onboarding]}",
        "tagged: {all_of: [onboarding, safety]}",
        "part_of: https://example.com/programmes/first",
        "type: course",
    ],
)
def test_a_rule_is_found_by_what_tells_most(when: str) -> None:
    activities = {
        "category": [{"id": iri} for iri in (WORDS["tags"]["safety"][1], WORDS["tags"]["onboarding"])],
        "grouping": [{"id": "https://example.com/programmes/first"}],
    }
    thing = "courses/lïfting" if "lï" in when else "courses/lifting"
    fulfils = said(1, thing=thing, context={"contextActivities": activities})
    asked = rule(f"when: {{verb: completed, {when}}}")
    assert Matcher(asked).fulfilled_by(fact(fulfils))
    assert all(found(traces.of_rule(asked), raw) for raw in spelled(fulfils))
    other = said(1, thing="books/other", **({"verb": SHARED} if "type" in when else {}))
    assert "lï" in when or not found(traces.of_rule(asked), spelled(other)[0])
