"""The pictures of a message's ads: those that came as a URL are put in before the rooms see them.

The documents are read and written as protobuf: nothing of the other ads is unpacked.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

import certifi
import httpcore
from jina.types.request.data import DataRequest

from adjudicate.documents import Problem
from adjudicate.errors import (
    STATUS,
    AdError,
    AdjudicateError,
    Code,
    ConfigurationError,
    ServiceError,
)
from adjudicate.images import EncodedImage
from executors.gateway.fetch.addresses import is_public
from executors.gateway.fetch.budget import Account, Budget
from executors.gateway.fetch.connecting import CheckedBackend, Resolver, SystemResolver
from executors.gateway.fetch.download import Bounds, Downloader
from executors.gateway.fetch.repeats import REPEATS
from executors.gateway.fetch.urls import HOST, Allowed
from executors.shared.settings import FetchSettings, Settings

NAMES_PICTURES = frozenset({"/review", "/embed", "/search"})
"""Endpoints whose documents have a `url`."""

logger = logging.getLogger(__name__)


def open_fetching(settings: Settings) -> Fetching | None:
    """As the settings say; None when no host is listed: an ad with a URL is then refused.

    Raises `ConfigurationError` for what is no host or port.
    """
    if not settings.fetch.hosts:
        return None
    return Fetching(settings.fetch, settings.images.max_bytes)


class Fetching:
    """Puts pictures into ads that have a URL instead. What fails is that ad's problem."""

    def __init__(
        self,
        settings: FetchSettings,
        max_bytes: int,
        *,
        resolver: Resolver | None = None,
        allowed: Callable[[str], bool] = is_public,
        trust: ssl.SSLContext | None = None,
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """`max_bytes` of a picture, unless the settings say less. `resolver` turns names into
        addresses, `allowed` says which of those may be connected to, `network` connects, and
        `trust` verifies who answers."""
        self._max_bytes = min(max_bytes, settings.max_bytes or max_bytes)
        backend = CheckedBackend(
            resolver or SystemResolver(settings.concurrency),
            allowed,
            network or httpcore.AnyIOBackend(),
        )
        bounds = Bounds(
            self._max_bytes,
            settings.timeout_s,
            settings.connect_timeout_s,
            settings.max_redirects,
        )
        trust = trust or ssl.create_default_context(cafile=certifi.where())
        listed = _listed(settings)
        self._downloader = Downloader(listed, bounds, backend, trust, settings.concurrency)
        self._budget = Budget(settings.max_held_bytes, settings.wait_s)

    @property
    def held(self) -> int:
        """Bytes of pictures in memory, or promised to messages that are being filled."""
        return self._budget.held

    @asynccontextmanager
    async def pictures(self, request: DataRequest) -> AsyncIterator[None]:
        """Fill the request's ads. What was fetched counts as held until the block ends."""
        wanted = _wanted(request)
        async with AsyncExitStack() as held:
            if wanted:
                await self._fill_all(wanted, held)
            yield

    async def _fill_all(self, wanted: dict[str, list[Any]], held: AsyncExitStack) -> None:
        count = sum(map(len, wanted.values()))
        try:
            account = await held.enter_async_context(self._budget.account(count, self._max_bytes))
        except ServiceError as error:
            for ads in wanted.values():
                _fail(ads, error)
            return
        async with asyncio.TaskGroup() as group:
            for url, ads in wanted.items():
                group.create_task(self._fill(url, ads, account))

    async def _fill(self, url: str, ads: list[Any], account: Account) -> None:
        try:
            async with asyncio.timeout(_seconds_left(ads)):
                picture = await self._picture(url, len(ads), account)
        except AdError as error:
            _fail(ads, error)
        except TimeoutError:
            detail = "The picture did not come before the ad's deadline."
            _fail(ads, AdError(Code.URL_UNREACHABLE, detail))
        except Exception:  # whatever a stranger's server does, the request's other ads go on
            logger.exception("a picture could not be fetched")
            _fail(ads, AdError(Code.INTERNAL, STATUS[Code.INTERNAL].title))
        else:
            node = EncodedImage(picture)._to_node_protobuf()
            for ad in ads:
                ad.data["image"].CopyFrom(node)
        finally:
            account.settle(len(ads))

    async def _picture(self, url: str, ads: int, account: Account) -> bytes:
        """Counted once for each ad: the message holds as many copies."""
        repeats = REPEATS.get()
        came = 0

        def take(count: int) -> None:
            nonlocal came
            account.take(count)
            came += count

        fetch = partial(self._downloader.get, url, take)
        try:
            if repeats is not None and url in repeats:
                picture = await repeats.get(url, ads, fetch)
            else:
                picture = await fetch()
            take(len(picture) * ads - came)
        except BaseException:
            account.give(came)
            raise
        return picture


def _listed(settings: FetchSettings) -> Allowed:
    hosts = frozenset(host.lower() for host in settings.hosts)
    for host in sorted(hosts):
        if not HOST.fullmatch(host.removeprefix("*.")):
            raise ConfigurationError(
                f"ADJUDICATE_FETCH__HOSTS: {host!r} is neither a name such as cdn.example.com "
                "nor *.example.com."
            )
    for port in settings.ports:
        if not 1 <= port <= 65_535:
            raise ConfigurationError(f"ADJUDICATE_FETCH__PORTS: {port} is no port.")
    return Allowed(hosts, frozenset(settings.ports))


def _wanted(request: DataRequest) -> dict[str, list[Any]]:
    """The ads that have a URL, no picture and no problem yet, by URL."""
    wanted: dict[str, list[Any]] = {}
    if request.header.exec_endpoint in NAMES_PICTURES:
        for ad in request.data._content.docs.docs:
            url = ad.data["url"].text if "url" in ad.data else ""
            if url and not _has(ad, "image") and not _has(ad, "problem"):
                wanted.setdefault(url, []).append(ad)
    return wanted


def _has(ad: Any, field: str) -> bool:
    return field in ad.data and ad.data[field].WhichOneof("content") is not None


def _fail(ads: list[Any], error: AdjudicateError) -> None:
    node = Problem(code=error.code, detail=error.detail)._to_node_protobuf()
    for ad in ads:
        ad.data["problem"].CopyFrom(node)


def _seconds_left(ads: list[Any]) -> float | None:
    """Until nobody waits for any of them; None if somebody waits for ever."""
    deadlines = [ad.data["deadline"].float if _has(ad, "deadline") else 0.0 for ad in ads]
    return max(deadlines) - time.time() if all(deadlines) else None
