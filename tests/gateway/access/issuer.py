"""Who signs the tests' tokens, rightly and wrongly."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from jwt.api_jws import PyJWS

ISSUER = "https://login.example"
AUDIENCE = "adjudicate"
SECRET = "c04e7b6fd1f9a2835d3e8b7a60914cfe0d2b5a87931e64fca8b05d7e2f639184"  # noqa: S105


@cache
def rsa_key(name: str = "one", bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key, the same for the same name."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(curve())


@cache
def ed_key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


def pem(key: Any) -> bytes:
    """The public half, as an operator would keep it."""
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def private_pem(key: Any) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def jwk(key: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    """The public half as an entry of a JWKS document."""
    kinds = {
        rsa.RSAPrivateKey: RSAAlgorithm,
        ec.EllipticCurvePrivateKey: ECAlgorithm,
        ed25519.Ed25519PrivateKey: OKPAlgorithm,
    }
    algorithm = next(a for kind, a in kinds.items() if isinstance(key, kind))
    entry = json.loads(algorithm.to_jwk(key.public_key()))
    return {**entry, **({} if kid is None else {"kid": kid}), **more}


def jwks(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries}).encode()


def claims(**changed: Any) -> dict[str, Any]:
    """Those of a good token for reviews; None takes one away."""
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "team-7",
        "exp": int(time.time()) + 600,
        "scope": "openid review",
    }
    return {name: value for name, value in (good | changed).items() if value is not None}


def token(
    key: Any = None, algorithm: str = "RS256", *, kid: str | None = "k1", **changed: Any
) -> str:
    """Signed by `key`, by default the issuer's; `changed` claims as in `claims`."""
    header = {} if kid is None else {"kid": kid}
    return signed(claims(**changed), header, key, algorithm)


def signed(
    body: dict[str, Any], header: dict[str, Any], key: Any = None, algorithm: str = "RS256"
) -> str:
    """Whatever the claims: PyJWT's own `encode` refuses some, and an issuer may not."""
    return PyJWS().encode(json.dumps(body).encode(), key or rsa_key(), algorithm, header)


def forged(header: dict[str, Any], body: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand, as libraries refuse to."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return ".".join(
        (part(json.dumps(header).encode()), part(json.dumps(body).encode()), part(signature))
    )


def signed_with_the_public_key() -> str:
    """Key confusion: HS256 with the text of the public key for its secret."""
    # By hand: PyJWT would not do it.
    unsigned = forged({"alg": "HS256", "typ": "JWT", "kid": "k1"}, claims()).rsplit(".", 1)[0]
    digest = hmac.new(pem(rsa_key()), unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
