"""Ed25519 signing keys: made, shown as Multikey and JWK, and sealed under the service's secret for keeping."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from itertools import product
from typing import Self

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

ED25519_PUBLIC = b"\xed\x01"  # multicodec ed25519-pub
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PAIRS = ["".join(pair) for pair in product(BASE58, repeat=2)]


class WrongSecret(Exception):
    """A sealed key does not open: PLAUDIT_SECRET_KEY is not the one it was sealed under."""


@dataclass(frozen=True)
class SigningKey:
    """A private key and the fragment that names it in the issuer's DID document (`key-1`)."""

    name: str
    private: Ed25519PrivateKey

    @classmethod
    def new(cls, name: str) -> Self:
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def unseal(cls, name: str, sealed: bytes, secret: str) -> Self:
        """The key that `seal` closed; WrongSecret if `secret` is another one."""
        try:
            seed = _box(secret).decrypt(sealed)
        except InvalidToken:
            raise WrongSecret(
                f"signing key {name} does not open: set PLAUDIT_SECRET_KEY to the secret it was made under"
            ) from None
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    def seal(self, secret: str) -> bytes:
        """The private key encrypted and authenticated (Fernet) under a key derived from `secret`."""
        return _box(secret).encrypt(self.private.private_bytes_raw())

    @property
    def multibase(self) -> str:
        """The public half as `publicKeyMultibase` (z6Mk…)."""
        return multibase(self.private.public_key().public_bytes_raw())


def multibase(public: bytes) -> str:
    """The 32 bytes of a public key as `publicKeyMultibase`."""
    return "z" + base58(ED25519_PUBLIC + public)


def public_key(multibase_key: str) -> Ed25519PublicKey:
    """The key behind a `publicKeyMultibase`; ValueError if it is no Ed25519 Multikey."""
    content = unbase58(multibase_key[1:]) if multibase_key.startswith("z") else b""
    if content[:2] != ED25519_PUBLIC:
        raise ValueError("an Ed25519 publicKeyMultibase starts with z6Mk and holds 32 bytes")
    return Ed25519PublicKey.from_public_bytes(content[2:])


def jwk(multibase_key: str, kid: str) -> dict[str, str]:
    """The public key as a JSON Web Key (RFC 8037)."""
    x = base64.urlsafe_b64encode(public_key(multibase_key).public_bytes_raw()).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA", "use": "sig"}


def base58(content: bytes) -> str:
    """Base58 in Bitcoin's alphabet; leading zero bytes become leading ones."""
    number, digits = int.from_bytes(content), list[str]()
    while number:  # two digits at a time, as dividing a long number is what costs
        number, rest = divmod(number, 58 * 58)
        digits.append(_PAIRS[rest] if number else _PAIRS[rest].lstrip("1"))
    return "1" * (len(content) - len(content.lstrip(b"\0"))) + "".join(reversed(digits))


def unbase58(text: str) -> bytes:
    """The bytes of a base58 text; ValueError on a character outside the alphabet."""
    number = 0
    for character in text:
        number = number * 58 + BASE58.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8)


def _box(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"plaudit signing keys").derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
