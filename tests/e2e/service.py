"""A real service in its own processes, on free ports and with its own database."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import psutil

from benchmarks._servers import COMMAND, ENVIRONMENT, MONITORS, free_ports, free_range, healthy

ROOT = Path(__file__).resolve().parents[2]
UP = (str(COMMAND), "up")
READY_S = 240.0


class Service:
    """`adjudicate up`, or another command that runs flow.yml."""

    def __init__(self, folder: Path, settings: dict[str, str], command: Sequence[str] = UP) -> None:
        grpc, http, websocket = free_ports(3)
        self.urls = {
            "grpc": f"grpc://localhost:{grpc}",
            "http": f"http://localhost:{http}",
            "ws": f"ws://localhost:{websocket}",
        }
        self.log = folder / "service.log"
        ports = {"GRPC": grpc, "HTTP": http, "WEBSOCKET": websocket}
        self._settings = {
            "ADJUDICATE_DATABASE": f"sqlite:///{folder / 'adjudicate.db'}",
            "ADJUDICATE_ACCESS__MODE": "open",
            **{f"ADJUDICATE_GATEWAY__{name}_PORT": str(port) for name, port in ports.items()},
            "ADJUDICATE_TELEMETRY__METRICS_PORT": str(free_range(MONITORS)),
            **settings,
        }
        self.monitor = int(self._settings["ADJUDICATE_TELEMETRY__METRICS_PORT"])
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start without waiting."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ENVIRONMENT, **self._settings},
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Raises `AssertionError` with the log when the service ends or takes too long."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the service ended:\n{self.output()}"
            if self.healthy():
                return
            time.sleep(0.3)
        raise AssertionError(f"not ready after {READY_S:g} s:\n{self.output()}")

    def healthy(self) -> bool:
        return healthy(self.urls["http"])

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    def wait_for_output(self, text: str, seconds: float) -> bool:
        """Whether the service has printed `text` within `seconds`."""
        deadline = time.monotonic() + seconds
        while text not in self.output() and time.monotonic() < deadline:
            time.sleep(0.2)
        return text in self.output()

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def rooms(self) -> dict[str, dict]:
        """What each room says of itself, by its name."""
        answer = httpx.get(f"{self.urls['http']}/v1/status", timeout=20)
        return {room["room"]: room for room in answer.json()["rooms"]}

    def family(self) -> list[psutil.Process]:
        """The service's process and all below it."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def stop(self, signum: int = signal.SIGTERM, seconds: float = 60) -> int:
        """Send a signal to the parent alone and wait. Returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        try:
            return self.process.wait(seconds)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
