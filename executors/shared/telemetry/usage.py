"""The gauges of the process and the machine, the same in every room."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from executors.shared.settings import ROOT, Settings
from executors.shared.telemetry import catalogue as c
from executors.shared.telemetry.instruments import Gauge, Observed, versions
from executors.shared.telemetry.system import Gpu, Reading, System

FRESH_S = 1.0
"""All gauges of one collection show the same reading."""


def watch_usage(settings: Settings) -> Callable[[], None]:
    """Have the gauges say what this process and its machine use. Returns what ends it."""
    latest = _Latest(System(folder_of(settings.database)))

    def cards(value: Callable[[Gpu], float | None]) -> Callable[[], Observed]:
        def observe() -> Observed:
            for gpu in latest.read().gpus:
                if (number := value(gpu)) is not None:
                    yield number, {"hw.id": gpu.id}

        return observe

    def disk() -> Observed:
        reading = latest.read()
        yield reading.disk_used, {"system.filesystem.state": "used"}
        yield reading.disk_free, {"system.filesystem.state": "free"}

    watched: dict[Gauge, Callable[[], Observed]] = {
        c.PROCESS_CPU: lambda: [(latest.read().cpu, {})],
        c.PROCESS_MEMORY: lambda: [(latest.read().memory, {})],
        c.PROCESS_FILES: lambda: [(latest.read().open_files, {})],
        c.DISK: disk,
        c.GPU_UTILIZATION: cards(lambda gpu: gpu.utilization),
        c.GPU_MEMORY_USAGE: cards(lambda gpu: gpu.memory_used),
        c.GPU_MEMORY_LIMIT: cards(lambda gpu: gpu.memory_total),
        c.GPU_TEMPERATURE: cards(lambda gpu: gpu.temperature),
    }
    service = version("adjudicate")
    watched[c.VERSION] = lambda: versions(adjudicate=service)
    ends = [gauge.watch(callback) for gauge, callback in watched.items()]

    def forget() -> None:
        for end in ends:
            end()

    return forget


def folder_of(database: str) -> Path:
    """Where the database's file is; for one elsewhere, the folder of what is kept beside it."""
    try:
        url = make_url(database)
    except ArgumentError:  # the ledger says so
        return ROOT
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:":
        return Path(url.database).parent
    return ROOT


class _Latest:
    def __init__(self, system: System) -> None:
        self._system = system
        self._lock = threading.Lock()
        self._reading: Reading | None = None
        self._at = 0.0

    def read(self) -> Reading:
        with self._lock:
            now = time.monotonic()
            if self._reading is None or now - self._at > FRESH_S:
                self._reading, self._at = self._system.read(), now
            return self._reading
