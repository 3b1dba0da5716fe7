"""What is kept of a URL that comes again in a request, and for how long."""

from __future__ import annotations

import asyncio

import pytest

from adjudicate.errors import AdError, Code
from executors.gateway.fetch import repeats as module
from executors.gateway.fetch.repeats import Repeats


class Source:
    """Counts how often it is asked."""

    def __init__(self, picture: bytes = b"picture", error: AdError | None = None) -> None:
        self.asked = 0
        self._picture = picture
        self._error = error

    async def fetch(self) -> bytes:
        self.asked += 1
        await asyncio.sleep(0)
        if self._error:
            raise self._error
        return self._picture


async def test_only_what_comes_more_than_once_is_shared() -> None:
    repeats = Repeats(["a", "b", "a", None, ""])
    assert ("a" in repeats, "b" in repeats, "" in repeats) == (True, False, False)


async def test_messages_side_by_side_ask_once_and_the_last_leaves_nothing_behind() -> None:
    repeats, source = Repeats(["a"] * 5), Source()
    got = await asyncio.gather(*(repeats.get("a", 1, source.fetch) for _ in range(4)))
    assert (got, source.asked, repeats.kept) == ([b"picture"] * 4, 1, 7)
    assert await repeats.get("a", 1, source.fetch) == b"picture"
    assert (source.asked, repeats.kept) == (1, 0)


async def test_a_failure_is_shared() -> None:
    repeats, source = Repeats(["a", "a"]), Source(error=AdError(Code.URL_UNREACHABLE))
    for _ in range(2):
        with pytest.raises(AdError):
            await repeats.get("a", 1, source.fetch)
    assert (source.asked, repeats.kept) == (1, 0)


async def test_one_that_is_cancelled_leaves_the_others_their_turn() -> None:
    repeats, source = Repeats(["a", "a"]), Source()
    first = asyncio.ensure_future(repeats.get("a", 1, source.fetch))
    second = asyncio.ensure_future(repeats.get("a", 1, source.fetch))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == b"picture"


async def test_what_is_too_much_to_keep_is_fetched_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 10)
    repeats, source = Repeats(["a", "a", "b", "b"]), Source()
    for url in ("a", "b", "b", "a"):
        assert await repeats.get(url, 1, source.fetch) == b"picture"
    assert source.asked == 3
    assert repeats.kept == 0
