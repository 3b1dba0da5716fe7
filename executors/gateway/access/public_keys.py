"""The public keys that tokens are checked with: a PEM file, a JWKS file, or a JWKS by https."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from jwt import PyJWTError
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from adjudicate.errors import Code, ConfigurationError, ServiceError

MAX_BYTES = 256 * 1024
TIMEOUT_S = 5.0
ASK_AGAIN_S = 10.0
"""A token may name a key that is new: the source is then read again, but not more often than this,
whatever tokens come."""
STALE_S = 24 * 3600.0
"""How long keys are believed while their source cannot be read."""
LEAST_RSA_BITS = 2048

RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
ALGORITHMS = frozenset({*RSA, *CURVES.values(), "EdDSA"})
"""What public keys are good for. A secret's algorithms are not among them, and so a token that is
signed with the text of a public key, as if that were a secret, has no key."""

_KINDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "RSA": RSAAlgorithm.from_jwk,
    "EC": ECAlgorithm.from_jwk,
    "OKP": OKPAlgorithm.from_jwk,
}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublicKey:
    """A key and what it may be used for."""

    kid: str | None
    """None: of a PEM file, which holds one key and names none."""
    key: Any
    algorithms: frozenset[str]


class PublicKeys:
    """The keys of one source, read again when they are old or a token names another."""

    def __init__(
        self,
        source: str,
        refresh_s: float,
        transport: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Reads a file at once; a URL when first asked, or by `read`.

        Raises `ConfigurationError` for a file that cannot be read, and for any other URL.
        """
        self._source = source
        self._refresh_s = refresh_s
        self._transport = transport
        self._clock = clock
        self._keys: tuple[PublicKey, ...] = ()
        self._read_at = self._asked_at = float("-inf")
        self._reading = asyncio.Lock()
        self._refreshing: asyncio.Future[None] | None = None
        self._remote = _is_remote(source)
        if not self._remote:
            try:
                self._take(_file(source))
            except (OSError, ValueError) as error:
                raise ConfigurationError(f"ADJUDICATE_ACCESS__JWT_KEYS: {_why(error)}.") from None

    async def find(self, kid: str | None, algorithm: str) -> PublicKey | None:
        """The key that a token names, if it is good for that algorithm.

        Raises `ServiceError` when no keys could be read.
        """
        found = self._held(kid, algorithm)
        if found is not None and self._clock() - self._read_at > self._refresh_s:
            # Nobody waits for a source that may be slow while there is a key at hand.
            self._refreshing = asyncio.ensure_future(self.read())
        elif found is None:
            await self.read()
            found = self._held(kid, algorithm)
        if not self._keys or self._clock() - self._read_at > STALE_S:
            raise ServiceError(
                Code.ROOM_UNAVAILABLE, "The keys of tokens cannot be read now.", retry_after=10
            )
        return found

    async def read(self) -> None:
        """Read the source, unless that was tried a moment ago. The keys at hand stay when it
        cannot be read; the log says so."""
        async with self._reading:
            if self._clock() - self._asked_at < ASK_AGAIN_S:
                return
            self._asked_at = self._clock()
            try:
                self._take(await (self._fetch() if self._remote else self._read_file()))
            except (httpx.HTTPError, OSError, ValueError) as error:
                logger.warning("the keys of tokens cannot be read: %s", _why(error))

    def _held(self, kid: str | None, algorithm: str) -> PublicKey | None:
        fitting = [key for key in self._keys if algorithm in key.algorithms]
        if kid is None:
            return fitting[0] if len(fitting) == 1 else None
        return next((key for key in fitting if key.kid in (kid, None)), None)

    def _take(self, data: bytes) -> None:
        self._keys = parse(data)
        self._read_at = self._asked_at = self._clock()

    async def _read_file(self) -> bytes:
        return await asyncio.to_thread(_file, self._source)

    async def _fetch(self) -> bytes:
        body = bytearray()
        async with (
            httpx.AsyncClient(
                transport=self._transport, timeout=TIMEOUT_S, follow_redirects=False
            ) as http,
            asyncio.timeout(2 * TIMEOUT_S),
            http.stream("GET", self._source) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise ValueError(f"the server answered with status {response.status_code}")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise ValueError(f"more than {MAX_BYTES:,} bytes")
        return bytes(body)


def parse(data: bytes) -> tuple[PublicKey, ...]:
    """The keys of a PEM or a JWKS document. Raises `ValueError` when there is none to use."""
    if data.lstrip().startswith(b"-----BEGIN"):
        return (_of_pem(data),)
    try:
        entries = json.loads(data)["keys"]
        found = [_of_jwk(entry) for entry in entries]
    except (KeyError, TypeError, AttributeError, RecursionError, json.JSONDecodeError):
        raise ValueError("it is neither PEM nor a JWKS document") from None
    keys = tuple(key for key in found if key is not None)
    if not keys:
        raise ValueError("it holds no public key that tokens are signed for")
    return keys


def _of_pem(data: bytes) -> PublicKey:
    if b"PRIVATE KEY" in data:
        raise ValueError("it holds a private key; the service needs only the public one")
    if b"BEGIN CERTIFICATE" in data:
        key: Any = load_pem_x509_certificate(data).public_key()
    else:
        key = load_pem_public_key(data)
    algorithms = _good_for(key)
    if not algorithms:
        raise ValueError(f"the key is of no use: RSA of {LEAST_RSA_BITS} bits, P-256, Ed25519 are")
    return PublicKey(None, key, algorithms)


def _of_jwk(entry: dict[str, Any]) -> PublicKey | None:
    """None for what signs no tokens: encryption keys, kinds and curves that are not known, and
    above all secrets (`oct`)."""
    if entry.get("kty") not in _KINDS or entry.get("use", "sig") != "sig":
        return None
    if "d" in entry:
        raise ValueError("it holds a private key; the service needs only the public one")
    try:
        key = _KINDS[entry["kty"]](entry)
    except (PyJWTError, ValueError):
        return None
    algorithms = _good_for(key)
    if "alg" in entry:
        algorithms &= {str(entry["alg"])}
    kid = entry.get("kid")
    # A set's keys without a name are found by tokens without one.
    return PublicKey(str(kid) if kid is not None else "", key, algorithms) if algorithms else None


def _good_for(key: Any) -> frozenset[str]:
    if isinstance(key, rsa.RSAPublicKey):
        return RSA if key.key_size >= LEAST_RSA_BITS else frozenset()
    if isinstance(key, ec.EllipticCurvePublicKey):
        return frozenset(CURVES[name] for name in {key.curve.name} & set(CURVES))
    edwards = isinstance(key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey)
    return frozenset({"EdDSA"}) if edwards else frozenset()


def _is_remote(source: str) -> bool:
    scheme = urlsplit(source).scheme if "://" in source else "file"
    if scheme not in ("file", "https"):
        raise ConfigurationError(
            f"ADJUDICATE_ACCESS__JWT_KEYS: keys come from a file or by https, not by {scheme}."
        )
    return scheme == "https"


def _file(source: str) -> bytes:
    path = Path(urlsplit(source).path if source.startswith("file://") else source)
    with path.open("rb") as opened:
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ValueError(f"more than {MAX_BYTES:,} bytes")
    return data


def _why(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
