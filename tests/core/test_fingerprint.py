"""When two statements with one id say the same, and when they do not (xAPI 1.0.3, Data 2.3.1)."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import msgspec
import pytest

from service.core.fingerprint import fingerprint

Change = Callable[[dict[str, Any]], Any]

WHOLE: dict[str, Any] = {
    "id": "12345678-1234-4234-8234-123456789012",
    "actor": {"objectType": "Agent", "name": "Ann", "mbox": "mailto:ann@example.com"},
    "verb": {"id": "http://adlnet.gov/expapi/verbs/completed", "display": {"en": "completed"}},
    "object": {
        "objectType": "Activity",
        "id": "https://example.com/courses/a",
        "definition": {"type": "http://adlnet.gov/expapi/activities/course", "name": {"en": "Course A"}},
    },
    "result": {"score": {"scaled": 0.8, "raw": 80}, "success": True, "duration": "PT10M0S"},
    "context": {
        "registration": "0000000A-0000-4000-8000-00000000000B",
        "language": "en-US",
        "extensions": {"https://example.com/x": {"name": "first", "definition": 1, "n": 1}},
        "instructor": {"mbox_sha1sum": "f" * 40, "name": "Bob"},
        "team": {
            "objectType": "Group",
            "name": "A team",
            "member": [
                {"account": {"homePage": "https://example.com", "name": "ann"}, "name": "Ann"},
                {"openid": "https://bob.example.com/"},
            ],
        },
        "contextActivities": {
            "category": [{"id": "https://example.com/tags/safety", "definition": {"name": {"en": "Safety"}}}]
        },
    },
    "timestamp": "2026-11-22T09:30:00Z",
    "stored": "2026-11-22T09:30:01Z",
    "version": "1.0.3",
    "authority": {"account": {"homePage": "https://example.com", "name": "a source"}},
}


def digest(statement: dict[str, Any]) -> bytes:
    return fingerprint(msgspec.json.encode(statement))


def changed(change: Change) -> bytes:
    statement = deepcopy(WHOLE)
    change(statement)
    assert msgspec.json.encode(statement) != msgspec.json.encode(WHOLE)
    return digest(statement)


def team(statement: dict[str, Any]) -> Any:
    return statement["context"]["team"]["member"]


MAY_DIFFER: dict[str, Change] = {
    "the authority": lambda s: s.update(authority={"mbox": "mailto:lrs@example.com"}),
    "the authority is missing": lambda s: s.pop("authority"),
    "when it was stored": lambda s: s.update(stored="2026-11-23T00:00:00Z"),
    "when it happened": lambda s: s.update(timestamp="2026-11-22T10:30:00+01:00"),
    "the version": lambda s: s.update(version="1.0.0"),
    "the id": lambda s: s.update(id="00000000-0000-4000-8000-000000000002"),
    "attachments": lambda s: s.update(attachments=[{"sha2": "0"}]),
    "the display of the verb": lambda s: s["verb"].update(display={"de": "abgeschlossen"}),
    "the definition of the activity": lambda s: s["object"].pop("definition"),
    "the definition of a context activity": lambda s: s["context"]["contextActivities"]["category"][0].pop(
        "definition"
    ),
    "the name of the actor": lambda s: s["actor"].update(name="Ann B."),
    "the names of others": lambda s: (s["context"]["team"].pop("name"), team(s)[0].pop("name")),
    "the order of members": lambda s: team(s).reverse(),
    "the case of a domain": lambda s: s["actor"].update(mbox="mailto:ann@Example.COM"),
    "the case of a hash": lambda s: s["context"]["instructor"].update(mbox_sha1sum="F" * 40),
    "the case of a scheme": lambda s: s["actor"].update(mbox="MAILTO:ann@example.com"),
    "the case of a UUID": lambda s: s["context"].update(registration="0000000A-0000-4000-8000-00000000000B".lower()),
    "the case of a language": lambda s: s["context"].update(language="EN-us"),
    "thousandths of a second": lambda s: s["result"].update(duration="PT10M0.004S"),
    "the object type that is the default": lambda s: (s["actor"].pop("objectType"), s["object"].pop("objectType")),
    "a whole number as a fraction": lambda s: s["result"]["score"].update(raw=80.0),
    "one context activity without a list": lambda s: s["context"].update(
        contextActivities={"category": {"id": "https://example.com/tags/safety"}}
    ),
}

MAY_NOT: dict[str, Change] = {
    "who did it": lambda s: s["actor"].update(mbox="mailto:bob@example.com"),
    "the case of a mailbox": lambda s: s["actor"].update(mbox="mailto:Ann@example.com"),
    "how the actor is identified": lambda s: s.update(actor={"mbox_sha1sum": "0" * 40}),
    "the verb": lambda s: s["verb"].update(id="http://adlnet.gov/expapi/verbs/failed"),
    "the object": lambda s: s["object"].update(id="https://example.com/courses/b"),
    "what kind of object it is": lambda s: s["object"].update(objectType="StatementRef"),
    "the score": lambda s: s["result"]["score"].update(scaled=0.81),
    "success": lambda s: s["result"].update(success=False),
    "no result": lambda s: s.pop("result"),
    "the spelling of the duration": lambda s: s["result"].update(duration="PT600S"),
    "an extension": lambda s: s["result"].update(extensions={"https://example.com/x": 1}),
    "a name in an extension": lambda s: s["context"]["extensions"]["https://example.com/x"].update(name="second"),
    "a definition in an extension": lambda s: s["context"]["extensions"]["https://example.com/x"].pop("definition"),
    "hundredths of a second": lambda s: s["result"].update(duration="PT10M0.01S"),
    "the registration": lambda s: s["context"].pop("registration"),
    "the instructor": lambda s: s["context"]["instructor"].update(mbox_sha1sum="0" * 40),
    "the name of an account": lambda s: team(s)[0]["account"].update(name="Ann"),
    "a member more": lambda s: team(s).append({"openid": "https://cy.example.com/"}),
    "a tag": lambda s: s["context"]["contextActivities"]["category"][0].update(id="https://example.com/tags/health"),
    "a tag as a programme": lambda s: s["context"].update(
        contextActivities={"grouping": s["context"]["contextActivities"]["category"]}
    ),
}


@pytest.mark.parametrize("change", MAY_DIFFER.values(), ids=MAY_DIFFER)
def test_what_may_differ(change: Change) -> None:
    assert changed(change) == digest(WHOLE)


@pytest.mark.parametrize("change", MAY_NOT.values(), ids=MAY_NOT)
def test_what_may_not_differ(change: Change) -> None:
    assert changed(change) != digest(WHOLE)


def test_white_space_and_the_order_of_keys_mean_nothing() -> None:
    reordered = dict(reversed(WHOLE.items()))
    assert fingerprint(msgspec.json.format(msgspec.json.encode(reordered), indent=8)) == digest(WHOLE)


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "1e400", str(2**64), str(2**53 + 1)])
def test_numbers_of_any_size_are_compared(number: str) -> None:
    raw = msgspec.json.encode(WHOLE).replace(b":80", b":" + number.encode())
    other = raw.replace(number.encode(), number[:-1].encode() + b"8")
    assert fingerprint(raw) == fingerprint(raw)
    assert fingerprint(raw) not in (digest(WHOLE), fingerprint(other))


@pytest.mark.parametrize("odd", [None, 1, "x", [], [1, [2]], {"mbox": 1, "member": {}}, {"member": [1, "a", None]}])
def test_what_stands_in_the_wrong_place_is_compared_too(odd: Any) -> None:
    digests = {digest({**WHOLE, "context": {"extensions": odd}}), digest({**WHOLE, "context": odd}), digest(WHOLE)}
    assert len(digests) == 3
