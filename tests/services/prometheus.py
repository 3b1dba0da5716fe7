"""A Prometheus of the tests' own: Debian's binaries, a temporary folder, a free port.

Run as `python -m tests.services.prometheus PORT` it scrapes the Flow whose monitor ports start at
PORT, with the rules of grafana/rules, and prints its address, until Ctrl-C.
"""

from __future__ import annotations

import ctypes
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from benchmarks._servers import free_ports
from executors.shared.telemetry.ports import ROOMS, port_of
from tests.services.debian import installed

RULES = Path(__file__).resolve().parents[2] / "grafana" / "rules"
START_S = 30
_PR_SET_PDEATHSIG = 1


class NoPrometheus(Exception):
    """Why there is no Prometheus here."""


class Prometheus:
    """A running server, asked by its HTTP API."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=30)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series of now. Raises `AssertionError` with Prometheus' own words when it refuses."""
        answer = self._http.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def exemplars(self, expression: str, seconds: float = 3_600) -> list[dict[str, Any]]:
        """The exemplars of a query's series in the last seconds."""
        now = time.time()
        span = {"query": expression, "start": str(now - seconds), "end": str(now + 1)}
        answer = self._http.get("/api/v1/query_exemplars", params=span).json()
        assert answer["status"] == "success", f"{expression}: {answer}"
        found: list[dict[str, Any]] = answer["data"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """Every rule that it has loaded, with its health and last error."""
        groups = self._http.get("/api/v1/rules").json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def targets(self) -> list[dict[str, Any]]:
        """What it scrapes, with health and last error."""
        found: list[dict[str, Any]] = self._http.get("/api/v1/targets").json()["data"][
            "activeTargets"
        ]
        return found

    def answers(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        self._http.close()


@contextmanager
def running_prometheus(ports: dict[str, int], every: str = "1s") -> Iterator[Prometheus]:
    """A server that scrapes monitor ports on this machine, by `ROOM/REPLICA`; ended at the end.

    Raises `NoPrometheus` where Debian's package is not there and cannot be installed.
    """
    binary = find("prometheus")
    with tempfile.TemporaryDirectory(prefix="adjudicate-prometheus-") as folder:
        config = Path(folder, "prometheus.yml")
        config.write_text(yaml.safe_dump(configuration(ports, every)))
        (port,) = free_ports(1)
        with Path(folder, "log").open("wb") as log:
            process = subprocess.Popen(
                [
                    *(binary, f"--config.file={config}", f"--storage.tsdb.path={folder}/data"),
                    f"--web.listen-address=127.0.0.1:{port}",
                    *("--enable-feature=exemplar-storage", "--log.level=warn"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_this_process,
            )
        server = Prometheus(f"http://127.0.0.1:{port}")
        try:
            deadline = time.monotonic() + START_S
            while not server.answers():
                if time.monotonic() > deadline or process.poll() is not None:
                    raise NoPrometheus(Path(folder, "log").read_text()[-2_000:])
                time.sleep(0.1)
            yield server
        finally:
            server.close()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def configuration(ports: dict[str, int], every: str) -> dict[str, Any]:
    """As compose/prometheus.yml, for processes on this machine."""
    targets = [
        {
            "targets": [f"127.0.0.1:{port}"],
            "labels": {
                "job": f"adjudicate/adjudicate-{instance.partition('/')[0]}",
                "instance": instance,
            },
        }
        for instance, port in ports.items()
    ]
    return {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [str(RULES / "*.yml")],
        "scrape_configs": [{"job_name": "adjudicate", "static_configs": targets}],
    }


def find(program: str) -> str:
    """The path of `prometheus` or `promtool`. Raises `NoPrometheus`."""
    found = installed("prometheus", lambda: shutil.which(program))
    if found is None:
        raise NoPrometheus("Prometheus is not installed: apt-get install prometheus")
    return found


def run_promtool(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Its exit status and all that it printed, in `stdout`. Raises `NoPrometheus`."""
    return subprocess.run(
        [find("promtool"), *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )


def ports_from(base: int, rooms: Sequence[str] = ROOMS) -> dict[str, int]:
    """The monitor ports of a Flow with one replica of each room."""
    return {f"{room}/0": port_of(base, room, 0) for room in rooms}


def _end_with_this_process() -> None:
    # A killed test run leaves no server behind.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    with running_prometheus(ports_from(int(sys.argv[1])), every="5s") as prometheus:
        print(prometheus.url, flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            pass
