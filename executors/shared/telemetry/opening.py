"""A process's telemetry: opened once at its door, closed within a bound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from opentelemetry.sdk.resources import Resource

from executors.shared.logs.secrets import secrets_of
from executors.shared.settings import Settings
from executors.shared.telemetry.cells import Exemplars
from executors.shared.telemetry.export import Receiver, closing
from executors.shared.telemetry.logs import open_logs
from executors.shared.telemetry.metrics import Metrics, open_metrics
from executors.shared.telemetry.monitor import Monitor, open_monitor
from executors.shared.telemetry.samples import Samples
from executors.shared.telemetry.spans import Spans, open_traces
from executors.shared.telemetry.system import System
from executors.shared.telemetry.usage import folder_of


@dataclass
class Telemetry:
    """What one process has for others to see."""

    room: str
    replica: int
    spans: Spans
    metrics: Metrics
    close_s: float
    monitor: Monitor
    """Its HTTP port: `/metrics`, and the probes of health."""
    samples: Samples
    """What it used over the last day, for reports."""
    receiver: Receiver | None
    """Where spans and metrics go by OTLP."""

    def close(self) -> None:
        """Send what is still here, for at most `telemetry.close_s` seconds in all."""
        if self.receiver is not None:
            self.receiver.finish()
        closing(self.close_s, self.spans.close, partial(self.metrics.close, self.close_s))
        if self.receiver is not None:
            self.receiver.close()
        self.monitor.close()
        self.samples.close()


def open_telemetry(settings: Settings, room: str, replica: int = 0) -> Telemetry:
    """Logs, traces, metrics and the monitor's port of this process."""
    open_logs(settings.telemetry, room, replica, secrets_of(settings))
    resource = resource_of(room, replica, settings.telemetry.instance)
    receiver = Receiver(settings.telemetry) if settings.telemetry.otlp_endpoint else None
    spans = open_traces(settings.telemetry, resource, receiver)
    Exemplars.keeps = spans.keeps_span
    metrics = open_metrics(settings, resource, receiver)
    monitor = open_monitor(settings.telemetry, room, replica, metrics.registry)
    system = System(folder_of(settings.database))
    samples = Samples(system.read, settings.telemetry.report_interval_s)
    samples.start()
    close_s = settings.telemetry.close_s
    return Telemetry(room, replica, spans, metrics, close_s, monitor, samples, receiver)


def resource_of(room: str, replica: int, instance: str = "") -> Resource:
    """Who sends it, by OpenTelemetry's service conventions."""
    return Resource.create(
        {
            "service.namespace": "adjudicate",
            "service.name": f"adjudicate-{room}",
            "service.instance.id": instance or f"{room}/{replica}",
        }
    )
