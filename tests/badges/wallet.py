"""A wallet: keys, what they are called, and the proofs that it makes with them, right or wrong."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from service.badges import keys

MULTICODEC = {"P-256": b"\x80\x24", "P-384": b"\x81\x24", "Ed25519": b"\xed\x01"}
CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1}
ALGORITHMS = {"P-256": "ES256", "P-384": "ES384", "Ed25519": "EdDSA"}


@dataclass(frozen=True)
class Wallet:
    """One key of a wallet."""

    curve: str
    private: ec.EllipticCurvePrivateKey | Ed25519PrivateKey

    @classmethod
    def new(cls, curve: str = "P-256") -> Self:
        if curve == "Ed25519":
            return cls(curve, Ed25519PrivateKey.generate())
        return cls(curve, ec.generate_private_key(CURVES[curve]()))

    @property
    def jwk(self) -> dict[str, Any]:
        public = self.private.public_key()
        if isinstance(public, Ed25519PublicKey):
            return dict(OKPAlgorithm.to_jwk(public, as_dict=True))
        return dict(ECAlgorithm.to_jwk(public, as_dict=True))

    @property
    def did_key(self) -> str:
        public = self.private.public_key()
        if isinstance(public, Ed25519PublicKey):
            content = public.public_bytes_raw()
        else:
            content = public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
        return "did:key:z" + keys.base58(MULTICODEC[self.curve] + content)

    @property
    def did_jwk(self) -> str:
        return "did:jwk:" + urlsafe_b64encode(json.dumps(self.jwk).encode()).decode().rstrip("=")

    @property
    def kid(self) -> str:
        return f"{self.did_key}#{self.did_key.removeprefix('did:key:')}"

    def proof(
        self,
        audience: str,
        nonce: object,
        header: Mapping[str, Any] | None = None,
        made: datetime | None = None,
        **more: Any,
    ) -> str:
        """A key proof. header: what stands in it instead of `kid`; more: further claims, None takes one away."""
        claims = {"aud": audience, "iat": int((made or datetime.now(UTC)).timestamp()), "nonce": nonce, **more}
        said = {"typ": "openid4vci-proof+jwt", **({"kid": self.kid} if header is None else header)}
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(kept, self.private, algorithm=ALGORITHMS[self.curve], headers=said)
