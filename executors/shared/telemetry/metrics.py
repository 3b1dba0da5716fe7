"""The metrics of a process: a Prometheus registry, and OTLP where there is a receiver."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry

from executors.shared.settings import Settings
from executors.shared.telemetry import catalogue
from executors.shared.telemetry.export import Receiver
from executors.shared.telemetry.instruments import Gauge, Instrument, Observed, Recording
from executors.shared.telemetry.otlp import Exporting
from executors.shared.telemetry.prometheus import InstrumentCollector
from executors.shared.telemetry.usage import watch_usage


@dataclass
class Metrics:
    """The metrics of a process."""

    registry: CollectorRegistry
    exporting: Exporting | None = None
    """None: to no receiver."""
    _ends: list[Callable[[], None]] = field(default_factory=list)

    def watch(self, gauge: Gauge, callback: Callable[[], Observed]) -> None:
        """Have the gauge say what `callback` returns, until these metrics close."""
        self._ends.append(gauge.watch(callback))

    def close(self, seconds: float) -> None:
        """Export what is left, for at most so long."""
        if self.exporting is not None:
            self.exporting.close(seconds)
        while self._ends:
            self._ends.pop()()


def every_instrument() -> tuple[Instrument, ...]:
    """The catalogue, in its order."""
    return tuple(each for each in vars(catalogue).values() if isinstance(each, Instrument))


def open_metrics(
    settings: Settings, resource: Resource, receiver: Receiver | None = None
) -> Metrics:
    """Has this process's instruments count, shows them in the registry, and sends them."""
    if not settings.telemetry.metrics:
        return Metrics(CollectorRegistry())
    instruments = every_instrument()
    registry = CollectorRegistry()
    registry.register(InstrumentCollector(instruments, resource))
    Recording.open()
    ends = [Recording.close, watch_usage(settings)]
    exporting = None
    if receiver is not None:
        catalogue.EXPORT_FAILURES.begin()
        interval_s = settings.telemetry.metrics_interval_s
        exporting = Exporting(instruments, resource, receiver, interval_s)
    return Metrics(registry, exporting, ends)
