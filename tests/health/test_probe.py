"""The health check of a container: it asks the monitor beside it, and loads next to nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from benchmarks._servers import MONITORS, free_range
from executors.shared.health import probe
from executors.shared.health.probes import READY, page
from executors.shared.settings import TelemetrySettings
from executors.shared.telemetry.monitor import Monitor, open_monitor
from executors.shared.telemetry.ports import port_of


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Monitor]:
    base = free_range(MONITORS)
    monkeypatch.setenv(probe.PORT, str(base))
    settings = TelemetrySettings(metrics_port=base, metrics_host="0.0.0.0")
    opened = open_monitor(settings, "library", 0, CollectorRegistry())
    assert opened.port == port_of(base, "library", 0)
    yield opened
    opened.close()


@pytest.mark.parametrize(("well", "status"), [(True, 0), (False, 1)])
def test_it_ends_with_what_the_room_says_of_itself(
    monitor: Monitor, capsys: pytest.CaptureFixture[str], well: bool, status: int
) -> None:
    monitor.add(READY, page(lambda: (well, {"room": "library"})))
    assert probe.main(["library"]) == status
    assert json.loads(capsys.readouterr().out) == {"room": "library"}


def test_another_probe_can_be_asked(monitor: Monitor, capsys: pytest.CaptureFixture[str]) -> None:
    monitor.add("/health/live", page(lambda: (True, {"live": True})))
    assert probe.main(["library", "--probe", "live"]) == 0
    assert probe.main(["library", "--probe", "deep"]) == 1  # a page that is not there


def test_nobody_there_is_one_line_and_not_well(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = free_range(MONITORS)
    monkeypatch.setenv(probe.PORT, str(base))
    assert probe.main(["judge"]) == 1
    assert capsys.readouterr().out.startswith(f"nothing answers on port {base + 3}: ")


@pytest.mark.parametrize("base", ["0", "x"])
def test_without_a_monitor_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], base: str
) -> None:
    monkeypatch.setenv(probe.PORT, base)
    assert probe.main(["judge"]) == 1
    assert capsys.readouterr().out == f"{probe.PORT} is {base}: there is no monitor to ask\n"


def test_its_port_is_the_settings() -> None:
    assert TelemetrySettings.model_fields["metrics_port"].default == probe.DEFAULT_PORT


def test_it_loads_none_of_the_service() -> None:
    """It runs every few seconds in every container."""
    code = "import executors.shared.health.probe, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"pydantic", "jina", "docarray", "numpy", "prometheus_client", "adjudicate"}
