"""What takes a moment to find out is found out now and then, by a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Found = TypeVar("Found")

CLOSE_S = 5.0

logger = logging.getLogger(__name__)


class Refreshing(Generic[Found]):
    """Does `work` every `seconds`, and keeps what it returned last.

    What goes wrong is logged once, until it goes well again; the last result stays.
    """

    def __init__(self, name: str, work: Callable[[], Found], seconds: float, first: Found) -> None:
        """`first` is the result until there is one."""
        self.found = first
        self._name = name
        self._work = work
        self._seconds = seconds
        self._failing = False
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; the first time is `seconds` from now."""
        self._thread.start()

    def now(self) -> Found:
        """Do it at once, in the caller's thread. Raises what `work` raises."""
        with self._lock:
            self.found = self._work()
            return self.found

    def close(self) -> None:
        """End the thread, after the work that it is at; that is waited for `CLOSE_S` at most."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._end.wait(self._seconds):
            try:
                self.now()
            except Exception:  # a thread's door: what it finds is only looked at
                if not self._failing:
                    logger.exception("%s cannot be found out; trying on", self._name)
                self._failing = True
            else:
                self._failing = False
