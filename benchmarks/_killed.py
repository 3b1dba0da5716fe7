"""Callers who do not give up: what is not answered they send again, with the same keys."""

from __future__ import annotations

import asyncio
import hashlib
import random
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType

from adjudicate import Ad, AsyncClient, Decision
from adjudicate.errors import AdjudicateError
from benchmarks._noop_settings import FLAGGED

PER_GATEWAY = 3
"""Callers of each gateway, one request each at a time."""
MOST_ADS = 4
"""In a request."""
TWICE_SHARE, FLAGGED_SHARE, SHARED_SHARE = 0.1, 0.2, 0.2
"""Of the requests that go to both gateways at once; of the ads that are flagged; and of those that
have the picture of another ad."""
_AGAIN_S = 0.2
_COPY = "Apples from the Wachau, 1 kg"


@dataclass
class Sent:
    """What was sent and what was answered, by ad."""

    told: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Decision and outcome."""
    pictures: dict[str, str] = field(default_factory=dict)
    """SHA-256, hex, of the picture's bytes; empty without one."""
    again: int = 0
    two_answers: int = 0
    longest_s: float = 0.0


class Callers:
    """Entering begins to send, from a thread with its own event loop."""

    def __init__(self, urls: Sequence[str], seed: int) -> None:
        """`urls` of the gateways."""
        self.sent = Sent()
        self._urls = urls
        self._chance = random.Random(seed)
        self._known: list[bytes] = []
        self._number = 0
        self._ending = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="callers", daemon=True)

    def __enter__(self) -> Callers:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._ending = True

    def wait_for_one_more(self, most_s: float) -> None:
        """Until another ad is acknowledged. Raises `TimeoutError`."""
        before, until = len(self.sent.told), time.monotonic() + most_s
        while len(self.sent.told) == before:
            if not self._thread.is_alive() or time.monotonic() > until:
                raise TimeoutError(f"nothing is acknowledged any more: {self._error!r}")
            time.sleep(0.01)

    def finish(self, most_s: float) -> None:
        """Send nothing new, and wait until all that was sent is acknowledged.

        Raises `TimeoutError`.
        """
        self._ending = True
        self._thread.join(most_s)
        if self._thread.is_alive() or self._error is not None:
            raise TimeoutError(f"some ads were never acknowledged: {self._error!r}")

    def _run(self) -> None:
        try:
            asyncio.run(self._all())
        except BaseException as error:
            self._error = error
            raise

    async def _all(self) -> None:
        clients = [AsyncClient(url, timeout=30.0, retries=3) for url in self._urls]
        try:
            await asyncio.gather(
                *(self._call(clients, at) for at in range(len(clients)) for _ in range(PER_GATEWAY))
            )
        finally:
            await asyncio.gather(*(client.close() for client in clients))

    async def _call(self, clients: Sequence[AsyncClient], own: int) -> None:
        while not self._ending:
            ads = [self._ad() for _ in range(self._chance.randint(1, MOST_ADS))]
            twice = self._chance.random() < TWICE_SHARE
            to = clients if twice else [clients[own]]
            await asyncio.gather(*(self._settle(client, ads) for client in to))

    async def _settle(self, client: AsyncClient, ads: Sequence[Ad]) -> None:
        left, began = {str(ad.id): ad for ad in ads}, time.monotonic()
        while True:
            with suppress(AdjudicateError):  # what is left is sent again
                async for decision in client.review(list(left.values())):
                    if decision.problem is None:
                        self._told(decision)
                        del left[decision.ad_id]
            self.sent.longest_s = max(self.sent.longest_s, time.monotonic() - began)
            if not left:
                return
            self.sent.again += len(left)
            await asyncio.sleep(_AGAIN_S)

    def _told(self, decision: Decision) -> None:
        answer = (str(decision.id), decision.outcome)
        if self.sent.told.setdefault(decision.ad_id, answer) != answer:
            self.sent.two_answers += 1

    def _ad(self) -> Ad:
        chance = self._chance
        self._number += 1
        name = f"ad-{self._number}"
        picture = chance.randbytes(chance.randint(500, 50_000))
        if self._known and chance.random() < SHARED_SHARE:
            picture = chance.choice(self._known[-100:])
        self._known.append(picture)
        self.sent.pictures[name] = hashlib.sha256(picture).hexdigest()
        return Ad(
            id=name,
            image=picture,
            text=f"{_COPY}, {name}",
            advertiser=FLAGGED if chance.random() < FLAGGED_SHARE else f"shop {self._number % 7}",
            idempotency_key=f"key-{name}",
        )
