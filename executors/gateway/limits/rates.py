"""Requests and ads per minute of one caller."""

from __future__ import annotations

from executors.gateway.limits.counters import Counter
from executors.gateway.limits.refusals import never, rate_limited


class Rates:
    """Takes what a request costs from its caller's minute; None: without limit."""

    def __init__(self, counter: Counter, requests: int | None, ads: int | None) -> None:
        self._counter = counter
        self._requests = requests
        self._ads = ads

    async def spend(self, caller: str, ads: int) -> None:
        """Count one request with so many ads.

        A request that is refused for its ads has been a request all the same, or asking again and
        again would be free. Raises `RequestError` `rate_limited` with `retry_after`, and
        `too_many_ads` for one that no minute has room for.
        """
        if self._ads is not None and ads > self._ads:
            raise never(ads, self._ads, "what this key may send in a minute")
        if self._requests is not None:
            await self._take("requests", caller, self._requests, 1)
        if self._ads is not None and ads:
            await self._take("ads", caller, self._ads, ads)

    async def close(self) -> None:
        """Let go of the counter's connections."""
        await self._counter.close()

    async def _take(self, name: str, caller: str, limit: int, cost: int) -> None:
        wait = await self._counter.take(name, caller, limit, cost)
        if wait > 0:
            raise rate_limited(f"This key may send {limit:,} {name} a minute.", wait)
