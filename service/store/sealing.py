"""Secrets that are needed again as themselves, kept encrypted under PLAUDIT_SECRET_KEY."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class WrongSecret(Exception):
    """What was sealed does not open: PLAUDIT_SECRET_KEY is not the one it was sealed under."""


def seal(what: str, key: str) -> bytes:
    """`what` encrypted and authenticated (Fernet) under a key derived from the service's secret."""
    return _box(key).encrypt(what.encode())


def unseal(sealed: bytes, key: str) -> str:
    """What `seal` closed; WrongSecret if the service's secret is another one now."""
    try:
        return _box(key).decrypt(sealed).decode()
    except InvalidToken:
        raise WrongSecret("set PLAUDIT_SECRET_KEY to the secret that it was sealed under") from None


@lru_cache(maxsize=4)
def _box(key: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"plaudit source secrets").derive(key.encode())
    return Fernet(urlsafe_b64encode(derived))
