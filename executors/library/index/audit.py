"""The recall of an approximate index, measured while it serves."""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

from executors.library.index.base import Floors, Hit, Mask, Vectors
from executors.shared.telemetry.catalogue import SEARCH_AUDITED

WAITING = 64
"""Queries that may wait; a burst beyond is not audited, and counted as skipped."""

logger = logging.getLogger(__name__)

ExactSearch = Callable[[Sequence[Vectors], Floors, Mask], list[list[Hit]]]


class _Task(NamedTuple):
    ad: Vectors
    floors: Floors
    live: Mask
    found: frozenset[int]


class Audit:
    """Repeats a seeded share of the searches exactly, in a thread, and counts what was missed.

    The same ad is always or never in the share.
    """

    def __init__(self, exact: ExactSearch, share: float, seed: int) -> None:
        self._exact = exact
        self._share = share
        self._seed = seed
        self._queue: queue.Queue[_Task | None] = queue.Queue(WAITING)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._counts = dict.fromkeys(("queries", "expected", "found", "skipped", "failed"), 0)

    def offer(
        self, ads: Sequence[Vectors], floors: Floors, live: Mask, found: Sequence[Sequence[Hit]]
    ) -> None:
        """Queue those ads that belong to the share; never waits."""
        for ad, hits in zip(ads, found, strict=True):
            if not self._sampled(ad):
                continue
            self._start()
            try:
                task = _Task(ad, floors, live, frozenset(hit.place for hit in hits))
                self._queue.put_nowait(task)
            except queue.Full:
                self._count(skipped=1)

    def facts(self) -> dict[str, int]:
        """Queries audited, hits that exact search found for them, those of them that the index
        had found, and queries that were not audited for want of time or by a failure."""
        with self._lock:
            return {f"audit_{name}": count for name, count in self._counts.items()}

    def wait(self) -> None:
        """Until everything that was offered is audited."""
        self._queue.join()

    def close(self) -> None:
        """End the thread after what it has begun."""
        if self._thread is not None:
            self._queue.join()
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    def _sampled(self, ad: Vectors) -> bool:
        if self._share <= 0:
            return False
        digest = hashlib.sha256(f"{self._seed}:".encode() + ad.tobytes()).digest()
        return int.from_bytes(digest[:8], "big") < self._share * 2**64

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="search-audit", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (task := self._queue.get()) is not None:
            try:
                expected = {hit.place for hit in self._exact([task.ad], task.floors, task.live)[0]}
                found = len(expected & task.found)
                self._count(queries=1, expected=len(expected), found=found)
                SEARCH_AUDITED.add(found, {"result": "found"})
                SEARCH_AUDITED.add(len(expected) - found, {"result": "missed"})
                if found < len(expected):
                    logger.warning("of %d matches %d were found", len(expected), found)
            except Exception:
                # The audit's own failure must not end the audit.
                logger.exception("a search could not be audited")
                self._count(failed=1)
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _count(self, **more: int) -> None:
        with self._lock:
            for name, by in more.items():
                self._counts[name] += by
