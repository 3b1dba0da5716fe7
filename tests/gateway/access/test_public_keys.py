"""The keys of an issuer: from a file or by https, old ones, new ones, and those that are no use."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adjudicate.errors import Code, ConfigurationError, ServiceError
from executors.gateway.access.public_keys import (
    ASK_AGAIN_S,
    MAX_BYTES,
    STALE_S,
    PublicKeys,
    parse,
)
from tests.gateway.access.issuer import ec_key, ed_key, jwk, jwks, pem, private_pem, rsa_key

URL = "https://login.example/jwks"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Issuer:
    """What answers at the URL."""

    def __init__(self) -> None:
        self.document = jwks(jwk(rsa_key(), "k1"))
        self.asked = 0
        self.status = 200
        self.away = False
        self.hold: asyncio.Event | None = None

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.hold is not None:
            await self.hold.wait()
        if self.away:
            raise httpx.ConnectError("away", request=request)
        headers = {"location": "http://169.254.169.254/"} if self.status == 302 else {}
        return httpx.Response(self.status, content=self.document, headers=headers)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(issuer: Issuer, clock: Clock) -> PublicKeys:
    return PublicKeys(URL, 3600.0, httpx.MockTransport(issuer), clock)


def certificate() -> bytes:
    """A self-signed certificate of the RSA key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "login.example")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(rsa_key().public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(rsa_key(), hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM)


@pytest.mark.parametrize(
    ("document", "algorithm"),
    [
        (lambda: pem(rsa_key()), "PS256"),
        (certificate, "RS256"),
        (lambda: pem(ec_key(ec.SECP384R1)), "ES384"),
        (lambda: pem(ed_key()), "EdDSA"),
        (lambda: jwks(jwk(ec_key(), "e")), "ES256"),
        (lambda: jwks(jwk(rsa_key(), "r", use="sig", alg="RS384")), "RS384"),
    ],
)
def test_a_key_is_good_for_its_own_algorithms(
    document: Callable[[], bytes], algorithm: str
) -> None:
    (key,) = parse(document())
    assert algorithm in key.algorithms
    assert not {name for name in key.algorithms if name.startswith("HS")}


def test_a_key_that_names_its_algorithm_is_good_for_no_other() -> None:
    (key,) = parse(jwks(jwk(rsa_key(), "r", alg="RS384")))
    assert key.algorithms == {"RS384"}


def test_a_curve_serves_its_own_algorithm_alone() -> None:
    (key,) = parse(pem(ec_key(ec.SECP521R1)))
    assert key.algorithms == {"ES512"}


def test_what_signs_no_tokens_is_passed_over() -> None:
    secret = {"kty": "oct", "kid": "s", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXM"}
    kept = parse(
        jwks(
            secret,
            {"kty": "new", "kid": "n"},
            jwk(rsa_key(), "enc", use="enc"),
            jwk(rsa_key("small", 1024), "small"),
            {**jwk(rsa_key(), "broken"), "n": "!"},
            jwk(rsa_key(), "hs", alg="HS256"),
            jwk(rsa_key(), "good"),
        )
    )
    assert [key.kid for key in kept] == ["good"]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (lambda: private_pem(rsa_key()), "private key"),
        (lambda: jwks({**jwk(rsa_key(), "k"), "d": "AAAA"}), "private key"),
        (lambda: jwks({"kty": "oct", "k": "AAAA"}), "no public key"),
        (lambda: pem(rsa_key("small", 1024)), "2048 bits"),
        (lambda: pem(ec_key(ec.SECP256K1)), "P-256"),
        (lambda: b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", ""),
        (lambda: b"", "neither PEM nor"),
        (lambda: b"{}", "neither PEM nor"),
        (lambda: b"[]", "neither PEM nor"),
        (lambda: b'{"keys": 1}', "neither PEM nor"),
        (lambda: b'{"keys": ["k"]}', "neither PEM nor"),
        (lambda: b'{"keys": []}', "no public key"),
        (lambda: b"[" * 100_000, "neither PEM nor"),
        (lambda: b"\xff\xfe", ""),
        (lambda: b" " * (MAX_BYTES + 1), "more than"),
    ],
)
def test_a_file_of_no_use_stops_the_start_with_a_sentence(
    tmp_path: Path, document: Callable[[], bytes], said: str
) -> None:
    path = tmp_path / "keys"
    path.write_bytes(document())
    with pytest.raises(ConfigurationError) as caught:
        PublicKeys(str(path), 60)
    assert str(caught.value).startswith("ADJUDICATE_ACCESS__JWT_KEYS: ")
    assert said in str(caught.value)


async def test_a_file_is_named_by_path_or_url(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_bytes(pem(rsa_key()))
    for source in (str(path), f"file://{path}"):
        assert await PublicKeys(source, 60).find(None, "RS256")


async def test_keys_by_https_are_read_once_and_kept(keys: PublicKeys, issuer: Issuer) -> None:
    for _ in range(10):
        assert await keys.find("k1", "RS256")
    assert issuer.asked == 1


async def test_a_new_key_is_found_but_unknown_ones_do_not_make_the_issuer_be_asked_at_will(
    keys: PublicKeys, issuer: Issuer, clock: Clock
) -> None:
    await keys.read()
    issuer.document = jwks(jwk(rsa_key(), "k1"), jwk(rsa_key("two"), "k2"))
    clock.now += ASK_AGAIN_S
    assert await keys.find("k2", "RS256")
    found = await asyncio.gather(*(keys.find(f"made-up-{n}", "RS256") for n in range(100)))
    assert set(found) == {None}
    assert issuer.asked == 2


async def test_old_keys_are_read_again_and_a_withdrawn_one_is_gone(
    keys: PublicKeys, issuer: Issuer, clock: Clock
) -> None:
    await keys.read()
    issuer.document = jwks(jwk(rsa_key("two"), "k2"))
    clock.now += 3601
    await keys.find("k1", "RS256")
    assert keys._refreshing is not None
    await keys._refreshing
    assert await keys.find("k1", "RS256") is None
    assert await keys.find("k2", "RS256")


async def test_nobody_waits_for_a_slow_issuer_while_there_is_a_key(
    keys: PublicKeys, issuer: Issuer, clock: Clock
) -> None:
    await keys.read()
    clock.now += 3601
    issuer.hold = asyncio.Event()
    async with asyncio.timeout(5):
        assert await keys.find("k1", "RS256")
    issuer.hold.set()
    assert keys._refreshing is not None
    await keys._refreshing


@pytest.mark.parametrize("fault", ["away", "redirected", "broken", "too large", "private"])
async def test_keys_at_hand_hold_while_the_issuer_gives_none(
    keys: PublicKeys, issuer: Issuer, clock: Clock, fault: str
) -> None:
    await keys.read()
    issuer.away = fault == "away"
    issuer.status = 302 if fault == "redirected" else 200
    if fault in ("broken", "too large", "private"):
        entry = {**jwk(rsa_key("two"), "k2"), "d": "AAAA"}
        issuer.document = {
            "broken": b"<html>",
            "too large": json.dumps({"keys": [], "x": "x" * MAX_BYTES}).encode(),
            "private": jwks(entry),
        }[fault]
    clock.now += ASK_AGAIN_S
    assert await keys.find("k2", "RS256") is None
    assert issuer.asked == 2
    assert await keys.find("k1", "RS256")
    clock.now += STALE_S + 1
    with pytest.raises(ServiceError):
        await keys.find("k2", "RS256")


async def test_without_any_key_the_service_says_that_it_cannot_answer(
    keys: PublicKeys, issuer: Issuer, clock: Clock
) -> None:
    issuer.away = True
    await keys.read()
    with pytest.raises(ServiceError) as caught:
        await keys.find("k1", "RS256")
    assert caught.value.code is Code.ROOM_UNAVAILABLE
    issuer.away = False
    clock.now += ASK_AGAIN_S
    assert await keys.find("k1", "RS256")
