"""Which replica gets a request: the one that has the fewest of this gateway's, in turn.

Each takes its turn by Jina's own choice, whatever it still has to do: a replica that is a batch
behind stays so while another waits for work.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

AVOIDED_S = 1.0
"""One that has failed has few requests, and would be chosen again and again."""


class Choice:
    """Counts what is under way at each address. Belongs to the gateway's event loop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._under_way: Counter[str] = Counter()
        self._failed_at: dict[str, float] = {}
        self._turn: dict[str, int] = defaultdict(int)

    def of(self, connections: Sequence[Any], tried: Collection[str]) -> Any:
        """One of a room's connections, none of `tried` while there is another."""
        turn = self._turn[connections[0].deployment_name]
        in_turn = [*connections[turn % len(connections) :], *connections[: turn % len(connections)]]
        chosen = min(in_turn, key=lambda one: self._burden(one.address, tried))
        self._turn[chosen.deployment_name] = connections.index(chosen) + 1
        return chosen

    @contextmanager
    def under_way(self, address: str) -> Iterator[None]:
        """While a request is at this address."""
        self._under_way[address] += 1
        try:
            yield
        finally:
            self._under_way[address] -= 1
            if not self._under_way[address]:
                del self._under_way[address]

    def failed(self, address: str) -> None:
        """It did not answer: others are asked first for a while."""
        oldest = self._now() - AVOIDED_S
        self._failed_at = {one: at for one, at in self._failed_at.items() if at > oldest}
        self._failed_at[address] = self._now()

    def _burden(self, address: str, tried: Collection[str]) -> tuple[bool, bool, int]:
        failed_at = self._failed_at.get(address)
        avoided = failed_at is not None and self._now() - failed_at < AVOIDED_S
        return address in tried, avoided, self._under_way[address]
