"""What it costs to see: traces of every ad, metrics, logs and canaries, on against off.

First the Flow of flow.yml with the shipped models, twice: with everything on, its spans and metrics
taken by a collector and its monitors read every few seconds, and with everything off. Then, since a
cost shows best where there is little beside it, the same without the models' time. Last, without
models again, collectors that are down, slow or wrong, beside one that is well: what a request then
takes, whether one fails, and how long a stop takes. Rounds are interleaved and their order changes;
each ratio is of one round, and the median round counts.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from threading import Event, Thread

import httpx

from adjudicate import Ad, AsyncClient
from adjudicate.demo.samples import read_samples
from adjudicate.tracing import new_traceparent
from adjudicate.transfer.importing import import_exemplars
from adjudicate.transfer.reading import rows_at
from adjudicate.transports import Transport, open_transport
from benchmarks._noop_flow import NoopFlow
from benchmarks._servers import MONITORS, Server, free_ports, free_range, healthy, wait_for
from benchmarks.rows import Row, median_ratio, row
from executors.shared.settings import ROOT

ROUNDS = 8
SIZES = {1: 96, 8: 256, 32: 512}
"""Ads in a round, by the ads in a request."""
CONCURRENCY = 4
PAIRED = 400
"""Requests, one after another, to the service beside each collector in turn."""
SCRAPE_S = 5.0
CLOSE_S = 5.0
COST_BAR, SLOWER_BAR = "<= 1.05", "<= 1.02"
LABELS = ("violation", "compliant")
BROKEN = ("down", "slow", "wrong")

OFF = {
    "ADJUDICATE_TELEMETRY__TRACES": "false",
    "ADJUDICATE_TELEMETRY__METRICS": "false",
    "ADJUDICATE_TELEMETRY__METRICS_PORT": "0",
    "ADJUDICATE_TELEMETRY__LOG_LEVEL": "ERROR",
    "ADJUDICATE_HEALTH__CANARY_S": "0",
}


def on(collector: int, monitor: int) -> dict[str, str]:
    """Everything on: every trace, all metrics, a log line an ad."""
    return {
        "ADJUDICATE_TELEMETRY__OTLP_ENDPOINT": f"localhost:{collector}",
        "ADJUDICATE_TELEMETRY__SAMPLE_SHARE": "1",
        "ADJUDICATE_TELEMETRY__METRICS_PORT": str(monitor),
        "ADJUDICATE_TELEMETRY__METRICS_INTERVAL_S": "10",
        "ADJUDICATE_HEALTH__CANARY_S": "30",
    }


def run() -> list[Row]:
    """Rows: the cost with and without the models, then each broken collector."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        return [
            *_cost(folder / "models", "shipped models", models=True, bar=COST_BAR),
            *_cost(folder / "noop", "without models", models=False, bar=""),
            *_broken(folder / "broken"),
        ]


class _Service:
    """A Flow under measurement; the ads that it gets are all different."""

    def __init__(self, folder: Path, settings: Mapping[str, str], *, models: bool) -> None:
        folder.mkdir(parents=True)
        self.monitor = int(settings["ADJUDICATE_TELEMETRY__METRICS_PORT"])
        self.spent: dict[int, list[float]] = {size: [] for size in SIZES}
        self.seconds: list[float] = []
        self._stack = ExitStack()
        if models:
            self.server, self.url = self._with_models(folder, settings)
        else:
            flow = self._stack.enter_context(NoopFlow(folder, settings))
            self.server, self.url = flow.server, flow.urls["grpc"]

    def _with_models(self, folder: Path, settings: Mapping[str, str]) -> tuple[Server, str]:
        grpc, http, websocket = free_ports(3)
        environment = {
            "ADJUDICATE_DATABASE": f"sqlite:///{folder / 'adjudicate.db'}",
            "ADJUDICATE_ACCESS__MODE": "open",
            "ADJUDICATE_GATEWAY__GRPC_PORT": str(grpc),
            "ADJUDICATE_GATEWAY__HTTP_PORT": str(http),
            "ADJUDICATE_GATEWAY__WEBSOCKET_PORT": str(websocket),
            **settings,
        }
        server = Server(("adjudicate", "up"), environment, folder / "service.log")
        self._stack.enter_context(server)
        wait_for(server, lambda: healthy(f"http://localhost:{http}"))
        asyncio.run(_fill_library(f"grpc://localhost:{grpc}"))
        return server, f"grpc://localhost:{grpc}"

    def measure(self, ads: Sequence[Ad], size: int) -> None:
        """One round: CPU ms per ad of all its processes."""
        before = self.server.cpu_seconds()
        asyncio.run(_review(self.url, ads, size))
        self.spent[size].append((self.server.cpu_seconds() - before) * 1_000 / len(ads))

    def stop(self) -> float:
        """Seconds until its processes have ended."""
        started = time.perf_counter()
        self._stack.close()
        return time.perf_counter() - started


def _cost(folder: Path, title: str, *, models: bool, bar: str) -> list[Row]:
    collector, monitor = free_ports(1)[0], free_range(MONITORS)
    with ExitStack() as stack:
        stack.enter_context(_collector("healthy", collector, folder))
        services = {}
        for name, settings in (("on", on(collector, monitor)), ("off", OFF)):
            services[name] = _Service(folder / name, settings, models=models)
            stack.callback(services[name].stop)
        stack.enter_context(_scraped(monitor))
        for round_ in range(ROUNDS + 1):
            for size, count in SIZES.items():
                ads = _ads(f"{round_}-{size}", count, models=models)
                for service in [*services.values()][:: -1 if round_ % 2 else 1]:
                    service.measure(ads, size)
    rows = []
    for size in SIZES:
        # The first round warms up.
        one, other = (services[name].spent[size][1:] for name in ("on", "off"))
        name = f"{title}, {size} a request"
        rows += [
            row(f"{name}: all off", statistics.median(other), "CPU ms an ad"),
            row(f"{name}: all on", statistics.median(one), "CPU ms an ad"),
            row(f"{name}: on of off", median_ratio(one, other), "x", bar),
        ]
    return rows


def _broken(folder: Path) -> list[Row]:
    """Requests to a service beside a well collector, and to one beside a broken one, in turn."""
    rows = []
    failed = 0
    for kind in BROKEN:
        with ExitStack() as stack:
            services = []
            for name in ("healthy", kind):
                port = free_ports(1)[0]
                if name != "down":
                    stack.enter_context(_collector(name, port, folder / kind))
                settings = on(port, free_range(MONITORS))
                services.append(_Service(folder / kind / name, settings, models=False))
                stack.callback(services[-1].stop)
            failed += asyncio.run(_in_turn(services))
            well, broken = services
            slower = statistics.median(broken.seconds) / statistics.median(well.seconds)
            rows.append(row(f"collector {kind}: a request of one beside", slower, "x", SLOWER_BAR))
            bar = f"<= {CLOSE_S:g}"
            rows.append(row(f"collector {kind}: stop", broken.stop(), "s", bar))
    return [*rows, row("requests that failed", failed, "", "== 0")]


async def _in_turn(services: Sequence[_Service]) -> int:
    """Seconds of single requests, sent to each in turn. Returns how many had no decision."""
    failed = 0
    transports = [open_transport(service.url, {}) for service in services]
    try:
        for number in range(PAIRED + 20):
            (ad,) = _ads(f"turn-{number}", 1, models=False)
            turns = list(zip(services, transports, strict=True))
            for service, transport in turns if number % 2 else reversed(turns):
                started = time.perf_counter()
                decided = [decision async for _, decision in transport.review([ad])]
                seconds = time.perf_counter() - started
                failed += [one.outcome for one in decided] != ["approve"]
                if number >= 20:  # the first warm up
                    service.seconds.append(seconds)
    finally:
        for transport in transports:
            await transport.close()
    return failed


async def _fill_library(url: str) -> None:
    async with AsyncClient(url) as client:
        await import_exemplars(client, rows_at(ROOT / "samples" / "exemplars", {}))


async def _review(url: str, ads: Sequence[Ad], size: int) -> None:
    """Raises `AssertionError` for an ad that is not decided."""
    transport = open_transport(url, {})
    gate = asyncio.Semaphore(CONCURRENCY)
    try:
        parts = [ads[at : at + size] for at in range(0, len(ads), size)]
        await asyncio.gather(*(_decided(transport, part, gate) for part in parts))
    finally:
        await transport.close()


async def _decided(transport: Transport, ads: Sequence[Ad], gate: asyncio.Semaphore) -> None:
    async with gate:
        async for _, decision in transport.review(list(ads)):
            assert decision.problem is None, decision.problem


def _ads(name: str, count: int, *, models: bool) -> list[Ad]:
    """Ads with copy of their own, so that no cache knows them, and a trace of their own. With
    models they have the samples' pictures, one of ten a violation."""
    pictures = {label: _pictures(label) if models else [b"x" * 100_000] for label in LABELS}
    ads = []
    for number in range(count):
        of = pictures["violation" if number % 10 == 0 else "compliant"]
        text = f"Vitamin C, 500 mg per tablet, pack {name}-{number}"
        image = of[number % len(of)]
        ads.append(Ad(image=image, text=text, traceparent=new_traceparent()))
    return ads


@cache
def _pictures(label: str) -> list[bytes]:
    samples = read_samples(ROOT / "samples" / "manifest.csv")
    return [one.ad.image for one in samples if one.label == label and one.ad.image]


@contextmanager
def _collector(kind: str, port: int, folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    command = ("benchmarks._collector", kind, str(port))
    with Server(command, {}, folder / f"collector-{kind}.log"):
        yield


@contextmanager
def _scraped(monitor: int) -> Iterator[None]:
    """Have every room's metrics read again and again, as Prometheus does."""
    stopped = Event()

    def scrape() -> None:
        with httpx.Client(headers={"accept": "application/openmetrics-text"}) as client:
            while not stopped.wait(SCRAPE_S):
                for port in range(monitor, monitor + 5):
                    client.get(f"http://localhost:{port}/metrics").raise_for_status()

    thread = Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
