"""A small Flow without models that several modules share: gateway, library and ledger are real."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import grpc
import httpx
import psutil
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks._noop_flow import NoopFlow
from benchmarks._servers import free_ports, free_range
from executors.shared.telemetry.ports import ROOMS

LEAST_ADS = 20
"""Ads that a reference window of quality needs."""


class SmallFlow:
    """Canaries go round all the time, every ad is audited, its collector is down, its exemplars
    are searched by an audited index, and its encoder takes one ad at a time."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.monitors = free_range(len(ROOMS))
        (nobody,) = free_ports(1)
        self.running = NoopFlow(
            folder,
            {
                "ADJUDICATE_HEALTH__CANARY_S": "0.5",
                "ADJUDICATE_HEALTH__CANARY_TIMEOUT_S": "1",
                "ADJUDICATE_ENCODER__MAX_BATCH": "1",
                "NOOP_ENCODER_MS": "15",
                "ADJUDICATE_TELEMETRY__METRICS_PORT": str(self.monitors),
                "ADJUDICATE_TELEMETRY__METRICS_INTERVAL_S": "1",
                "ADJUDICATE_TELEMETRY__OTLP_ENDPOINT": f"localhost:{nobody}",
                "ADJUDICATE_QUALITY__LEAST_ADS": str(LEAST_ADS),
                "ADJUDICATE_QUALITY__SAMPLE_PER_MINUTE": "1000",
                "ADJUDICATE_QUALITY__REFRESH_S": "1",
                "ADJUDICATE_LIBRARY__AUDIT_SHARE": "1",
                "ADJUDICATE_LIBRARY__INDEX": "ivf",
                "ADJUDICATE_LIBRARY__IVF_TRAIN_FROM": "1",
                "ADJUDICATE_LIBRARY__SEARCH_AUDIT_SHARE": "1",
                **settings,
            },
        )

    @property
    def ended(self) -> bool:
        """Whether a test has stopped it."""
        return self.process.poll() is not None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The supervisor."""
        return self.running.server.process

    def family(self) -> list[psutil.Process]:
        """The supervisor and all below it."""
        return self.running.server.family()

    @property
    def urls(self) -> dict[str, str]:
        return self.running.urls

    @property
    def http(self) -> str:
        return self.urls["http"]

    def monitor(self, room: str, path: str) -> httpx.Response:
        url = f"http://127.0.0.1:{self.monitors + ROOMS.index(room)}{path}"
        return httpx.get(url, timeout=30)

    def room(self, name: str) -> dict[str, Any]:
        rooms = httpx.get(f"{self.http}/v1/status", timeout=30).json()["rooms"]
        return next(room for room in rooms if room["room"] == name)

    def replica(self, name: str) -> dict[str, Any]:
        (replica,) = self.room(name)["replicas"]
        return dict(replica)

    def pid(self, room: str) -> int:
        """Of who listens on the room's monitor port."""
        port = self.monitors + ROOMS.index(room)
        (found,) = [
            process.pid
            for process in self.family()
            if any(one.laddr.port == port for one in process.net_connections("tcp"))
        ]
        return int(found)

    def healthy(self) -> bool:
        try:
            return httpx.get(f"{self.http}/health", timeout=30).status_code == 200
        except httpx.HTTPError:
            return False

    def log(self) -> str:
        return self.running.server.log.read_text(errors="replace")

    def serving(self, name: str) -> int:
        address = self.urls["grpc"].removeprefix("grpc://")
        with grpc.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            asked = health_pb2.HealthCheckRequest(service=name)
            return int(stub.Check(asked, timeout=30).status)
