"""One process of the exported Flow, at an address of its own."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from executors.shared.settings import ROOT

STOP_S = 60.0


@dataclass
class Replica:
    """It can be started again, where and as it was."""

    room: str
    index: int
    address: str
    ports: list[int]
    monitor: str
    """URL of its monitor: `/metrics`, `/health/live`, `/health/ready`, `/health/deep`."""
    log: Path
    """What all of its processes have printed."""
    command: Sequence[str] = field(default=(), repr=False)
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start a process without waiting. It ends with the thread that this is called from."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT / "executors" / self.room,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment},
                start_new_session=True,
            )

    def told(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-2000:]

    def ready(self) -> bool:
        """Whether its monitor says so."""
        try:
            answer = httpx.get(f"{self.monitor}/health/ready", timeout=5)
        except httpx.HTTPError:
            return False
        return answer.status_code == httpx.codes.OK

    def send(self, signum: int) -> None:
        """Send a signal to the process, if it lives."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signum)

    def wait(self) -> int:
        """Wait for the end, and end what it has left. Returns the exit status.

        Raises `subprocess.TimeoutExpired` when it does not end, and kills it then.
        """
        assert self.process is not None
        try:
            return self.process.wait(STOP_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
