"""The exported Flow in as many replicas as are asked for, with nginx before its gateways.

Each process is read from outside: its CPU, its memory, the bytes on its connections.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import httpx
import psutil

from adjudicate import Client
from benchmarks._exported import GATEWAY, ExportedFlow, Replica
from benchmarks._noop_flow import THRESHOLDS, exemplars
from benchmarks._servers import free_ports
from tests.services.nginx import Nginx

ROOMS = ("gateway", "encoder", "library", "judge", "ledger")
NGINX = "nginx"
CONFIG = """\
upstream gateways {{
{servers}
    keepalive 64;
}}
server {{
    listen 127.0.0.1:{port} http2;
    client_max_body_size 0;
    # A request of some pictures stays in memory, as in compose/nginx.
    client_body_buffer_size 4m;
    keepalive_requests 1000000;
    location / {{
        grpc_pass grpc://gateways;
        grpc_read_timeout 120s;
    }}
}}
"""


@dataclass(frozen=True)
class Passed:
    """Bytes on a room's connections, as the room sees them."""

    received: int
    sent: int


class ScaledFlow:
    """Entering starts it, leaving ends it. `target`: where nginx takes gRPC."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str],
        *,
        encoders: int = 1,
        gateways: int = 1,
        models: bool,
    ) -> None:
        """Without `models` encoder and judge are those of `_noop_encoder` and `_noop_judge`."""
        folder.mkdir(parents=True)
        (port,) = free_ports(1)
        self.target = f"127.0.0.1:{port}"
        self._port = port
        self._folder = folder
        self._models = models
        self._stack = ExitStack()
        self.flow = ExportedFlow(
            folder,
            {**_settings(folder, models=models), **settings},
            replicas={"encoder": encoders},
            gateways=gateways,
            uses={} if models else _noop(folder),
        )
        self._nginx = Nginx(folder / "nginx")

    def __enter__(self) -> ScaledFlow:
        with ExitStack() as stack:
            stack.enter_context(self.flow)
            stack.enter_context(self._nginx)
            self._nginx.start(self._config(len(self.flow.replicas(GATEWAY))))
            if not self._models:
                with Client(self.flow.urls[0]["grpc"]) as client:
                    held = client.library.add([*exemplars()])
                assert not any(one.problem for one in held)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.__exit__(kind, error, traceback)

    def put_before(self, gateways: int) -> None:
        """Have nginx know the first so many gateways; the others stay idle."""
        self._nginx.reload(self._config(gateways))

    def cpu_seconds(self) -> Counter[str]:
        """User and system time so far, by room, and of nginx."""
        seconds: Counter[str] = Counter()
        for room, process in self._processes():
            times = process.cpu_times()
            seconds[room] += times.user + times.system
        return seconds

    def peak_bytes(self) -> dict[str, int]:
        """The most that one replica of each room ever held (resident)."""
        peaks: dict[str, int] = {}
        for room, process in self._processes():
            status = Path(f"/proc/{process.pid}/status").read_text()
            found = re.search(r"VmHWM:\s+(\d+) kB", status)
            if found:
                peaks[room] = max(peaks.get(room, 0), int(found[1]) * 1024)
        return peaks

    def by_replica(self, room: str, metric: str) -> list[float]:
        """A metric's sum over its labels, of each replica of a room."""
        return [_sum(replica, metric) for replica in self.flow.replicas(room)]

    def bytes_passed(self) -> dict[str, dict[str, Passed]]:
        """So far, by the room that was called and by connection, of those that stand now."""
        return {
            room: {
                connection: passed
                for replica in self.flow.replicas(room)
                for connection, passed in _on_port(replica.address, replica.ports[0]).items()
            }
            for room in ROOMS
        }

    def _config(self, gateways: int) -> str:
        servers = "\n".join(
            f"    server {gateway.address}:{gateway.ports[0]};"
            for gateway in self.flow.replicas(GATEWAY)[:gateways]
        )
        return CONFIG.format(servers=servers, port=self._port)

    def _processes(self) -> Iterator[tuple[str, psutil.Process]]:
        roots = [
            (replica.room, replica.process.pid)
            for room in ROOMS
            for replica in self.flow.replicas(room)
            if replica.process is not None
        ]
        for name, pid in (*roots, (NGINX, self._nginx.pid)):
            with suppress(psutil.NoSuchProcess):
                parent = psutil.Process(pid)
                for process in (parent, *parent.children(recursive=True)):
                    yield name, process


@contextmanager
def spent_by(pid: int) -> Iterator[list[float]]:
    """CPU seconds that a server's processes, the new ones too, spend in this block: one number."""
    before = _spent(pid)
    told: list[float] = []
    yield told
    told.append(sum(seconds - before.get(of, 0.0) for of, seconds in _spent(pid).items()))


def _spent(pid: int) -> dict[int, float]:
    seconds = {}
    parent = psutil.Process(pid)
    for process in (parent, *parent.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds[process.pid] = times.user + times.system
    return seconds


def _settings(folder: Path, *, models: bool) -> dict[str, str]:
    common = {"OMP_NUM_THREADS": "1"}
    if models:
        return common
    thresholds = folder / "thresholds.yaml"
    thresholds.write_text(THRESHOLDS)
    return {
        **common,
        "ADJUDICATE_LIBRARY__THRESHOLDS": str(thresholds),
        # Which ads go to the judge is for the ads to say.
        "ADJUDICATE_LIBRARY__AUDIT_SHARE": "0",
    }


def _noop(folder: Path) -> dict[str, Path]:
    uses = {}
    for room, kind in (("encoder", "NoopEncoder"), ("judge", "NoopJudge")):
        path = folder / f"{room}.yml"
        path.write_text(
            f"jtype: {kind}\npy_modules: benchmarks._noop_{room}\nmetas: {{ name: {room} }}\n"
        )
        uses[room] = path
    return uses


def _sum(replica: Replica, metric: str) -> float:
    page = httpx.get(f"{replica.monitor}/metrics").raise_for_status().text
    values = re.findall(rf"^{re.escape(metric)}(?:\{{[^}}]*\}})? (\S+)", page, re.MULTILINE)
    return sum(map(float, values))


def _on_port(address: str, port: int) -> dict[str, Passed]:
    """By the kernel's own count, without the packets' headers. Raises `OSError` without `ss`."""
    shown = subprocess.run(
        ["ss", "-tinH", "state", "established", "src", f"{address}:{port}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    passed = {}
    lines = iter(shown.splitlines())
    for ends, counts in zip(lines, lines, strict=True):  # two lines a connection
        received, sent = (
            sum(map(int, re.findall(rf"\b{what}:(\d+)", counts)))
            for what in ("bytes_received", "bytes_acked")
        )
        passed[" ".join(ends.split()[-2:])] = Passed(received, sent)
    return passed
