"""What is in flight, for whoever looks."""

from __future__ import annotations

from executors.gateway.limits.callers import CallerLimits
from executors.shared.telemetry.catalogue import ADS, ADS_IN_FLIGHT, ADS_WAITING, OK

PROTOCOLS = ("grpc", "http", "ws")


def watch_places(limits: CallerLimits) -> None:
    """Have the gauges say how full the gateway is, as long as its process lives."""
    ADS.begin(protocol=PROTOCOLS, outcome=("approve", "reject", "escalate"), code=(OK,))
    ADS_IN_FLIGHT.watch(lambda: [(limits.in_flight, {})])
    ADS_WAITING.watch(lambda: [(limits.waiting, {})])
