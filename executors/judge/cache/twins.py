"""An ad that is almost one in flight: judged once, as far as nothing can slip through by it."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, replace
from functools import partial

from executors.judge.backend import Opinion
from executors.judge.cache.near import Look

NOTE = "near_identical_in_flight"
"""The opinion is that on an almost identical ad which was being judged at the same time."""
MOST_COMPARED = 4
"""Ads in flight that one is held against, pixel by pixel: ads can be made to look alike from afar,
and each comparison takes milliseconds."""

InThread = Callable[[Callable[[], bool]], Awaitable[bool]]


def folded(copy: str) -> str:
    """Copy without case, width and spacing: what ads that are alike share."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", copy).casefold())


@dataclass(frozen=True, eq=False)
class Seen:
    """One ad as it is held against another."""

    group: Hashable
    """Equal for ads that may be alike: copy without case, market, rules, and what judges them."""
    copy: str
    look: Look | None

    def may_be_like(self, other: Seen) -> bool:
        """Whether `like` is worth asking."""
        if self.group != other.group or (self.look is None) != (other.look is None):
            return False
        return self.look is None or other.look is None or self.look.may_be_like(other.look)

    def like(self, other: Seen) -> bool:
        """Of two that may be: whether a person would have to look for the difference."""
        return self.look is None or other.look is None or self.look.like(other.look)

    def same(self, other: Seen) -> bool:
        """Of two that are alike: whether nothing that can be read differs."""
        pictures = self.look is None or other.look is None or self.look.same(other.look)
        return self.copy == other.copy and pictures


@dataclass(frozen=True, eq=False)
class _Leader:
    seen: Seen
    opinion: asyncio.Future[Opinion | None]


class Twins:
    """Ads at the judge now, and those that wait for the opinion on one that they are like.

    A follower takes an opinion of violation, at or above `sure`: that can approve nothing. Any
    other it takes only if nothing that can be read differs; else it is judged itself, so that a
    violation cannot hide behind a compliant twin. It waits for one answer at most. A leader's
    failure is its own: the next leads. Of one event loop.
    """

    def __init__(self, sure: float, in_thread: InThread) -> None:
        self._sure = sure
        self._in_thread = in_thread
        self._leading: list[_Leader] = []
        self.joined = 0
        """Opinions that were taken from another ad."""

    async def judge(self, seen: Seen, work: Callable[[], Awaitable[Opinion]]) -> Opinion:
        """Return what `work` returns, or another ad's opinion, noted `NOTE`."""
        while (leader := await self._leader_of(seen)) is not None:
            # Shielded: a follower that gives up must not cancel what the others wait for.
            opinion = await asyncio.shield(leader.opinion)
            if opinion is None:
                continue
            if opinion.violation < self._sure and not await self._same(seen, leader.seen):
                break
            self.joined += 1
            return replace(opinion, notes=(*opinion.notes, NOTE))
        return await self._lead(seen, work)

    async def _leader_of(self, seen: Seen) -> _Leader | None:
        compared: list[_Leader] = []
        while len(compared) < MOST_COMPARED:
            # Anew each time: others came and went while the last one was compared.
            candidates = (one for one in reversed(self._leading) if one not in compared)
            nearest = next((one for one in candidates if seen.may_be_like(one.seen)), None)
            if nearest is None:
                return None
            if seen.look is None or await self._in_thread(partial(seen.like, nearest.seen)):
                return nearest
            compared.append(nearest)
        return None

    async def _same(self, seen: Seen, other: Seen) -> bool:
        return await self._in_thread(partial(seen.same, other))

    async def _lead(self, seen: Seen, work: Callable[[], Awaitable[Opinion]]) -> Opinion:
        mine = _Leader(seen, asyncio.get_running_loop().create_future())
        self._leading.append(mine)
        opinion: Opinion | None = None
        try:
            opinion = await work()
            return opinion
        finally:
            self._leading.remove(mine)
            mine.opinion.set_result(opinion)  # None: failed or cancelled
