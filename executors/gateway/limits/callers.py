"""What the door asks before it lets a request in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from adjudicate.errors import ConfigurationError
from executors.gateway.caller import CALLER, SERVICE, Caller
from executors.gateway.limits.budget import ByteBudget
from executors.gateway.limits.counters import counter
from executors.gateway.limits.places import Places, Unfinished
from executors.gateway.limits.rates import Rates
from executors.gateway.limits.refusals import shutting_down
from executors.gateway.routing.endpoints import TAKES_ADS
from executors.gateway.routing.rooms import too_many_ads
from executors.shared.settings import GatewaySettings, LimitSettings


class CallerLimits:
    """The limits of one gateway, on all its protocols. Belongs to one event loop.

    Documents count as ads at the endpoints that take ads. A request to any other takes one place
    in flight.
    """

    def __init__(self, max_ads: int, rates: Rates, places: Places, bodies: ByteBudget) -> None:
        self._max_ads = max_ads
        self._rates = rates
        self._places = places
        self.bodies = bodies
        self.stopping = False
        self._under_way: set[asyncio.Task[Any]] = set()
        self._given_up: set[asyncio.Task[Any]] = set()

    @asynccontextmanager
    async def enter(self, caller: Caller, endpoint: str, ads: int) -> AsyncIterator[None]:
        """As `Limits`. Once the gateway stops, raises `ServiceError` `shutting_down` to all."""
        self._refuse_when_stopping()
        if caller is SERVICE:
            yield
            return
        ads = ads if endpoint in TAKES_ADS else 0
        if ads > self._max_ads:
            raise too_many_ads(ads, self._max_ads)
        await self._rates.spend(caller.id, ads)
        self._refuse_when_stopping()  # a Redis may have taken its time
        task: asyncio.Task[Any] | None = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            async with self._places.hold(caller.id, max(ads, 1)):
                yield
        except asyncio.CancelledError:
            if task in self._given_up and not task.uncancel():
                raise shutting_down() from None
            raise
        finally:
            self._under_way.discard(task)

    @property
    def in_flight(self) -> int:
        """Ads under way, of all callers."""
        return self._places.ads

    @property
    def waiting(self) -> int:
        """Ads in the line."""
        return self._places.waiting

    def check(self) -> None:
        """Raises what `enter` would for the caller of this context, before its ads are read."""
        self._refuse_when_stopping()
        caller = CALLER.get()
        if caller is not None:
            self._places.check(caller.id)

    def stop(self) -> None:
        """Let nothing more in."""
        self.stopping = True

    async def drained(self, seconds: float) -> list[Unfinished]:
        """Wait until nothing is in flight. What is left after so many seconds, by caller."""
        return [] if await self._places.idle(seconds) else self._places.unfinished()

    def give_up(self) -> None:
        """End what is in flight with `shutting_down`."""
        self._given_up = set(self._under_way)
        for task in self._given_up:
            task.cancel()

    async def close(self) -> None:
        """Let go of connections."""
        await self._rates.close()

    def _refuse_when_stopping(self) -> None:
        if self.stopping:
            raise shutting_down()


def limits_of(settings: LimitSettings, gateway: GatewaySettings) -> CallerLimits:
    """The limits that the settings ask for.

    Raises `ConfigurationError` for a `rates_url` that is none.
    """
    try:
        counts = counter(settings.rates_url, settings.rates_timeout_s)
    except ValueError as error:
        raise ConfigurationError(f"ADJUDICATE_LIMITS__RATES_URL: {error}.") from None
    return CallerLimits(
        gateway.max_ads,
        Rates(counts, settings.requests_per_minute, settings.ads_per_minute),
        Places(
            settings.ads_in_flight,
            settings.ads_in_flight_per_caller,
            settings.ads_waiting,
            settings.wait_s,
        ),
        ByteBudget(max(settings.body_bytes, gateway.max_request_bytes)),
    )
