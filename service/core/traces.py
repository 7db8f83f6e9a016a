"""What of a text can be found in the bytes of any JSON that holds it, so that a search need not decode everything.

Writers of JSON differ in what they escape: `/` as `\\/`, letters outside of ASCII, even `&` as `\\u0026`. A run of
plain characters stands as it is, or else the bytes hold `\\u00`: what holds neither does not hold the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from service.core.index import exact, filed_by
from service.core.rule import Among, Carries, Condition, Rule

ESCAPED = b"\\u00"
"""What bytes hold that have a character of ASCII escaped."""
MOST = 20
"""Traces that are worth looking for: with more of them it takes no longer to decode."""
_PLAIN = re.compile(r'[^\x00-\x20/"\\\x7f-\U0010ffff]{2,}')


def trace(text: str) -> bytes | None:
    """The longest run of plain characters in a text; None if it has none that tells it from others."""
    found = max(_PLAIN.findall(text), key=len, default=None)
    return found.encode() if found is not None else None


def of_person(key: str, mbox: str | None) -> list[bytes] | None:
    """What a statement that names somebody by this identifier key holds one of; None: it may hold anything.

    mbox: the address where it is known. Domains are compared in lower case, so only what is before the `@` is sought.
    """
    kind, _, value = key.partition(":")
    if kind == "sha1":
        found = [
            value.encode(),
            value.upper().encode(),
            trace(mbox.rpartition("@")[0] + "@") if mbox else value.encode(),
        ]
    else:
        found = [trace(value.partition(" ")[2] if kind == "account" else value)]
    if kind == "long" or None in found:
        return None
    return [*dict.fromkeys(one for one in found if one), ESCAPED]


Trace = tuple[bytes, ...]
"""What bytes hold, all of it, that may hold a text."""


def of_rule(rule: Rule) -> list[Trace] | None:
    """What a statement that fulfils this rule holds one of; None: it may hold anything."""
    found = [_of_conditions(when) for when in filed_by(rule)]
    return None if None in found else list(dict.fromkeys(trace for some in found for trace in some or ()))


def of_rules(rules: Iterable[Rule]) -> list[Trace] | None:
    """What a statement that fulfils one of these rules holds one of; None: anything, or too much to look for."""
    sought = [of_rule(rule) for rule in rules]
    found = list(dict.fromkeys(trace for some in sought for trace in some or ()))
    return None if None in sought or len(found) > MOST else found


def _of_conditions(when: Sequence[Condition]) -> list[Trace] | None:
    """Objects tell more than what they are part of or tagged with, and that more than the verb."""
    for key in ("object", "part_of", "tagged", "verb"):
        for condition in when:
            if isinstance(condition, Among | Carries) and condition.key == key and (found := _of_any(condition)):
                return found
    verbs = exact(when, "verb")
    return _of_any(Among("verb", verbs)) if verbs else None


def _of_any(condition: Among | Carries) -> list[Trace] | None:
    """What holds one of the texts of which there must be one; None where that cannot be told by its bytes."""
    texts = condition.any_of
    if isinstance(condition, Among):
        texts += condition.starts_with
    elif condition.all_of:
        texts = condition.all_of[0]
    if not texts or (condition.key == "object" and not all("://" in text for text in texts)):
        return None  # an object may be a person, whom statements name in many ways
    if not all(map(_PLAIN.search, texts)):
        return None
    return [*dict.fromkeys(one for text in texts for one in _spellings(text)), (ESCAPED,)]


def _spellings(text: str) -> list[Trace]:
    """How an IRI may be written: as it is, or with a slash escaped; of one that is not plain, its runs that are."""
    runs = tuple(run.encode() for run in dict.fromkeys(_PLAIN.findall(text)))
    return [(text.encode(),), (b"\\/", *runs)] if _PLAIN.fullmatch(text.replace("/", "")) else [runs]
