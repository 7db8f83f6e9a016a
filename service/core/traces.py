"""What of a text can be found in the bytes of any JSON that holds it, so that a search need not decode everything.

Writers of JSON differ in what they escape: `/` as `\\/`, letters outside of ASCII, even `&` as `\\u0026`. A run of
plain characters stands as it is, or else the bytes hold `\\u00`: what holds neither does not hold the text.
"""

from __future__ import annotations

import re

from service.core.matching import exact, filed_by
from service.core.rule import Rule

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
    verbs = [exact(when, "verb") for when in filed_by(rule)]
    found = [trace(verb.rpartition("/")[2]) or trace(verb) for some in verbs for verb in some]
    return None if None in found or () in verbs else [*dict.fromkeys(one for one in found if one), ESCAPED]
