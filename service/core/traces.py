"""What of a text can be found in the bytes of any JSON that holds it, so that a search need not decode everything.

Writers of JSON differ in what they escape: `/` as `\\/`, letters outside of ASCII, even `&` as `\\u0026`. A run of
plain characters stands as it is, or else the bytes hold `\\u00`: what holds neither does not hold the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from service.core.index import exact, filed_by
from service.core.rule import Among, Carries, Condition, Rule

ESCAPED = b"\\u00"
"""What bytes hold that have a character of ASCII escaped."""
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


def of_rule(rule: Rule) -> list[bytes] | None:
    """What a statement that fulfils this rule holds one of; None: it may hold anything."""
    found = [_of_conditions(when) for when in filed_by(rule)]
    return None if None in found else list(dict.fromkeys(trace for some in found for trace in some or ()))


def _of_conditions(when: Sequence[Condition]) -> list[bytes] | None:
    """Objects tell more than what they are part of or tagged with, and that more than the verb."""
    for key in ("object", "part_of", "tagged", "verb"):
        for condition in when:
            if isinstance(condition, Among | Carries) and condition.key == key and (found := _of_any(condition)):
                return found
    verbs = exact(when, "verb")
    return _of_any(Among("verb", verbs)) if verbs else None


def _of_any(condition: Among | Carries) -> list[bytes] | None:
    """What holds one of the texts of which there must be one; None where that cannot be told by its bytes."""
    texts = condition.any_of
    if isinstance(condition, Among):
        texts += condition.starts_with
    elif condition.all_of:
        texts = condition.all_of[0]
    if not texts or (condition.key == "object" and not all("://" in text for text in texts)):
        return None  # an object may be a person, whom statements name in many ways
    found = [one for text in texts for one in _spellings(text)]
    return None if None in found else [*dict.fromkeys(one for one in found if one), ESCAPED]


def _spellings(text: str) -> list[bytes | None]:
    """How an IRI may be written: whole, with slashes escaped or not; of one that is not plain its longest run."""
    if not _PLAIN.fullmatch(text.replace("/", "")):
        return [trace(text)]
    return [text.encode(), text.replace("/", "\\/").encode()]
