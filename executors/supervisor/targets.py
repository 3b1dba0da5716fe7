"""Where Prometheus finds the processes of this Flow: a file that its `file_sd_configs` reads.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/#file_sd_config
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path

from executors.shared.settings import TelemetrySettings
from executors.shared.telemetry.ports import ROOMS, port_of
from executors.supervisor.place import Place

_EVERYWHERE = ("", "0.0.0.0", "::")


def write_targets(path: Path, settings: TelemetrySettings, places: Iterable[Place]) -> None:
    """Write the file, whole or not at all. Its labels are those that OpenTelemetry's metrics get
    in Prometheus: `job` is the service's namespace and name, `instance` its instance.

    Raises `OSError` when it cannot be written.
    """
    anywhere = settings.metrics_host in _EVERYWHERE
    host = socket.gethostname() if anywhere else settings.metrics_host
    host = f"[{host}]" if ":" in host else host
    found = [
        {
            "targets": [f"{host}:{port_of(settings.metrics_port, place.room, place.replica)}"],
            "labels": {
                "job": f"adjudicate/adjudicate-{place.room}",
                "instance": f"{place.room}/{place.replica}",
            },
        }
        for place in places
        if place.room in ROOMS and settings.metrics_port
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    os.replace(fresh, path)
