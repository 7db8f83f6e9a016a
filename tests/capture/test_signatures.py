"""Signed pushes: what is signed, by whom, and when."""

import hashlib
import hmac
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest

from service.capture.signatures import Unsigned, lrs_signature, standard_webhook, webhook_key

KEY = webhook_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
BODY = b'{"test": 2432232314}'
AT = datetime.fromtimestamp(1614265330, UTC)
SIGNED = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
"""The example of the specification."""


def test_what_the_specification_signs_is_signed() -> None:
    standard_webhook([KEY], SIGNED, BODY, AT)


@pytest.mark.parametrize("late", [-300, 300])
def test_five_minutes_are_near_enough(late: int) -> None:
    standard_webhook([KEY], SIGNED, BODY, AT + timedelta(seconds=late))


@pytest.mark.parametrize("late", [-301, 301])
def test_more_than_five_minutes_are_too_far(late: int) -> None:
    with pytest.raises(Unsigned, match="five minutes"):
        standard_webhook([KEY], SIGNED, BODY, AT + timedelta(seconds=late))


def test_one_of_several_keys_and_of_several_signatures_is_enough() -> None:
    several = SIGNED | {"webhook-signature": f"v1a,other v1,wrong {SIGNED['webhook-signature']}"}
    standard_webhook([b"an older key", KEY], several, BODY, AT)


@pytest.mark.parametrize(
    "changed",
    [
        {"webhook-id": "other"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1614265331"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 13},
        {"webhook-signature": ""},
        {"webhook-signature": "v2" + SIGNED["webhook-signature"][2:]},
        {"webhook-signature": "v1,\u00e9"},
    ],
)
def test_whatever_is_changed_is_noticed(changed: dict[str, str]) -> None:
    with pytest.raises(Unsigned):
        standard_webhook([KEY], SIGNED | changed, BODY, AT)


def test_another_body_or_another_key_is_noticed() -> None:
    for keys, body in (([KEY], BODY + b" "), ([b"another"], BODY), ([], BODY)):
        with pytest.raises(Unsigned):
            standard_webhook(keys, SIGNED, body, AT)


@pytest.mark.parametrize("secret", ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_c2hvcnQ=", "whsec_!"])
def test_a_secret_is_whsec_and_base64_of_enough(secret: str) -> None:
    with pytest.raises(ValueError, match="whsec_"):
        webhook_key(secret)


def test_the_older_signature_of_adl_is_the_hmac_of_the_whole_body() -> None:
    signature = hmac.new(b"a secret", BODY, hashlib.sha1).hexdigest()
    lrs_signature([b"other", b"a secret"], signature.upper(), BODY)
    for keys, given in (([b"other"], signature), ([b"a secret"], signature[:-1]), ([], b64encode(b"").decode())):
        with pytest.raises(Unsigned):
            lrs_signature(keys, given, BODY)
