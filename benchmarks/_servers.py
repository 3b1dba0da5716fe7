"""Servers under measurement: started as users start them, their CPU time read from outside."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import httpx
import psutil

from executors.shared.settings import ROOT

READY_S = 240.0
ENVIRONMENT = {"JINA_OPTOUT_TELEMETRY": "1", "PYTHONPATH": str(ROOT)}
"""Of a server: a Flow may have rooms of this package."""
COMMAND = Path(sys.executable).with_name("adjudicate")
"""As users start it. With `python -m` Python does not import its main module in spawned processes,
which then let docarray import torch."""
MONITORS = 5
"""Ports of a Flow whose rooms have one replica each: one for every process."""


class Server:
    """A process and its children, in their own session. Entering starts it, leaving ends it."""

    def __init__(self, command: Sequence[str], settings: dict[str, str], log: Path) -> None:
        name, *arguments = command
        program = [str(COMMAND)] if name == COMMAND.name else [sys.executable, "-m", name]
        self._command = [*program, *arguments]
        self._settings = settings
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ENVIRONMENT, **self._settings},
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def check(self) -> None:
        """Raises `RuntimeError` with the log's end when the server has ended."""
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"the server ended:\n{self.log.read_text()[-2000:]}")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process itself, once it was started."""
        assert self._process is not None
        return self._process

    def family(self) -> list[psutil.Process]:
        """The process and all below it."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def cpu_seconds(self) -> float:
        """User and system time of all its living processes so far."""
        seconds = 0.0
        for process in self.family():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                seconds += times.user + times.system
        return seconds


def wait_for(server: Server, ready: object) -> None:
    """Call `ready` until it returns true. Raises `RuntimeError` when the server ends or is late."""
    assert callable(ready)
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        server.check()
        if ready():
            return
        time.sleep(0.2)
    raise RuntimeError(f"not ready after {READY_S:g} s:\n{server.log.read_text()[-2000:]}")


def healthy(url: str) -> bool:
    """Whether the service at this HTTP URL says that all of its rooms are ready."""
    try:
        return httpx.get(f"{url}/health", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now."""
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def free_range(count: int) -> int:
    """The first of so many ports in a row that nothing listens on now."""
    while True:
        (first,) = free_ports(1)
        if first + count < 65_536 and all(map(_is_free, range(first, first + count))):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
