"""TLS: on all three protocols, from 1.2 on, and refused at the start when it would not serve."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
import websockets
from cryptography.hazmat.primitives import serialization

from adjudicate.errors import ConfigurationError
from executors.gateway.access.tls import Tls, open_tls
from executors.shared.settings import AccessSettings, Settings, TlsSettings
from tests.gateway.access.gates import Gates, open_gates

LOOPBACK = "127.0.0.1"


class Files:
    """PEM files of an authority, of the service, and of a client."""

    def __init__(self, folder: Path) -> None:
        self.authority = trustme.CA()
        leaf = self.authority.issue_cert(LOOPBACK, "localhost")
        client = self.authority.issue_cert("a-client.example")
        self.ca, self.certificate, self.key = (folder / f"{n}.pem" for n in ("ca", "cert", "key"))
        self.client, self.other_key = folder / "client.pem", folder / "other.pem"
        self.authority.cert_pem.write_to_path(str(self.ca))
        self.certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(self.key))
        client.private_key_and_cert_chain_pem.write_to_path(str(self.client))
        client.private_key_pem.write_to_path(str(self.other_key))
        self.client_certificate = b"".join(blob.bytes() for blob in client.cert_chain_pems)

    def settings(self, *, mutual: bool = False) -> TlsSettings:
        return TlsSettings(
            certificate=self.certificate, key=self.key, client_ca=self.ca if mutual else None
        )

    def context(self, *, certificate: bool = False) -> ssl.SSLContext:
        """A client's: it trusts the authority, and may show a certificate of its own."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if certificate:
            context.load_cert_chain(self.client)
        return context


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("tls"))


async def opened(files: Files, sqlite_url: str, *, mutual: bool) -> AsyncIterator[Gates]:
    settings = Settings(database=sqlite_url, access=AccessSettings(mode="open"))
    async with open_gates(settings, open_tls(files.settings(mutual=mutual))) as gates:
        yield gates


@pytest.fixture
async def gates(files: Files, sqlite_url: str) -> AsyncIterator[Gates]:
    async for gates in opened(files, sqlite_url, mutual=False):
        yield gates


@pytest.fixture
async def mutual_gates(files: Files, sqlite_url: str) -> AsyncIterator[Gates]:
    async for gates in opened(files, sqlite_url, mutual=True):
        yield gates


async def answers(gates: Gates, files: Files, *, certificate: bool) -> list[str]:
    """What each protocol answers a client that trusts the authority."""
    context = files.context(certificate=certificate)
    async with httpx.AsyncClient(verify=context) as http:
        told = (await http.get(f"https://{LOOPBACK}:{gates.http_port}/ask/review")).json()["code"]
    url = f"wss://{LOOPBACK}:{gates.http_port}/v1/stream"
    async with websockets.connect(url, ssl=context) as socket:
        await socket.send("/review")
        said = str(await socket.recv())
    credentials = grpc.ssl_channel_credentials(
        files.ca.read_bytes(),
        files.other_key.read_bytes() if certificate else None,
        files.client_certificate if certificate else None,
    )
    target = f"{LOOPBACK}:{gates.grpc_port}"
    async with grpc.aio.secure_channel(target, credentials) as channel:
        call = channel.unary_unary("/jina.JinaSingleDataRequestRPC/process_single_data")
        reply = await call(b"/review", timeout=10)
    return [told, said, reply.decode()]


async def test_all_three_protocols_speak_tls(gates: Gates, files: Files) -> None:
    assert all("ok" in said for said in await answers(gates, files, certificate=False))


async def test_without_tls_nobody_is_heard(gates: Gates) -> None:
    with pytest.raises(httpx.TransportError):
        await gates.get("/", [])
    with pytest.raises(Exception, match=r"valid HTTP|EOF|connection closed|reset"):
        await gates.open("/v1/stream", [])
    with pytest.raises(grpc.aio.AioRpcError):
        async with grpc.aio.insecure_channel(f"{LOOPBACK}:{gates.grpc_port}") as channel:
            await channel.unary_unary("/x/y")(b"", timeout=2)


@pytest.mark.parametrize("port", ["http_port", "grpc_port"])
async def test_tls_before_1_2_is_refused(gates: Gates, files: Files, port: str) -> None:
    async def version(least: ssl.TLSVersion, most: ssl.TLSVersion) -> str:
        context = files.context()
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        context.set_alpn_protocols(["h2"])
        context.minimum_version, context.maximum_version = least, most
        _, writer = await asyncio.open_connection(LOOPBACK, getattr(gates, port), ssl=context)
        writer.close()
        return str(writer.get_extra_info("ssl_object").version())

    assert await version(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    assert await version(ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3) == "TLSv1.3"
    with pytest.warns(DeprecationWarning, match="TLSv1"), pytest.raises((ssl.SSLError, OSError)):
        await version(ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)


async def test_who_has_a_certificate_of_the_authority_comes_in(
    mutual_gates: Gates, files: Files
) -> None:
    assert all("ok" in said for said in await answers(mutual_gates, files, certificate=True))


async def test_who_has_none_does_not(mutual_gates: Gates, files: Files) -> None:
    async with httpx.AsyncClient(verify=files.context()) as http:
        with pytest.raises(httpx.TransportError):
            await http.get(f"https://{LOOPBACK}:{mutual_gates.http_port}/")
    credentials = grpc.ssl_channel_credentials(files.ca.read_bytes())
    async with grpc.aio.secure_channel(
        f"{LOOPBACK}:{mutual_gates.grpc_port}", credentials
    ) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=5)


def test_without_a_certificate_there_is_no_tls() -> None:
    assert open_tls(TlsSettings()) is None


def locked(files: Files) -> Path:
    """The service's key, encrypted."""
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    path = files.key.with_name("locked.pem")
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"x"),
        )
    )
    return path


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("no key", "ADJUDICATE_TLS__KEY: is needed beside"),
        ("no certificate", "ADJUDICATE_TLS__CERTIFICATE: is needed beside ADJUDICATE_TLS__KEY"),
        ("authority alone", "ADJUDICATE_TLS__CERTIFICATE: is needed beside ADJUDICATE_TLS__CLIENT"),
        ("no such file", "none.pem cannot be read: No such file"),
        ("a folder", "cannot be read"),
        ("another's key", "is not the key of the certificate"),
        ("locked key", "is encrypted"),
        ("key for certificate", "must be PEM"),
        ("not PEM", "must be PEM"),
        ("authority is none", "holds no PEM certificate"),
    ],
)
def test_files_that_would_not_serve_are_one_sentence(files: Files, fault: str, said: str) -> None:
    text = files.ca.with_name("text.txt")
    text.write_text("hello")
    both = {"certificate": files.certificate, "key": files.key}
    settings = {
        "no key": {"certificate": files.certificate},
        "no certificate": {"key": files.key},
        "authority alone": {"client_ca": files.ca},
        "no such file": {**both, "certificate": files.ca.with_name("none.pem")},
        "a folder": {**both, "key": files.ca.parent},
        "another's key": {**both, "key": files.other_key},
        "locked key": {**both, "key": locked(files)},
        "key for certificate": {**both, "certificate": files.key},
        "not PEM": {"certificate": text, "key": text},
        "authority is none": {**both, "client_ca": text},
    }[fault]
    with pytest.raises(ConfigurationError) as caught:
        open_tls(TlsSettings(**settings))
    assert said in str(caught.value)
    assert str(caught.value).startswith("ADJUDICATE_TLS__")
    assert "\n" not in str(caught.value)


def test_what_is_kept_of_tls_are_paths_and_no_key(files: Files) -> None:
    tls = open_tls(files.settings())
    assert isinstance(tls, Tls)
    assert "PRIVATE" not in repr(tls)
