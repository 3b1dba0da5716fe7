"""TLS on all three protocols, against real servers: what is not trusted is not spoken to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from adjudicate import Ad, AsyncClient, CertificateError, Client, UnavailableError
from tests.client.conftest import PROTOCOLS
from tests.client.fake import FakeServers


@dataclass(frozen=True)
class Files:
    """PEM files: an authority, a service's and a client's certificate of it, and a stranger."""

    ca: str
    server: tuple[str, str]
    elsewhere: tuple[str, str]
    client: tuple[str, str]
    stranger: str


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("tls")

    def written(name: str, certificate: trustme.LeafCert) -> tuple[str, str]:
        chain, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.private_key_pem.write_to_path(key)
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(chain, append=True)
        return str(chain), str(key)

    ca, other = trustme.CA(), trustme.CA()
    ca.cert_pem.write_to_path(folder / "ca.pem")
    other.cert_pem.write_to_path(folder / "stranger.pem")
    return Files(
        str(folder / "ca.pem"),
        written("server", ca.issue_cert("localhost", "127.0.0.1")),
        written("elsewhere", ca.issue_cert("elsewhere.example")),
        written("client", ca.issue_cert("client@ads.example")),
        str(folder / "stranger.pem"),
    )


@pytest.fixture(scope="session")
def tls_servers(files: Files) -> Iterator[FakeServers]:
    running = FakeServers(files.server)
    yield running
    running.close()


@pytest.fixture(scope="session")
def mutual_servers(files: Files) -> Iterator[FakeServers]:
    running = FakeServers(files.server, files.ca)
    yield running
    running.close()


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def refused(url: str, **options: object) -> CertificateError:
    async with AsyncClient(url, retries=5, timeout=20, **options) as client:  # type: ignore[arg-type]
        with pytest.raises(CertificateError) as caught:
            await client.review_all(Ad(text="fine"))
    return caught.value


async def test_a_trusted_certificate(tls_servers: FakeServers, files: Files, protocol: str) -> None:
    service = tls_servers.reset()
    service.key = "k"
    async with AsyncClient(tls_servers.urls[protocol], ca=files.ca, api_key="k") as client:
        assert (await client.review_all(Ad(text="cures")))[0].outcome == "reject"


async def test_a_certificate_of_an_unknown_authority_is_refused_at_once(
    tls_servers: FakeServers, files: Files, protocol: str, waits: list[float]
) -> None:
    url = tls_servers.urls[protocol]
    for options in ({}, {"ca": files.stranger}):
        error = await refused(url, **options)
        assert url in error.detail
        assert "`ca` names the authority" in error.detail
    assert tls_servers.reset().headers == []
    assert waits == [], "it is not tried again"


async def test_a_certificate_of_another_host_is_refused(files: Files, protocol: str) -> None:
    servers = FakeServers(files.elsewhere)
    try:
        await refused(servers.urls[protocol], ca=files.ca)
    finally:
        servers.close()


async def test_a_service_that_wants_a_certificate_gets_it(
    mutual_servers: FakeServers, files: Files, protocol: str
) -> None:
    mutual_servers.reset()
    url = mutual_servers.urls[protocol]
    async with AsyncClient(url, ca=files.ca, client_certificate=files.client) as client:
        assert len(await client.status()) == 4


async def test_without_the_certificate_that_it_wants_there_is_no_answer(
    mutual_servers: FakeServers, files: Files, protocol: str
) -> None:
    service = mutual_servers.reset()
    async with AsyncClient(mutual_servers.urls[protocol], ca=files.ca, retries=0) as client:
        with pytest.raises(UnavailableError, match="give `client_certificate`"):
            await client.status()
    assert service.headers == []


def test_the_synchronous_client_takes_certificates_too(
    tls_servers: FakeServers, files: Files
) -> None:
    tls_servers.reset()
    with Client(tls_servers.urls["grpc"], ca=Path(files.ca)) as client:
        assert len(client.status()) == 4


def test_certificates_without_tls_are_refused(files: Files) -> None:
    with pytest.raises(ValueError, match="write grpcs:// instead of grpc://"):
        AsyncClient("grpc://localhost", ca=files.ca)
    with pytest.raises(ValueError, match="write wss:// instead of ws://"):
        AsyncClient("ws://localhost", client_certificate=files.client)


def test_files_that_are_no_certificates_are_refused_at_once(files: Files, tmp_path: Path) -> None:
    text = tmp_path / "text.pem"
    text.write_text("not a certificate")
    with pytest.raises(ValueError, match=r"ca: .*missing\.pem: No such file"):
        AsyncClient("https://localhost", ca=tmp_path / "missing.pem")
    with pytest.raises(ValueError, match="no certificate or key that fits"):
        AsyncClient("grpcs://localhost", ca=text)
    with pytest.raises(ValueError, match="no certificate or key that fits"):
        AsyncClient("https://localhost", client_certificate=(files.client[0], files.server[1]))
    with pytest.raises(ValueError, match="two files"):
        AsyncClient("https://localhost", client_certificate=files.ca)  # type: ignore[arg-type]
