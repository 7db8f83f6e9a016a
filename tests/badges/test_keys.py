"""Keys are kept sealed, and shown in the forms that verifiers read."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from service.badges import keys
from service.badges.keys import SigningKey, WrongSecret


def test_a_key_opens_under_the_secret_that_sealed_it() -> None:
    key = SigningKey.new("key-1")
    assert SigningKey.unseal("key-1", key.seal("secret"), "secret").multibase == key.multibase


def test_a_key_does_not_open_under_another_secret_and_says_what_to_do() -> None:
    sealed = SigningKey.new("key-1").seal("secret")
    with pytest.raises(WrongSecret, match="set PLAUDIT_SECRET_KEY"):
        SigningKey.unseal("key-1", sealed, "another")


def test_a_sealed_key_does_not_show_the_private_bytes() -> None:
    key = SigningKey.new("key-1")
    assert isinstance(key.private, Ed25519PrivateKey)
    assert key.private.private_bytes_raw() not in key.seal("secret")


def test_a_public_key_is_an_ed25519_multikey() -> None:
    shown = SigningKey.new("key-1").multibase
    assert shown.startswith("z6Mk")
    assert keys.multibase(keys.public_key(shown)) == shown


@pytest.mark.parametrize(
    "text", ["", "z", "u6Mk", "z6Mk", "zQ3shokFTS3brHcDQrn82RUDfCZESWL1ZdCEJwekUDPQiYBme", "z6Mk0OIl"]
)
def test_what_is_no_ed25519_multikey_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        keys.public_key(text)


@given(st.binary(max_size=80))
def test_base58_comes_back(content: bytes) -> None:
    assert keys.unbase58(keys.base58(content)) == content


def test_base58_is_that_of_the_draft() -> None:
    """Examples of draft-msporny-base58, section 5."""
    assert keys.base58(b"Hello World!") == "2NEpo7TZRRrLZSi2U"
    assert keys.base58(bytes.fromhex("0000287fb4cd")) == "11233QC4"
