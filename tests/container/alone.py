"""One room as the one process of a container."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from benchmarks._exported import JINA, MONITORS
from benchmarks._servers import free_ports, free_range
from executors.shared.settings import ROOT

ENDS_S = 120.0


class Alone:
    """`jina executor …` of a room, or another command."""

    def __init__(self, folder: Path, room: str, settings: Mapping[str, str] | None = None) -> None:
        (self.port,) = free_ports(1)
        first = free_range(5)
        self._monitor = f"http://127.0.0.1:{first + MONITORS[room]}"
        self._room = room
        self._log = folder / f"{room}.log"
        self._settings = {
            "PYTHONPATH": str(ROOT),
            "ADJUDICATE_DATABASE": f"sqlite:///{folder / 'adjudicate.db'}",
            "ADJUDICATE_TELEMETRY__METRICS_PORT": str(first),
            **(settings or {}),
        }
        self.process: subprocess.Popen[bytes]

    def start(self, command: Sequence[str] = (), uses: str = "config.yml") -> None:
        """Start without waiting."""
        room = ["executor", "--name", self._room, "--uses", uses, "--host", "127.0.0.1"]
        command = command or [*room, "--port", str(self.port), "--native"]
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(JINA), *command],
                cwd=ROOT / "executors" / self._room,
                env={**os.environ, **self._settings},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it as long as the process lives."""
        deadline = time.monotonic() + ENDS_S
        while not condition():
            assert self.process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.05)

    def readiness(self) -> httpx.Response | None:
        """What its probe answers; None as long as nobody does."""
        try:
            return httpx.get(f"{self._monitor}/health/ready", timeout=5)
        except httpx.HTTPError:
            return None

    def ready(self) -> bool:
        return (answer := self.readiness()) is not None and answer.status_code == 200

    def metric(self, series: str) -> float:
        """The value of one series on its monitor; 0 before it is there."""
        return value_of(httpx.get(f"{self._monitor}/metrics", timeout=10).text, series)

    def end(self, signum: int | None = signal.SIGTERM) -> int:
        """Its exit status, after a signal."""
        if signum is not None:
            self.process.send_signal(signum)
        try:
            return self.process.wait(ENDS_S)
        finally:
            self.process.kill()

    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """All that it has printed, as the log's JSON lines. Raises `ValueError` for any other."""
        return [json.loads(line) for line in self.output().splitlines()]


def value_of(page: str, series: str) -> float:
    """The value of one series on a page of metrics; 0 where it is not."""
    found = [line for line in page.splitlines() if line.startswith(f"{series} ")]
    return float(found[0].rpartition(" ")[2]) if found else 0.0
