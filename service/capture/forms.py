"""`application/x-www-form-urlencoded`: JSON in the field `payload`, as the ADL LRS sends it to its hooks.

That LRS does not encode the field, so what starts with a brace is taken as it stands, with its &, + and %; anything
that was encoded starts with a percent sign.
"""

from __future__ import annotations

from urllib.parse import parse_qs

from service.capture.xapi import Malformed

FIELD = b"payload="
_MOST_FIELDS = 100


def payload(body: bytes) -> bytes:
    """The JSON in the field `payload`; raises Malformed."""
    body = body.strip()
    if body.startswith(FIELD) and body[len(FIELD) :].lstrip()[:1] in (b"{", b"["):
        return body[len(FIELD) :]
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=_MOST_FIELDS, encoding="utf-8", errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise Malformed("The form cannot be read; send JSON, or a form with JSON in its field payload.") from None
    if "data" in fields and "payload" not in fields:
        raise Malformed(
            "This is a registration result of SCORM Cloud, not an xAPI statement; let SCORM Cloud forward statements."
        )
    if "payload" not in fields:
        raise Malformed("The form has no field payload; send the JSON of the statements in it.")
    return fields["payload"][0].encode()
