"""What Prometheus reads of the running Flow is what clients were answered."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx
import psutil
import pytest
import yaml
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from adjudicate import Ad, AsyncClient, Client, Decision
from adjudicate.errors import AdjudicateError
from benchmarks import _noop_flow
from benchmarks._noop_flow import NoopFlow, write_flow
from executors.shared.telemetry.metrics import every_instrument
from executors.shared.telemetry.ports import ROOMS
from executors.shared.telemetry.prometheus import sample_names
from tests.e2e.conftest import plain_ads, sample_ad, sample_rows
from tests.e2e.otlp import OtlpReceiver
from tests.e2e.service import Service

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}
PATIENCE_S = 60.0


def page(service: Service, room: str) -> str:
    answer = httpx.get(
        f"http://127.0.0.1:{service.monitor + ROOMS.index(room)}/metrics",
        headers=OPENMETRICS,
        timeout=30,
    )
    assert answer.status_code == 200
    return answer.text


def samples(service: Service, room: str) -> list[Sample]:
    families = text_string_to_metric_families(page(service, room))
    return [sample for family in families for sample in family.samples]


class Watched:
    """The metrics of one room since this was made."""

    def __init__(self, service: Service, room: str) -> None:
        self._service, self._room = service, room
        self._before = self._now()

    def more(self, name: str, **labels: str) -> float:
        """By how much the sum of all series with these labels has grown."""
        return self._sum(self._now(), name, labels) - self._sum(self._before, name, labels)

    def wait_for(self, wanted: float, name: str, **labels: str) -> None:
        """A request counts when its answer has been sent, and so may its client come first."""
        _until(lambda: self.more(name, **labels) >= wanted)
        assert self.more(name, **labels) == wanted

    def _now(self) -> list[Sample]:
        return samples(self._service, self._room)

    @staticmethod
    def _sum(found: Iterable[Sample], name: str, labels: dict[str, str]) -> float:
        return sum(
            sample.value
            for sample in found
            if sample.name == name and labels.items() <= sample.labels.items()
        )


def _until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not done() and time.monotonic() < deadline:
        time.sleep(0.1)


def seconds_of(decisions: Iterable[Decision], stage: str) -> float:
    return sum(decision.timings.get(stage, 0.0) for decision in decisions) / 1_000


async def test_what_a_client_was_answered_is_what_the_gateway_counted(
    service: Service, client: AsyncClient, protocol: str
) -> None:
    gateway, ledger = Watched(service, "gateway"), Watched(service, "ledger")
    library = Watched(service, "library")
    broken = Ad(image=b"no picture at all", text="x")
    decisions = [d async for d in client.review([*plain_ads(5), broken])]
    outcomes = [decision.outcome for decision in decisions]
    assert outcomes.count("error") == 1
    for outcome in set(outcomes):
        ads = {"protocol": protocol, "outcome": outcome}
        gateway.wait_for(outcomes.count(outcome), "adjudicate_ads_total", **ads)
    assert gateway.more("adjudicate_ads_total", code="image_unreadable") == 1
    assert gateway.more("adjudicate_ads_total", protocol=protocol) == len(decisions)
    assert library.more("adjudicate_ads_screened_total") == 5
    for room, stage in ((ledger, "encoder"), (ledger, "library"), (gateway, "gateway.encoder")):
        name = "adjudicate_stage_duration_seconds"
        having = sum(stage in decision.timings for decision in decisions)
        assert room.more(f"{name}_count", stage=stage) == having
        summed = room.more(f"{name}_sum", stage=stage)
        assert summed == pytest.approx(seconds_of(decisions, stage), rel=1e-3)


async def test_a_request_counts_once_with_what_became_of_it(
    service: Service, client: AsyncClient, protocol: str
) -> None:
    gateway = Watched(service, "gateway")
    with pytest.raises(AdjudicateError):
        await client.decision("no-such-decision")
    await client.decisions(limit=1)
    name, where = "adjudicate_requests_total", {"protocol": protocol, "endpoint": "/decision"}
    # Over gRPC what is not there is said in the answer, and not instead of it.
    codes = {"ok": 2} if protocol == "grpc" else {"ok": 1, "not_found": 1}
    for code, count in codes.items():
        gateway.wait_for(count, name, code=code, **where)
    gateway.wait_for(2, "adjudicate_request_duration_seconds_count", **where)


def test_a_flagged_ad_is_counted_by_library_judge_and_ledger(service: Service) -> None:
    row = next(row for row in sample_rows() if row["label"] == "violation" and row["file"])
    rooms = {room: Watched(service, room) for room in ("library", "judge", "ledger")}
    with Client(service.urls["grpc"]) as client:
        (decision,) = client.review([sample_ad(row)])
    assert decision.flagged
    assert rooms["library"].more("adjudicate_ads_flagged_total") >= 1
    assert rooms["judge"].more("adjudicate_ads_judged_total") == 1
    assert rooms["judge"].more("adjudicate_cache_lookups_total", cache="verdict") == 1
    assert rooms["ledger"].more("adjudicate_ads_ruled_total", rule=decision.rule) == 1
    assert rooms["ledger"].more("db_client_operation_duration_seconds_count") > 0


def test_every_room_says_what_it_runs_and_uses(service: Service) -> None:
    for room in ROOMS:
        found = {sample.name: sample for sample in samples(service, room)}
        assert found["target_info"].labels["service_name"] == f"adjudicate-{room}"
        assert found["process_memory_usage_bytes"].value > 10_000_000
        assert found["process_open_file_descriptor_count"].value > 3
        assert found["adjudicate_version"].value == 1
    versions = {s.labels["kind"] for s in samples(service, "judge") if s.name.endswith("_version")}
    assert {"judge", "prompt", "policy", "adjudicate"} <= versions
    for room in ("encoder", "judge"):
        loads = [s for s in samples(service, room) if "model_load" in s.name]
        assert [sample.value > 0 for sample in loads] == [True]


def test_an_exemplar_leads_to_a_trace_that_was_exported(
    service: Service, receiver: OtlpReceiver
) -> None:
    with Client(service.urls["grpc"]) as client:
        (decision,) = client.review([Ad(text="An apple from the garden, 1 kg")])
    for room, stage in (("ledger", "ledger"), ("gateway", "gateway.encoder")):
        assert decision.trace_id in {
            sample.exemplar.labels["trace_id"]
            for sample in samples(service, room)
            if sample.exemplar is not None and sample.labels.get("stage") == stage
        }
    _until(lambda: bool(receiver.spans(decision.trace_id)))
    assert receiver.spans(decision.trace_id)


def test_strangers_cannot_make_series_nor_put_words_on_a_page(service: Service) -> None:
    planted = "zq-planted"
    http = service.urls["http"]
    before = len(samples(service, "gateway"))
    with httpx.Client(timeout=30) as client:
        for number in range(150):
            client.get(f"{http}/v1/{planted}-{number}", headers={"X-Request-Id": planted})
            client.request(f"PUT{number}", f"{http}/v1/review")
        ads = [{"id": f"{planted}-{n}", "text": planted, "advertiser": planted} for n in range(50)]
        assert client.post(f"{http}/v1/review", json={"ads": ads}).status_code == 200
        client.get(f"{http}/v1/decisions/{planted}")
    after = samples(service, "gateway")
    assert len(after) - before < 300  # the buckets of a handful of new stages and endpoints
    for room in ROOMS:
        assert planted not in page(service, room)


def test_each_metric_on_a_page_is_in_the_catalogue(service: Service) -> None:
    known = {name for one in every_instrument() for name in sample_names(one)} | {"target_info"}
    for room in ROOMS:
        assert {sample.name for sample in samples(service, room)} <= known


@pytest.mark.slow
def test_replicas_have_ports_of_their_own_and_a_restarted_room_has_its_own_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_two_encoders(folder: Path) -> Path:
        path = write_flow(folder)
        flow = yaml.safe_load(path.read_text(encoding="utf-8"))
        (encoder,) = [room for room in flow["executors"] if room["name"] == "encoder"]
        encoder["replicas"] = 2
        path.write_text(yaml.safe_dump(flow, sort_keys=False), encoding="utf-8")
        return path

    monkeypatch.setattr(_noop_flow, "write_flow", with_two_encoders)
    path = tmp_path / "targets.json"
    with NoopFlow(tmp_path, {"ADJUDICATE_TELEMETRY__METRICS_TARGETS": str(path)}):
        found = {
            target["labels"]["instance"]: target["targets"][0]
            for target in json.loads(path.read_text(encoding="utf-8"))
        }
        assert set(found) == {"encoder/1", *(f"{room}/0" for room in ROOMS)}
        for instance, address in found.items():
            text = httpx.get(f"http://{address}/metrics", timeout=30).text
            assert f'service_instance_id="{instance}"' in text
        port = int(found["library/0"].rpartition(":")[2])
        before = _listening(port)
        os.kill(before, signal.SIGKILL)
        _until(lambda: _listening(port) not in (0, before))
        _until(lambda: _answers(found["library/0"]))
        assert _answers(found["library/0"])


def _listening(port: int) -> int:
    """The process that listens on a port; 0 for none."""
    return next(
        (
            connection.pid or 0
            for connection in psutil.net_connections("tcp")
            if connection.laddr
            and connection.laddr.port == port
            and connection.status == psutil.CONN_LISTEN
        ),
        0,
    )


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"http://{address}/metrics", timeout=5).status_code == 200
    except httpx.HTTPError:
        return False
