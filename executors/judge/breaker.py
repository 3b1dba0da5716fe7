"""A circuit breaker for calls of one event loop: a server that is down is not asked on and on.

    closed ──`failures` in a row──► open ──`reset_s` later──► half-open ──an answer──► closed
                                     ▲                            └──────a failure──────┘

The states and their transitions are pybreaker's. It has no asyncio of its own (its `call_async` is
tornado's), so that it is told of each call's end in a call of its own. What it leaves to its lock
is done here: half open, one call at a time goes through, and calls from before the breaker opened,
which end when it is open already, count for nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta

from pybreaker import (
    STATE_CLOSED,
    STATE_HALF_OPEN,
    STATE_OPEN,
    CircuitBreaker,
    CircuitBreakerListener,
    CircuitBreakerState,
    CircuitMemoryStorage,
)

from executors.judge.backend import JudgeUnavailable

STATES = (STATE_CLOSED, STATE_HALF_OPEN, STATE_OPEN)
"""In the order of the metric: 0, 1, 2."""

logger = logging.getLogger(__name__)


class Fault(Exception):
    """A call failed by the server's fault. Whatever else a call raises, the server has answered."""


class Breaker(CircuitBreakerListener):
    """Belongs to one event loop."""

    def __init__(self, failures: int, reset_s: float) -> None:
        self._seen = CircuitMemoryStorage(STATE_CLOSED)
        self._reset = timedelta(seconds=reset_s)
        self._breaker = CircuitBreaker(
            fail_max=failures,
            reset_timeout=reset_s,
            state_storage=self._seen,
            throw_new_error_on_trip=False,
            listeners=[self],
        )
        self._trial_under_way = False
        self.opened = 0
        """How often it has opened."""
        self.refused = 0
        """Calls that it did not let through."""

    @property
    def state(self) -> str:
        """`closed`, `half-open` or `open`."""
        return str(self._breaker.current_state)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Around one call. Raises `JudgeUnavailable` `breaker_open` when it must not be made.

        A `Fault` counts against the server; a call that is cancelled counts for nothing.
        """
        trial = self._admit()
        try:
            yield
        except Exception as error:
            self._note(trial, error if isinstance(error, Fault) else None)
            raise
        else:
            self._note(trial, None)
        finally:
            if trial:
                self._trial_under_way = False

    def check(self) -> None:
        """Raise `JudgeUnavailable` `breaker_open` when a call would not be let through now."""
        if self.state != STATE_CLOSED and (self._trial_under_way or not self._is_due()):
            self.refused += 1
            raise JudgeUnavailable("breaker_open")

    def state_change(
        self,
        cb: CircuitBreaker,
        old_state: CircuitBreakerState | None,
        new_state: CircuitBreakerState,
    ) -> None:
        """As pybreaker's listener: count and log."""
        if new_state.name == STATE_OPEN:
            self.opened += 1
            seconds = self._reset.total_seconds()
            logger.warning("the judge's server fails; it is tried again in %g s", seconds)
        elif new_state.name == STATE_CLOSED:
            logger.warning("the judge's server answers again")

    def _admit(self) -> bool:
        """Whether the call let through is the one that tries a server that has failed."""
        self.check()
        if self.state == STATE_CLOSED:
            return False
        if self.state == STATE_OPEN:
            self._breaker.half_open()
        self._trial_under_way = True
        return True

    def _is_due(self) -> bool:
        since = self._seen.opened_at
        return since is None or datetime.now(UTC) >= since + self._reset

    def _note(self, trial: bool, fault: Fault | None) -> None:
        if not trial and self.state != STATE_CLOSED:
            return

        def end() -> None:
            if fault is not None:
                raise fault

        with suppress(Fault):
            self._breaker.call(end)
