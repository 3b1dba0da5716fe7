"""Sends ads and takes the times: requests of one size, so many at a time."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from adjudicate.client import AsyncClient
from adjudicate.documents import Ad, Decision
from adjudicate.profiling.stages import Split, split

WARM_REQUESTS = 2
"""Per connection that is open at a time; they are not counted: the first of each opens it."""


@dataclass
class Profile:
    """The times of ads, and what became of them."""

    request_size: int
    concurrency: int
    seconds: float = 0.0
    splits: list[Split] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    cached: int = 0
    """Verdicts that the judge had already: these ads show no time of its model."""

    @property
    def rate(self) -> float:
        """Ads per second."""
        return len(self.splits) / self.seconds if self.seconds else 0.0

    def add(self, decision: Decision, milliseconds: float) -> None:
        """One ad, and how long its request took."""
        self.splits.append(split(milliseconds, decision.timings))
        self.outcomes[decision.outcome] += 1
        self.judged += decision.judged
        self.cached += decision.cached


async def collect(
    client: AsyncClient,
    ads: Sequence[Ad],
    count: int,
    *,
    request_size: int,
    concurrency: int,
    moved: Callable[[int], None] = lambda done: None,
) -> Profile:
    """Review `count` ads, `ads` over and over, after a few that only warm up.

    The client's own `request_size` must be as large. `moved` hears how many are done. Raises what
    `AsyncClient.review_all` raises, and `ValueError` without ads.
    """
    if not ads:
        raise ValueError("Nothing to profile: no ads there.")
    profile = Profile(request_size, concurrency)
    endless = itertools.cycle(ads)
    warm = request_size * concurrency * WARM_REQUESTS
    await _send(client, _requests(endless, warm, request_size), concurrency, lambda *_: None)

    def done(decisions: list[Decision], milliseconds: float) -> None:
        for decision in decisions:
            profile.add(decision, milliseconds)
        moved(len(profile.splits))

    started = time.perf_counter()
    await _send(client, _requests(endless, count, request_size), concurrency, done)
    profile.seconds = time.perf_counter() - started
    return profile


def _requests(ads: Iterator[Ad], count: int, size: int) -> Iterator[list[Ad]]:
    left = count
    while left:
        request = list(itertools.islice(ads, min(size, left)))
        left -= len(request)
        yield request


async def _send(
    client: AsyncClient,
    requests: Iterator[list[Ad]],
    concurrency: int,
    done: Callable[[list[Decision], float], None],
) -> None:
    async def one_after_another() -> None:
        for request in requests:
            started = time.perf_counter()
            decisions = await client.review_all(request)
            done(decisions, (time.perf_counter() - started) * 1_000)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(one_after_another())
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
