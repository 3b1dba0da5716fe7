"""One set of local servers for all tests of the client; each test begins with a fresh service."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from adjudicate import retries
from tests.client.fake import FakeServers, FakeService

PROTOCOLS = ("grpc", "http", "ws")


@pytest.fixture(scope="session")
def servers() -> Iterator[FakeServers]:
    running = FakeServers()
    yield running
    running.close()


@pytest.fixture
def service(servers: FakeServers) -> FakeService:
    return servers.reset()


@pytest.fixture(params=PROTOCOLS)
def url(request: pytest.FixtureRequest, servers: FakeServers, service: FakeService) -> str:
    """The same service over each protocol."""
    return servers.urls[request.param]


@pytest.fixture(params=PROTOCOLS)
def dead_url(request: pytest.FixtureRequest) -> str:
    """Nothing listens there."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"{request.param}://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was waited before each repeat; nothing is really waited for."""
    told: list[float] = []
    wait = retries._wait

    def instead(state: object) -> float:
        told.append(wait(state))  # type: ignore[arg-type]
        return 0.0

    monkeypatch.setattr(retries, "_wait", instead)
    return told
