"""One set of local servers for all tests of the client; each test begins with a fresh service."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

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
