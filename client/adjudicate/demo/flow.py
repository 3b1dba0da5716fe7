"""The service as a subprocess: started, waited for, stopped, and seen to have ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import httpx
import psutil  # type: ignore[import-untyped]
from rich.console import Console

from adjudicate.demo.kept import Kept
from adjudicate.errors import Code, ServiceError

_SCRIPT = Path(sys.executable).with_name("adjudicate")
# What `python -m adjudicate` spawns takes more memory: see adjudicate.lean.
UP = (str(_SCRIPT), "up") if _SCRIPT.exists() else (sys.executable, "-m", "adjudicate", "up")
READY_S = 300.0
STOP_S = 60.0
GRACE_S = 5.0
"""Seconds that rooms may end after the service itself did."""
TAIL = 12
"""Lines of a dead service's log that are shown."""
_DEFAULT_PORTS = {"grpc": 51000, "http": 51001, "websocket": 51002}


class RunningFlow:
    """`adjudicate up` with a fresh database, on the default ports where they are free.

    With `keep` it is the database and the pictures that an earlier one has left.

    Entering waits until every room answers and raises `ServiceError` with the log's last lines if
    the service dies or does not come up. Leaving stops it; `left_behind` then says what did not
    end by itself.
    """

    def __init__(
        self,
        out: Path,
        flow: Path | None,
        console: Console,
        command: Sequence[str] = UP,
        *,
        keep: bool = False,
    ) -> None:
        self.left_behind: list[str] = []
        self._log = (out / "demo.log").resolve()
        self._kept = Kept(out)
        self._keep = keep
        self._command = [*command, *(("--flow", str(flow)) if flow is not None else ())]
        self._console = console
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = {name: free_port(port) for name, port in _DEFAULT_PORTS.items()}
        schemes = {"grpc": "grpc", "http": "http", "websocket": "ws"}
        self.urls = {
            schemes[name]: f"{schemes[name]}://localhost:{port}"
            for name, port in self._ports.items()
        }

    def __enter__(self) -> RunningFlow:
        if not self._keep:
            self._kept.clear()
        ports = {
            f"ADJUDICATE_GATEWAY__{name.upper()}_PORT": str(port)
            for name, port in self._ports.items()
        }
        own = {
            **self._kept.settings(),
            "ADJUDICATE_ACCESS__MODE": "open",  # on loopback, for as long as the demo runs
            "ADJUDICATE_ACCESS__HOST": "",
            "ADJUDICATE_TELEMETRY__LOG_FORMAT": "console",  # people read the end of a failed demo's
            "ADJUDICATE_TLS__CERTIFICATE": "",
            "ADJUDICATE_TLS__KEY": "",
            "ADJUDICATE_TLS__CLIENT_CA": "",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - this package's own command
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ports, **own},
                start_new_session=True,  # its group holds every room: none can be overlooked
            )
        try:
            with self._console.status("starting the service") as status:
                started = time.monotonic()
                while not self._ready():
                    waited = time.monotonic() - started
                    if waited > READY_S:
                        raise self._failed(f"was not ready within {READY_S:.0f} s")
                    status.update(f"starting the service, {waited:.0f} s")
                    time.sleep(0.3)
        except BaseException:
            self._stop()
            raise
        self._console.print(f"service ready after {time.monotonic() - started:.1f} s")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._console.status("stopping the service"):
            self._stop()

    def wait(self) -> None:
        """Until the service ends by itself. Raises `ServiceError` with its log's last lines."""
        assert self._process is not None
        status = self._process.wait()
        raise self._failed(f"ended with status {status}")

    def _ready(self) -> bool:
        assert self._process is not None
        if (status := self._process.poll()) is not None:
            raise self._failed(f"ended with status {status}")
        url = f"http://localhost:{self._ports['http']}/health"
        try:
            # Not through a proxy: it is this machine.
            with httpx.Client(timeout=5, trust_env=False) as http:
                return http.get(url).status_code == httpx.codes.OK
        except httpx.HTTPError:
            return False

    def _failed(self, what: str) -> ServiceError:
        with self._log.open(encoding="utf-8", errors="replace") as log:
            lines = "".join(deque(log, TAIL)).strip()
        return ServiceError(
            Code.ROOM_UNAVAILABLE, f"The service {what}. Its last lines:\n{lines or '(none)'}"
        )

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.left_behind.append(f"the service did not stop within {STOP_S:.0f} s")
        # The parent is gone; a room that still runs is an orphan.
        until = time.monotonic() + GRACE_S
        while (rooms := self.processes()) and time.monotonic() < until:
            time.sleep(0.1)
        if rooms:
            self.left_behind.append("a room outlived the service")
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def processes(self) -> list[int]:
        """The ids of the service's processes that still run; the dead that nobody reaped do not."""
        running = []
        for process in psutil.process_iter(["status"]):
            with suppress(OSError):
                ours = self._process is not None and os.getpgid(process.pid) == self._process.pid
                if ours and process.info["status"] != psutil.STATUS_ZOMBIE:
                    running.append(process.pid)
        return running


def free_port(wanted: int) -> int:
    """`wanted` if nothing listens there, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with suppress(OSError):
                probe.bind(("0.0.0.0", port))
                return int(probe.getsockname()[1])
    raise OSError("no free port")
