"""Signing keys: Ed25519 for Data Integrity and RSA for JSON Web Signatures; made, published, and sealed for keeping."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from jwt.algorithms import RSAAlgorithm

Algorithm = Literal["EdDSA", "RS256"]
PublicKey = Ed25519PublicKey | RSAPublicKey

ED25519_PUBLIC = b"\xed\x01"  # multicodec ed25519-pub
RSA_BITS = 2048
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PAIRS = ["".join(pair) for pair in product(BASE58, repeat=2)]


class WrongSecret(Exception):
    """A sealed key does not open: PLAUDIT_SECRET_KEY is not the one it was sealed under."""


@dataclass(frozen=True)
class SigningKey:
    """A private key and the fragment that names it in the issuer's DID document (`key-1`)."""

    name: str
    private: Ed25519PrivateKey | RSAPrivateKey

    @classmethod
    def new(cls, name: str, algorithm: Algorithm = "EdDSA") -> Self:
        if algorithm == "RS256":
            return cls(name, rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS))
        return cls(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, name: str, pem: bytes) -> Self:
        """The key in a PEM file; ValueError if it is neither Ed25519 nor RSA of 2048 bits, or has a password."""
        try:
            private = serialization.load_pem_private_key(pem, None)
        except (TypeError, UnsupportedAlgorithm) as error:
            raise ValueError(str(error)) from None
        if isinstance(private, Ed25519PrivateKey) or (
            isinstance(private, RSAPrivateKey) and private.key_size >= RSA_BITS
        ):
            return cls(name, private)
        raise ValueError("only Ed25519 keys and RSA keys of at least 2048 bits sign badges")

    @classmethod
    def unseal(cls, name: str, sealed: bytes, secret: str) -> Self:
        """The key that `seal` closed; WrongSecret if `secret` is another one."""
        try:
            content = _box(secret).decrypt(sealed)
        except InvalidToken:
            raise WrongSecret(
                f"signing key {name} does not open: set PLAUDIT_SECRET_KEY to the secret it was made under"
            ) from None
        private = serialization.load_der_private_key(content, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(private, Ed25519PrivateKey | RSAPrivateKey)
        return cls(name, private)

    def seal(self, secret: str) -> bytes:
        """The private key encrypted and authenticated (Fernet) under a key derived from `secret`."""
        plain = self.private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return _box(secret).encrypt(plain)

    def sign(self, content: bytes) -> bytes:
        """The Ed25519 signature of `content`; what RSA keys sign is made by `jws`."""
        assert isinstance(self.private, Ed25519PrivateKey)
        return self.private.sign(content)

    @property
    def public(self) -> PublicKey:
        return self.private.public_key()

    @property
    def algorithm(self) -> Algorithm:
        return algorithm(self.public)

    @property
    def multibase(self) -> str:
        """The public half of an Ed25519 key as `publicKeyMultibase` (z6Mk…)."""
        return multibase(self.public)


def algorithm(public: PublicKey) -> Algorithm:
    return "EdDSA" if isinstance(public, Ed25519PublicKey) else "RS256"


def multibase(public: PublicKey) -> str:
    """The 32 bytes of an Ed25519 key as `publicKeyMultibase`."""
    assert isinstance(public, Ed25519PublicKey), "RSA keys are published as JSON Web Keys"
    return "z" + base58(ED25519_PUBLIC + public.public_bytes_raw())


def public_key(multibase_key: str) -> Ed25519PublicKey:
    """The key behind a `publicKeyMultibase`; ValueError if it is no Ed25519 Multikey."""
    content = unbase58(multibase_key[1:]) if multibase_key.startswith("z") else b""
    if content[:2] != ED25519_PUBLIC:
        raise ValueError("an Ed25519 publicKeyMultibase starts with z6Mk and holds 32 bytes")
    return Ed25519PublicKey.from_public_bytes(content[2:])


def written(public: PublicKey) -> bytes:
    """A public key as it is kept (DER, SubjectPublicKeyInfo)."""
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def read(content: bytes) -> PublicKey:
    """What `written` wrote."""
    public = serialization.load_der_public_key(content)
    assert isinstance(public, Ed25519PublicKey | RSAPublicKey)
    return public


def method(public: PublicKey) -> dict[str, Any]:
    """What a verification method says of a key: a Multikey for Ed25519, a JsonWebKey for RSA."""
    if isinstance(public, Ed25519PublicKey):
        return {"type": "Multikey", "publicKeyMultibase": multibase(public)}
    return {"type": "JsonWebKey", "publicKeyJwk": jwk(public)}


def jwk(public: PublicKey) -> dict[str, Any]:
    """The public key as a JSON Web Key (RFC 7517, RFC 8037)."""
    if isinstance(public, RSAPublicKey):
        numbers: Mapping[str, Any] = json.loads(RSAAlgorithm.to_jwk(public))
        return {"kty": "RSA", "n": numbers["n"], "e": numbers["e"], "alg": "RS256", "use": "sig"}
    x = base64.urlsafe_b64encode(public.public_bytes_raw()).decode().rstrip("=")
    return {"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA", "use": "sig"}


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
