"""What more replicas bring, what an ad costs each room, and where one database ends.

The exported Flow, each container a process of its own, behind nginx. First an encoder whose time
is waiting, as with an accelerator (a no-op room that sleeps `SERVICE_MS` a batch: simulated, and
said so in each row): whether the Flow hands out the work. Then the shipped CLIP, which computes:
with more replicas than cores nothing can be won. Then, on PostgreSQL, CPU, memory and bytes of each
room; what rows take on disk; and how many decisions a second one database takes.

Beside the rows it writes out/bench/costs.yml, which `adjudicate capacity --costs` reads.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from adjudicate import Ad
from benchmarks import _costs, _disk, _pictures, _room_costs
from benchmarks._clients import GRPC_METHOD, Sent, check_message, over_grpc, packed
from benchmarks._photos import photos
from benchmarks._scaled import ScaledFlow
from benchmarks.gateway import make_ads
from benchmarks.rows import Row, row

REPLICAS = (1, 2, 4)
GATEWAYS = (1, 2)
REQUEST_SIZE = 8
SERVICE_MS, BATCH = 400, 8
"""Of the simulated accelerator: 20 ads a second, whatever they are."""
SECONDS = 10
"""Of work for each replica of it in one measurement."""
IN_FLIGHT = 4
"""Requests for each replica, so that none waits for the client."""
PHOTOS = 384
EFFICIENCY_BAR, EVEN_BAR = ">= 0.9", "<= 1.25"

SIMULATED = f"simulated encoder, {SERVICE_MS} ms a batch of {BATCH}"
SHIPPED = "shipped CLIP"


def run() -> list[Row]:
    """Rows of each part; writes out/bench/costs.yml."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*_waiting(folder / "waiting"), *_computing(folder / "computing")]
        costs = _costs.Costs()
        rows += _room_costs.rows(folder / "costs", costs)
        rows += _pictures.rows(costs)
        rows += _disk.rows(folder / "disk", costs)
    print(f"written to {costs.write()}")
    return rows


def _waiting(folder: Path) -> Iterator[Row]:
    settings = {
        "NOOP_ENCODER_MS": str(SERVICE_MS),
        "ADJUDICATE_ENCODER__MAX_BATCH": str(BATCH),
        "ADJUDICATE_TELEMETRY__LOG_LEVEL": "ERROR",
    }
    ads = make_ads()
    alone: dict[int, float] = {}
    for replicas in REPLICAS:
        count = SECONDS * replicas * BATCH * 1_000 // SERVICE_MS
        sent = _requests(ads, count)
        place = folder / str(replicas)
        with ScaledFlow(
            place, settings, encoders=replicas, gateways=max(GATEWAYS), models=False
        ) as flow:
            for gateways in GATEWAYS:
                flow.put_before(gateways)
                name = f"{SIMULATED}: {combination(replicas, gateways)}"
                rate, even = _rate(flow, sent, IN_FLIGHT * replicas)
                alone.setdefault(gateways, rate)
                efficiency = rate / replicas / alone[gateways]
                yield row(name, rate, "ads/s")
                yield row(f"{name}: efficiency", efficiency, "", EFFICIENCY_BAR)
                yield row(f"{name}: busiest replica's share", even * replicas, "x", EVEN_BAR)


def _computing(folder: Path) -> Iterator[Row]:
    ads = [Ad(image=picture, text="Apples from the Wachau") for picture in photos(64)]
    sent = _requests(ads, PHOTOS)
    cores = os.cpu_count() or 1
    alone: dict[int, float] = {}
    for replicas in REPLICAS:
        settings = {
            "ADJUDICATE_LIBRARY__AUDIT_SHARE": "0",
            "ADJUDICATE_TELEMETRY__LOG_LEVEL": "ERROR",
            # Each has one model thread, and one that decodes.
            "ADJUDICATE_ENCODER__DECODE_THREADS": "1",
        }
        place = folder / str(replicas)
        with ScaledFlow(
            place, settings, encoders=replicas, gateways=max(GATEWAYS), models=True
        ) as flow:
            for gateways in GATEWAYS:
                flow.put_before(gateways)
                name = f"{SHIPPED}, {cores} cores: {combination(replicas, gateways)}"
                before = flow.cpu_seconds()
                rate, _ = _rate(flow, sent, IN_FLIGHT * replicas)
                spent = flow.cpu_seconds() - before
                alone.setdefault(gateways, rate)
                yield row(name, rate, "ads/s")
                yield row(f"{name}: efficiency", rate / replicas / alone[gateways])
                for room in ("encoder", "library"):
                    yield row(f"{name}: {room}", spent[room] * 1_000 / PHOTOS, "CPU ms an ad")
                all_ms = sum(spent.values()) * 1_000 / PHOTOS
                yield row(f"{name}: all processes", all_ms, "CPU ms an ad")


def combination(replicas: int, gateways: int) -> str:
    """As it stands in the rows' names."""
    rooms = f"{replicas} encoder{'s' if replicas > 1 else ''}"
    return f"{rooms}, {gateways} gateway{'s' if gateways > 1 else ''}"


def _requests(ads: Sequence[Ad], count: int) -> list[Sent]:
    different = [
        packed("grpc", ads[at : at + REQUEST_SIZE]) for at in range(0, len(ads), REQUEST_SIZE)
    ]
    return [different[number % len(different)] for number in range(count // REQUEST_SIZE)]


def _rate(flow: ScaledFlow, sent: Sequence[Sent], concurrency: int) -> tuple[float, float]:
    """Ads a second, and the share of them that the busiest encoder had."""
    load(flow.target, sent[: 2 * concurrency], concurrency)
    before = flow.by_replica("encoder", "adjudicate_batch_size_sum")
    started = time.perf_counter()
    load(flow.target, sent, concurrency)
    seconds = time.perf_counter() - started
    after = flow.by_replica("encoder", "adjudicate_batch_size_sum")
    had = [one - other for one, other in zip(after, before, strict=True)]
    return sum(len(request.ads) for request in sent) / seconds, max(had) / sum(had)


def load(target: str, sent: Sequence[Sent], concurrency: int) -> None:
    """Reviews over gRPC. Raises `AssertionError` for an answer that is not the right one."""
    asyncio.run(over_grpc(target, GRPC_METHOD, sent, concurrency, check_message))
