"""One place for a process of the Flow: what runs there, and how to put a new one in its place."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from jina.orchestrate.pods import Pod
from jina.orchestrate.pods.factory import PodFactory

from executors.shared.health.board import Reason
from executors.shared.settings import SupervisorSettings


@contextmanager
def interrupt_blocked() -> Iterator[None]:
    """Children that start inside never get Ctrl-C: a blocked signal stays blocked in a child.

    A terminal sends SIGINT to every process of its group; a room that obeyed it would drop what
    the gateway still drains. This process gets a Ctrl-C from inside at the end of the block.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Backoff:
    """When a room that keeps dying may start again: 1, 2, 4 … seconds, up to a bound.

    A room that stayed up for `healthy_after_s` starts from the first wait again.
    """

    def __init__(self, settings: SupervisorSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._deaths = 0
        self._started = clock()

    def started(self) -> None:
        """The room's process has just been started."""
        self._started = self._clock()

    def died(self) -> float:
        """The room has died. Returns the seconds to wait before its next start."""
        if self._clock() - self._started >= self._settings.healthy_after_s:
            self._deaths = 0
        wait = self._settings.backoff_s * 2.0 ** min(self._deaths, 30)
        self._deaths += 1
        return min(wait, self._settings.backoff_max_s)


class Place:
    """The pod that runs now, and when it is to end or to start again."""

    def __init__(
        self,
        room: str,
        replica: int,
        name: str,
        pod: Pod,
        replace: Callable[[Pod], None],
        settings: SupervisorSettings,
    ) -> None:
        """`name` is the room's, with its replica where there are several."""
        self.room = room
        self.replica = replica
        self.name = name
        self.pod = pod
        self._replace = replace
        self.backoff = Backoff(settings, time.monotonic)
        self.started_at = time.monotonic()
        self.restart_at: float | None = None
        self.kill_at: float | None = None
        """Set while it is being ended."""
        self.reason: Reason = "died"
        """Why it ends."""
        self.announced = True

    @property
    def port(self) -> str:
        """What the gateway knows it by."""
        return str(self.pod.args.port[0])

    @property
    def alive(self) -> bool:
        return bool(self.pod.worker.is_alive())

    @property
    def ready(self) -> bool:
        return bool(self.pod.is_ready.is_set()) and self.alive

    @property
    def exit_code(self) -> int | None:
        code: int | None = self.pod.worker.exitcode
        return code

    @property
    def ending(self) -> str:
        """How it ended."""
        code = self.exit_code
        return signal.Signals(-code).name if code is not None and code < 0 else f"status {code}"

    def restart(self) -> None:
        """Start a new process."""
        self.pod.is_shutdown.set()
        self.pod.args.noblock_on_start = True
        self.pod = PodFactory.build_pod(self.pod.args)
        self._replace(self.pod)
        with interrupt_blocked():
            self.pod.start()
        self.backoff.started()
        self.started_at = time.monotonic()
        self.restart_at = self.kill_at = None
        self.reason = "died"
        self.announced = False

    def end(self, seconds: float) -> None:
        """Have the process end, without waiting for it; `kill_at` is so many seconds from now."""
        self.reason = "unhealthy"
        self.kill_at = time.monotonic() + seconds
        self.pod.worker.terminate()

    def stop(self, seconds: float) -> bool:
        """Wait for the process to end; kill it after `seconds`. Whether it ended by itself."""
        self.pod.worker.join(seconds)
        by_itself = not self.alive
        if not by_itself:
            self.pod.worker.kill()
            self.pod.worker.join()
        self.pod.is_shutdown.set()
        return by_itself
