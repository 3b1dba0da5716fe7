"""Ads in flight: of one caller and of all, with a short line for those that come too early.

The line is fair: of those that wait, whose caller has the fewest ads in flight goes first; and when
it is full, who waits with the most ads loses the newest of them to another caller.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adjudicate.errors import AdjudicateError
from executors.gateway.limits.refusals import SOONEST_S, never, overloaded, rate_limited

SPEED_S = 5.0
"""Over which the service's speed is measured, to say when there is room again."""


@dataclass(frozen=True)
class Unfinished:
    """What of one caller is in flight."""

    caller: str
    requests: int
    ads: int


@dataclass
class _Caller:
    id: str
    ads: int = 0
    requests: int = 0
    line: deque[_Ticket] = field(default_factory=deque)

    @property
    def waiting(self) -> int:
        return sum(ticket.ads for ticket in self.line)


@dataclass(eq=False)
class _Ticket:
    caller: _Caller
    ads: int
    called: asyncio.Event = field(default_factory=asyncio.Event)
    inside: bool = False
    refusal: AdjudicateError | None = None


class Places:
    """Belongs to one event loop."""

    def __init__(
        self,
        total: int,
        per_caller: int,
        waiting: int,
        wait_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`total`, `per_caller`: ads in flight; `waiting`: ads that wait, at most `wait_s`."""
        self._total = total
        self._per_caller = min(per_caller, total)
        self._most_waiting = waiting
        self._wait_s = wait_s
        self._callers: dict[str, _Caller] = {}
        self.ads = 0
        self.waiting = 0
        self._speed = _Speed(clock)
        self._idle = asyncio.Event()
        self._idle.set()

    @asynccontextmanager
    async def hold(self, caller: str, ads: int) -> AsyncIterator[None]:
        """Keep the places of a request's ads while it is under way.

        Raises `RequestError` `too_many_ads` for what never fits, `rate_limited` when it is the
        caller's own ads that leave no place, else `ServiceError` `overloaded`.
        """
        if ads > self._per_caller:
            raise never(ads, self._per_caller, "what may be in flight for one key")
        one = self._callers.setdefault(caller, _Caller(caller))
        if not self.waiting and self._fits(one, ads):
            self._enter(one, ads)
        else:
            await self._wait(one, ads)
        try:
            yield
        finally:
            self._leave(one, ads)

    def check(self, caller: str) -> None:
        """Raises as `hold` would, were it asked now for a single ad: before the ads are read."""
        full = self.waiting >= self._most_waiting and (self.waiting or self.ads >= self._total)
        if not full:
            return
        one = self._callers.get(caller) or _Caller(caller)
        if one.waiting >= max(other.waiting for other in self._callers.values()):
            raise self._refusal(_Ticket(one, 1))

    def unfinished(self) -> list[Unfinished]:
        """What is in flight or waits, by caller."""
        return [
            Unfinished(one.id, one.requests + len(one.line), one.ads + one.waiting)
            for one in self._callers.values()
            if one.requests or one.line
        ]

    async def idle(self, seconds: float) -> bool:
        """Whether within so many seconds nothing is in flight any more."""
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    def _fits(self, one: _Caller, ads: int) -> bool:
        return self.ads + ads <= self._total and one.ads + ads <= self._per_caller

    def _enter(self, one: _Caller, ads: int) -> None:
        one.ads += ads
        one.requests += 1
        self.ads += ads
        self._idle.clear()

    def _leave(self, one: _Caller, ads: int) -> None:
        one.ads -= ads
        one.requests -= 1
        self.ads -= ads
        self._speed.done(ads)
        self._let_in()
        self._forget(one)

    def _forget(self, one: _Caller) -> None:
        if not one.requests and not one.line:
            self._callers.pop(one.id, None)
        if not self._callers:
            self._idle.set()

    async def _wait(self, one: _Caller, ads: int) -> None:
        ticket = _Ticket(one, ads)
        try:
            self._queue(ticket)
            async with asyncio.timeout(self._wait_s):
                await ticket.called.wait()
        except TimeoutError:
            if not ticket.inside:
                raise self._refusal(ticket) from None
        except asyncio.CancelledError:
            if ticket.inside:
                self._leave(one, ads)
            raise
        finally:
            self._take_out(ticket)
            self._forget(one)
        if ticket.refusal is not None:
            raise ticket.refusal

    def _queue(self, ticket: _Ticket) -> None:
        ticket.caller.line.append(ticket)
        self.waiting += ticket.ads
        self._let_in()
        while self.waiting > self._most_waiting:
            own = ticket.caller
            greediest = max(self._callers.values(), key=lambda one: (one.waiting, one is own))
            newest = greediest.line[-1]
            newest.refusal = self._refusal(newest)
            newest.called.set()
            self._take_out(newest)

    def _take_out(self, ticket: _Ticket) -> None:
        if ticket in ticket.caller.line:
            ticket.caller.line.remove(ticket)
            self.waiting -= ticket.ads
            self._let_in()

    def _let_in(self) -> None:
        """Who is next and does not fit keeps all others back, or a large one would wait for ever;
        but nobody waits for a caller that its own ads keep back."""
        while self.waiting:
            able = [
                one
                for one in self._callers.values()
                if one.line and one.ads + one.line[0].ads <= self._per_caller
            ]
            if not able:
                return
            one = min(able, key=lambda one: one.ads)
            ticket = one.line[0]
            if not self._fits(one, ticket.ads):
                return
            one.line.popleft()
            self.waiting -= ticket.ads
            self._enter(one, ticket.ads)
            ticket.inside = True
            ticket.called.set()

    def _refusal(self, ticket: _Ticket) -> AdjudicateError:
        """Of a ticket that still stands in the line."""
        one = ticket.caller
        after = self._speed.seconds_for(self.waiting)
        if one.ads + ticket.ads > self._per_caller < self._total:
            return rate_limited(f"{one.ads:,} ads of this key are in flight.", after)
        return overloaded(f"{self.ads:,} ads are in flight and {self.waiting:,} wait.", after)


class _Speed:
    """Ads per second, of the last whole period."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since = clock()
        self._done = 0
        self._per_second = 0.0

    def done(self, ads: int) -> None:
        self._done += ads
        passed = self._clock() - self._since
        if passed >= SPEED_S:
            self._per_second = self._done / passed
            self._since += passed
            self._done = 0

    def seconds_for(self, ads: int) -> float:
        return ads / self._per_second if self._per_second else SOONEST_S
