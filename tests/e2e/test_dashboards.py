"""A real Prometheus reads running Flows under a small load, and every panel has something to show.

It reads two: the session's, whose encoder and judge are the real ones, and one without models that
is set up for what the session's does not have: a collector that is down, a room that died, an index
that is audited, a reference window of few ads.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from adjudicate import Ad, Client
from adjudicate.errors import AdjudicateError
from benchmarks._noop_flow import ad
from executors.shared.telemetry.ports import ROOMS, port_of
from executors.shared.telemetry.system import System
from grafana.__main__ import FOLDER
from tests.e2e.conftest import plain_ads, sample_ad, sample_rows
from tests.e2e.otlp import OtlpReceiver
from tests.e2e.service import Service
from tests.e2e.small import LEAST_ADS, SmallFlow
from tests.grafana.metric_names import metrics
from tests.services.prometheus import RULES, NoPrometheus, Prometheus, running_prometheus

pytestmark = pytest.mark.timeout(600)  # two Flows start first

BOARDS = sorted(path.stem for path in FOLDER.glob("*.json"))
WINDOW = "2m"
PATIENCE_S = 120.0
EXCUSED = {
    "adjudicate_judge_breaker": "the shipped judge runs in its room and has no breaker",
    "adjudicate_judge_invalid_total": "no answer has been of no use yet, which depends on the ads",
}
"""Metrics that neither Flow has, and why."""
GPU = "hw_"
"""How the metrics of a GPU begin."""


def queries(board: str) -> list[tuple[str, str]]:
    """Each query of a dashboard, with its panel's title."""
    panels = json.loads((FOLDER / f"{board}.json").read_text(encoding="utf-8"))["panels"]
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", WINDOW))
        for panel in panels
        for target in panel.get("targets", ())
    ]


def excuse(query: str) -> str:
    """Why a query has no data here; empty where it must have some."""
    names = set(metrics(query))
    if any(name.startswith(GPU) for name in names) and not System(Path()).read().gpus:
        return "this machine shows no GPU"
    return next((reason for name, reason in EXCUSED.items() if name in names), "")


@pytest.fixture(scope="module")
def lively(small: SmallFlow) -> SmallFlow:
    """The small Flow with a reference and a verdict; one of its rooms has died."""
    with Client(small.urls["grpc"]) as client:
        decisions = client.review_all(small_ads("before", 2 * LEAST_ADS))
        client.quality.set_reference(by="test")
        client.quality.uphold(decisions[0].id, by="test")
    psutil.Process(small.pid("encoder")).kill()
    return small


def small_ads(name: str, count: int) -> list[Ad]:
    """All different; a fifth of them are judged for what they resemble."""
    return [ad(f"{name} {n}".encode(), flagged=n % 5 == 0) for n in range(count)]


@pytest.fixture(scope="module")
def prometheus(service: Service, lively: SmallFlow) -> Iterator[Prometheus]:
    """It has read both Flows, before and after they had something to do."""
    ports = {
        f"{room}/{n}": port_of(base, room, 0)
        for n, base in enumerate((service.monitor, lively.monitors))
        for room in ROOMS
    }
    try:
        with running_prometheus(ports) as server:
            deadline = time.monotonic() + PATIENCE_S
            rounds = 0
            while _lacking(server) and time.monotonic() < deadline:
                _work(service, lively, rounds)
                rounds += 1
                time.sleep(1.5)  # longer than between two scrapes
            yield server
    except NoPrometheus as reason:
        pytest.skip(str(reason))


def _lacking(server: Prometheus) -> list[str]:
    return [
        query
        for board in BOARDS
        for _, query in queries(board)
        if not excuse(query) and not server.query(query)
    ]


def _work(service: Service, small: SmallFlow, rounds: int) -> None:
    """Ads over each protocol, one of them broken, one not judged before; and a refusal."""
    fresh = Ad(id=f"fresh-{rounds}", text=f"Cures cancer in {rounds} days", market="US")
    broken = Ad(id="broken", image=b"no picture")
    shown = [sample_ad(row) for row in sample_rows() if row["file"]][:6]
    for protocol in ("grpc", "http", "ws"):
        with Client(service.urls[protocol]) as client:
            client.review_all([*plain_ads(4), *shown, fresh, broken])
    httpx.post(f"{service.urls['http']}/v1/review", content=b"{", timeout=10)
    # Its encoder may still be on the way back.
    with Client(small.urls["grpc"]) as client, suppress(AdjudicateError):
        client.review_all(small_ads(f"round {rounds}", LEAST_ADS))


@pytest.mark.parametrize("board", BOARDS)
def test_every_panel_shows_something(prometheus: Prometheus, board: str) -> None:
    empty, excused = [], []
    for title, query in queries(board):
        if not prometheus.query(query):
            (excused if excuse(query) else empty).append((title, query))
    assert empty == []
    if len(excused) == len(queries(board)):
        pytest.skip(excuse(excused[0][1]))


def test_every_process_is_read(prometheus: Prometheus) -> None:
    (up,) = prometheus.query('count(up{job=~"adjudicate/.*"} == 1)')
    assert up["value"][1] == str(2 * len(ROOMS))


def test_every_rule_is_evaluated_without_an_error(prometheus: Prometheus) -> None:
    rules = prometheus.rules()
    files = [path.read_text(encoding="utf-8") for path in RULES.glob("*.yml")]
    assert len(rules) == sum(len(re.findall(r"- (?:alert|record):", text)) for text in files)
    assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []


def test_a_histograms_exemplars_are_traces_that_the_collector_got(
    prometheus: Prometheus, receiver: OtlpReceiver
) -> None:
    found = prometheus.exemplars('adjudicate_request_duration_seconds_bucket{instance="gateway/0"}')
    traces = {exemplar["labels"]["trace_id"] for each in found for exemplar in each["exemplars"]}
    assert traces
    deadline = time.monotonic() + PATIENCE_S
    while not any(map(receiver.spans, traces)):
        assert time.monotonic() < deadline, "no exemplar's trace was exported"
        time.sleep(0.2)
