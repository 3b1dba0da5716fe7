"""A fetching whose network is a test's."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
from docarray import DocList
from jina.types.request.data import DataRequest

from adjudicate.documents import Ad
from executors.gateway.fetch.fetching import Fetching
from executors.shared.settings import FetchSettings
from tests.gateway.fetch.network import HOST, Names, Origin, Recorded


def message(*ads: Ad, endpoint: str = "/review") -> DataRequest:
    """A request with these ads, as it comes to the rooms."""
    request = DataRequest()
    request.document_array_cls = DocList[Ad]
    request.data.docs = DocList[Ad](ads)
    request.header.exec_endpoint = endpoint
    return request


def ads_of(request: DataRequest) -> list[Ad]:
    """What the rooms get."""
    received = DataRequest(request.proto_with_data.SerializeToString())
    received.document_array_cls = DocList[Ad]
    return list(received.data.docs)


async def filled(fetching: Fetching, *ads: Ad, endpoint: str = "/review") -> list[Ad]:
    """The ads as the rooms get them."""
    request = message(*ads, endpoint=endpoint)
    async with fetching.pictures(request):
        return ads_of(request)


def fetching_over(
    names: Names, network: Recorded, max_bytes: int = 100_000, **settings: Any
) -> Fetching:
    """One that asks `names` and connects by `network`, and refuses addresses as it always does."""
    known = FetchSettings(**{"hosts": (HOST, "*.ads.example.com"), **settings})
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    return Fetching(known, max_bytes, resolver=names, network=network, trust=trust)


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    """A real server for the listed hosts."""
    async with Origin(HOST, "*.ads.example.com").serving() as server:
        yield server
