"""The manifests' probes, asked of the real processes with the manifests' settings."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from adjudicate import Client
from adjudicate.documents import Ad
from benchmarks._exported import ExportedFlow
from tests.k8s.built import ROOMS, Resource, build, container_of, deployments, settings_of

pytestmark = pytest.mark.slow  # all five rooms with their models: a minute

CANARY_S = 2.0
"""So that the gateway learns of a room that is gone sooner than after half a minute."""


@pytest.fixture
def flow(tmp_path: Path) -> Iterator[ExportedFlow]:
    """The Flow as the `dev` overlay's ConfigMaps tell it; folders and ports are this machine's."""
    told = settings_of(build("dev"), "library")
    settings = {name: value for name, value in told.items() if name.startswith("ADJUDICATE_")}
    here = ("ADJUDICATE_DATABASE", "ADJUDICATE_POLICIES", "ADJUDICATE_TELEMETRY__METRICS_PORT")
    for name in (*here, "ADJUDICATE_TELEMETRY__METRICS_HOST"):
        del settings[name]
    settings["ADJUDICATE_HEALTH__CANARY_S"] = str(CANARY_S)
    settings["ADJUDICATE_HEALTH__CANARY_TIMEOUT_S"] = str(CANARY_S)
    settings["ADJUDICATE_ACCESS__MODE"] = "open"
    with ExportedFlow(tmp_path, settings) as running:
        yield running


def well(flow: ExportedFlow, room: str, probe: Resource) -> bool:
    """Whether the kubelet would take the answer: 200, in time."""
    (replica,) = flow.replicas(room)
    url = f"{replica.monitor}{probe['httpGet']['path']}"
    try:
        return httpx.get(url, timeout=probe["timeoutSeconds"]).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def test_every_probe_is_answered_and_the_gateway_leaves_with_a_room_that_it_needs(
    flow: ExportedFlow,
) -> None:
    probes = {room: container_of(each) for room, each in deployments("dev").items()}
    for room in ROOMS:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert well(flow, room, probes[room][probe]), (room, probe)
    with Client(flow.urls[0]["grpc"]) as client:
        (decision,) = client.review([Ad(id="a", text="Nice tea", market="US")])
    assert decision.outcome == "approve"

    flow.stop_replica("library", 0, signal.SIGKILL)

    deadline = time.monotonic() + 60
    while well(flow, "gateway", probes["gateway"]["readinessProbe"]):
        assert time.monotonic() < deadline, "the gateway stays ready without the library"
        time.sleep(0.2)
    assert well(flow, "gateway", probes["gateway"]["livenessProbe"])  # no restart of it would help
    assert well(flow, "encoder", probes["encoder"]["readinessProbe"])
