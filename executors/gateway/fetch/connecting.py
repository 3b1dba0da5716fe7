"""From a host's name to a connection, with every address looked at in between.

Names are resolved here and nowhere else: what is connected to is the address that was checked, not
what the name means a moment later (DNS rebinding). The environment's proxies play no part.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import httpcore

MOST_ADDRESSES = 4
"""Addresses of one name that are tried, in the resolver's order."""

logger = logging.getLogger(__name__)


class AddressRefused(Exception):
    """A name leads to an address that must not be connected to. Not for the client's eyes."""


class Resolver(Protocol):
    """What turns a name into addresses."""

    async def resolve(self, host: str, port: int) -> list[str]:
        """The addresses, the preferred first. Raises `OSError` when there are none."""


class SystemResolver:
    """The operating system's resolver, in threads of its own: a slow name server holds up nothing
    but the fetching."""

    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, "resolve")

    async def resolve(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedBackend(httpcore.AsyncNetworkBackend):
    """Connects to a name's addresses if `allowed` says so of every one of them.

    One that is not among others that are is a sign of an attack, so that none is tried then.
    """

    def __init__(
        self,
        resolver: Resolver,
        allowed: Callable[[str], bool],
        inner: httpcore.AsyncNetworkBackend,
    ) -> None:
        """`inner` is given addresses only, never names."""
        self._resolver = resolver
        self._allowed = allowed
        self._inner = inner

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `AddressRefused`, httpcore's `ConnectError` or `ConnectTimeout`."""
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._addresses(host, port)
                return await self._first(addresses, port, timeout)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(f"{host} in time") from error

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises `AddressRefused`: no URL leads there."""
        raise AddressRefused("a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        """Between tries, of which there is one."""
        await self._inner.sleep(seconds)

    async def _addresses(self, host: str, port: int) -> list[str]:
        try:
            addresses = await self._resolver.resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} does not resolve") from error
        for address in addresses:
            if not self._allowed(address):
                logger.warning("fetch: %s leads to %s: refused", host, address)
                raise AddressRefused(address)
        if not addresses:
            raise httpcore.ConnectError(f"{host} has no address")
        return addresses[:MOST_ADDRESSES]

    async def _first(
        self, addresses: list[str], port: int, seconds: float | None
    ) -> httpcore.AsyncNetworkStream:
        share = None if seconds is None else seconds / len(addresses)
        *others, last = addresses
        for address in others:
            try:
                return await self._inner.connect_tcp(address, port, share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(last, port, share)
