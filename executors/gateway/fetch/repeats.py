"""A URL that a request repeats is fetched once, though its ads go on in several messages."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar

from adjudicate.errors import AdError

MOST_BYTES = 64 * 1024 * 1024
"""Pictures that are kept for a later message of the request; beyond that they are fetched again."""


class Repeats:
    """The URLs that occur more than once in a request, and what was found there."""

    def __init__(self, urls: Iterable[str | None]) -> None:
        counted = Counter(url for url in urls if url)
        self._left = {url: count for url, count in counted.items() if count > 1}
        self._locks = {url: asyncio.Lock() for url in self._left}
        self._found: dict[str, bytes | AdError] = {}
        self.kept = 0
        """Bytes."""

    def __contains__(self, url: str) -> bool:
        return url in self._left

    async def get(self, url: str, ads: int, fetch: Callable[[], Awaitable[bytes]]) -> bytes:
        """What is behind a URL that so many ads of a message name. Raises `AdError`."""
        async with self._locks[url]:
            found = self._found.get(url)
            if found is None:
                found = await _outcome(fetch)
            self._left[url] -= ads
            self._keep(url, found)
        if isinstance(found, AdError):
            raise found
        return found

    def _keep(self, url: str, found: bytes | AdError) -> None:
        size = 0 if isinstance(found, AdError) else len(found)
        if self._left[url] <= 0:
            if self._found.pop(url, None) is not None:
                self.kept -= size
        elif url not in self._found and self.kept + size <= MOST_BYTES:
            self._found[url] = found
            self.kept += size


async def _outcome(fetch: Callable[[], Awaitable[bytes]]) -> bytes | AdError:
    try:
        return await fetch()
    except AdError as error:
        return error


REPEATS: ContextVar[Repeats | None] = ContextVar("repeats", default=None)
"""Of the request that is being answered."""


def expect(urls: Iterable[str | None]) -> None:
    """Say, in the request's own task, which URLs its ads name."""
    REPEATS.set(Repeats(urls))
