"""Durations as statements say them, by ISO 8601 (xAPI, Data 4.6): `PT1H30M` is 5,400 seconds.

They name no calendar, so a month has 30 days here and a year 365.
"""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = r"([0-9]{1,15}(?:[.,][0-9]{1,15})?)"
_FORM = re.compile(
    rf"P(?=[0-9T])(?:{_NUMBER}Y)?(?:{_NUMBER}M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?"
    rf"(?:T(?=[0-9])(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?"
)
_SECONDS = (365 * 86400, 30 * 86400, 7 * 86400, 86400, 3600, 60, 1)


def seconds(text: object) -> Decimal | None:
    """The length in seconds; None for what is no duration."""
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    parts = zip(found.groups(), _SECONDS, strict=True)
    return sum((Decimal(part.replace(",", ".")) * size for part, size in parts if part), Decimal(0))
