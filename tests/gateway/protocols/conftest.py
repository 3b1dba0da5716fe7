"""The HTTP application over rooms of this process."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI

from executors.gateway.operations.api import Api
from executors.gateway.protocols.http import create_app
from executors.shared.settings import GatewaySettings
from tests.gateway.protocols.rooms import FakeRooms

MAX_BYTES, MAX_ADS = 200_000, 1_000


@pytest.fixture
def rooms() -> FakeRooms:
    return FakeRooms()


@pytest.fixture
def api(rooms: FakeRooms) -> Api:
    return Api(rooms, GatewaySettings(max_ads=MAX_ADS, batch_ads=16))  # type: ignore[arg-type]


@pytest.fixture
def app(api: Api) -> FastAPI:
    return create_app(api, MAX_BYTES)


@pytest.fixture
def http(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://test")
