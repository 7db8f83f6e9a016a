"""What can be read of an xAPI statement, who is meant in it, when it happened, and what is in the way."""

import hashlib
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from service.core.agents import LONGEST_KEY, Account, Agent, identifier, members
from service.core.statement import DEEPEST, VOIDED, Fact, Unusable, read, read_again

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
OWN = "12345678-1234-4234-8234-123456789012"
ANN: dict[str, Any] = {"mbox": "mailto:ann@example.com"}
BOB: dict[str, Any] = {"account": {"homePage": "https://example.com", "name": "bob"}}


def said(**parts: Any) -> dict[str, Any]:
    """A usable statement, with these parts instead of its own; None leaves one out."""
    whole = {
        "id": OWN,
        "actor": ANN,
        "verb": {"id": "http://adlnet.gov/expapi/verbs/completed"},
        "object": {"id": "https://example.com/courses/a"},
        **parts,
    }
    return {name: part for name, part in whole.items() if part is not None}


def fact(**parts: Any) -> Fact:
    return read(msgspec.json.encode(said(**parts)), NOW)


def unusable(raw: bytes | dict[str, Any]) -> str:
    """Which property is in the way."""
    with pytest.raises(Unusable) as refused:
        read(raw if isinstance(raw, bytes) else msgspec.json.encode(raw), NOW)
    assert refused.value.message
    return refused.value.path


def extended(json: bytes) -> bytes:
    """A statement with this JSON in an extension, which no rule looks at."""
    return msgspec.json.encode(said())[:-1] + b',"result":{"extensions":{"https://example.com/x":' + json + b"}}}"


# --- who --------------------------------------------------------------------------------------------------------------


def test_an_mbox_and_its_hash_are_one_learner() -> None:
    hashed = hashlib.sha1(b"mailto:ann@example.com").hexdigest()
    assert identifier(Agent(mbox="mailto:ann@example.com")) == f"sha1:{hashed}"
    assert identifier(Agent(mbox_sha1sum=hashed)) == identifier(Agent(mbox_sha1sum=hashed.upper())) == f"sha1:{hashed}"


def test_the_case_of_a_domain_means_nothing_and_that_of_a_mailbox_does() -> None:
    ann = identifier(Agent(mbox="mailto:ann@example.com"))
    assert identifier(Agent(mbox="mailto:ann@Example.COM")) == ann
    assert identifier(Agent(mbox="MAILTO:ann@example.com")) == ann
    assert identifier(Agent(mbox="mailto:Ann@example.com")) != ann


def test_an_openid_and_an_account_are_compared_exactly() -> None:
    assert identifier(Agent(openid="https://ann.example.com/")) == "openid:https://ann.example.com/"
    keys = {
        identifier(Agent(account=Account(home, name)))
        for home in ("https://example.com", "https://EXAMPLE.com", "https://example.com/")
        for name in ("bob", "Bob", "bob ")
    }
    assert len(keys) == 9


def test_an_account_needs_its_home_page_and_its_name() -> None:
    assert identifier(Agent(account=Account("https://example.com"))) is None
    assert identifier(Agent(account=Account(None, "bob"))) is None
    assert identifier(Agent(name="Ann")) is None


def test_a_long_identifier_has_a_short_key_of_its_own() -> None:
    keys = {identifier(Agent(openid="https://" + "💡" * length)) or "" for length in (10, 590, 600, 601, 5000)}
    assert len(keys) == 5
    assert all(len(key) <= LONGEST_KEY for key in keys)
    assert max(len(key.encode()) for key in keys) < 2704  # what PostgreSQL takes into an index


def test_an_agent_stands_for_itself() -> None:
    ann = Agent(mbox="mailto:ann@example.com")
    assert members(ann) == (ann,)
    assert members(Agent(name="Ann")) == members(None) == ()


def test_a_group_stands_for_its_members_and_theirs() -> None:
    ann, bob, cy = (Agent(openid=f"https://{name}.example.com/") for name in ("ann", "bob", "cy"))
    nobody = Agent(name="Nobody")
    group = Agent("Group", mbox="mailto:team@example.com", member=(ann, nobody, Agent("Group", member=(bob, cy))))
    assert members(group) == (ann, bob, cy)


def test_a_group_that_lists_nobody_stands_for_nobody() -> None:
    assert members(Agent("Group", mbox="mailto:team@example.com")) == ()
    assert members(fact(actor={"objectType": "Group", "openid": "https://team.example.com/"}).statement.actor) == ()


def test_the_object_may_be_an_agent() -> None:
    met = fact(object={"objectType": "Agent", **ANN}).statement
    assert met.object_id == identifier(Agent(mbox="mailto:ann@example.com"))
    assert fact(object={**ANN, "id": "https://example.com/a"}).statement.object_id == "https://example.com/a"


# --- what is in the way -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "statement"),
    [
        ("$.actor", said(actor=None)),
        ("$.actor", said(actor={})),
        ("$.actor", said(actor={"name": "Ann"})),
        ("$.actor", said(actor=[ANN])),
        ("$.actor", said(actor={"objectType": "Group", "member": []})),
        ("$.actor", said(actor={"account": {"homePage": "https://example.com"}})),
        ("$.actor", said(actor={"account": {"homePage": "https://example.com", "name": "nul\0"}})),
        ("$.actor", said(actor={"openid": "https://nul.example.com/\0"})),
        ("$.actor.mbox", said(actor={"mbox": "ann@example.com"})),
        ("$.actor.mbox", said(actor={"mbox": "mailto:ann"})),
        ("$.actor.mbox", said(actor={"mbox": "mailto:ann@example.com\0"})),
        ("$.actor.mbox", said(actor={"mbox": 1})),
        ("$.actor.mbox_sha1sum", said(actor={"mbox_sha1sum": "0" * 39})),
        ("$.actor.mbox_sha1sum", said(actor={"mbox_sha1sum": "g" * 40})),
        ("$.actor.mbox_sha1sum", said(actor={"mbox_sha1sum": "٠" * 40})),
        ("$.actor.name", said(actor={**ANN, "name": 1})),
        ("$.actor.member[1]", said(actor={"member": [ANN, {"name": "Bob"}]})),
        ("$.actor.member[0].member[1].mbox", said(actor={"member": [{"member": [ANN, {"mbox": "bob"}]}]})),
        ("$.verb", said(verb="completed")),
        ("$.verb.id", said(verb=None)),
        ("$.verb.id", said(verb={"display": {"en": "completed"}})),
        ("$.verb.id", said(verb={"id": ""})),
        ("$.verb.id", said(verb={"id": "https://example.com/nul\0"})),
        ("$.verb.id", said(verb={"id": ["https://example.com/"]})),
        ("$.object", said(object=None)),
        ("$.object", said(object={"objectType": "Agent", "name": "Ann"})),
        ("$.object.mbox", said(object={"objectType": "Agent", "mbox": "ann"})),
        ("$.object.member[0]", said(object={"objectType": "Group", "member": [{}]})),
        ("$.object.id", said(object={})),
        ("$.object.id", said(object={"objectType": "Activity", "id": ""})),
        ("$.object.id", said(object={"id": "https://example.com/nul\0"})),
        ("$.object.id", said(object={"objectType": "StatementRef"})),
        ("$.object.id", said(object={"objectType": "StatementRef", "id": "https://example.com/"})),
        ("$.object.definition", said(object={"id": "https://example.com/", "definition": []})),
        ("$.timestamp", said(timestamp=1795348800)),
        ("$.result.score.scaled", said(result={"score": {"scaled": "0.8"}})),
        ("$.result.success", said(result={"success": "true"})),
        ("$.result.completion", said(result={"completion": 1})),
        ("$.context.contextActivities.parent[0].id", said(context={"contextActivities": {"parent": [{"id": 1}]}})),
    ],
)
def test_the_property_that_is_in_the_way_is_named(path: str, statement: dict[str, Any]) -> None:
    assert unusable(statement) == path


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b" ",
        b"null",
        b"1",
        b'"statement"',
        b"[]",
        b"{",
        b"{}}",
        b"{} {}",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b"<statement/>",
        b'{"actor": undefined}',
        b"{'actor': {}}",
    ],
)
def test_what_is_no_json_object_is_unusable_as_a_whole(raw: bytes) -> None:
    assert unusable(raw) == "$"


def test_an_instructor_or_team_that_names_nobody_is_none() -> None:
    nobody = {"objectType": "Agent", "name": "A colleague"}
    context = fact(context={"instructor": nobody, "team": {"objectType": "Group", "member": []}}).statement.context
    assert context is not None
    assert members(context.instructor) == members(context.team) == ()


@pytest.mark.parametrize(
    "agent",
    [
        {"openid": "\0"},
        {"mbox": "bob"},
        {"mbox": "\0"},
        {"member": [ANN, {}]},
        {"member": [{"mbox_sha1sum": ""}]},
        {"account": {"homePage": "https://example.com", "name": "\0"}},
    ],
)
def test_an_instructor_or_team_that_cannot_be_told_is_none(agent: dict[str, Any]) -> None:
    raw = msgspec.json.encode(said(context={"instructor": agent, "team": agent, "platform": "a"}))
    for met in (read(raw, NOW), read_again(raw, UUID(OWN), NOW, "default", "xapi")):
        context = met.statement.context
        assert context is not None
        assert (context.instructor, context.team, context.platform) == (None, None, "a")


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timestamp", "happened"),
    [
        ("2026-11-22T09:30:00Z", "2026-11-22T09:30:00"),
        ("2026-11-22t09:30:00z", "2026-11-22T09:30:00"),
        ("2026-11-22T09:30:00.25Z", "2026-11-22T09:30:00.250000"),
        ("2026-11-22T09:30:00.123456789Z", "2026-11-22T09:30:00.123456"),
        ("2026-11-22T09:30:00+05:45", "2026-11-22T03:45:00"),
        ("2026-11-21T23:30:00-08:00", "2026-11-22T07:30:00"),
        ("2026-11-22T09:30:00-00:00", "2026-11-22T09:30:00"),
        ("2026-11-22T09:30:00+0100", "2026-11-22T08:30:00"),
        ("2026-11-22T09:30:00", "2026-11-22T09:30:00"),
        ("20261122T093000Z", "2026-11-22T09:30:00"),
        ("2026-11-22", "2026-11-22T00:00:00"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00"),
    ],
)
def test_a_timestamp_is_read_as_utc(timestamp: str, happened: str) -> None:
    assert fact(timestamp=timestamp).happened.isoformat() == f"{happened}+00:00"


def test_a_statement_without_a_timestamp_happened_when_it_was_stored() -> None:
    assert fact(stored="2026-11-22T09:30:00Z").happened == NOW.replace(hour=9, minute=30)
    assert fact(timestamp="2026-11-22T09:00:00Z", stored="2026-11-22T09:30:00Z").happened == NOW.replace(hour=9)
    assert fact().happened == NOW


@pytest.mark.parametrize("text", ["yesterday", "2026-02-29T12:00:00Z", "0001-01-01T00:00:00+14:00", ""])
def test_a_time_that_is_none_is_as_good_as_not_said(text: str) -> None:
    assert fact(timestamp=text, stored=text).happened == NOW
    assert fact(timestamp=text, stored="2026-11-22T09:30:00Z").happened == NOW.replace(hour=9, minute=30)


def test_nothing_happened_after_it_was_received() -> None:
    assert fact(timestamp="2026-11-22T12:00:01Z").happened == NOW
    assert fact(timestamp="9999-12-31T23:59:59Z").happened == NOW
    assert fact(stored="2030-01-01T00:00:00Z").happened == NOW


# --- voids ------------------------------------------------------------------------------------------------------------


def test_a_voiding_statement_names_its_target() -> None:
    reference = {"objectType": "StatementRef", "id": OWN.upper()}
    assert fact(id=None, verb={"id": VOIDED}, object=reference).statement.voids == UUID(OWN)


def test_only_the_voiding_verb_with_a_reference_voids() -> None:
    reference = {"objectType": "StatementRef", "id": OWN}
    assert fact(object=reference).statement.voids is None
    assert fact(verb={"id": VOIDED}).statement.voids is None
    assert fact(verb={"id": VOIDED}, object={"id": OWN}).statement.voids is None


# --- ids --------------------------------------------------------------------------------------------------------------


def test_a_statement_without_an_id_gets_the_same_one_each_time_it_says_the_same() -> None:
    parts = {"id": None, "timestamp": "2026-11-22T09:30:00Z"}
    raw = msgspec.json.encode(said(**parts))
    again = msgspec.json.encode(said(**parts, stored="2026-11-22T10:00:00Z", actor={**ANN, "name": "Ann"}))
    assert read(raw, NOW).id == read(again, NOW + timedelta(days=1)).id


def test_a_statement_without_an_id_gets_another_one_for_what_is_something_else() -> None:
    facts = [
        fact(id=None, timestamp="2026-11-22T09:30:00Z"),
        fact(id=None, timestamp="2026-11-22T09:30:01Z"),
        fact(id=None, timestamp="2026-11-22T09:30:00Z", actor=BOB),
        fact(id=None, timestamp="2026-11-22T09:30:00Z", result={"success": True}),
        read(msgspec.json.encode(said(id=None, timestamp="2026-11-22T09:30:00Z")), NOW, source="form"),
    ]
    assert len({one.id for one in facts}) == 5


@pytest.mark.parametrize("own", ["1", 1, "", {}])
def test_an_id_that_is_no_uuid_is_as_good_as_none(own: Any) -> None:
    parts = {"timestamp": "2026-11-22T09:30:00Z"}
    met = fact(id=own, **parts)
    assert replace(met, raw=b"") == replace(fact(id=None, **parts), raw=b"")
    assert read_again(msgspec.json.encode(said(id=own, **parts)), met.id, NOW, "default", "xapi") == met


def test_an_id_is_the_same_in_any_spelling() -> None:
    assert fact(id=OWN.upper()).id == fact(id=OWN).id == UUID(OWN)


def test_a_statement_is_read_again_as_it_was_read() -> None:
    raw = msgspec.json.encode(said(id=None, timestamp="2030-01-01T00:00:00Z", context={"instructor": BOB}))
    first = read(raw, NOW, "form", "self_report")
    assert read_again(raw, first.id, NOW, "form", "self_report") == first


# --- hostile input ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("json", [b"9" * 400, b"-" + b"9" * 5000, b"1e400", b"1e-400", b"0." + b"1" * 5000])
def test_numbers_of_any_size_are_no_matter_where_no_rule_looks(json: bytes) -> None:
    raw = extended(json)
    assert read(raw, NOW).id == UUID(OWN)
    unnamed = raw.replace(b'"id":"' + OWN.encode() + b'",', b"")
    assert read(unnamed, NOW).id == read(unnamed, NOW).id != UUID(OWN)


@pytest.mark.parametrize("json", [b"9" * 400, b"-" + b"9" * 5000, b"1e400"])
def test_a_score_that_is_no_number_of_ours_is_unusable(json: bytes) -> None:
    raw = msgspec.json.encode(said())[:-1] + b',"result":{"score":{"scaled":' + json + b"}}}"
    assert unusable(raw) == "$.result.score.scaled"


@pytest.mark.parametrize(
    "json",
    [
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"01",
        b"+1",
        b"'x'",
        b'"\\ud800"',
        b'"\\x"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"\n"',
    ],
)
def test_what_is_no_json_is_unusable_wherever_it_stands(json: bytes) -> None:
    assert unusable(extended(json)) == "$"


def test_an_iri_of_a_megabyte_is_an_iri() -> None:
    long = "https://example.com/" + "x" * 1_000_000
    assert fact(object={"id": long}).statement.object_id == long


def nested(levels: int) -> bytes:
    """A statement of so many levels: itself, `result`, `extensions`, and arrays."""
    return extended(b"[" * (levels - 3) + b"]" * (levels - 3))


def test_a_statement_may_be_nested_as_deep_as_anybody_can_read_it() -> None:
    assert read(nested(DEEPEST), NOW).id == UUID(OWN)
    for levels in (DEEPEST + 1, 900, 1_000_000):
        assert unusable(nested(levels)) == "$"


def test_brackets_in_texts_are_no_levels() -> None:
    assert read(extended(msgspec.json.encode('\\"[{' * 1000)), NOW).id == UUID(OWN)


def test_many_brackets_side_by_side_are_no_levels() -> None:
    assert len(members(fact(actor={"objectType": "Group", "member": [ANN] * 500}).statement.actor)) == 500


@pytest.mark.parametrize("levels", [DEEPEST // 2 - 1, DEEPEST, 10_000])
def test_groups_in_groups_are_read_or_refused(levels: int) -> None:
    group = b'{"member":[' * levels + msgspec.json.encode(ANN) + b"]}" * levels
    raw = msgspec.json.encode(said())[:-1] + b',"actor":' + group + b"}"
    if levels < DEEPEST // 2:
        actor = read(raw, NOW).statement.actor
        assert members(actor) == (Agent(mbox="mailto:ann@example.com"),)
    else:
        assert unusable(raw) == "$"


PIECES = [
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\ud800", b"null", b"true", b"1", b"-1", b"1e400", b"0.5", b"\0",
    b"\xff", "é".encode(), b'"actor":', b'"verb":', b'"object":', b'"id":', b'"mbox":"mailto:a@b"', b'"member":',
    b'"objectType":"Group"', b'"StatementRef"', b'"timestamp":', b'"2026-11-22"', b'"context":', b'"result":', b"[[[[[",
]  # fmt: skip
texts = st.text() | st.sampled_from(
    [VOIDED, OWN, "mailto:ann@example.com", "Agent", "Group", "StatementRef", "\0", "0" * 40]
)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "mbox", "openid", "account", "homePage", "name", "member", "objectType", "definition"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
parts = st.sampled_from(["id", "actor", "verb", "object", "timestamp", "stored", "context", "result", "authority"])


def survives(raw: bytes) -> None:
    """Read, or unusable with a reason; and what was read is read again."""
    try:
        one = read(raw, NOW)
    except Unusable:
        return
    assert one.happened <= NOW
    assert read_again(raw, one.id, NOW, one.source, one.capture) == one
    team = one.statement.context.team if one.statement.context else None
    for agent in (*members(one.statement.actor), *members(team)):
        assert "\0" not in (identifier(agent) or "")


@given(st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=40).map(b"".join))
def test_bytes_are_read_or_unusable(raw: bytes) -> None:
    survives(raw)


@settings(suppress_health_check=[HealthCheck.too_slow])  # of the first example, on a machine under load
@given(st.dictionaries(parts, values, max_size=4))
def test_json_is_read_or_unusable(changed: dict[str, Any]) -> None:
    survives(msgspec.json.encode(said() | changed))


@given(st.data())
def test_a_statement_with_a_byte_changed_is_read_or_unusable(data: st.DataObject) -> None:
    raw = bytearray(
        msgspec.json.encode(said(id=None, context={"team": {"member": [ANN, BOB]}}, timestamp="2026-11-22"))
    )
    for place in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=3)):
        raw[place] = data.draw(st.integers(0, 255))
    survives(bytes(raw))


def test_a_text_that_never_ends_is_refused_as_fast_as_it_is_long() -> None:
    endless = b"{" * 101 + b'"a": "' + b'\\"' * 500_000
    began = time.process_time()
    with pytest.raises(Unusable):
        read(endless, NOW)
    assert time.process_time() - began < 2
