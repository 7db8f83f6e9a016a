"""Texts that must have a form: IRIs, UUIDs, language tags, times, durations, media types and digests.

Each function only tells whether a text has the form; all of them take time that grows with its length and no faster.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache

_IRI = re.compile(r"""[A-Za-z][A-Za-z0-9+.-]*:[^\x00-\x20<>"{}|\\^`\x7f\ud800-\udfff]+""")
_MAILBOX = re.compile(r"""mailto:[^@\s<>"\x00-\x20]+@[^@\s<>"\x00-\x20]+""", re.IGNORECASE)
_UUID = re.compile(r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}")
_DIGEST = re.compile(r"(?:[0-9A-Fa-f]{56}|[0-9A-Fa-f]{64}|[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})")
_SHA1 = re.compile(r"[0-9A-Fa-f]{40}")
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+*'`|~%-]+/[\w!#$&^.+*'`|~%-]+(?:[ \t]*;.*)?", re.ASCII)
_DURATION = re.compile(
    r"P(?:\d+(?:[.,]\d+)?W|(?=[\dT])(?:\d+(?:[.,]\d+)?Y)?(?:\d+(?:[.,]\d+)?M)?(?:\d+(?:[.,]\d+)?D)?"
    r"(?:T(?=\d)(?:\d+(?:[.,]\d+)?H)?(?:\d+(?:[.,]\d+)?M)?(?:\d+(?:[.,]\d+)?S)?)?)",
    re.ASCII,
)
_OFFSET_MINUS_ZERO = re.compile(r".*-00(?::?00)?", re.DOTALL)
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d+)?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_LANGUAGE_TAG = re.compile(
    r"(?:(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4}|[a-z]{5,8})"  # language
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|\d{3}))?"  # script, region
    r"(?P<variants>(?:-(?:[a-z\d]{5,8}|\d[a-z\d]{3}))*)"
    r"(?P<extensions>(?:-[a-wy-z\d](?:-[a-z\d]{2,8})+)*)(?:-x(?:-[a-z\d]{1,8})+)?"
    r"|x(?:-[a-z\d]{1,8})+)",
    re.IGNORECASE | re.ASCII,
)
_GRANDFATHERED = re.compile(
    r"en-gb-oed|i-(?:ami|bnn|default|enochian|hak|klingon|lux|mingo|navajo|pwn|tao|tay|tsu)|sgn-(?:be-fr|be-nl|ch-de)",
    re.IGNORECASE,
)
LONGEST_TAG = 200


def is_iri(text: str) -> bool:
    """An IRI with a scheme (RFC 3987); what stands behind the scheme must hold no space and no delimiter."""
    return _IRI.fullmatch(text) is not None


def is_mailbox(text: str) -> bool:
    """A mailto IRI with one address (RFC 6068)."""
    return _MAILBOX.fullmatch(text) is not None


def is_uuid(text: str) -> bool:
    """A UUID in its standard form (RFC 9562, section 4)."""
    return _UUID.fullmatch(text) is not None


def is_sha1(text: str) -> bool:
    return _SHA1.fullmatch(text) is not None


def is_sha2(text: str) -> bool:
    """A SHA-224, SHA-256, SHA-384 or SHA-512 in hexadecimal digits."""
    return _DIGEST.fullmatch(text) is not None


def is_media_type(text: str) -> bool:
    """A media type, perhaps with parameters (RFC 2045, section 5.1)."""
    return _MEDIA_TYPE.fullmatch(text) is not None


def is_language_tag(text: str) -> bool:
    """A well-formed language tag (RFC 5646, section 2.2.9): no variant twice, no extension twice."""
    return len(text) <= LONGEST_TAG and _is_language_tag(text)


@lru_cache(maxsize=4096)
def _is_language_tag(text: str) -> bool:
    """Every statement has some, and all have the same few."""
    found = _LANGUAGE_TAG.fullmatch(text)
    if found is None:
        return _GRANDFATHERED.fullmatch(text) is not None
    if not found["variants"] and not found["extensions"]:
        return True
    variants = (found["variants"] or "").lower().split("-")[1:]
    singletons = [part for part in (found["extensions"] or "").lower().split("-") if len(part) == 1]
    return len(set(variants)) == len(variants) and len(set(singletons)) == len(singletons)


def is_timestamp(text: str) -> bool:
    """A date and time of ISO 8601, with an offset or without; not with the offset -00 (xAPI 1.0.3, Data 4.5)."""
    if _RFC_3339.fullmatch(text) is not None:
        return not text.endswith("-00:00") and _is_moment(text.upper())
    if "T" not in text.upper():
        return _is_moment(text)
    if not _is_moment(text.upper().replace(",", ".")):
        return False
    return _OFFSET_MINUS_ZERO.fullmatch(text, max(text.upper().find("T"), 0)) is None


def is_rfc_3339(text: str) -> bool:
    """A date and time of RFC 3339, as xAPI 2.0 wants them; not with the offset -00:00."""
    return _RFC_3339.fullmatch(text) is not None and is_timestamp(text)


def is_duration(text: str) -> bool:
    """A duration of ISO 8601 with designators (section 4.4.3.2), not in the form of a time."""
    return _DURATION.fullmatch(text) is not None


def _is_moment(text: str) -> bool:
    """A date, perhaps with a time, as `datetime` reads it."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
